// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import Testing

@testable import StressCore
@testable import StressMachine

/// A worker as in a trial, the harness's own binary, but in the tests' cgroup: it takes what the supervisor
/// left at its descriptors, writes, and exits.
@Suite(
  .serialized,
  .enabled(if: File.exists(Executable.path), "wbstress is not built beside the tests"))
struct StreamRunnerTests {
  private let directory: RecordFixture

  init() throws { directory = try RecordFixture() }

  /// A file that takes nothing and says no word: the memory of a process that has ended (fs/proc/base.c, mem_rw).
  @Test func aWriteOfNothingIsNoSpace() async throws {
    await #expect(processExitsWith: .success) {
      // It would be tried again for ever.
      alarm(10)
      let process = try Process(["/bin/sleep", "60"])
      let path = "/proc/\(process.pid)/mem"
      let file = try Descriptor(open: path, O_RDWR)
      process.kill()
      var bytes: [UInt8] = [1, 2]
      let errno = bytes.withUnsafeMutableBytes {
        StreamRunner.writeAll(file.raw, $0.baseAddress!, 2, 4096)
      }
      #expect(errno == ENOSPC)
      let error = #expect(throws: HarnessError.self) { try file.writeAll(bytes, path) }
      #expect(error?.errno == .noSpace)
    }
  }

  /// A task's block may be larger than one write(2) takes, and than 32 bits count.
  @Test func writesMoreThanFourGiB() throws {
    let length = 5 << 30
    let pages = mmap(nil, length, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    let start = try #require(pages)
    try #require(start != MAP_FAILED)
    defer { munmap(start, length) }
    let file = try Descriptor(open: "/dev/null", O_WRONLY)
    let calls = CallFailures.calls {
      #expect(StreamRunner.writeAll(file.raw, start, length, 0) == 0)
    }
    // MAX_RW_COUNT of the kernel, a page less than 2 GiB, a time.
    #expect(calls.count == 3)
  }

  private static let engines: [Profile.Stream.Engine] = [.ioUring, .pwrite, .mmap]

  private func control(
    _ engine: Profile.Stream.Engine, block: UInt64 = 16_384, files: UInt64 = 1, size: UInt64
  ) -> SharedBlock.Control<StreamWords> {
    var stream = Profile.Stream(name: "s")
    stream.engine = engine
    stream.block = block
    stream.depth = 4
    stream.files = Int(files)
    stream.size = size
    var control = StreamRunner.control(stream)
    control.header.seed = 0x5eed
    control.header.logCapacity = 1000
    return control
  }

  /// Runs a worker to its end; cancels the test where this kernel or container has no io_uring.
  ///
  /// - Parameters:
  ///   - starts: whether the supervisor says when to start, or hangs up.
  ///   - status: what the worker is to exit with.
  ///   - supervise: called while the worker runs, with its process.
  private func run(
    _ block: SharedBlock, starts: Bool = true, status: Int32 = 0,
    sourceLocation: SourceLocation = #_sourceLocation,
    supervise: (borrowing Process) -> Void = { _ in }
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
    supervise(process)
    let exit = process.wait(timeout: 60_000_000_000)
    let control = block.header.pointee
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
    (0..<Int(block.header.pointee.logHead)).map { block.log[$0] }
  }

  private func isIdle(_ block: SharedBlock) -> Bool {
    (0...Int(block.header.pointee.depth)).allSatisfy { !block.slots[$0].isTaken }
  }

  private func state(_ block: SharedBlock) -> SharedBlock.State? {
    .init(rawValue: block.header.pointee.state)
  }

  // MARK: All goes well

  /// Two files, and a last block that is neither whole nor a multiple of a page.
  @Test(arguments: engines, [false, true])
  func writesAStream(_ engine: Profile.Stream.Engine, preallocate: Bool) throws {
    let size: UInt64 = 9 * 16_384 + 10_000
    var control = control(engine, files: 2, size: size)
    control.words.fsync = 1
    control.words.preallocate = preallocate ? 1 : 0
    let block = try SharedBlock(name: "w", control, path: directory.path("s"))
    let before = cl_boottime()
    try run(block)
    let after = cl_boottime()

    #expect(state(block) == .done && isIdle(block))
    let result = block.header.pointee
    let words = block.words(of: StreamWords.self).pointee
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
      #expect(words.inline + words.punted >= 10)
    } else {
      #expect(words.inline == 0 && words.punted == 0)
    }

    // Round robin: blocks 0, 2, 4, 6, 8 and 1, 3, 5, 7, 9.
    let files = try (0..<2).map { try File.read(directory.path("s.\($0)")) }
    #expect(files.map(\.count) == [5 * 16_384, 4 * 16_384 + 10_000])
    #expect(File.names(in: directory.root) == ["s.0", "s.1"])
    expectPagesDiffer(files)
  }

  /// No page is like another, and none is of more zeros than asked for: nothing to merge or to compress away.
  private func expectPagesDiffer(_ files: [[UInt8]], zeros: Int = 0) {
    var pages: Set<[UInt8]> = []
    var count = 0
    for file in files {
      for start in stride(from: 0, to: file.count, by: 4096) {
        let page = Array(file[start..<min(start + 4096, file.count)])
        #expect(page.count { $0 == 0 } < zeros + page.count / 16)
        pages.insert(page)
        count += 1
      }
    }
    #expect(pages.count == count)
  }

  @Test(arguments: engines)
  func syncsOnTheWay(_ engine: Profile.Stream.Engine) throws {
    var control = control(engine, size: 7 * 16_384)
    control.words.fsync = 2 * 16_384
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
    #expect(block.header.pointee.bytes == 100 && operations(block).count == 1)
  }

  /// Each operation says where it was and what else was in flight.
  @Test(arguments: engines)
  func saysWhatWasInFlight(_ engine: Profile.Stream.Engine) throws {
    var control = control(engine, files: 2, size: 32 * 16_384)
    control.words.fsync = 1
    let block = try SharedBlock(name: "w", control, path: directory.path("s"))
    try run(block)
    let operations = operations(block)
    let depth = UInt32(control.header.depth)
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
    control.header.depth = depth
    control.header.logCapacity = 4000
    let block = try SharedBlock(name: "w", control, path: directory.path("s"))
    try run(block)
    let operations = operations(block)
    #expect(Set(operations.map(\.offset)).count == 3000 && operations.count == 3000)
    #expect(operations.allSatisfy { $0.inFlight >= 1 && $0.inFlight <= depth })
    #expect(isIdle(block) && File.size(directory.path("s.0")) == 3000 * 4096)
    let words = block.words(of: StreamWords.self).pointee
    #expect(words.inline + words.punted == 3000)
  }

  /// A full log costs its operations, which are counted, and nothing else.
  @Test func countsWhatTheLogHasNoRoomFor() throws {
    var control = control(.pwrite, size: 10 * 16_384)
    control.header.logCapacity = 4
    let block = try SharedBlock(name: "w", control, path: directory.path("s"))
    try run(block)
    #expect(block.header.pointee.logHead == 4 && block.header.pointee.logLost == 6)
    #expect(block.header.pointee.bytes == 10 * 16_384)
  }

  /// Without a size a stream goes on until it is told to stop; the log goes round as it is read.
  @Test(arguments: [Profile.Stream.Engine.ioUring, .pwrite])
  func stopsWhenTold(_ engine: Profile.Stream.Engine) throws {
    var control = control(engine, size: 0)
    control.header.logCapacity = 16
    let block = try SharedBlock(name: "w", control, path: directory.path("s"))
    let header = block.header
    try run(block) { _ in
      let reached = eventually {
        cl_store(&header.pointee.logTail, cl_load(&header.pointee.logHead))
        return cl_load(&header.pointee.logHead) >= 100 || state(block) == .failed
      }
      #expect(reached)
      cl_store(&header.pointee.stop, 1)
    }
    let result = block.header.pointee
    #expect(state(block) == .done && isIdle(block))
    #expect(result.logHead >= 100)
    #expect(result.bytes == (result.logHead + result.logLost) * 16_384)
    #expect(File.size(directory.path("s.0")) == result.bytes)
  }

  /// 6 blocks at 20 ms each. What a stream waits for its rate is no latency.
  @Test(arguments: engines)
  func keepsToItsRate(_ engine: Profile.Stream.Engine) throws {
    var control = control(engine, size: 6 * 16_384)
    control.words.rate = 16_384 * 50
    let block = try SharedBlock(name: "w", control, path: directory.path("s"))
    try run(block)
    let operations = operations(block)
    let result = block.header.pointee
    #expect(result.bytes == 6 * 16_384 && result.paced >= 1)
    #expect(result.lastEnd - result.firstStart >= 100_000_000)
    let latencies = operations.map { $0.end - $0.start }.sorted()
    #expect(latencies.count == 6 && latencies[3] < 15_000_000, "\(latencies)")
  }

  /// The schedule's start of each write is what counts in an open pace; the rate is kept all the same.
  @Test(arguments: [Profile.Stream.Engine.ioUring, .pwrite], [0, 1] as [UInt64])
  func rateIsExact(_ engine: Profile.Stream.Engine, closed: UInt64) throws {
    let count: UInt64 = 1001
    var control = control(engine, block: 4096, size: count * 4096)
    control.words.rate = 500 * 4096
    control.words.closed = closed
    control.header.logCapacity = 2000
    let block = try SharedBlock(name: "w", control, path: directory.path("s"))
    try run(block)
    let result = block.header.pointee
    let rate = Double((count - 1) * 4096) / (Double(result.lastEnd - result.firstStart) / 1e9)
    #expect(abs(rate / Double(control.words.rate) - 1) < 0.01, "\(rate)")
    if closed == 0 {
      for (i, start) in operations(block).map(\.start).sorted().enumerated() {
        #expect(start == result.firstStart + UInt64(i) * 2_000_000)
      }
    }
  }

  /// A worker that stands still misses writes that its rate wanted. Their latencies say so, unless the pace
  /// is closed: then at most what was in flight does.
  @Test(arguments: [Profile.Stream.Engine.ioUring, .pwrite], [0, 1] as [UInt64])
  func stallShowsInAnOpenPace(_ engine: Profile.Stream.Engine, closed: UInt64) throws {
    var control = control(engine, block: 4096, size: 200 * 4096)
    control.words.rate = 200 * 4096
    control.words.closed = closed
    let block = try SharedBlock(name: "w", control, path: directory.path("s"))
    try run(block) { process in
      _ = eventually { cl_load(&block.header.pointee.bytes) >= 20 * 4096 }
      process.signal(SIGSTOP)
      cl_sleep_until(cl_boottime() + 400_000_000)
      process.signal(SIGCONT)
    }
    let operations = operations(block)
    #expect(operations.count == 200)
    // 80 writes were wanted meanwhile, of which the last waited for 5 ms and the first for 400.
    let late = operations.filter { $0.end - $0.start >= 50_000_000 }.count
    if closed == 0 {
      #expect((60...100).contains(late), "\(late)")
      #expect(operations.contains { $0.end - $0.start >= 350_000_000 })
    } else {
      #expect(late <= Int(control.header.depth), "\(late)")
    }
    // Lost time is caught up with.
    let result = block.header.pointee
    #expect(result.lastEnd - result.firstStart < 1_500_000_000)
  }

  // MARK: Blocks

  @Test(arguments: engines, [4096, 65_536, 1 << 20, 8 << 20] as [UInt64])
  func blocks(_ engine: Profile.Stream.Engine, size: UInt64) throws {
    var control = control(engine, block: size, files: 2, size: 3 * size + 5000)
    control.header.hasReadBuffer = 1
    control.words.readBack = size
    let block = try SharedBlock(name: "w", control, path: directory.path("s"))
    try run(block)
    #expect(block.header.pointee.bytes == 3 * size + 5000 && isIdle(block))
    let sizes = (0..<2).map { File.size(directory.path("s.\($0)")) }
    #expect(sizes == (0..<2).map { share(3 * size + 5000, size, $0, 2) })
    for file in 0..<2 { try expectStamps(control, file) }
  }

  private func share(_ size: UInt64, _ block: UInt64, _ index: Int, _ count: Int) -> UInt64 {
    Profile.Stream.share(of: size, block: block, index, of: count)
  }

  /// What the file has is what the writer is documented to write: its seed and number, and the place.
  private func expectStamps(
    _ control: SharedBlock.Control<StreamWords>, _ file: Int, upTo end: Int? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let bytes = try File.read(directory.path("s.\(file)"))
    func word(_ place: Int) -> UInt64 {
      (0..<8).reduce(0) { $0 | UInt64(bytes[place + $1]) << UInt64(8 * $1) }
    }
    for page in stride(from: 0, to: (end ?? bytes.count) - 15, by: 4096) {
      let stamp = [word(page), word(page + 8)]
      #expect(
        stamp == [control.header.seed ^ UInt64(file), UInt64(page)], sourceLocation: sourceLocation)
    }
  }

  @Test(arguments: [0, 25, 50, 90, 100])
  func compressible(_ percent: Int) throws {
    var control = control(.pwrite, block: 262_144, size: 1 << 20)
    control.words.compressible = UInt64(percent)
    let block = try SharedBlock(name: "w", control, path: directory.path("s"))
    try run(block)
    let bytes = try File.read(directory.path("s.0"))
    let page = Array(bytes[..<4096])
    // One stretch of zeros, behind the stamp; elsewhere one byte in 256 is one by chance.
    let zeros = min(4096 * percent / 100, 4080)
    #expect(page[16..<16 + zeros].allSatisfy { $0 == 0 })
    #expect(page[(16 + zeros)...].count { $0 == 0 } < 48)
    let share = Double(bytes.count { $0 == 0 }) / Double(bytes.count)
    let expected = Double(percent) / 100
    #expect(abs(share - expected - (1 - expected) / 256) < 0.005, "\(share)")
    // An independent account.
    let packed = try Tool.run("gzip", ["--stdout", directory.path("s.0")], package: "gzip")
    let ratio = Double(packed.count) / Double(bytes.count)
    #expect(abs(ratio - (1 - expected)) < 0.02, "\(ratio)")
    expectPagesDiffer([bytes], zeros: zeros)
  }

  // MARK: Syncs

  @Test(arguments: engines, [Profile.Stream.SyncCall.fdatasync, .syncFileRange])
  func syncsByOtherCalls(_ engine: Profile.Stream.Engine, _ call: Profile.Stream.SyncCall) throws {
    var control = control(engine, files: 2, size: 7 * 16_384)
    control.words.fsync = 3 * 16_384
    control.words.sync = call.code
    let block = try SharedBlock(name: "w", control, path: directory.path("s"))
    try run(block)
    let w = SharedBlock.Kind.write.rawValue
    let s = SharedBlock.Kind.fsync.rawValue
    #expect(operations(block).map(\.kind) == [w, w, w, s, s, w, w, w, s, s, w])
    for file in 0..<2 { try expectStamps(control, file) }
  }

  /// A device of characters can be neither synced nor has it ranges, and says so in different ways.
  @Test(
    arguments: [
      (.fsync, .fsync, EINVAL),
      (.fdatasync, .fdatasync, EINVAL),
      (.syncFileRange, .syncFileRange, ESPIPE),
    ] as [(Profile.Stream.SyncCall, SharedBlock.Step, Int32)])
  func makesTheCallAskedFor(
    _ call: Profile.Stream.SyncCall, _ step: SharedBlock.Step, _ errno: Int32
  ) throws {
    #expect(symlink("/dev/null", directory.path("s.0")) == 0)
    var control = control(.pwrite, size: 16_384)
    control.words.fsync = 1
    control.words.sync = call.code
    let block = try SharedBlock(name: "w", control, path: directory.path("s"))
    try run(block, status: 1)
    #expect(state(block) == .failed)
    #expect(block.header.pointee.failedStep == step.rawValue)
    #expect(block.header.pointee.failedErrno == UInt64(errno))
  }

  /// The kernel's account of the open file's flags, in octal.
  @Test(arguments: [Profile.Stream.Engine.ioUring, .pwrite], [false, true])
  func opensForSynchronousWrites(_ engine: Profile.Stream.Engine, isAsked: Bool) throws {
    var control = control(engine, size: 0)
    control.words.rate = 16_384 * 100
    control.words.sync = (isAsked ? Profile.Stream.SyncCall.dsync : .fsync).code
    let block = try SharedBlock(name: "w", control, path: directory.path("s"))
    var flags: Int32?
    try run(block) { process in
      _ = eventually { cl_load(&block.header.pointee.bytes) > 0 || state(block) == .failed }
      let proc = "/proc/\(process.pid)"
      for name in File.names(in: proc + "/fd") {
        var info = stat()
        guard stat("\(proc)/fd/\(name)", &info) == 0,
          UInt64(info.st_ino) == File.inode(directory.path("s.0"))
        else { continue }
        let line = (try? File.text("\(proc)/fdinfo/\(name)"))?.split(separator: "\n")
          .first { $0.hasPrefix("flags:") }
        flags = line?.split(separator: "\t").last.flatMap { Int32($0, radix: 8) }
      }
      cl_store(&block.header.pointee.stop, 1)
    }
    // 0o10000 is O_DSYNC in every architecture that this runs on; O_SYNC has more bits.
    let found = try #require(flags)
    #expect(found & O_SYNC == (isAsked ? 0o10000 : 0), "\(found)")
  }

  // MARK: Overwriting

  private func stream(files: Int, size: UInt64) -> Profile.Stream {
    var stream = Profile.Stream(name: "s")
    stream.block = 16_384
    stream.files = files
    stream.size = size
    stream.access = .overwrite
    return stream
  }

  @Test(arguments: engines)
  func writesOverItsFiles(_ engine: Profile.Stream.Engine) throws {
    let size: UInt64 = 9 * 16_384 + 10_000
    try StreamRunner.prepare(stream(files: 2, size: size), in: directory.root, seeds: [7])
    let old = try (0..<2).map { try File.read(directory.path("s.\($0)")) }
    let inodes = (0..<2).map { File.inode(directory.path("s.\($0)")) }
    #expect(old.map(\.count) == [5 * 16_384, 4 * 16_384 + 10_000])
    expectPagesDiffer(old)
    var control = control(engine, files: 2, size: size)
    control.words.access = Profile.Stream.Access.overwrite.code
    let block = try SharedBlock(name: "w", control, path: directory.path("s"))
    try run(block)
    let new = try (0..<2).map { try File.read(directory.path("s.\($0)")) }
    #expect(new.map(\.count) == old.map(\.count))
    #expect((0..<2).map { File.inode(directory.path("s.\($0)")) } == inodes)
    // No page has been left as it was.
    expectPagesDiffer(old + new)
    for file in 0..<2 { try expectStamps(control, file) }
    #expect(operations(block).count == 10 && block.header.pointee.bytes == size)
  }

  /// A file of 2.5 blocks is gone through from its beginning again, and no byte is written behind its end.
  /// What is synced and read back goes round with it.
  ///
  /// - Parameter readBack: less than the file, or more: then all, from the middle of a block in the end.
  @Test(
    arguments: engines,
    [
      (30_000, [0, 0, 16_384, 16_384, 32_768]),
      (41_000, [0, 0, 16_384, 16_384, 16_484, 32_768, 32_768]),
    ] as [(UInt64, [UInt64])])
  func goesRound(
    _ engine: Profile.Stream.Engine, _ readBack: (after: UInt64, offsets: [UInt64])
  ) throws {
    let length: UInt64 = 2 * 16_384 + 8192
    try StreamRunner.prepare(stream(files: 1, size: length), in: directory.root, seeds: [7])
    var control = control(engine, size: 2 * length + 16_384 + 100)
    control.words.access = Profile.Stream.Access.overwrite.code
    control.header.hasReadBuffer = 1
    control.words.readBack = readBack.after
    control.words.fsync = 40_000
    control.words.sync = Profile.Stream.SyncCall.syncFileRange.code
    let block = try SharedBlock(name: "w", control, path: directory.path("s"))
    try run(block)
    #expect(File.size(directory.path("s.0")) == length)
    try expectStamps(control, 0)
    let operations = operations(block)
    func of(_ kind: SharedBlock.Kind) -> [SharedBlock.Operation] {
      operations.filter { $0.kind == kind.rawValue }
    }
    #expect(of(.read).map(\.offset).sorted() == readBack.offsets)
    let offsets = of(.write).map(\.offset).sorted()
    #expect(offsets == [0, 0, 0, 16_384, 16_384, 16_384, 32_768, 32_768])
    // Cut at the file's end, and at the stream's.
    #expect(of(.write).filter { $0.offset == 32_768 }.allSatisfy { $0.bytes == 8192 })
    #expect(of(.write).map(\.bytes).min() == 100)
    #expect(of(.fsync).count == 2)
    #expect(block.header.pointee.bytes == 2 * length + 16_384 + 100)
  }

  @Test func nothingToWriteOver() throws {
    var control = control(.pwrite, size: 65_536)
    control.words.access = Profile.Stream.Access.overwrite.code
    let missing = try SharedBlock(name: "w", control, path: directory.path("s"))
    try run(missing, status: 1)
    expectFailure(missing, .open, ENOENT)
    #expect(!File.exists(directory.path("s.0")))
    try directory.write("s.0", "")
    let empty = try SharedBlock(name: "w", control, path: directory.path("s"))
    try run(empty, status: 1)
    expectFailure(empty, .open, ENODATA)
  }

  /// Each job's files by their own names.
  @Test func preparesForEachJob() throws {
    var stream = stream(files: 2, size: 10 * 16_384 + 5)
    stream.jobs = 2
    try StreamRunner.prepare(stream, in: directory.root, seeds: [1, 2])
    let sizes = ["s-0.0", "s-0.1", "s-1.0", "s-1.1"].map { File.size(directory.path($0)) }
    #expect(sizes == [49_152, 32_773, 49_152, 32_768])
    #expect(File.names(in: directory.root).count == 4)
    let error = #expect(throws: HarnessError.self) {
      try StreamRunner.prepare(stream, in: directory.path("none"), seeds: [1, 2])
    }
    #expect(error?.errno == .noSuchFileOrDirectory)
  }

  // MARK: Reading back

  @Test(arguments: engines)
  func readsBack(_ engine: Profile.Stream.Engine) throws {
    var control = control(engine, files: 2, size: 12 * 16_384)
    control.header.hasReadBuffer = 1
    control.words.readBack = 3 * 16_384
    let block = try SharedBlock(name: "w", control, path: directory.path("s"))
    try run(block)
    #expect(isIdle(block) && block.header.pointee.bytes == 12 * 16_384)
    let operations = operations(block)
    let w = SharedBlock.Kind.write.rawValue
    let r = SharedBlock.Kind.read.rawValue
    // Blocks go round: file 0 has three of its own after five, file 1 after six.
    let half = [w, w, w, w, w, r, r, r, w, r, r, r]
    #expect(operations.map(\.kind) == half + half)
    let reads = operations.filter { $0.kind == r }
    #expect(reads.map(\.file) == [0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1])
    #expect(reads.map { $0.offset / 16_384 } == [0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5])
    for read in reads {
      #expect(read.bytes == 16_384 && read.ahead == 0 && read.inFlight == 1)
      // With no write in flight.
      let writes = operations.filter { $0.kind == w }
      #expect(!writes.contains { $0.start < read.end && $0.end > read.start })
    }
    for file in 0..<2 { try expectStamps(control, file) }
  }

  /// /dev/zero takes all that is written and gives back none of it.
  @Test(arguments: [Profile.Stream.Engine.ioUring, .pwrite], ["/dev/zero", "/dev/null"])
  func seesWhatIsLost(_ engine: Profile.Stream.Engine, device: String) throws {
    #expect(symlink(device, directory.path("s.0")) == 0)
    var control = control(engine, size: 8 * 16_384)
    control.header.hasReadBuffer = 1
    control.words.readBack = 2 * 16_384
    let block = try SharedBlock(name: "w", control, path: directory.path("s"))
    try run(block, status: 1)
    let result = block.header.pointee
    #expect(state(block) == .failed && result.failedStep == SharedBlock.Step.verify.rawValue)
    #expect(result.failedErrno == UInt64(EBADMSG))
    // In flight still, so that the record says where.
    let slot = block.slots[Int(control.header.depth)]
    #expect(slot.isTaken && slot.kind == SharedBlock.Kind.read.rawValue && slot.offset == 0)
  }

  // MARK: Files that are there before

  /// A stream of the worker's seed on files of `size` bytes that are there.
  private func prepared(
    _ action: Profile.Stream.Action, _ engine: Profile.Stream.Engine, files: Int = 1, size: UInt64,
    change: (inout Profile.Stream) -> Void = { _ in }
  ) throws -> SharedBlock.Control<StreamWords> {
    var stream = Profile.Stream(name: "s")
    stream.do = action
    stream.engine = engine
    stream.block = 16_384
    stream.depth = 4
    stream.files = files
    stream.fileSize = size
    stream.size = 2 * size
    change(&stream)
    try StreamRunner.prepare(stream, in: directory.root, seeds: [0x5eed])
    var control = StreamRunner.control(stream)
    control.header.seed = 0x5eed
    control.header.logCapacity = 1000
    return control
  }

  private static let readers: [Profile.Stream.Engine] = [.ioUring, .pread, .mmap]

  /// Twice through files whose last block is neither whole nor a multiple of a page.
  @Test(arguments: readers)
  func reads(_ engine: Profile.Stream.Engine) throws {
    let size: UInt64 = 5 * 16_384 + 5000
    let control = try prepared(.read, engine, files: 2, size: size)
    let before = try (0..<2).map { try File.read(directory.path("s.\($0)")) }
    let block = try SharedBlock(name: "r", control, path: directory.path("s"))
    try run(block)
    #expect(isIdle(block) && state(block) == .done)
    // What is read counts, where reading is what it is to do.
    #expect(block.header.pointee.bytes == 2 * size)
    let operations = operations(block)
    #expect(operations.allSatisfy { $0.kind == SharedBlock.Kind.read.rawValue })
    #expect(operations.reduce(0) { $0 + $1.bytes } == 2 * size)
    let short = operations.filter { $0.bytes < 16_384 }
    #expect(short.allSatisfy { $0.file == 1 && $0.offset == 2 * 16_384 } && !short.isEmpty)
    #expect(try (0..<2).map { try File.read(directory.path("s.\($0)")) } == before)
  }

  /// A page that the device gives back of another file, or of another place.
  @Test(arguments: readers, [0, 8])
  func seesWhatIsAnother(_ engine: Profile.Stream.Engine, _ place: Int) throws {
    let control = try prepared(.read, engine, size: 8 * 16_384)
    var bytes = try File.read(directory.path("s.0"))
    bytes[5 * 4096 + place] ^= 1
    try File.write(directory.path("s.0"), bytes)
    let block = try SharedBlock(name: "r", control, path: directory.path("s"))
    try run(block, status: 1)
    let result = block.header.pointee
    #expect(state(block) == .failed && result.failedStep == SharedBlock.Step.verify.rawValue)
    #expect(result.failedErrno == UInt64(EBADMSG))
    #expect(!isIdle(block))
  }

  /// Whole blocks anywhere behind the offset; what is before it stays.
  @Test(arguments: engines)
  func writesAtRandom(_ engine: Profile.Stream.Engine) throws {
    let size: UInt64 = 64 * 16_384
    let control = try prepared(.write, engine, size: size) {
      $0.access = .random
      $0.offset = 16 * 16_384
      $0.size = 200 * 16_384
    }
    let before = try File.read(directory.path("s.0"))
    let block = try SharedBlock(name: "w", control, path: directory.path("s"))
    try run(block)
    let offsets = operations(block).map(\.offset)
    #expect(offsets.count == 200)
    #expect(offsets.allSatisfy { $0.isMultiple(of: 16_384) && $0 >= 16 * 16_384 && $0 < size })
    // Of 48 blocks 200 writes miss each with 0.015: fewer than 40 are seen once in a million times.
    #expect(Set(offsets).count >= 40 && Array(Set(offsets)).sorted() != offsets)
    let after = try File.read(directory.path("s.0"))
    #expect(after.count == before.count)
    for number in 0..<64 {
      let part = number * 16_384..<(number + 1) * 16_384
      #expect((after[part] != before[part]) == offsets.contains(UInt64(part.lowerBound)))
    }
  }

  @Test(arguments: readers)
  func readsAtRandom(_ engine: Profile.Stream.Engine) throws {
    let control = try prepared(.read, engine, size: 32 * 16_384) { $0.access = .random }
    let block = try SharedBlock(name: "r", control, path: directory.path("s"))
    try run(block)
    let offsets = operations(block).map(\.offset)
    #expect(offsets.count == 64 && Set(offsets).count > 16 && offsets.sorted() != offsets)
  }

  @Test(arguments: [Profile.Stream.Engine.copyFileRange, .splice])
  func copies(_ engine: Profile.Stream.Engine) throws {
    let size: UInt64 = 9 * 16_384 + 777
    let control = try prepared(.copy, engine, files: 2, size: size) {
      $0.size = size
      $0.fsync = .end
    }
    let block = try SharedBlock(name: "c", control, path: directory.path("s"))
    try run(block)
    #expect(block.header.pointee.bytes == size)
    let kinds = operations(block).map(\.kind)
    #expect(kinds.count { $0 == SharedBlock.Kind.copy.rawValue } == 10)
    #expect(kinds.count { $0 == SharedBlock.Kind.fsync.rawValue } == 2)
    for file in 0..<2 {
      let path = directory.path("s.\(file)")
      #expect(try File.read(path) == File.read(StreamRunner.copyPath(path)))
    }
  }

  /// The files of another, whose content is not known, from the middle on.
  @Test(arguments: [Profile.Stream.Action.write, .read])
  func takesAnothersFiles(_ action: Profile.Stream.Action) throws {
    _ = try prepared(.write, .pwrite, size: 8 * 16_384) { $0.access = .overwrite }
    let before = try File.read(directory.path("s.0"))
    var stream = Profile.Stream(name: "other")
    stream.do = action
    stream.engine = action == .read ? .pread : .pwrite
    stream.access = action == .read ? .sequential : .overwrite
    (stream.block, stream.size, stream.sharing, stream.offset) = (16_384, 65_536, "s", 65_536)
    #expect(StreamRunner.prefix(stream, in: "/d") == "/d/s")
    var control = StreamRunner.control(stream)
    control.header.seed = 99
    let block = try SharedBlock(name: "o", control, path: directory.path("s"))
    try run(block)
    #expect(operations(block).map(\.offset) == [65_536, 81_920, 98_304, 114_688])
    let after = try File.read(directory.path("s.0"))
    #expect(after[..<65_536] == before[..<65_536])
    #expect((after[65_536...] == before[65_536...]) == (action == .read))
    // Behind the file's end there is nothing.
    control.words.offset = 8 * 16_384
    let none = try SharedBlock(name: "o", control, path: directory.path("s"))
    try run(none, status: 1)
    expectFailure(none, .open, ENODATA)
  }

  // MARK: Past the page cache

  /// Where the tests' files are on a file system that has it.
  @Test(arguments: [Profile.Stream.Engine.ioUring, .pwrite])
  func writesAndReadsDirectly(_ engine: Profile.Stream.Engine) throws {
    var control = try prepared(.write, engine, size: 8 * 16_384) {
      $0.access = .append
      $0.direct = true
      $0.readBack = 65_536
    }
    let block = try SharedBlock(name: "d", control, path: directory.path("s"))
    try directory.write("probe", "")
    if cl_open_direct(directory.path("probe")) == -EINVAL { try Test.cancel("no O_DIRECT here") }
    try run(block)
    #expect(operations(block).contains { $0.kind == SharedBlock.Kind.read.rawValue })
    control.header.size = 16 * 16_384
    try expectStamps(control, 0)
    let reader = try prepared(.read, engine == .pwrite ? .pread : engine, size: 8 * 16_384) {
      $0.direct = true
    }
    let reading = try SharedBlock(name: "d", reader, path: directory.path("s"))
    try run(reading)
    #expect(reading.header.pointee.bytes == 16 * 16_384)
  }

  /// The pages of what has been synced leave the page cache, at the stride that it is told.
  @Test func advisesAway() throws {
    var control = control(.pwrite, size: 16 * 16_384)
    control.words.fsync = 65_536
    control.words.dontneed = 65_536
    let block = try SharedBlock(name: "a", control, path: directory.path("s"))
    try run(block)
    let kinds = operations(block).map(\.kind)
    #expect(kinds.count { $0 == SharedBlock.Kind.advise.rawValue } == 4)
    #expect(kinds.last == SharedBlock.Kind.advise.rawValue)
    try expectStamps(control, 0)
  }

  /// A kernel that does not know the flag says so, whatever the file system.
  @Test func unknownFlag() throws {
    let file = try Descriptor(open: directory.path("f"), O_RDWR | O_CREAT)
    var bytes = [UInt8](repeating: 7, count: 4096)
    let errno = bytes.withUnsafeMutableBytes {
      StreamRunner.writeAll(file.raw, $0.baseAddress!, 4096, 0, flags: 1 << 30)
    }
    #expect(errno == EOPNOTSUPP)
  }

  // MARK: It does not

  private func expectFailure(
    _ block: SharedBlock, _ step: SharedBlock.Step, _ errno: Int32,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let control = block.header.pointee
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
    control.words.preallocate = 1
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

  @Test func noRole() throws {
    let block = try SharedBlock(name: "w", SharedBlock.Control<StreamWords>(), path: "")
    block.header.pointee.role = 99
    try run(block, status: 70)
    #expect(state(block) == .starting)
  }
}
