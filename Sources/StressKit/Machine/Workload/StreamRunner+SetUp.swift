// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressCore

/// What the supervisor does for a stream, before it is.
extension StreamRunner {
  /// What the paths of a stream's files begin with.
  static func prefix(_ stream: Profile.Stream, in directory: String) -> String {
    "\(directory)/\(stream.sharing ?? stream.name)"
  }

  /// The path of file `index` of a stream whose files begin with `prefix`.
  static func path(_ prefix: String, _ index: Int) -> String { "\(prefix).\(index)" }

  /// The path of the file that one of these is copied to.
  static func copyPath(_ path: String) -> String { "\(path).copy" }

  /// What a worker is told of a stream without jobs, but for the seed of its content.
  static func control(_ stream: Profile.Stream) -> SharedBlock.Control<StreamWords> {
    var control = SharedBlock.Control<StreamWords>()
    control.header.size = stream.size ?? 0
    control.header.block = stream.block
    control.header.depth = UInt64(stream.engine == .ioUring ? stream.depth : 1)
    control.words.action = stream.action.code
    control.words.engine = stream.engine.code
    control.words.access = stream.access.code
    control.words.files = UInt64(stream.files)
    control.words.shares = stream.sharing == nil ? 0 : 1
    control.words.offset = stream.offset
    control.words.direct = stream.direct ? 1 : 0
    control.words.dontcache = stream.dontcache ? 1 : 0
    control.words.dontneed = stream.dontneed ?? 0
    control.words.fsync =
      switch stream.fsync {
      case .none: 0
      case .end: 1
      case .every(let bytes): bytes
      }
    control.words.sync = stream.sync.code
    control.words.readBack = stream.readBack ?? 0
    control.header.hasReadBuffer = stream.readBack == nil ? 0 : 1
    control.words.compressible = UInt64(stream.compressible)
    control.words.preallocate = stream.preallocate ? 1 : 0
    control.words.rate = stream.rate ?? 0
    control.words.closed = stream.pace == .closed ? 1 : 0
    control.header.logCapacity = logCapacity(stream)
    return control
  }

  /// Room for all of its operations, should they be few.
  private static func logCapacity(_ stream: Profile.Stream) -> UInt64 {
    guard let size = stream.size else { return SharedBlock.logRoom }
    // In 128 bits: a profile may ask for an fsync after each byte of an exbibyte.
    let (size128, files) = (UInt128(size), UInt128(stream.files))
    var count = size128 / UInt128(stream.block) + 2 * files + 2
    if case .every(let bytes) = stream.fsync { count += size128 / UInt128(bytes) * files }
    if stream.readBack != nil { count *= 2 }
    if let dontneed = stream.dontneed { count += size128 / UInt128(dontneed) + files }
    return UInt64(min(count, UInt128(SharedBlock.logRoom)))
  }

  /// Writes the files that a stream is to find, and has them on the device: for one that reads or copies them what it
  /// will compare them with, for one that writes over them something else in every page.
  ///
  /// It is the caller, outside the limits, whose page cache this takes, and whose writeback the inodes belong
  /// to: both last until the file system is unmounted.
  ///
  /// - Parameter seeds: those of the stream's jobs.
  package static func prepare(
    _ stream: Profile.Stream, in directory: String, seeds: [UInt64]
  ) throws(HarnessError) {
    var chunk = [UInt8](repeating: 0, count: 1 << 20)
    for (job, seed) in zip(stream.each, seeds) {
      let base = stream.action == .write ? ~seed : seed
      var random = SplitMix64(seed: base)
      chunk.withUnsafeMutableBytes { StreamContent.fill($0, zeros: stream.compressible, &random) }
      for i in 0..<job.files {
        let path = path(prefix(job, in: directory), i)
        let file = try Descriptor(
          open: path, O_WRONLY | O_CREAT | O_TRUNC, code: .environment)
        let size = Profile.Stream.share(of: job.prepared, block: job.block, i, of: job.files)
        for offset in stride(from: 0, to: size, by: chunk.count) {
          chunk.withUnsafeMutableBytes { StreamContent.stamp($0, base ^ UInt64(i), offset) }
          try file.writeAll(chunk[..<min(chunk.count, Int(size - offset))], path)
        }
        try checkErrno(Int(Glibc.fsync(file.raw)), path, "fsync", code: .environment)
      }
    }
  }

  /// Reads the files that a stream is to find into the page cache, which the caller is charged for.
  package static func warm(
    _ stream: Profile.Stream, in directory: String
  ) throws(HarnessError) {
    var chunk = [UInt8](repeating: 0, count: 1 << 20)
    for job in stream.each {
      for i in 0..<job.files {
        let path = path(prefix(job, in: directory), i)
        let file = try Descriptor(open: path, O_RDONLY, code: .environment)
        while try checkErrno(
          chunk.withUnsafeMutableBytes { Glibc.read(file.raw, $0.baseAddress, $0.count) }, path,
          "read", code: .environment) > 0
        {}
      }
    }
  }
}
