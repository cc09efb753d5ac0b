import CLinux
import CUring
import Glibc

/// Writes a stream of blocks, round robin over its files, with one of three engines.
///
/// Latency is from submission to completion, CLOCK_BOOTTIME. For io_uring that includes the time an
/// operation queues behind others: ext4 hashes buffered writes of one inode onto one io-wq worker.
struct StreamWriter {
  private let block: SharedBlock
  private let control: UnsafeMutablePointer<SharedBlock.Control>
  private var operations: OperationLog
  private let depth: Int
  private let blockSize: UInt64
  private let files: Int
  /// The files: descriptor and next offset. Like all else that the writer needs, never freed: it ends with
  /// the process.
  private let table: UnsafeMutablePointer<Output>
  private var nextFile = 0
  private var issued: UInt64 = 0
  private var sinceSync: UInt64 = 0
  private var beganAt: UInt64 = 0

  private struct Output {
    var descriptor: Int32
    var offset: UInt64
  }

  init(block: SharedBlock) {
    control = block.control
    operations = OperationLog(block)
    depth = Int(block.control.pointee.depth)
    blockSize = block.control.pointee.block
    files = Int(block.control.pointee.files)
    table = .allocate(capacity: files)
    self.block = block
  }

  /// The path of file `index` of a stream whose files begin with `prefix`.
  static func path(_ prefix: String, _ index: Int) -> String { "\(prefix).\(index)" }

  mutating func run() -> Never {
    var random = SplitMix64(seed: control.pointee.seed)
    for slot in 0..<depth {
      let words = block.buffer(slot).assumingMemoryBound(to: UInt64.self)
      for i in 0..<Int(blockSize / 8) { words[i] = random.next() }
    }
    var paths: [[CChar]] = []
    for i in 0..<files { paths.append(Array(Self.path(block.path, i).utf8CString)) }

    let engine = control.pointee.engine
    let ring = engine == EngineCode.ioUring ? makeRing() : nil
    Worker.awaitStart(control)
    // Opened after the delay: a file's first dirty page comes after the pin, as in a backup.
    for i in 0..<files {
      let fd = open(paths[i], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
      if fd < 0 { Worker.fail(control, .open, cl_errno()) }
      (table + i).initialize(to: Output(descriptor: fd, offset: 0))
      let share = share(i)
      if control.pointee.preallocate != 0, share > 0 {
        let result = cl_fallocate(fd, 0, Int64(share))
        if result < 0 { Worker.fail(control, .preallocate, -result) }
      }
    }
    beganAt = cl_boottime()
    cl_store(&control.pointee.firstStart, beganAt)
    if let ring {
      runRing(ring)
    } else if engine == EngineCode.pwrite {
      runSynchronous { [block] fd, slot, offset, length in
        Self.pwriteAll(fd, block.buffer(slot), length, offset)
      }
    } else {
      runMapped()
    }
    if control.pointee.fsync == 1 { syncAll() }
    cl_store(&control.pointee.state, SharedBlock.State.done.rawValue)
    exit(0)
  }

  /// Bytes that file `index` will have: its share of the blocks, which go round.
  private func share(_ index: Int) -> UInt64 {
    let (whole, rest) = control.pointee.size.quotientAndRemainder(dividingBy: blockSize)
    let (rounds, first) = whole.quotientAndRemainder(dividingBy: UInt64(files))
    let blocks = rounds + (index < first ? 1 : 0)
    return blocks * blockSize + (index == first ? rest : 0)
  }

  /// Numbers of the engines in the shared block.
  enum EngineCode {
    static let ioUring: UInt64 = 0
    static let pwrite: UInt64 = 1
    static let mmap: UInt64 = 2
  }

  // MARK: What is next

  private struct Next {
    var file: Int
    var offset: UInt64
    var length: UInt32
  }

  /// The next block, nil when the stream's size is reached or the supervisor says stop.
  private mutating func take() -> Next? {
    if cl_load(&control.pointee.stop) != 0 { return nil }
    var length = blockSize
    if control.pointee.size > 0 {
      if issued >= control.pointee.size { return nil }
      length = min(length, control.pointee.size - issued)
    }
    let next = Next(
      file: nextFile, offset: table[nextFile].offset,
      length: UInt32(truncatingIfNeeded: length))
    table[nextFile].offset += length
    issued += length
    nextFile += 1
    if nextFile == files { nextFile = 0 }
    return next
  }

  /// How long the stream's rate makes the next block wait, ns; 0: it is due. The schedule is absolute, so
  /// time lost in a stall is caught up with.
  private func untilDue() -> UInt64 {
    let rate = control.pointee.rate
    guard rate > 0 else { return 0 }
    let due = beganAt + UInt64(Double(issued) / Double(rate) * 1e9)
    let now = cl_boottime()
    return due > now ? due - now : 0
  }

  /// Makes every page of a block unlike every other of the stream, at the cost of two words a page.
  private func stamp(_ slot: Int, _ next: Next) {
    let buffer = block.buffer(slot)
    for page in stride(from: 0, to: Int(next.length) - 15, by: 4096) {
      buffer.storeBytes(
        of: control.pointee.seed ^ UInt64(next.file), toByteOffset: page, as: UInt64.self)
      buffer.storeBytes(
        of: next.offset + UInt64(page), toByteOffset: page + 8, as: UInt64.self)
    }
  }

  // MARK: What happened

  private mutating func syncAll() {
    for file in 0..<files {
      operations.begin(depth, .fsync, bytes: 0, file: file)
      if Glibc.fsync(table[file].descriptor) < 0 { Worker.fail(control, .fsync, cl_errno()) }
      operations.finish(depth, at: cl_boottime())
    }
  }

  /// True when `fsync: SIZE` asks for one now.
  private mutating func syncIsDue(_ length: UInt64) -> Bool {
    guard control.pointee.fsync > 1 else { return false }
    sinceSync += length
    guard sinceSync >= control.pointee.fsync else { return false }
    sinceSync = 0
    return true
  }

  // MARK: Engines

  private mutating func runSynchronous(
    _ write: (_ fd: Int32, _ slot: Int, _ offset: UInt64, _ length: UInt32) -> Int32
  ) {
    while true {
      let wait = untilDue()
      if wait > 0 {
        control.pointee.paced += 1
        cl_sleep_until(cl_boottime() + wait)
      }
      guard let next = take() else { return }
      stamp(0, next)
      operations.begin(
        0, .write, bytes: UInt64(next.length), file: next.file, offset: next.offset)
      let errno = write(table[next.file].descriptor, 0, next.offset, next.length)
      if errno != 0 { Worker.fail(control, .write, errno) }
      operations.finish(0, at: cl_boottime())
      if syncIsDue(UInt64(next.length)) { syncAll() }
    }
  }

  /// pwrite(2) until all is written. Returns 0 or an errno.
  private static func pwriteAll(
    _ fd: Int32, _ buffer: UnsafeMutableRawPointer, _ length: UInt32, _ offset: UInt64
  ) -> Int32 {
    var done = 0
    while done < Int(length) {
      let wrote = Glibc.pwrite(fd, buffer + done, Int(length) - done, off_t(offset) + off_t(done))
      if wrote < 0 {
        if cl_errno() == EINTR { continue }
        return cl_errno()
      }
      done += wrote
    }
    return 0
  }

  /// Dirties through a shared mapping: the file grows sparse first, blocks come with the faults.
  private mutating func runMapped() {
    runSynchronous { [block] fd, slot, offset, length in
      if ftruncate(fd, off_t(offset) + off_t(length)) < 0 { return cl_errno() }
      // The mapping must begin on a page; a block does when it is a multiple of 4 KiB.
      let lead = Int(offset % 4096)
      let mapped = Glibc.mmap(
        nil, Int(length) + lead, PROT_READ | PROT_WRITE, MAP_SHARED, fd, off_t(offset) - off_t(lead)
      )
      guard let mapped, mapped != MAP_FAILED else { return cl_errno() }
      (mapped + lead).copyMemory(from: block.buffer(slot), byteCount: Int(length))
      return munmap(mapped, Int(length) + lead) < 0 ? cl_errno() : 0
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
    let result = cu_ring_create(UInt32(depth), &handle, &isDeferred)
    guard result == 0, let handle else { Worker.fail(control, .ring, -result) }
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
    var drainForSync = false
    while true {
      var wait: UInt64 = 0
      while ring.freeCount > 0, !ended, !drainForSync {
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
        drainForSync = syncIsDue(UInt64(next.length))
        // The last one that fits is submitted and waited after in a single call. With one file, writes
        // that were punted end in their order (they are hashed onto one worker by inode), so that if this
        // one is the first to be done, it was done inline.
        let waits = ring.freeCount == 0 && files == 1 && depth > 1 && ring.isDeferred
        operations.begin(
          slot, .write, bytes: UInt64(next.length), file: next.file, offset: next.offset)
        submit(ring, slot, waitFor: waits ? 1 : 0)
        // At once, so that a write done inline is stamped when it is done, and counted as what it was.
        if reap(&ring, submitted: slot, mustBeFirst: waits) {
          control.pointee.inline &+= 1
        } else {
          control.pointee.punted &+= 1
        }
      }
      if ring.freeCount == depth {
        if drainForSync {
          drainForSync = false
          syncAll()
          continue
        }
        if wait == 0 { return }
      }
      if wait > 0 { control.pointee.paced += 1 }
      // A completion ends the wait for the next block's time: it is not to be stamped late.
      let result = wait > 0 ? cu_wait(ring.handle, wait) : cu_submit(ring.handle, 1)
      if result < 0, result != -EINTR, result != -ETIME { Worker.fail(control, .submit, -result) }
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
      if result < 0 { Worker.fail(control, .write, -result) }
      ring.pending[slot].done &+= UInt32(truncatingIfNeeded: result)
      if ring.pending[slot].done < ring.pending[slot].length {
        // A write of nothing would be continued for ever; the device is full in the kernel's eyes.
        if result == 0 { Worker.fail(control, .write, ENOSPC) }
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
    if queued < 0 { Worker.fail(control, .submit, -queued) }
    while true {
      let result = cu_submit(ring.handle, count)
      if result >= 0 { return }
      switch -result {
      case EINTR: continue
      // The kernel has no memory for the request just now: part of what is measured, not the end of it.
      case EAGAIN: cl_sleep_until(cl_boottime() + 1_000_000)
      case let errno: Worker.fail(control, .submit, errno)
      }
    }
  }
}
