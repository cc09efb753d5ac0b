// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressCore

/// A record on disk, as its host writes it before and after the guest does.
package enum RecordFile {
  /// Version of the lines' meaning; readers ignore types and members that they do not know.
  package static let schema: Int64 = 1
  package static let name = "record.jsonl"

  package static let sample: StaticString = "sample"

  /// The last line of a record that is of a type; nil when there is none. Reads back from the file's end, no more
  /// than it must.
  static func lastLine(_ path: String, of type: StaticString) -> [UInt8]? {
    guard let size = File.size(path), let fd = try? Descriptor(open: path) else { return nil }
    var start = Int(size)
    var length = 4096
    // The end of a line whose beginning is not read yet.
    var rest: [UInt8] = []
    while start > 0 {
      length = min(start, 4 * length, LinePlace.longest)
      start -= length
      var bytes = [UInt8](repeating: 0, count: length)
      guard attemptErrno(pread(fd.raw, &bytes, length, off_t(start)), path, "read") == length else {
        return nil
      }
      bytes += rest
      let lines = bytes.split(separator: 0x0a, omittingEmptySubsequences: false)
      for line in lines.dropFirst(start > 0 ? 1 : 0).reversed() where isLine(line, of: type) {
        return Array(line)
      }
      rest = start > 0 ? Array(lines[0]) : []
    }
    return nil
  }

  /// Whether it is a line of a record, of whatever type: what came from elsewhere may be anything.
  package static func isLine(_ line: ArraySlice<UInt8>) -> Bool {
    line.withUnsafeBufferPointer { line in
      if case .defect(.torn) = LineHead.read(line) { return false }
      return line.count <= LinePlace.longest
    }
  }

  /// Whether a reader of the whole record takes it for one.
  private static func isLine(_ line: ArraySlice<UInt8>, of type: StaticString) -> Bool {
    line.withUnsafeBufferPointer { line in
      let raw = UnsafeRawBufferPointer(line)
      guard line.count <= LinePlace.longest, !isSample(raw) else { return false }
      // Nearly all are no more than looked at.
      let told = Self.type(of: raw)
      guard told == "?" || told == "\(type)", case .line(let head) = LineHead.read(line) else {
        return false
      }
      return head.type == type
    }
  }

  // MARK: Lines as the harness writes them

  private static let head: StaticString = "{\"type\":\""
  private static let sampleHead: StaticString = "{\"type\":\"sample\""
  private static let timeHead: StaticString = "\",\"t\":"

  /// Each line with its end; what follows the last end is one, too.
  package static func forEachLine(
    _ lines: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Void
  ) {
    var rest = lines
    while let start = rest.baseAddress, !rest.isEmpty {
      let end = memchr(start, 0x0a, rest.count).map { UnsafeRawPointer($0) - start + 1 }
      let count = end ?? rest.count
      body(UnsafeRawBufferPointer(rebasing: rest[..<count]))
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    }
  }

  package static func isSample(_ line: UnsafeRawBufferPointer) -> Bool {
    line.hasPrefix(sampleHead)
  }

  /// The `type` of a line that begins with it; `?` of any other.
  static func type(of line: UnsafeRawBufferPointer) -> String {
    name(line).map { String(decoding: $0, as: UTF8.self) } ?? "?"
  }

  /// `t`, ns, of a line that has it behind its `type`.
  static func time(of line: UnsafeRawBufferPointer) -> UInt64? {
    guard let name = name(line) else { return nil }
    let rest = UnsafeRawBufferPointer(rebasing: line[(head.utf8CodeUnitCount + name.count)...])
    guard rest.hasPrefix(timeHead) else { return nil }
    let digits = rest.dropFirst(timeHead.utf8CodeUnitCount).prefix { (0x30...0x39).contains($0) }
    return UInt64(String(decoding: digits, as: UTF8.self))
  }

  /// Between its quotes; a type has at most 32 letters.
  private static func name(_ line: UnsafeRawBufferPointer) -> Slice<UnsafeRawBufferPointer>? {
    guard line.hasPrefix(head) else { return nil }
    let rest = line.dropFirst(head.utf8CodeUnitCount)
    guard let end = rest.prefix(33).firstIndex(of: UInt8(ascii: "\"")) else { return nil }
    return rest[..<end]
  }
}

extension UnsafeRawBufferPointer {
  fileprivate func hasPrefix(_ text: StaticString) -> Bool {
    count >= text.utf8CodeUnitCount
      && memcmp(baseAddress!, text.utf8Start, text.utf8CodeUnitCount) == 0
  }
}
