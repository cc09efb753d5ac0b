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
///     Control | path (256 bytes) | Slot x (depth + 1) | Operation x capacity | Evidence x capacity
///     | UInt32 x buckets | buffers, page-aligned: one for each slot, and one to read back into
///
/// Single writer per word: the worker writes its results, slots, log and buckets; the supervisor writes
/// `stop` and the tails.
package final class SharedBlock {
  /// Every member is a 64-bit word, so that the layout is the same however it is compiled.
  struct Control {
    var role: UInt64 = 0
    var size: UInt64 = 0
    var block: UInt64 = 0
    var depth: UInt64 = 0
    var files: UInt64 = 0
    var engine: UInt64 = 0
    /// 0: none; 1: at the end; else after each so many bytes.
    var fsync: UInt64 = 0
    /// The call that `fsync` asks for.
    var sync: UInt64 = 0
    /// 1: the files are there and are written over.
    var overwrite: UInt64 = 0
    /// Bytes written to a file after which they are read back; 0: never.
    var readBack: UInt64 = 0
    /// Percent of each page that are zeros.
    var compressible: UInt64 = 0
    var preallocate: UInt64 = 0
    var rate: UInt64 = 0
    /// 1: latencies are from the submission in spite of a rate.
    var closed: UInt64 = 0
    var seed: UInt64 = 0
    var logCapacity: UInt64 = 0
    /// First touches of pinned pages at least this long are logged, ns.
    var slow: UInt64 = 0
    /// Buckets of the histogram of all first touches; 0: none are timed.
    var buckets: UInt64 = 0
    var evidenceCapacity: UInt64 = 0

    /// Of a pin: `Profile.Pinned.Mode` and `Distribution` by their codes, and `PinnedMemory.Huge`.
    var mode: UInt64 = 0
    var distribution: UInt64 = 0
    var huge: UInt64 = 0
    /// Bytes per second; 0: all at once, and that within so many ns (0: whenever).
    var growth: UInt64 = 0
    var within: UInt64 = 0
    var workingSet: UInt64 = 0

    /// Of a task: `Profile.Task.Action` and `State` by their codes.
    var action: UInt64 = 0
    var dropState: UInt64 = 0
    /// From one round's beginning to the next, ns.
    var every: UInt64 = 0
    /// 0: until it is told to stop.
    var roundLimit: UInt64 = 0

    var stop: UInt64 = 0
    var logTail: UInt64 = 0
    var evidenceTail: UInt64 = 0

    var state: UInt64 = 0
    var failedErrno: UInt64 = 0
    var failedStep: UInt64 = 0
    var bytes: UInt64 = 0
    var inline: UInt64 = 0
    var punted: UInt64 = 0
    var firstStart: UInt64 = 0
    var lastEnd: UInt64 = 0
    var logHead: UInt64 = 0
    var logLost: UInt64 = 0
    var paced: UInt64 = 0
    var touches: UInt64 = 0
    /// The longest first touch, ns.
    var touchMax: UInt64 = 0
    /// Bytes of a pin that are there for certain; what is being faulted in or locked comes on top.
    var reached: UInt64 = 0
    /// The errno with which the kernel refused the next byte of a pin; 0: it did not.
    var shortfall: UInt64 = 0
    /// When the touches of hot memory began, CLOCK_BOOTTIME; 0: not yet.
    var scheduled: UInt64 = 0
    /// Rounds of a task, or touches of hot memory, that have ended.
    var rounds: UInt64 = 0
    var evidenceHead: UInt64 = 0
    var evidenceLost: UInt64 = 0
  }

  enum State: UInt64 {
    case starting, ready, running, done, failed
  }

  /// What a worker was doing when it failed.
  enum Step: UInt64, CaseIterable {
    case none, map, lock, ring, open, preallocate, write, fsync, submit, start, oomScore
    case fdatasync, syncFileRange, read, verify
    case advise, truncate, unlink, rename
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
      }
    }
  }

  /// An operation in flight: `start` is 0 when the slot is free. Times are CLOCK_BOOTTIME, ns.
  struct Slot {
    var start: UInt64 = 0
    var bytes: UInt64 = 0
    var offset: UInt64 = 0
    var kind: UInt32 = 0
    var file: UInt32 = 0
    /// Operations of the worker that were in flight already when this one began.
    var ahead: UInt32 = 0
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
    /// The slot that it had.
    package var slot: UInt64
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

  var control: UnsafeMutablePointer<Control> { base.assumingMemoryBound(to: Control.self) }
  private var pathStart: UnsafeMutableRawPointer { base + MemoryLayout<Control>.stride }
  var slots: UnsafeMutablePointer<Slot> {
    (pathStart + Self.pathRoom).assumingMemoryBound(to: Slot.self)
  }
  var log: UnsafeMutablePointer<Operation> {
    UnsafeMutableRawPointer(slots + Int(control.pointee.depth) + 1)
      .assumingMemoryBound(to: Operation.self)
  }
  var evidence: UnsafeMutablePointer<Evidence> {
    UnsafeMutableRawPointer(log + Int(control.pointee.logCapacity))
      .assumingMemoryBound(to: Evidence.self)
  }
  /// How often a first touch took as long as each `LatencyBucket`.
  var buckets: UnsafeMutablePointer<UInt32> {
    UnsafeMutableRawPointer(evidence + Int(control.pointee.evidenceCapacity))
      .assumingMemoryBound(to: UInt32.self)
  }
  func buffer(_ slot: Int) -> UnsafeMutableRawPointer {
    base + Self.bufferStart(control.pointee) + slot * Int(control.pointee.block)
  }

  /// What is read back goes behind the slots' buffers.
  var readBuffer: UnsafeMutableRawPointer { buffer(Int(control.pointee.depth)) }

  static func bufferStart(_ control: Control) -> Int {
    let end =
      MemoryLayout<Control>.stride + pathRoom
      + Int(control.depth + 1) * MemoryLayout<Slot>.stride
      + Int(control.logCapacity) * MemoryLayout<Operation>.stride
      + Int(control.evidenceCapacity) * MemoryLayout<Evidence>.stride
      + Int(control.buckets) * MemoryLayout<UInt32>.stride
    return (end + 4095) & ~4095
  }

  /// Bytes of the whole block, in 128 bits: what a profile asks for can be more than memory can have addresses.
  static func length(_ control: Control) -> UInt128 {
    let buffers = max(control.depth, 1) + (control.readBack > 0 ? 1 : 0)
    return UInt128(bufferStart(control)) + UInt128(control.block) * UInt128(buffers)
  }

  var path: String { String(cString: pathStart.assumingMemoryBound(to: CChar.self)) }

  /// Makes and prefaults the block of a worker; the caller is charged for it.
  init(name: String, _ control: Control, path: String) throws(HarnessError) {
    guard let needed = Int(exactly: Self.length(control)) else {
      throw HarnessError(
        .usage, "worker \(name)", "\(Self.length(control) >> 20) MiB of buffers",
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
    length = needed
    base = mapped
    // A write is what allocates and dirties the page, here and not in the worker.
    for page in stride(from: 0, to: needed, by: 4096) {
      mapped.storeBytes(of: 0, toByteOffset: page, as: UInt8.self)
    }
    self.control.pointee = control
    path.withCString { text in
      pathStart.copyMemory(from: text, byteCount: path.utf8.count + 1)
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
