// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore

/// Writes, reads or copies a stream of blocks, round robin over its files, with one of the engines.
///
/// Latency is from submission to completion, CLOCK_BOOTTIME; of an operation that has a rate to keep to, from when
/// that wanted it (unless `pace` is closed). For io_uring it includes the time an operation queues behind
/// others: ext4 hashes buffered writes of one inode onto one io-wq worker.
struct StreamRunner {
  let block: SharedBlock
  let header: UnsafeMutablePointer<SharedBlock.Header>
  let stream: UnsafeMutablePointer<StreamWords>
  var operations: OperationLog
  let depth: Int
  let action: Profile.Stream.Action
  private let access: Profile.Stream.Access
  private let blockSize: UInt64
  /// Those with anything in them, of files that are there before.
  private(set) var files: Int
  /// A file's operations are followed by something: they must be counted.
  private let isCounted: Bool
  private let isOpen: Bool
  private let sync: Profile.Stream.SyncCall
  /// RWF_* of each read or write.
  let flags: Int32
  /// The files. Like all else that the runner needs, never freed: it ends with the process.
  let table: UnsafeMutablePointer<Output>
  private var nextFile = 0
  private var issued: UInt64 = 0
  private var sinceSync: UInt64 = 0
  private var syncIsDue = false
  /// The file that is to be read back, and the one whose pages are to be advised away; -1: none.
  private var fileToRead = -1
  private var fileToDrop = -1
  private var beganAt: UInt64 = 0
  /// When the next operation is wanted, CLOCK_BOOTTIME in ns; nil: as soon as can be, or nobody asks.
  private(set) var wantedAt: UInt64?
  /// For the offsets of random access.
  private var random: SplitMix64

  struct Output {
    var descriptor: Int32
    /// What is copied to it; -1: nothing is.
    var source: Int32 = -1
    /// Of the next operation.
    var offset: UInt64 = 0
    /// Where offsets begin, and where they begin again: the length of a file that was there before.
    var begin: UInt64 = 0
    var end = UInt64.max
    /// Bytes since the last sync, the last read-back, and the last advice.
    var unsynced: UInt64 = 0
    var unread: UInt64 = 0
    var unadvised: UInt64 = 0
  }

  init(block: SharedBlock) {
    header = block.header
    stream = block.words()
    action = .init(code: stream.pointee.action)
    operations = OperationLog(block, uncounted: stream.pointee.uncounted)
    depth = Int(block.header.pointee.depth)
    blockSize = block.header.pointee.block
    files = Int(stream.pointee.files)
    access = .init(code: stream.pointee.access)
    isCounted =
      stream.pointee.fsync > 0 || stream.pointee.readBack > 0 || stream.pointee.dontneed > 0
    isOpen = stream.pointee.closed == 0
    sync = .init(code: stream.pointee.sync)
    flags = stream.pointee.dontcache != 0 ? Int32(CL_RWF_DONTCACHE) : 0
    table = .allocate(capacity: files)
    random = SplitMix64(seed: block.header.pointee.seed)
    self.block = block
  }

  private func key(_ file: Int) -> UInt64 { header.pointee.seed ^ UInt64(file) }

  // MARK: Its life

  mutating func run() -> Never {
    for slot in 0..<depth {
      StreamContent.fill(
        UnsafeMutableRawBufferPointer(start: block.buffer(slot), count: Int(blockSize)),
        zeros: Int(stream.pointee.compressible), &random)
    }
    var paths: [(file: [CChar], copy: [CChar])] = []
    for i in 0..<files {
      let path = Self.path(block.path, i)
      paths.append((Array(path.utf8CString), Array(Self.copyPath(path).utf8CString)))
    }

    let engine = Profile.Stream.Engine(code: stream.pointee.engine)
    let ring = engine == .ioUring ? makeRing() : nil
    let pipe = engine == .splice ? makePipe() : nil
    Worker.awaitStart(header)
    // Opened after the delay: a file's first dirty page comes after the pin, as in a backup.
    for i in 0..<files {
      (table + i).initialize(to: openFile(paths[i].file, copy: paths[i].copy, i))
    }
    files = (0..<files).prefix(while: { [table] in table[$0].begin < table[$0].end }).count
    beganAt = cl_boottime()
    cl_store(&header.pointee.firstStart, beganAt)
    switch engine {
    case .ioUring: if let ring { runRing(ring) }
    case .pwrite, .pread: runCalls()
    case .mmap: runMapped()
    case .copyFileRange: runCopies(through: nil)
    case .splice: runCopies(through: pipe)
    }
    if stream.pointee.fsync == 1 { syncAll() }
    cl_store(&header.pointee.state, SharedBlock.State.done.rawValue)
    exit(0)
  }

  private func openFile(_ path: [CChar], copy: [CChar], _ i: Int) -> Output {
    let isPrepared = action != .write || access != .append
    let isNew = !isPrepared
    let fresh = O_CREAT | O_TRUNC
    let first = open(
      path,
      (action == .write ? O_RDWR : O_RDONLY) | (isNew ? fresh : 0) | (sync == .dsync ? O_DSYNC : 0)
        | (stream.pointee.direct != 0 ? cl_o_direct() : 0))
    var output = Output(descriptor: first)
    let share = Profile.Stream.share(of: header.pointee.size, block: blockSize, i, of: files)
    if isPrepared {
      output.begin = stream.pointee.offset
      output.offset = output.begin
      output.end = length(of: first)
    }
    if action == .copy {
      output.source = first
      output.descriptor = open(copy, O_RDWR | fresh | (sync == .dsync ? O_DSYNC : 0))
    }
    if stream.pointee.preallocate != 0, share > 0 {
      let result = attempt(cl_fallocate(first, 0, Int64(share)), "stream", "fallocate")
      if result < 0 { Worker.fail(header, .preallocate, -result) }
    }
    return output
  }

  private func open(_ path: [CChar], _ flags: Int32) -> Int32 {
    let opened = attemptErrno(
      Int(Glibc.open(path, flags | O_CLOEXEC, 0o644)), "stream", "open")
    if opened < 0 { Worker.fail(header, .open, Int32(-opened)) }
    return Int32(opened)
  }

  /// Of a file that is there before.
  private func length(of fd: Int32) -> UInt64 {
    var info = stat()
    let result = attemptErrno(Int(fstat(fd, &info)), "stream", "fstat")
    if result < 0 { Worker.fail(header, .open, Int32(-result)) }
    return UInt64(info.st_size)
  }

  // MARK: What is next

  struct Next {
    var file: Int
    var offset: UInt64
    var length: UInt32
  }

  /// The next block, nil when the stream's size is reached or the supervisor says stop.
  mutating func take() -> Next? {
    if cl_load(&header.pointee.stop) != 0 { return nil }
    // All files that are there before have nothing in them.
    if files == 0 { Worker.fail(header, .open, ENODATA) }
    var length = blockSize
    if header.pointee.size > 0 {
      if issued >= header.pointee.size { return nil }
      length = min(length, header.pointee.size - issued)
    }
    let output = table + nextFile
    if access == .random {
      let blocks = max(1, (output.pointee.end - output.pointee.begin) / blockSize)
      output.pointee.offset = output.pointee.begin + random.next() % blocks * blockSize
    }
    let offset = output.pointee.offset
    length = min(length, output.pointee.end - offset)
    let next = Next(
      file: nextFile, offset: offset, length: UInt32(truncatingIfNeeded: length))
    let isLast = offset + length == output.pointee.end
    output.pointee.offset = isLast ? output.pointee.begin : offset + length
    issued += length
    nextFile += 1
    if nextFile == files { nextFile = 0 }
    return next
  }

  /// How long the stream's rate makes the next block wait, ns; 0: it is due. The schedule is absolute, so
  /// time lost in a stall is caught up with.
  mutating func untilDue() -> UInt64 {
    let rate = stream.pointee.rate
    guard rate > 0 else { return 0 }
    let due = beganAt + UInt64(Double(issued) / Double(rate) * 1e9)
    if isOpen { wantedAt = due }
    let now = cl_boottime()
    return due > now ? due - now : 0
  }

  // MARK: Content

  /// Makes the block in a slot the one that `next` writes.
  func stamp(_ slot: Int, _ next: Next) {
    StreamContent.stamp(
      UnsafeMutableRawBufferPointer(start: block.buffer(slot), count: Int(next.length)),
      key(next.file), next.offset)
  }

  /// Compares a block that was read with what was written before the streams started, and ends the worker where it is
  /// another. What other streams write is not known.
  func verify(_ buffer: UnsafeMutableRawPointer, _ file: Int, _ offset: UInt64, _ length: Int) {
    if stream.pointee.shares != 0 { return }
    let lead = -Int(offset % UInt64(StreamContent.pageSize)) & (StreamContent.pageSize - 1)
    let bytes = UnsafeRawBufferPointer(start: buffer, count: length)
    if !StreamContent.isStamped(bytes, key(file), offset, lead: lead) {
      Worker.fail(header, .verify, EBADMSG)
    }
  }

  // MARK: What follows an operation

  /// Counts an operation that is being issued. True when something is due after it with none in flight.
  mutating func isToPause(after next: Next) -> Bool {
    guard isCounted else { return false }
    let length = UInt64(next.length)
    let output = table + next.file
    output.pointee.unsynced += length
    output.pointee.unread += length
    output.pointee.unadvised += length
    sinceSync += length
    syncIsDue = stream.pointee.fsync > 1 && sinceSync >= stream.pointee.fsync
    if stream.pointee.readBack > 0, output.pointee.unread >= stream.pointee.readBack {
      fileToRead = next.file
    }
    if stream.pointee.dontneed > 0, output.pointee.unadvised >= stream.pointee.dontneed {
      fileToDrop = next.file
    }
    return syncIsDue || fileToRead >= 0 || fileToDrop >= 0
  }

  /// Does what is due.
  mutating func pause() {
    if syncIsDue {
      syncAll()
      syncIsDue = false
      sinceSync = 0
    }
    if fileToRead >= 0 {
      readBack(fileToRead)
      fileToRead = -1
    }
    if fileToDrop >= 0 {
      drop(fileToDrop)
      fileToDrop = -1
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
        let (first, second) = lastRanges(file, output.pointee.unsynced)
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

  /// Says that the pages of a file's last bytes are not needed any more; of a copy, those of both files.
  private mutating func drop(_ file: Int) {
    let (first, second) = lastRanges(file, table[file].unadvised)
    operations.begin(depth, .advise, bytes: 0, file: file, offset: first.lowerBound)
    for descriptor in [table[file].descriptor, table[file].source] where descriptor >= 0 {
      advise(descriptor, first)
      advise(descriptor, second)
    }
    operations.finish(depth, at: cl_boottime())
    table[file].unadvised = 0
  }

  private func advise(_ fd: Int32, _ range: Range<UInt64>) {
    if range.isEmpty { return }
    let result = attempt(
      cl_dont_need(fd, Int64(range.lowerBound), Int64(range.count)), "stream", "posix_fadvise")
    if result < 0 { Worker.fail(header, .fadvise, -result) }
  }

  /// Where the last `count` bytes of a file are: two ranges, of which the first is empty unless offsets have
  /// begun again meanwhile. With random access they are anywhere in the file.
  private func lastRanges(
    _ file: Int, _ count: UInt64
  ) -> (Range<UInt64>, Range<UInt64>) {
    let output = table[file]
    let begin = output.begin
    if access == .random { return (begin..<begin, begin..<output.end) }
    let count = min(count, output.end - begin)
    if count <= output.offset - begin {
      return (begin..<begin, output.offset - count..<output.offset)
    }
    return (output.end - (count - (output.offset - begin))..<output.end, begin..<output.offset)
  }

  private mutating func readBack(_ file: Int) {
    let (first, second) = lastRanges(file, table[file].unread)
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
      let errno = Self.readAll(table[file].descriptor, buffer, offset, flags: 0)
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
}
