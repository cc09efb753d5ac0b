// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore
import SystemPackage

/// The memory that a worker shares with its supervisor.
///
/// The supervisor makes it and touches every page before the worker starts, so none of it is charged
/// to the cgroup under test, and what the worker measured survives its SIGKILL, operations in flight
/// included. One file (memfd), laid out as
///
///     Header | words of the role | path (256 bytes) | Slot x (depth + 1) | Operation x capacity
///     | Evidence x capacity | UInt32 x buckets | buffers, page-aligned: one for each slot, and one to
///     read back into
///
/// Slots and operations are a cache line each, and begin at one.
///
/// Single writer per word: the worker writes its results, slots, log and buckets; the supervisor writes
/// `stop` and the tails.
package final class SharedBlock {
  /// What every worker has, whatever its role. Every member is a 64-bit word, here and in the words of the roles, so
  /// that the layout is the same however it is compiled.
  struct Header {
    /// Whose words follow, by its number: the block's maker sets it, by their type.
    var role: UInt64 = 0
    /// Of the slots, the buffers and the rings: the layout.
    var depth: UInt64 = 0
    var block: UInt64 = 0
    /// 1: there is a buffer to read back into.
    var hasReadBuffer: UInt64 = 0
    var logCapacity: UInt64 = 0
    var evidenceCapacity: UInt64 = 0
    /// Buckets of the histogram of all first touches; 0: none are timed.
    var buckets: UInt64 = 0
    var size: UInt64 = 0
    var seed: UInt64 = 0

    var stop: UInt64 = 0
    var logTail: UInt64 = 0
    var evidenceTail: UInt64 = 0

    var state: UInt64 = 0
    var failedErrno: UInt64 = 0
    var failedStep: UInt64 = 0
    var bytes: UInt64 = 0
    var paced: UInt64 = 0
    var firstStart: UInt64 = 0
    var lastEnd: UInt64 = 0
    var logHead: UInt64 = 0
    var logLost: UInt64 = 0
    var evidenceHead: UInt64 = 0
    var evidenceLost: UInt64 = 0
  }

  /// What a block begins as: what its worker is told.
  struct Control<Words: RoleWords> {
    var header = Header()
    var words = Words()
  }

  enum State: UInt64 {
    case starting, ready, running, done, failed
  }

  /// What a worker was doing when it failed.
  enum Step: UInt64, CaseIterable {
    case none, map, lock, ring, open, preallocate, write, fsync, submit, start, oomScore
    case fdatasync, syncFileRange, read, verify
    case advise, truncate, unlink, rename
    case copy, fadvise
    var label: String {
      switch self {
      case .none: "?"
      case .map: "mmap"
      case .lock: "mlock"
      case .ring: "io_uring_setup"
      case .open: "open"
      case .preallocate: "fallocate"
      case .write: "write"
      case .fsync: "fsync"
      case .submit: "io_uring_enter"
      case .start: "start"
      case .oomScore: "write /proc/self/oom_score_adj"
      case .fdatasync: "fdatasync"
      case .syncFileRange: "sync_file_range"
      case .read: "read"
      case .verify: "verify"
      case .advise: "madvise"
      case .truncate: "ftruncate"
      case .unlink: "unlink"
      case .rename: "rename"
      case .copy: "copy"
      case .fadvise: "posix_fadvise"
      }
    }
  }

  /// Room for an operation in flight. Times are CLOCK_BOOTTIME, ns.
  struct Slot {
    /// Grows with every change: by 1 when an operation's words are about to be written, by 1 when they are and it
    /// begins, and by 2 when its end is logged. Odd: they are being written.
    var sequence: UInt64 = 0
    var start: UInt64 = 0
    var bytes: UInt64 = 0
    var offset: UInt64 = 0
    var kind: UInt32 = 0
    var file: UInt32 = 0
    /// Operations of the worker that were in flight already when this one began.
    var ahead: UInt32 = 0
    /// Makes a slot as large as a cache line.
    private let unused: (UInt64, UInt64) = (0, 0)

    /// Whether an operation has begun and not ended. One whose words are being written has not begun.
    static func isTaken(_ sequence: UInt64) -> Bool { sequence & 2 != 0 }
    var isTaken: Bool { Self.isTaken(sequence) }

    /// Which of the slot's operations it is, counted from 1.
    var number: UInt32 { UInt32(truncatingIfNeeded: (sequence >> 2) &+ 1) }
  }

  package enum Kind: UInt32, CaseIterable, Sendable {
    case write, fsync
    /// A pinned page is written to for the first time.
    case populate
    /// A page of hot memory is written to again.
    case touch
    case read
    /// A page of a fresh mapping is written to.
    case fault
    case truncate, unlink, rename, compact, huge
    /// From one file to another within the kernel.
    case copy
    /// posix_fadvise(2) of what a stream has written or read.
    case advise

    /// As records and reports call it.
    package var label: String {
      switch self {
      case .write: "write"
      case .fsync: "fsync"
      case .populate: "populate"
      case .touch: "touch"
      case .read: "read"
      case .fault: "fault"
      case .truncate: "truncate"
      case .unlink: "unlink"
      case .rename: "rename"
      case .compact: "compact"
      case .huge: "huge"
      case .copy: "copy"
      case .advise: "advise"
      }
    }
  }

  /// A finished operation.
  package struct Operation: Sendable {
    package var start: UInt64
    package var end: UInt64
    package var bytes: UInt64
    /// Where in its file, or in the pinned memory.
    package var offset: UInt64
    package var kind: UInt32
    package var file: UInt32
    /// Operations of the worker that were in flight already when this one began.
    package var ahead: UInt32
    /// Operations of the worker that were in flight when this one ended, itself included, and their bytes.
    package var inFlight: UInt32
    package var bytesInFlight: UInt64
    /// The slot that it had, and which of that slot's operations it was.
    package var slot: UInt32
    package var number: UInt32
  }

  /// What the blocks and pages of a file are just before a task drops them.
  package struct Evidence: Sendable {
    static let unknown = UInt64.max

    /// CLOCK_BOOTTIME, ns.
    package var time: UInt64 = 0
    /// Counted from 0.
    package var round: UInt64
    /// FS_IOC_FIEMAP: how many extents, and bytes whose blocks are not chosen, or chosen and not written.
    package var extents = unknown
    package var delayed = unknown
    package var unwritten = unknown
    /// cachestat(2), pages; only 6.5 and later tell.
    package var dirty = unknown
    package var writeback = unknown
  }

  static let pathRoom = 256
  /// Operations that the supervisor may leave unread: 65536 at 50 reads a second are 3 million a second.
  static let logRoom: UInt64 = 1 << 16

  let descriptor: Int32
  let base: UnsafeMutableRawPointer
  let length: Int
  /// nil: of a worker that does not know its own.
  let role: Worker.Role?
  private let layout: Layout
  private let blockSize: Int

  /// Where the parts of a block begin, bytes.
  private struct Layout {
    let path: Int
    let slots: Int
    let log: Int
    let evidence: Int
    let buckets: Int
    let buffers: Int
    /// Of the whole block, in 128 bits: what a profile asks for can be more than memory can have addresses.
    let length: UInt128

    /// - Parameter words: bytes of the role's own words.
    init(_ header: Header, words: Int) {
      path = wordsStart + words
      // On cache lines of their own: to write half of two at each operation takes a quarter longer.
      slots = (path + pathRoom + 63) & ~63
      log = slots + Int(header.depth + 1) * MemoryLayout<Slot>.stride
      evidence = log + Int(header.logCapacity) * MemoryLayout<Operation>.stride
      buckets = evidence + Int(header.evidenceCapacity) * MemoryLayout<Evidence>.stride
      let end = buckets + Int(header.buckets) * MemoryLayout<UInt32>.stride
      buffers = (end + 4095) & ~4095
      let count = max(header.depth, 1) + header.hasReadBuffer
      length = UInt128(buffers) + UInt128(header.block) * UInt128(count)
    }
  }

  private static let wordsStart = MemoryLayout<Header>.stride

  var header: UnsafeMutablePointer<Header> { base.assumingMemoryBound(to: Header.self) }

  /// The words of the worker's own role; to ask for another's is an error of the program, and ends it.
  func words<Words: RoleWords>(of _: Words.Type = Words.self) -> UnsafeMutablePointer<Words> {
    precondition(role == Words.role, "the shared block is not a \(Words.role.label)'s")
    return (base + Self.wordsStart).assumingMemoryBound(to: Words.self)
  }

  var slots: UnsafeMutablePointer<Slot> {
    (base + layout.slots).assumingMemoryBound(to: Slot.self)
  }
  var log: UnsafeMutablePointer<Operation> {
    (base + layout.log).assumingMemoryBound(to: Operation.self)
  }
  var evidence: UnsafeMutablePointer<Evidence> {
    (base + layout.evidence).assumingMemoryBound(to: Evidence.self)
  }
  /// Of `log`; filled by the worker, emptied by the supervisor, as the next.
  var logRing: SPSCRing {
    SPSCRing(
      head: word(\Header.logHead), tail: word(\Header.logTail),
      capacity: header.pointee.logCapacity)
  }

  /// Of `evidence`.
  var evidenceRing: SPSCRing {
    SPSCRing(
      head: word(\Header.evidenceHead), tail: word(\Header.evidenceTail),
      capacity: header.pointee.evidenceCapacity)
  }

  private func word(_ path: KeyPath<Header, UInt64>) -> UnsafeMutablePointer<UInt64> {
    guard let offset = MemoryLayout<Header>.offset(of: path) else {
      preconditionFailure("a word of the header is stored")
    }
    return (base + offset).assumingMemoryBound(to: UInt64.self)
  }

  /// How often a first touch took as long as each `LatencyBucket`.
  var buckets: UnsafeMutablePointer<UInt32> {
    (base + layout.buckets).assumingMemoryBound(to: UInt32.self)
  }
  func buffer(_ slot: Int) -> UnsafeMutableRawPointer { base + layout.buffers + slot * blockSize }

  /// What is read back goes behind the slots' buffers.
  var readBuffer: UnsafeMutableRawPointer { buffer(Int(header.pointee.depth)) }

  /// What is in a slot.
  enum Look {
    case free
    case operation(Slot)
    /// It changed at every look, or is damaged.
    case unknown
  }

  /// Times that a slot is read until it is found to be the same before and after.
  private static let looks = 100

  /// Reads the operation in a slot as a whole, while the worker goes on or has died at any of its steps.
  ///
  /// A sequence lock's reader (Documentation/locking/seqlock.rst), but for the wait: an operation whose words are
  /// being written has not begun, and a worker that was killed then does not write on.
  func look(_ i: Int) -> Look {
    let slot = slots + i
    for _ in 0..<Self.looks {
      let sequence = cl_load(&slot.pointee.sequence)
      if !Slot.isTaken(sequence) { return .free }
      let copy = slot.pointee
      cl_fence()
      if cl_load(&slot.pointee.sequence) == sequence {
        return sequence & 1 == 0 ? .operation(copy) : .unknown
      }
    }
    return .unknown
  }

  /// Bytes of the whole block.
  static func length(_ control: Control<some RoleWords>) -> UInt128 {
    layout(control).length
  }

  private static func layout<Words: RoleWords>(_ control: Control<Words>) -> Layout {
    Layout(control.header, words: MemoryLayout<Words>.stride)
  }

  var path: String {
    String(cString: (base + layout.path).assumingMemoryBound(to: CChar.self))
  }

  /// Makes and prefaults the block of a worker; the caller is charged for it.
  init<Words: RoleWords>(
    name: String, _ control: Control<Words>, path: String
  ) throws(HarnessError) {
    let layout = Self.layout(control)
    guard let needed = Int(exactly: layout.length) else {
      throw HarnessError(
        .usage, "worker \(name)", "\(layout.length >> 20) MiB of buffers",
        remedy: "lower block or depth")
    }
    guard path.utf8.count < Self.pathRoom else {
      throw HarnessError(.usage, path, "path longer than \(Self.pathRoom - 1) bytes")
    }
    let descriptor = try check(cl_memfd(name, UInt64(needed)), "worker \(name)", "memfd_create")
    let mapped: UnsafeMutableRawPointer
    do throws(HarnessError) {
      mapped = try accept(
        attemptMap(needed, MAP_SHARED, of: descriptor, "worker \(name)"), "worker \(name)",
        "mmap of \(needed) bytes")
    } catch {
      close(descriptor)
      throw error
    }
    self.descriptor = descriptor
    self.layout = layout
    role = Words.role
    blockSize = Int(control.header.block)
    length = needed
    base = mapped
    // A write is what allocates and dirties the page, here and not in the worker.
    for page in stride(from: 0, to: needed, by: 4096) {
      mapped.storeBytes(of: 0, toByteOffset: page, as: UInt8.self)
    }
    header.pointee = control.header
    header.pointee.role = Words.role.rawValue
    words().pointee = control.words
    path.withCString { text in
      (mapped + layout.path).copyMemory(from: text, byteCount: path.utf8.count + 1)
    }
  }

  /// Maps the block that the supervisor passed, in the worker.
  init(inherited descriptor: Int32) throws(HarnessError) {
    var info = stat()
    try checkErrno(Int(fstat(descriptor, &info)), "shared block", "fstat")
    let size = Int(info.st_size)
    base = try accept(
      attemptMap(size, MAP_SHARED, of: descriptor, "shared block"), "shared block",
      "mmap of \(size) bytes")
    length = size
    let header = base.load(as: Header.self)
    role = Worker.Role(rawValue: header.role)
    layout = Layout(header, words: role?.wordsLength ?? 0)
    blockSize = Int(header.block)
    self.descriptor = descriptor
  }

  deinit {
    munmap(base, length)
    close(descriptor)
  }
}

extension CaseIterable where Self: Equatable, AllCases == [Self] {
  /// Its number in the shared block.
  var code: UInt64 { UInt64(Self.allCases.firstIndex(of: self) ?? 0) }

  /// The case whose `code` it is.
  init(code: UInt64) { self = Self.allCases[Int(code)] }
}
