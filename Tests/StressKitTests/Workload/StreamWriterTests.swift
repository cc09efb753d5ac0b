import CLinux
import Glibc
import Testing

@testable import StressKit

/// The executable that the package builds with its tests, beside them.
private enum Executable {
  static let path =
    (ProfileCatalog.executable() ?? "").split(separator: "/").dropLast()
    .reduce("") { "\($0)/\($1)" } + "/wbstress"
}

/// A worker as in a trial, the harness's own binary, but in the tests' cgroup: it takes what the supervisor
/// left at its descriptors, writes, and exits.
@Suite(
  .serialized,
  .enabled(if: File.exists(Executable.path), "wbstress is not built beside the tests"))
struct StreamWriterTests {
  private let directory: RecordFixture

  init() throws { directory = try RecordFixture() }

  private static let engines: [Profile.Stream.Engine] = [.ioUring, .pwrite, .mmap]

  private func control(
    _ engine: Profile.Stream.Engine, block: UInt64 = 16_384, files: UInt64 = 1, size: UInt64
  ) -> SharedBlock.Control {
    var control = SharedBlock.Control()
    control.role = Worker.Role.stream.rawValue
    control.engine =
      switch engine {
      case .ioUring: StreamWriter.EngineCode.ioUring
      case .pwrite: StreamWriter.EngineCode.pwrite
      case .mmap: StreamWriter.EngineCode.mmap
      }
    control.block = block
    control.depth = engine == .ioUring ? 4 : 1
    control.files = files
    control.size = size
    control.seed = 0x5eed
    control.logCapacity = 1000
    return control
  }

  /// Runs a worker to its end; cancels the test where this kernel or container has no io_uring.
  ///
  /// - Parameters:
  ///   - starts: whether the supervisor says when to start, or hangs up.
  ///   - status: what the worker is to exit with.
  ///   - supervise: called while the worker runs.
  private func run(
    _ block: SharedBlock, starts: Bool = true, status: Int32 = 0,
    sourceLocation: SourceLocation = #_sourceLocation, supervise: () -> Void = {}
  ) throws {
    var ends: [Int32] = [0, 0]
    try check(cl_pipe(&ends), "worker", "pipe2")
    let reader = Descriptor(owning: ends[0])
    let writer = Descriptor(owning: ends[1])
    if starts { try writer.writeAll([UInt8](repeating: 0, count: 8), "worker") }
    let process = try Process(
      [Executable.path, Worker.command], environment: ["SWIFT_BACKTRACE=enable=no"],
      descriptors: [-1, 2, 2, block.descriptor, reader.raw])
    _ = close(writer.release())
    supervise()
    let exit = process.wait(timeout: 60_000_000_000)
    let control = block.control.pointee
    if state(block) == .failed, control.failedStep == SharedBlock.Step.ring.rawValue,
      [ENOSYS, EPERM, EACCES].contains(Int32(control.failedErrno))
    {
      try Test.cancel("io_uring is not to be had here")
    }
    if state(block) == .failed, control.failedStep == SharedBlock.Step.oomScore.rawValue {
      try Test.cancel("this session may not set its oom_score_adj to 0")
    }
    #expect(exit == .status(status), sourceLocation: sourceLocation)
  }

  private func operations(_ block: SharedBlock) -> [SharedBlock.Operation] {
    (0..<Int(block.control.pointee.logHead)).map { block.log[$0] }
  }

  private func isIdle(_ block: SharedBlock) -> Bool {
    (0...Int(block.control.pointee.depth)).allSatisfy { block.slots[$0].start == 0 }
  }

  private func state(_ block: SharedBlock) -> SharedBlock.State? {
    .init(rawValue: block.control.pointee.state)
  }

  // MARK: All goes well

  /// Two files, and a last block that is neither whole nor a multiple of a page.
  @Test(arguments: engines, [false, true])
  func writesAStream(_ engine: Profile.Stream.Engine, preallocate: Bool) throws {
    let size: UInt64 = 9 * 16_384 + 10_000
    var control = control(engine, files: 2, size: size)
    control.fsync = 1
    control.preallocate = preallocate ? 1 : 0
    let block = try SharedBlock(name: "w", control, path: directory.path("s"))
    let before = cl_boottime()
    try run(block)
    let after = cl_boottime()

    #expect(state(block) == .done && isIdle(block))
    let result = block.control.pointee
    #expect(result.bytes == size && result.logLost == 0 && result.paced == 0)
    let operations = operations(block)
    let writes = operations.filter { $0.kind == SharedBlock.Kind.write.rawValue }
    let syncs = operations.filter { $0.kind == SharedBlock.Kind.fsync.rawValue }
    #expect(writes.count == 10 && syncs.count == 2 && operations.count == 12)
    #expect(writes.map(\.bytes).sorted() == [10_000] + Array(repeating: 16_384, count: 9))
    #expect(syncs.allSatisfy { $0.bytes == 0 })
    #expect(operations.allSatisfy { before < $0.start && $0.start <= $0.end && $0.end < after })
    #expect(result.firstStart <= operations.map(\.start).min()!)
    #expect(result.lastEnd == operations.last?.end)
    if engine == .ioUring {
      #expect(result.inline + result.punted >= 10)
    } else {
      #expect(result.inline == 0 && result.punted == 0)
    }

    // Round robin: blocks 0, 2, 4, 6, 8 and 1, 3, 5, 7, 9.
    let files = try (0..<2).map { try File.read(directory.path("s.\($0)")) }
    #expect(files.map(\.count) == [5 * 16_384, 4 * 16_384 + 10_000])
    #expect(File.names(in: directory.root) == ["s.0", "s.1"])
    expectPagesDiffer(files)
  }

  /// No page is like another, and none is of zeros: nothing to merge or to compress away.
  private func expectPagesDiffer(_ files: [[UInt8]]) {
    var pages: Set<[UInt8]> = []
    var count = 0
    for file in files {
      for start in stride(from: 0, to: file.count, by: 4096) {
        let page = Array(file[start..<min(start + 4096, file.count)])
        #expect(page.count { $0 == 0 } < page.count / 16)
        pages.insert(page)
        count += 1
      }
    }
    #expect(pages.count == count)
  }

  @Test(arguments: engines)
  func syncsOnTheWay(_ engine: Profile.Stream.Engine) throws {
    var control = control(engine, size: 7 * 16_384)
    control.fsync = 2 * 16_384
    let block = try SharedBlock(name: "w", control, path: directory.path("s"))
    try run(block)
    let kinds = operations(block).map(\.kind)
    let w = SharedBlock.Kind.write.rawValue
    let s = SharedBlock.Kind.fsync.rawValue
    #expect(kinds == [w, w, s, w, w, s, w, w, s, w])
    #expect(isIdle(block) && File.size(directory.path("s.0")) == 7 * 16_384)
  }

  @Test(arguments: engines)
  func emptiesItsFilesFirst(_ engine: Profile.Stream.Engine) throws {
    try directory.write("s.0", String(repeating: "old", count: 100_000))
    let block = try SharedBlock(
      name: "w", control(engine, size: 100), path: directory.path("s"))
    try run(block)
    #expect(File.size(directory.path("s.0")) == 100)
    #expect(block.control.pointee.bytes == 100 && operations(block).count == 1)
  }

  /// Each operation says where it was and what else was in flight.
  @Test(arguments: engines)
  func saysWhatWasInFlight(_ engine: Profile.Stream.Engine) throws {
    var control = control(engine, files: 2, size: 32 * 16_384)
    control.fsync = 1
    let block = try SharedBlock(name: "w", control, path: directory.path("s"))
    try run(block)
    let operations = operations(block)
    let depth = UInt32(control.depth)
    let writes = operations.filter { $0.kind == SharedBlock.Kind.write.rawValue }
    let places = Set(writes.map { [UInt64($0.file), $0.offset] })
    #expect(places == Set((0..<32 as Range<UInt64>).map { [$0 % 2, $0 / 2 * 16_384] }))
    for operation in writes {
      #expect(operation.ahead < depth && (1...depth).contains(operation.inFlight))
      #expect(operation.bytesInFlight == UInt64(operation.inFlight) * 16_384)
    }
    for (i, sync) in operations.filter({ $0.kind == SharedBlock.Kind.fsync.rawValue }).enumerated()
    {
      #expect(sync.file == i && sync.ahead == 0 && sync.inFlight == 1 && sync.bytesInFlight == 0)
    }
  }

  /// At every depth each block is written once, and all of them were in flight at some time or not.
  @Test(arguments: [1, 2, 32, 4096] as [UInt64])
  func depths(_ depth: UInt64) throws {
    var control = control(.ioUring, block: 4096, size: 3000 * 4096)
    control.depth = depth
    control.logCapacity = 4000
    let block = try SharedBlock(name: "w", control, path: directory.path("s"))
    try run(block)
    let operations = operations(block)
    #expect(Set(operations.map(\.offset)).count == 3000 && operations.count == 3000)
    #expect(operations.allSatisfy { $0.inFlight >= 1 && $0.inFlight <= depth })
    #expect(isIdle(block) && File.size(directory.path("s.0")) == 3000 * 4096)
    #expect(block.control.pointee.inline + block.control.pointee.punted == 3000)
  }

  /// A full log costs its operations, which are counted, and nothing else.
  @Test func countsWhatTheLogHasNoRoomFor() throws {
    var control = control(.pwrite, size: 10 * 16_384)
    control.logCapacity = 4
    let block = try SharedBlock(name: "w", control, path: directory.path("s"))
    try run(block)
    #expect(block.control.pointee.logHead == 4 && block.control.pointee.logLost == 6)
    #expect(block.control.pointee.bytes == 10 * 16_384)
  }

  /// Without a size a stream goes on until it is told to stop; the log goes round as it is read.
  @Test(arguments: [Profile.Stream.Engine.ioUring, .pwrite])
  func stopsWhenTold(_ engine: Profile.Stream.Engine) throws {
    var control = control(engine, size: 0)
    control.logCapacity = 16
    let block = try SharedBlock(name: "w", control, path: directory.path("s"))
    let words = block.control
    try run(block) {
      let reached = eventually {
        cl_store(&words.pointee.logTail, cl_load(&words.pointee.logHead))
        return cl_load(&words.pointee.logHead) >= 100 || state(block) == .failed
      }
      #expect(reached)
      cl_store(&words.pointee.stop, 1)
    }
    let result = block.control.pointee
    #expect(state(block) == .done && isIdle(block))
    #expect(result.logHead >= 100)
    #expect(result.bytes == (result.logHead + result.logLost) * 16_384)
    #expect(File.size(directory.path("s.0")) == result.bytes)
  }

  /// 6 blocks at 20 ms each. What a stream waits for its rate is no latency.
  @Test(arguments: engines)
  func keepsToItsRate(_ engine: Profile.Stream.Engine) throws {
    var control = control(engine, size: 6 * 16_384)
    control.rate = 16_384 * 50
    let block = try SharedBlock(name: "w", control, path: directory.path("s"))
    try run(block)
    let operations = operations(block)
    let result = block.control.pointee
    #expect(result.bytes == 6 * 16_384 && result.paced >= 1)
    #expect(result.lastEnd - result.firstStart >= 100_000_000)
    let latencies = operations.map { $0.end - $0.start }.sorted()
    #expect(latencies.count == 6 && latencies[3] < 15_000_000, "\(latencies)")
  }

  // MARK: It does not

  private func expectFailure(
    _ block: SharedBlock, _ step: SharedBlock.Step, _ errno: Int32,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let control = block.control.pointee
    #expect(state(block) == .failed, sourceLocation: sourceLocation)
    #expect(control.failedStep == step.rawValue, sourceLocation: sourceLocation)
    #expect(control.failedErrno == UInt64(errno), sourceLocation: sourceLocation)
    #expect(control.bytes == 0, sourceLocation: sourceLocation)
  }

  /// /dev/full is a device with no space left.
  @Test(arguments: [Profile.Stream.Engine.ioUring, .pwrite])
  func noSpace(_ engine: Profile.Stream.Engine) throws {
    #expect(symlink("/dev/full", directory.path("s.0")) == 0)
    let block = try SharedBlock(
      name: "w", control(engine, size: 65_536), path: directory.path("s"))
    try run(block, status: 1)
    expectFailure(block, .write, ENOSPC)
    // Still in flight when it failed.
    #expect(!isIdle(block))
  }

  @Test(arguments: engines)
  func badPath(_ engine: Profile.Stream.Engine) throws {
    let block = try SharedBlock(
      name: "w", control(engine, size: 65_536), path: directory.path("none/s"))
    try run(block, status: 1)
    expectFailure(block, .open, ENOENT)
  }

  @Test func preallocationThatFails() throws {
    #expect(symlink("/dev/full", directory.path("s.0")) == 0)
    var control = control(.pwrite, size: 65_536)
    control.preallocate = 1
    let block = try SharedBlock(name: "w", control, path: directory.path("s"))
    try run(block, status: 1)
    expectFailure(block, .preallocate, ENODEV)
  }

  @Test func supervisorThatHangsUp() throws {
    let block = try SharedBlock(
      name: "w", control(.pwrite, size: 65_536), path: directory.path("s"))
    try run(block, starts: false, status: 1)
    expectFailure(block, .start, EPIPE)
    #expect(!File.exists(directory.path("s.0")))
  }

  // MARK: Pins

  /// Ready when every byte is there, and then nothing but there until it is killed.
  ///
  /// - Parameter threshold: 0: every touch is slow; else none is.
  @Test(arguments: [0, .max] as [UInt64])
  func pins(_ threshold: UInt64) throws {
    var control = SharedBlock.Control()
    control.role = Worker.Role.pinned.rawValue
    control.size = 8 << 20
    control.seed = 1
    control.buckets = UInt64(LatencyBucket.count)
    control.slow = threshold
    control.logCapacity = 100
    let block = try SharedBlock(name: "db", control, path: "")
    let process = try Process(
      [Executable.path, Worker.command], environment: ["SWIFT_BACKTRACE=enable=no"],
      descriptors: [-1, 2, 2, block.descriptor])
    #expect(eventually { state(block) == .ready || state(block) == .failed })
    if block.control.pointee.failedStep == SharedBlock.Step.oomScore.rawValue {
      try Test.cancel("this session may not set its oom_score_adj to 0")
    }
    #expect(state(block) == .ready)
    let result = block.control.pointee
    #expect(result.bytes == 8 << 20 && result.touches == 2048 && isIdle(block))
    // Every touch is in the histogram; in the log are the slow ones, as far as it goes.
    let buckets = (0..<LatencyBucket.count).filter { block.buckets[$0] > 0 }
    #expect(buckets.reduce(0) { $0 + block.buckets[$1] } == 2048)
    #expect(buckets.last == LatencyBucket.of(result.touchMax))
    #expect(result.logHead == (threshold == 0 ? 100 : 0))
    #expect(result.logLost == (threshold == 0 ? 2048 - 100 : 0))
    let touches = operations(block)
    #expect(touches.map(\.offset) == touches.indices.map { UInt64($0) * 4096 })
    #expect(touches.allSatisfy { $0.kind == SharedBlock.Kind.touch.rawValue && $0.bytes == 4096 })
    let status = try File.text("/proc/\(process.pid)/status")
    #expect(status.hasPrefix("Name:\twb-pinned\n"))
    let anonymous = status.split(separator: "\n").first { $0.hasPrefix("RssAnon:") }
    let kibibytes = anonymous?.split { $0 == " " || $0 == "\t" }.dropFirst().first
    #expect((8192..<16_384).contains(Int(kibibytes ?? "") ?? 0), "\(anonymous ?? "no RssAnon")")
    #expect(process.poll() == nil)
    process.signal(SIGKILL)
    #expect(process.wait(timeout: 10_000_000_000) == .signal(SIGKILL))
    // What it measured survives it.
    #expect(state(block) == .ready)
  }

  @Test func noRole() throws {
    var control = SharedBlock.Control()
    control.role = 99
    let block = try SharedBlock(name: "w", control, path: "")
    try run(block, status: 70)
    #expect(state(block) == .starting)
  }
}
