// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore

/// Does one thing again and again, and times it: drops a file's pages, probes, or asks for huge pages or
/// compaction.
///
/// Rounds begin on a fixed grid of moments; one that takes longer is followed at once, and the beginnings it
/// has missed are not made up.
struct TaskRunner {
  private static let page = 4096
  private static let huge = 2 << 20
  /// The file that probes are written to, bytes.
  private static let probed: UInt64 = 1 << 20
  /// Files are written in blocks of so many bytes.
  static let block: UInt64 = 256 << 10

  private let block: SharedBlock
  private let header: UnsafeMutablePointer<SharedBlock.Header>
  private let task: UnsafeMutablePointer<TaskWords>
  private var operations: OperationLog
  private let action: Profile.Task.Action
  private let state: Profile.Task.State
  private let size: UInt64
  /// The file, and another that is renamed over it; never freed, like the process's other memory.
  private let file: UnsafeMutablePointer<CChar>
  private let other: UnsafeMutablePointer<CChar>
  /// Of the probes' file, or of /proc/sys/vm/compact_memory.
  private var descriptor: Int32 = -1
  private var round: UInt64 = 0

  /// Rounds that may be left unread.
  private static let evidenceRoom: UInt64 = 1024

  /// What a worker is told of a task.
  static func control(_ task: Profile.Task) -> SharedBlock.Control<TaskWords> {
    var control = SharedBlock.Control<TaskWords>()
    control.words.action = task.action.code
    control.words.dropState = task.state.code
    control.header.size = task.size
    control.words.every = task.every
    control.words.roundLimit = UInt64(task.rounds ?? 0)
    control.header.depth = 1
    control.header.logCapacity = SharedBlock.logRoom
    switch task.action {
    case .truncate, .unlink, .rename:
      control.header.block = block
      control.header.evidenceCapacity = evidenceRoom
    case .probe: control.header.block = task.size
    case .compact, .huge: break
    }
    return control
  }

  init(block: SharedBlock) {
    self.block = block
    header = block.header
    task = block.words()
    operations = OperationLog(block)
    action = .init(code: task.pointee.action)
    state = .init(code: task.pointee.dropState)
    size = header.pointee.size
    file = Self.path(block, 0)
    other = Self.path(block, 1)
  }

  private static func path(_ block: SharedBlock, _ index: Int) -> UnsafeMutablePointer<CChar> {
    guard let copy = strdup(StreamRunner.path(block.path, index)) else {
      Worker.fail(block.header, .open, ENOMEM)
    }
    return copy
  }

  mutating func run() -> Never {
    prepare()
    Worker.awaitStart(header)
    var due = cl_boottime()
    cl_store(&header.pointee.firstStart, due)
    let every = task.pointee.every
    let rounds = task.pointee.roundLimit
    while cl_load(&header.pointee.stop) == 0 {
      if cl_boottime() < due {
        header.pointee.paced &+= 1
        cl_sleep_until(due)
        continue
      }
      // The latest of the beginnings that are over.
      due &+= (cl_boottime() &- due) / every &* every
      perform()
      round &+= 1
      cl_store(&task.pointee.rounds, round)
      if rounds > 0, round == rounds { break }
      due &+= every
    }
    cl_store(&header.pointee.state, SharedBlock.State.done.rawValue)
    exit(0)
  }

  /// What must be there before the start: it is neither timed nor made while the disk is slow.
  private mutating func prepare() {
    var random = SplitMix64(seed: header.pointee.seed)
    let words = block.buffer(0).assumingMemoryBound(to: UInt64.self)
    for i in 0..<Int(header.pointee.block / 8) { words[i] = random.next() }
    switch action {
    case .probe:
      // Whole before the first probe, so that all of them write over blocks that the file has.
      descriptor = create(file)
      write(descriptor, to: max(Self.probed, size))
      sync(descriptor)
    case .compact:
      let path = "/proc/sys/vm/compact_memory"
      descriptor = succeed(
        attemptErrno(Int(open(path, O_WRONLY | O_CLOEXEC)), path, "open"), .open)
    case .truncate, .unlink, .rename, .huge: break
    }
  }

  private mutating func perform() {
    switch action {
    case .truncate, .unlink, .rename: drop()
    case .probe: probe()
    case .huge: touchHuge()
    case .compact:
      operations.begin(0, .compact, bytes: 0)
      succeed(attemptErrno(Glibc.write(descriptor, "1", 1), "task", "compact"), .write)
      operations.finish(0, at: cl_boottime())
    }
  }

  // MARK: Files

  /// What a call answered, unless it failed: then the worker ends.
  @discardableResult
  private func succeed(_ result: Int, _ step: SharedBlock.Step) -> Int32 {
    if result < 0 { Worker.fail(header, step, Int32(-result)) }
    return Int32(truncatingIfNeeded: result)
  }

  private func create(_ path: UnsafeMutablePointer<CChar>) -> Int32 {
    let flags = O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC
    return succeed(
      attemptErrno(Int(open(path, flags, 0o644)), String(cString: path), "open"), .open)
  }

  private func sync(_ fd: Int32) {
    succeed(attemptErrno(Int(fsync(fd)), "task", "fsync"), .fsync)
  }

  /// Writes a file from its beginning to `end`, each page unlike every other.
  private func write(_ fd: Int32, to end: UInt64) {
    var offset: UInt64 = 0
    while offset < end {
      let length = min(header.pointee.block, end - offset)
      writeBlock(fd, offset, length)
      offset += length
    }
  }

  private func writeBlock(_ fd: Int32, _ offset: UInt64, _ length: UInt64) {
    let buffer = block.buffer(0)
    for page in stride(from: 0, to: Int(length) - 15, by: Self.page) {
      buffer.storeBytes(of: round, toByteOffset: page, as: UInt64.self)
      buffer.storeBytes(of: offset &+ UInt64(page), toByteOffset: page + 8, as: UInt64.self)
    }
    let errno = StreamRunner.writeAll(fd, buffer, Int(length), offset)
    if errno != 0 { Worker.fail(header, .write, errno) }
  }

  /// Brings a file's pages into the state asked for, and drops them: that alone is timed.
  ///
  /// - `delayed`: written, and nothing more.
  /// - `allocated`: written, synced, and written over. btrfs writes each time to other blocks: there this is
  ///   delayed allocation again.
  /// - `writeback`: written, and I/O of all of it started but not waited for (sync_file_range(2)).
  ///
  /// Pages go when the last name and the last descriptor have gone: unlink and rename are timed with the
  /// close.
  private mutating func drop() {
    let fd = create(file)
    write(fd, to: size)
    switch state {
    case .delayed: break
    case .allocated:
      sync(fd)
      write(fd, to: size)
    case .writeback:
      succeed(Int(attempt(cl_start_writeback(fd), "task", "sync_file_range")), .syncFileRange)
    }
    if action == .rename { close(create(other)) }
    takeEvidence(fd)
    switch action {
    case .unlink:
      operations.begin(0, .unlink, bytes: size)
      succeed(attemptErrno(Int(unlink(file)), "task", "unlink"), .unlink)
      close(fd)
      operations.finish(0, at: cl_boottime())
    case .rename:
      operations.begin(0, .rename, bytes: size)
      succeed(attemptErrno(Int(rename(other, file)), "task", "rename"), .rename)
      close(fd)
      operations.finish(0, at: cl_boottime())
    default:
      operations.begin(0, .truncate, bytes: size)
      succeed(attemptErrno(Int(ftruncate(fd, 0)), "task", "ftruncate"), .truncate)
      operations.finish(0, at: cl_boottime())
      close(fd)
    }
  }

  /// What the file's blocks and pages are just before they are dropped.
  ///
  /// btrfs tells of blocks as they were before what is dirty or under I/O: of an overwritten file the old
  /// ones, of a new one delayed ones until its I/O has ended. The pages tell there.
  private func takeEvidence(_ fd: Int32) {
    var evidence = SharedBlock.Evidence(round: round)
    var extents = cl_extents()
    if attempt(cl_fiemap(fd, &extents), "task", "FS_IOC_FIEMAP") == 0 {
      evidence.extents = extents.count
      evidence.delayed = extents.delayed
      evidence.unwritten = extents.unwritten
    }
    // Last, since I/O goes on meanwhile.
    var pages = cl_pages()
    if attempt(cl_cachestat(fd, &pages), "task", "cachestat") == 0 {
      evidence.dirty = pages.dirty
      evidence.writeback = pages.writeback
    }
    evidence.time = cl_boottime()
    let ring = block.evidenceRing
    if let place = ring.next {
      block.evidence[place] = evidence
      ring.fill()
    } else {
      header.pointee.evidenceLost &+= 1
    }
  }

  // MARK: Probes

  /// One small write and its fsync, and one page of memory.
  private mutating func probe() {
    let offset = round % (max(Self.probed, size) / size) * size
    operations.begin(0, .write, bytes: size, offset: offset)
    writeBlock(descriptor, offset, size)
    operations.finish(0, at: cl_boottime())
    operations.begin(0, .fsync, bytes: 0)
    sync(descriptor)
    operations.finish(0, at: cl_boottime())
    let memory = map(Self.page)
    operations.begin(0, .fault, bytes: UInt64(Self.page))
    memory.storeBytes(of: round, as: UInt64.self)
    operations.finish(0, at: cl_boottime())
    munmap(memory, Self.page)
  }

  private func map(_ length: Int) -> UnsafeMutableRawPointer {
    switch attemptMap(length, MAP_PRIVATE | MAP_ANONYMOUS, "task") {
    case .success(let mapped): return mapped
    case .failure(let errno): Worker.fail(header, .map, errno.rawValue)
    }
  }

  /// Touches each huge page of a fresh mapping once. The kernel may give small ones: vmstat's thp_fault_alloc
  /// and thp_fault_fallback tell.
  private mutating func touchHuge() {
    // More than an address space has is refused by mmap(2).
    let length = (Int(min(size, 1 << 60)) + Self.huge - 1) / Self.huge * Self.huge
    let mapped = map(length + Self.huge)
    let start = mapped.alignedUp(toMultipleOf: Self.huge)
    succeed(attemptErrno(Int(madvise(start, length, MADV_HUGEPAGE)), "task", "madvise"), .advise)
    for offset in stride(from: 0, to: length, by: Self.huge) {
      operations.begin(0, .huge, bytes: UInt64(Self.huge), offset: UInt64(offset))
      (start + offset).storeBytes(of: round, as: UInt64.self)
      operations.finish(0, at: cl_boottime())
    }
    munmap(mapped, length + Self.huge)
  }
}
