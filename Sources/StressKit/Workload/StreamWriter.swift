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
  private let slots: UnsafeMutablePointer<SharedBlock.Slot>
  private let log: UnsafeMutablePointer<SharedBlock.Operation>
  private let depth: Int
  private let blockSize: UInt64
  private let files: Int
  private var descriptors: [Int32] = []
  /// Next offset of each file.
  private var offsets: [UInt64]
  private var nextFile = 0
  private var issued: UInt64 = 0
  private var sinceSync: UInt64 = 0
  private var beganAt: UInt64 = 0

  init(block: SharedBlock) {
    control = block.control
    slots = block.slots
    log = block.log
    depth = Int(block.control.pointee.depth)
    blockSize = block.control.pointee.block
    files = Int(block.control.pointee.files)
    offsets = [UInt64](repeating: 0, count: files)
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
    descriptors.reserveCapacity(files)

    let engine = control.pointee.engine
    var ring: OpaquePointer?
    if engine == EngineCode.ioUring {
      let result = cu_ring_create(UInt32(depth), &ring)
      if result < 0 { Worker.fail(control, .ring, -result) }
    }
    Worker.awaitStart(control)
    // Opened after the delay: a file's first dirty page comes after the pin, as in a backup.
    for path in paths {
      let fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
      if fd < 0 { Worker.fail(control, .open, cl_errno()) }
      descriptors.append(fd)
      let share = share(descriptors.count - 1)
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
    var number: UInt64
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
      file: nextFile, offset: offsets[nextFile], length: UInt32(length), number: issued / blockSize)
    offsets[nextFile] += length
    issued += length
    nextFile = (nextFile + 1) % files
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

  private func begin(_ slot: Int, bytes: UInt64, kind: SharedBlock.Kind) {
    slots[slot].bytes = bytes
    slots[slot].kind = kind.rawValue
    cl_store(&slots[slot].start, cl_boottime())
  }

  private func finish(_ slot: Int) {
    let now = cl_boottime()
    let operation = SharedBlock.Operation(
      start: slots[slot].start, end: now, bytes: slots[slot].bytes, kind: slots[slot].kind)
    let head = control.pointee.logHead
    if head - cl_load(&control.pointee.logTail) < control.pointee.logCapacity {
      log[Int(head % control.pointee.logCapacity)] = operation
      cl_store(&control.pointee.logHead, head + 1)
    } else {
      control.pointee.logLost += 1
    }
    cl_store(&slots[slot].start, 0)
    control.pointee.bytes += operation.kind == SharedBlock.Kind.write.rawValue ? operation.bytes : 0
    cl_store(&control.pointee.lastEnd, now)
  }

  private func syncAll() {
    for fd in descriptors {
      begin(depth, bytes: 0, kind: .fsync)
      if Glibc.fsync(fd) < 0 { Worker.fail(control, .fsync, cl_errno()) }
      finish(depth)
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
      begin(0, bytes: UInt64(next.length), kind: .write)
      let errno = write(descriptors[next.file], 0, next.offset, next.length)
      if errno != 0 { Worker.fail(control, .write, errno) }
      finish(0)
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

  private mutating func runRing(_ ring: OpaquePointer) {
    withUnsafeTemporaryAllocation(of: cu_completion.self, capacity: depth) { completions in
      withUnsafeTemporaryAllocation(of: Pending.self, capacity: depth) { pending in
        ringLoop(ring, completions, pending)
      }
    }
  }

  /// What of a slot's write is still to come: a short write is continued.
  private struct Pending {
    var file: Int
    var offset: UInt64
    var length: UInt32
    var done: UInt32
  }

  private mutating func ringLoop(
    _ ring: OpaquePointer, _ completions: UnsafeMutableBufferPointer<cu_completion>,
    _ pending: UnsafeMutableBufferPointer<Pending>
  ) {
    guard let out = completions.baseAddress else { return }
    var inFlight = 0
    var ended = false
    var drainForSync = false
    while true {
      var wait: UInt64 = 0
      while inFlight < depth, !ended, !drainForSync {
        wait = untilDue()
        if wait > 0 { break }
        guard let next = take() else {
          ended = true
          break
        }
        var slot = 0
        while slots[slot].start != 0 { slot += 1 }
        stamp(slot, next)
        pending[slot] = Pending(file: next.file, offset: next.offset, length: next.length, done: 0)
        begin(slot, bytes: UInt64(next.length), kind: .write)
        submit(ring, slot, pending[slot])
        inFlight += 1
        drainForSync = syncIsDue(UInt64(next.length))
        // At once, so that a write done inline is stamped when it is done, and counted as what it was.
        inFlight -= reap(ring, out, pending, submitted: slot)
      }
      if inFlight == 0 {
        if drainForSync {
          drainForSync = false
          syncAll()
          continue
        }
        if wait == 0 { return }
      }
      if wait > 0 { control.pointee.paced += 1 }
      // A completion ends the wait for the next block's time: it is not to be stamped late.
      let result = wait > 0 ? cu_wait(ring, wait) : cu_submit_and_wait(ring, 1)
      if result < 0, result != -EINTR, result != -ETIME { Worker.fail(control, .submit, -result) }
      inFlight -= reap(ring, out, pending, submitted: nil)
    }
  }

  /// Takes the completions that are there; no system call, but for what must be continued. Returns how many
  /// writes are done.
  ///
  /// - Parameter submitted: the slot submitted just now. Its write was done inline if its completion is
  ///   here already, else punted to an io-wq worker (a punted one that is done before the system call has
  ///   returned counts as inline).
  private func reap(
    _ ring: OpaquePointer, _ out: UnsafeMutablePointer<cu_completion>,
    _ pending: UnsafeMutableBufferPointer<Pending>, submitted: Int?
  ) -> Int {
    let count = Int(cu_reap(ring, out, UInt32(depth)))
    var done = 0
    var isInline = false
    for i in 0..<count {
      let slot = Int(out[i].user_data)
      let result = out[i].result
      if slot == submitted { isInline = true }
      if result == -EINTR || result == -EAGAIN {
        submit(ring, slot, pending[slot])
        continue
      }
      if result < 0 { Worker.fail(control, .write, -result) }
      pending[slot].done += UInt32(result)
      if pending[slot].done < pending[slot].length {
        // A write of nothing would be continued for ever; the device is full in the kernel's eyes.
        if result == 0 { Worker.fail(control, .write, ENOSPC) }
        submit(ring, slot, pending[slot])
        continue
      }
      finish(slot)
      done += 1
    }
    if submitted != nil {
      if isInline { control.pointee.inline += 1 } else { control.pointee.punted += 1 }
    }
    return done
  }

  private func submit(_ ring: OpaquePointer, _ slot: Int, _ what: Pending) {
    let queued = cu_queue_write(
      ring, descriptors[what.file], block.buffer(slot) + Int(what.done), what.length - what.done,
      what.offset + UInt64(what.done), UInt64(slot))
    if queued < 0 { Worker.fail(control, .submit, -queued) }
    var result: Int32
    repeat { result = cu_submit(ring) } while result == -EINTR
    if result < 0 { Worker.fail(control, .submit, -result) }
  }
}
