// SPDX-License-Identifier: Apache-2.0
import CLinux
import CUring
import Glibc
import StressCore

/// Writes a stream of blocks, round robin over its files, with one of three engines.
///
/// Latency is from submission to completion, CLOCK_BOOTTIME; of a write that has a rate to keep to, from when
/// that wanted it (unless `pace` is closed). For io_uring it includes the time an operation queues behind
/// others: ext4 hashes buffered writes of one inode onto one io-wq worker.
struct StreamWriter {
  private let block: SharedBlock
  private let header: UnsafeMutablePointer<SharedBlock.Header>
  private let stream: UnsafeMutablePointer<StreamWords>
  private var operations: OperationLog
  private let depth: Int
  private let blockSize: UInt64
  private let files: Int
  /// A file's writes are followed by something: they must be counted.
  private let isCounted: Bool
  private let isOpen: Bool
  private let sync: Profile.Stream.SyncCall
  /// The files. Like all else that the writer needs, never freed: it ends with
  /// the process.
  private let table: UnsafeMutablePointer<Output>
  private var nextFile = 0
  private var issued: UInt64 = 0
  private var sinceSync: UInt64 = 0
  private var syncIsDue = false
  /// The file that is to be read back; -1: none.
  private var fileToRead = -1
  private var beganAt: UInt64 = 0
  /// When the next write is wanted, CLOCK_BOOTTIME in ns; nil: as soon as can be, or nobody asks.
  private var wantedAt: UInt64?

  private struct Output {
    var descriptor: Int32
    /// Of the next write.
    var offset: UInt64 = 0
    /// Where offsets begin from 0 again: the length of a file that is written over.
    var end = UInt64.max
    /// Bytes written since the last sync, and since the last read-back.
    var unsynced: UInt64 = 0
    var unread: UInt64 = 0
  }

  init(block: SharedBlock) {
    header = block.header
    stream = block.words()
    operations = OperationLog(block)
    depth = Int(block.header.pointee.depth)
    blockSize = block.header.pointee.block
    files = Int(stream.pointee.files)
    isCounted = stream.pointee.fsync > 0 || stream.pointee.readBack > 0
    isOpen = stream.pointee.closed == 0
    sync = .init(code: stream.pointee.sync)
    table = .allocate(capacity: files)
    self.block = block
  }

  private func key(_ file: Int) -> UInt64 { header.pointee.seed ^ UInt64(file) }

  // MARK: Its life

  mutating func run() -> Never {
    var random = SplitMix64(seed: header.pointee.seed)
    for slot in 0..<depth {
      StreamContent.fill(
        UnsafeMutableRawBufferPointer(start: block.buffer(slot), count: Int(blockSize)),
        zeros: Int(stream.pointee.compressible), &random)
    }
    var paths: [[CChar]] = []
    for i in 0..<files { paths.append(Array(Self.path(block.path, i).utf8CString)) }

    let engine = Profile.Stream.Engine(code: stream.pointee.engine)
    let ring = engine == .ioUring ? makeRing() : nil
    Worker.awaitStart(header)
    // Opened after the delay: a file's first dirty page comes after the pin, as in a backup.
    let overwrites = stream.pointee.overwrite != 0
    let flags =
      O_RDWR | O_CLOEXEC | (overwrites ? 0 : O_CREAT | O_TRUNC)
      | (sync == .dsync ? O_DSYNC : 0)
    for i in 0..<files {
      let opened = attemptErrno(Int(open(paths[i], flags, 0o644)), "stream", "open")
      if opened < 0 { Worker.fail(header, .open, Int32(-opened)) }
      let fd = Int32(opened)
      (table + i).initialize(to: Output(descriptor: fd))
      let share = Profile.Stream.share(of: header.pointee.size, block: blockSize, i, of: files)
      if overwrites, share > 0 { (table + i).pointee.end = length(of: fd) }
      if stream.pointee.preallocate != 0, share > 0 {
        let result = attempt(cl_fallocate(fd, 0, Int64(share)), "stream", "fallocate")
        if result < 0 { Worker.fail(header, .preallocate, -result) }
      }
    }
    beganAt = cl_boottime()
    cl_store(&header.pointee.firstStart, beganAt)
    switch engine {
    case .ioUring: if let ring { runRing(ring) }
    case .pwrite:
      runSynchronous { [block] fd, slot, offset, length in
        Self.pwriteAll(fd, block.buffer(slot), Int(length), offset)
      }
    case .mmap: runMapped()
    }
    if stream.pointee.fsync == 1 { syncAll() }
    cl_store(&header.pointee.state, SharedBlock.State.done.rawValue)
    exit(0)
  }

  /// Of a file that is to be written over.
  private func length(of fd: Int32) -> UInt64 {
    var info = stat()
    let result = attemptErrno(Int(fstat(fd, &info)), "stream", "fstat")
    if result < 0 { Worker.fail(header, .open, Int32(-result)) }
    if info.st_size == 0 { Worker.fail(header, .open, ENODATA) }
    return UInt64(info.st_size)
  }

  // MARK: What is next

  private struct Next {
    var file: Int
    var offset: UInt64
    var length: UInt32
  }

  /// The next block, nil when the stream's size is reached or the supervisor says stop.
  private mutating func take() -> Next? {
    if cl_load(&header.pointee.stop) != 0 { return nil }
    var length = blockSize
    if header.pointee.size > 0 {
      if issued >= header.pointee.size { return nil }
      length = min(length, header.pointee.size - issued)
    }
    let output = table + nextFile
    let offset = output.pointee.offset
    length = min(length, output.pointee.end - offset)
    let next = Next(
      file: nextFile, offset: offset, length: UInt32(truncatingIfNeeded: length))
    output.pointee.offset = offset + length == output.pointee.end ? 0 : offset + length
    issued += length
    nextFile += 1
    if nextFile == files { nextFile = 0 }
    return next
  }

  /// How long the stream's rate makes the next block wait, ns; 0: it is due. The schedule is absolute, so
  /// time lost in a stall is caught up with.
  private mutating func untilDue() -> UInt64 {
    let rate = stream.pointee.rate
    guard rate > 0 else { return 0 }
    let due = beganAt + UInt64(Double(issued) / Double(rate) * 1e9)
    if isOpen { wantedAt = due }
    let now = cl_boottime()
    return due > now ? due - now : 0
  }

  private func stamp(_ slot: Int, _ next: Next) {
    StreamContent.stamp(
      UnsafeMutableRawBufferPointer(start: block.buffer(slot), count: Int(next.length)),
      key(next.file), next.offset)
  }

  // MARK: What follows a write

  /// Counts a write that is being issued. True when something is due after it with no write in flight.
  private mutating func isToPause(after next: Next) -> Bool {
    guard isCounted else { return false }
    let length = UInt64(next.length)
    let output = table + next.file
    output.pointee.unsynced += length
    output.pointee.unread += length
    sinceSync += length
    syncIsDue = stream.pointee.fsync > 1 && sinceSync >= stream.pointee.fsync
    if stream.pointee.readBack > 0, output.pointee.unread >= stream.pointee.readBack {
      fileToRead = next.file
    }
    return syncIsDue || fileToRead >= 0
  }

  /// Does what is due.
  private mutating func pause() {
    if syncIsDue {
      syncAll()
      syncIsDue = false
      sinceSync = 0
    }
    if fileToRead >= 0 {
      readBack(fileToRead)
      fileToRead = -1
    }
  }

  private mutating func syncAll() {
    for file in 0..<files {
      let output = table + file
      let fd = output.pointee.descriptor
      // Of a file that has not been written to since there is no range.
      if sync == .syncFileRange, output.pointee.unsynced == 0 { continue }
      operations.begin(depth, .fsync, bytes: 0, file: file)
      switch sync {
      case .fdatasync:
        let result = attemptErrno(Int(Glibc.fdatasync(fd)), "stream", "fdatasync")
        if result < 0 { Worker.fail(header, .fdatasync, Int32(-result)) }
      case .syncFileRange:
        let (first, second) = lastWritten(file, output.pointee.unsynced)
        syncRange(fd, first)
        syncRange(fd, second)
      case .fsync, .dsync:
        let result = attemptErrno(Int(Glibc.fsync(fd)), "stream", "fsync")
        if result < 0 { Worker.fail(header, .fsync, Int32(-result)) }
      }
      operations.finish(depth, at: cl_boottime())
      output.pointee.unsynced = 0
    }
  }

  private func syncRange(_ fd: Int32, _ range: Range<UInt64>) {
    if range.isEmpty { return }
    let result = attempt(
      cl_sync_file_range(fd, Int64(range.lowerBound), Int64(range.count)), "stream",
      "sync_file_range")
    if result < 0 { Worker.fail(header, .syncFileRange, -result) }
  }

  /// Where the last `count` bytes of a file went: two ranges, of which the first is empty unless offsets have
  /// begun from 0 again meanwhile.
  private func lastWritten(
    _ file: Int, _ count: UInt64
  ) -> (Range<UInt64>, Range<UInt64>) {
    let output = table[file]
    let count = min(count, output.end)
    if count <= output.offset { return (0..<0, output.offset - count..<output.offset) }
    return (output.end - (count - output.offset)..<output.end, 0..<output.offset)
  }

  private mutating func readBack(_ file: Int) {
    let (first, second) = lastWritten(file, table[file].unread)
    table[file].unread = 0
    readBack(file, first)
    readBack(file, second)
  }

  /// Reads what was written block by block, and compares the stamps.
  private mutating func readBack(_ file: Int, _ range: Range<UInt64>) {
    var offset = range.lowerBound
    while offset < range.upperBound {
      // Stamps are counted from the beginning of a block, which a range may begin within when a short last
      // write has begun from 0 again.
      let inBlock = offset % blockSize
      let length = min(blockSize - inBlock, range.upperBound - offset)
      let lead = -Int(inBlock) & (StreamContent.pageSize - 1)
      operations.begin(depth, .read, bytes: length, file: file, offset: offset)
      let buffer = UnsafeMutableRawBufferPointer(start: block.readBuffer, count: Int(length))
      let errno = Self.preadAll(table[file].descriptor, buffer, offset)
      if errno != 0 { Worker.fail(header, .read, errno) }
      let now = cl_boottime()
      // Still in flight: what does not compare can be found in the record, with its place.
      if !StreamContent.isStamped(UnsafeRawBufferPointer(buffer), key(file), offset, lead: lead) {
        Worker.fail(header, .verify, EBADMSG)
      }
      operations.finish(depth, at: now)
      offset += length
    }
  }

  /// pread(2) until all is read; what a file lacks at its end is read as zeros. Returns 0 or an errno.
  private static func preadAll(
    _ fd: Int32, _ buffer: UnsafeMutableRawBufferPointer, _ offset: UInt64
  ) -> Int32 {
    var done = 0
    while done < buffer.count, let start = buffer.baseAddress {
      let got = attemptErrno(
        Glibc.pread(fd, start + done, buffer.count - done, off_t(offset) + off_t(done)), "stream",
        "pread")
      if got == -Int(EINTR) { continue }
      if got < 0 { return Int32(-got) }
      if got == 0 {
        memset(start + done, 0, buffer.count - done)
        return 0
      }
      done += got
    }
    return 0
  }

  // MARK: Engines

  private mutating func runSynchronous(
    _ write: (_ fd: Int32, _ slot: Int, _ offset: UInt64, _ length: UInt32) -> Int32
  ) {
    while true {
      let wait = untilDue()
      if wait > 0 {
        header.pointee.paced += 1
        cl_sleep_until(cl_boottime() + wait)
      }
      guard let next = take() else { return }
      stamp(0, next)
      operations.begin(
        0, .write, bytes: UInt64(next.length), file: next.file, offset: next.offset, due: wantedAt)
      let errno = write(table[next.file].descriptor, 0, next.offset, next.length)
      if errno != 0 { Worker.fail(header, .write, errno) }
      operations.finish(0, at: cl_boottime())
      if isToPause(after: next) { pause() }
    }
  }

  /// pwrite(2) until all is written. Returns 0 or an errno.
  static func pwriteAll(
    _ fd: Int32, _ buffer: UnsafeMutableRawPointer, _ length: Int, _ offset: UInt64
  ) -> Int32 {
    var done = 0
    while done < length {
      let wrote = attemptErrno(
        Glibc.pwrite(fd, buffer + done, length - done, off_t(offset) + off_t(done)), "worker",
        "pwrite")
      if wrote == -Int(EINTR) { continue }
      if wrote < 0 { return Int32(-wrote) }
      // It would be tried again for ever: as with io_uring, the device is full in the kernel's eyes.
      if wrote == 0 { return ENOSPC }
      done += wrote
    }
    return 0
  }

  /// Dirties through a shared mapping: the file grows sparse first, blocks come with the faults.
  private mutating func runMapped() {
    // A file that is written over, or was preallocated, has its length already.
    let grows = stream.pointee.overwrite == 0 && stream.pointee.preallocate == 0
    runSynchronous { [block] fd, slot, offset, length in
      if grows {
        let result = attemptErrno(
          Int(ftruncate(fd, off_t(offset) + off_t(length))), "stream", "ftruncate")
        if result < 0 { return Int32(-result) }
      }
      // The mapping must begin on a page; a block does when it is a multiple of 4 KiB.
      let lead = Int(offset % 4096)
      let mapped: UnsafeMutableRawPointer
      switch attemptMap(
        Int(length) + lead, MAP_SHARED, of: fd, from: off_t(offset) - off_t(lead), "stream")
      {
      case .success(let start): mapped = start
      case .failure(let errno): return errno.rawValue
      }
      (mapped + lead).copyMemory(from: block.buffer(slot), byteCount: Int(length))
      return Int32(-attemptErrno(Int(munmap(mapped, Int(length) + lead)), "stream", "munmap"))
    }
  }

  // MARK: io_uring

  /// A ring, and what it takes to keep it busy; for as long as the process lives.
  private struct Ring {
    let handle: OpaquePointer
    /// Completions come when asked for, those of inline writes first.
    let isDeferred: Bool
    let completions: UnsafeMutablePointer<cu_completion>
    /// Of each slot: what of its write is still to come.
    let pending: UnsafeMutablePointer<Pending>
    /// The free slots are the first `freeCount` of these; the one used last is used next, while its buffer
    /// is in the cache.
    let free: UnsafeMutablePointer<Int32>
    var freeCount: Int
  }

  /// What of a slot's write is still to come: a short write is continued.
  private struct Pending {
    var file: Int32
    var length: UInt32
    var done: UInt32
    var offset: UInt64
  }

  private func makeRing() -> Ring {
    var handle: OpaquePointer?
    var isDeferred: Int32 = 0
    let result = attempt(
      cu_ring_create(UInt32(depth), &handle, &isDeferred), "stream", "io_uring_queue_init")
    guard result == 0, let handle else { Worker.fail(header, .ring, -result) }
    let ring = Ring(
      handle: handle, isDeferred: isDeferred != 0, completions: .allocate(capacity: depth),
      pending: .allocate(capacity: depth), free: .allocate(capacity: depth), freeCount: depth)
    // Touched here: nothing is to be charged to the cgroup later.
    ring.completions.initialize(repeating: cu_completion(), count: depth)
    ring.pending.initialize(
      repeating: Pending(file: 0, length: 0, done: 0, offset: 0), count: depth)
    for slot in 0..<depth { (ring.free + slot).initialize(to: Int32(depth - 1 - slot)) }
    return ring
  }

  private mutating func runRing(_ ring: Ring) {
    var ring = ring
    var ended = false
    var drains = false
    while true {
      var wait: UInt64 = 0
      while ring.freeCount > 0, !ended, !drains {
        wait = untilDue()
        if wait > 0 { break }
        guard let next = take() else {
          ended = true
          break
        }
        ring.freeCount -= 1
        let slot = Int(ring.free[ring.freeCount])
        stamp(slot, next)
        ring.pending[slot] = Pending(
          file: Int32(truncatingIfNeeded: next.file), length: next.length, done: 0,
          offset: next.offset)
        drains = isToPause(after: next)
        // The last one that fits is submitted and waited after in a single call. With one file, writes
        // that were punted end in their order (they are hashed onto one worker by inode), so that if this
        // one is the first to be done, it was done inline.
        let waits = ring.freeCount == 0 && files == 1 && depth > 1 && ring.isDeferred
        operations.begin(
          slot, .write, bytes: UInt64(next.length), file: next.file, offset: next.offset,
          due: wantedAt)
        submit(ring, slot, waitFor: waits ? 1 : 0)
        // At once, so that a write done inline is stamped when it is done, and counted as what it was.
        if reap(&ring, submitted: slot, mustBeFirst: waits) {
          stream.pointee.inline &+= 1
        } else {
          stream.pointee.punted &+= 1
        }
      }
      if ring.freeCount == depth {
        if drains {
          drains = false
          pause()
          continue
        }
        if wait == 0 { return }
      }
      if wait > 0 { header.pointee.paced += 1 }
      // A completion ends the wait for the next block's time: it is not to be stamped late.
      let result = attempt(
        wait > 0 ? cu_wait(ring.handle, wait) : cu_submit(ring.handle, 1), "stream",
        "io_uring_enter")
      if result < 0, result != -EINTR, result != -ETIME { Worker.fail(header, .submit, -result) }
      reap(&ring, submitted: -1, mustBeFirst: false)
    }
  }

  /// Takes the completions that are there; no system call, but for what must be continued.
  ///
  /// - Parameters:
  ///   - submitted: the slot submitted just now. Its write was done inline if its completion is here
  ///     already, else punted to an io-wq worker (a punted one that is done before the system call has
  ///     returned counts as inline).
  ///   - mustBeFirst: it was done inline only if its completion is the first.
  /// - Returns: whether the write submitted just now was done inline.
  @discardableResult
  private mutating func reap(_ ring: inout Ring, submitted: Int, mustBeFirst: Bool) -> Bool {
    let count = Int(cu_reap(ring.handle, ring.completions, UInt32(truncatingIfNeeded: depth)))
    if count == 0 { return false }
    let now = cl_boottime()
    var isInline = false
    for i in 0..<count {
      let slot = Int(truncatingIfNeeded: ring.completions[i].user_data)
      let result = ring.completions[i].result
      if slot == submitted, i == 0 || !mustBeFirst { isInline = true }
      if result == -EINTR || result == -EAGAIN {
        submit(ring, slot, waitFor: 0)
        continue
      }
      if result < 0 { Worker.fail(header, .write, -result) }
      ring.pending[slot].done &+= UInt32(truncatingIfNeeded: result)
      if ring.pending[slot].done < ring.pending[slot].length {
        // A write of nothing would be continued for ever; the device is full in the kernel's eyes.
        if result == 0 { Worker.fail(header, .write, ENOSPC) }
        submit(ring, slot, waitFor: 0)
        continue
      }
      operations.finish(slot, at: now)
      ring.free[ring.freeCount] = Int32(truncatingIfNeeded: slot)
      ring.freeCount &+= 1
    }
    return isInline
  }

  /// Submits what remains of a slot's write.
  ///
  /// - Parameter count: completions to wait for.
  private func submit(_ ring: Ring, _ slot: Int, waitFor count: UInt32) {
    let what = ring.pending[slot]
    let queued = cu_queue_write(
      ring.handle, table[Int(what.file)].descriptor, block.buffer(slot) + Int(what.done),
      what.length &- what.done, what.offset &+ UInt64(what.done), UInt64(slot))
    if queued < 0 { Worker.fail(header, .submit, -queued) }
    while true {
      let result = attempt(cu_submit(ring.handle, count), "stream", "io_uring_submit")
      if result >= 0 { return }
      switch -result {
      case EINTR: continue
      // The kernel has no memory for the request just now: part of what is measured, not the end of it.
      case EAGAIN: cl_sleep_until(cl_boottime() + 1_000_000)
      case let errno: Worker.fail(header, .submit, errno)
      }
    }
  }
}
