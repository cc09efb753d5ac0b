// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressCore

/// Numbers that a lane reads again and again, in the same columns.
package protocol CounterSource: Sendable {
  /// Column names.
  var names: [String] { get }

  /// Reads the values, one per column; what the kernel does not give becomes `SampleLine.unknown`.
  ///
  /// Allocates nothing and takes no lock that a starved thread could hold. `scratch` must have room for the
  /// whole of a file.
  func sample(
    into values: UnsafeMutableBufferPointer<Int64>, scratch: UnsafeMutableRawBufferPointer)

  /// What a reading reads now, one pread(2) each: the least that it can cost.
  var descriptors: [Int32] { get }

  /// Lets go of the descriptors; nothing is read afterwards.
  func close()
}

/// A kernel file of numbers, opened once and read with one pread(2) each time (a second one where a file
/// may be longer than a page).
package struct CounterFile: CounterSource {
  package typealias Format = CounterLayout.Format

  package let path: String
  private let layout: CounterLayout
  /// Open as long as the file is; for poll(2).
  let descriptor: Int32

  package var names: [String] { layout.names }

  /// Opens a file and learns its columns; nil when this kernel does not have it, or nothing in it.
  ///
  /// - Parameter prefix: put before each key, such as `wbstress/memory.events:`.
  package init?(_ path: String, _ format: Format, prefix: String = "") {
    let fd = Int32(attemptErrno(Int(open(path, O_RDONLY | O_CLOEXEC)), path, "open"))
    guard fd >= 0 else { return nil }
    let owned = Descriptor(owning: fd)
    guard let text = try? File.text(path) else { return nil }
    layout = CounterLayout(format, prefix: prefix, learning: text)
    if layout.names.isEmpty { return nil }
    self.path = path
    descriptor = owned.release()
  }

  package var descriptors: [Int32] { [descriptor] }

  package func close() { _ = Glibc.close(descriptor) }

  package func sample(
    into values: UnsafeMutableBufferPointer<Int64>, scratch: UnsafeMutableRawBufferPointer
  ) {
    // Without a closure for the call itself: this is read a hundred times a second.
    let isToFail = chosenFailure(path, "pread") != nil
    let length = isToFail ? 0 : Self.read(descriptor, into: scratch, oneLine: layout.isOneLine)
    layout.parse(UnsafeRawBufferPointer(rebasing: scratch[..<length]), into: values)
  }

  /// Reads a file from its beginning; 0 bytes when that fails, as when its cgroup or process is gone.
  static func read(
    _ descriptor: Int32, into scratch: UnsafeMutableRawBufferPointer, oneLine: Bool
  ) -> Int {
    guard let bytes = scratch.baseAddress else { return 0 }
    // /proc/stat is long, and only its first line is wanted.
    if oneLine { return max(0, pread(descriptor, bytes, min(scratch.count, 512), 0)) }
    // A seq_file gives at most a page a read; most files here are shorter, and need but one.
    var length = 0
    while length < scratch.count {
      let got = pread(descriptor, bytes + length, scratch.count - length, off_t(length))
      if got <= 0 { break }
      length += got
      if got < 3072 { break }
    }
    return length
  }

  /// Reads a keyed file once, by name: for snapshots before and after a trial.
  package static func snapshot(_ text: String) -> [(key: String, value: Int64)] {
    text.split(separator: "\n").compactMap { line in
      let parts = line.split(separator: " ")
      guard parts.count == 2, let value = Int64(parts[1]) else { return nil }
      return (String(parts[0]), value)
    }
  }
}
