// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressCore

/// What the supervisor does for a writer, before it is.
extension StreamWriter {
  /// What the paths of a stream's files begin with.
  static func prefix(_ stream: Profile.Stream, in directory: String) -> String {
    "\(directory)/\(stream.name)"
  }

  /// The path of file `index` of a stream whose files begin with `prefix`.
  static func path(_ prefix: String, _ index: Int) -> String { "\(prefix).\(index)" }

  /// What a worker is told of a stream without jobs, but for the seed of its content.
  static func control(_ stream: Profile.Stream) -> SharedBlock.Control<StreamWords> {
    var control = SharedBlock.Control<StreamWords>()
    control.header.size = stream.size ?? 0
    control.header.block = stream.block
    control.header.depth = UInt64(stream.engine == .ioUring ? stream.depth : 1)
    control.words.files = UInt64(stream.files)
    control.words.engine = stream.engine.code
    control.words.fsync =
      switch stream.fsync {
      case .none: 0
      case .end: 1
      case .every(let bytes): bytes
      }
    control.words.sync = stream.sync.code
    control.words.overwrite = stream.access == .overwrite ? 1 : 0
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
    return UInt64(min(count, UInt128(SharedBlock.logRoom)))
  }

  /// Writes the files that a stream with `access: overwrite` is to write over, unlike in every page what it
  /// will write, and has them on the device.
  ///
  /// It is the caller, outside the limits, whose page cache this takes, and whose writeback the inodes belong
  /// to: both last until the file system is unmounted.
  package static func prepare(
    _ stream: Profile.Stream, in directory: String, seed: UInt64
  ) throws(HarnessError) {
    var random = SplitMix64(seed: seed)
    var chunk = [UInt8](repeating: 0, count: 1 << 20)
    chunk.withUnsafeMutableBytes { StreamContent.fill($0, zeros: stream.compressible, &random) }
    for job in stream.each {
      for i in 0..<job.files {
        let path = path(prefix(job, in: directory), i)
        let file = try Descriptor(
          open: path, O_WRONLY | O_CREAT | O_TRUNC, code: .environment)
        let key = random.next()
        let size = Profile.Stream.share(of: job.size ?? 0, block: job.block, i, of: job.files)
        for offset in stride(from: 0, to: size, by: chunk.count) {
          chunk.withUnsafeMutableBytes { StreamContent.stamp($0, key, offset) }
          try file.writeAll(chunk[..<min(chunk.count, Int(size - offset))], path)
        }
        try checkErrno(Int(Glibc.fsync(file.raw)), path, "fsync", code: .environment)
      }
    }
  }
}
