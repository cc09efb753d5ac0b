// SPDX-License-Identifier: Apache-2.0
import CLinux

/// A worker's account of itself in shared memory: what it has in flight, and what it has finished.
struct OperationLog {
  private let header: UnsafeMutablePointer<SharedBlock.Header>
  private let slots: UnsafeMutablePointer<SharedBlock.Slot>
  private let log: UnsafeMutablePointer<SharedBlock.Operation>
  private let ring: SPSCRing
  /// A kind whose bytes are no progress of the worker's.
  private let uncounted: UInt32?
  private(set) var inFlight = 0
  private var bytesInFlight: UInt64 = 0

  init(_ block: SharedBlock, uncounted: SharedBlock.Kind? = nil) {
    self.uncounted = uncounted?.rawValue
    header = block.header
    slots = block.slots
    log = block.log
    ring = block.logRing
  }

  /// An operation is about to begin, now.
  ///
  /// - Parameter due: the moment that it counts from instead, CLOCK_BOOTTIME in ns.
  mutating func begin(
    _ slot: Int, _ kind: SharedBlock.Kind, bytes: UInt64, file: Int = 0, offset: UInt64 = 0,
    due: UInt64? = nil
  ) {
    let slot = slots + slot
    let sequence = slot.pointee.sequence
    cl_store(&slot.pointee.sequence, sequence &+ 1)
    // That the slot changes is seen before what it changes to, by one who looks on (SharedBlock.look).
    cl_fence()
    slot.pointee.bytes = bytes
    slot.pointee.offset = offset
    slot.pointee.kind = kind.rawValue
    slot.pointee.file = UInt32(truncatingIfNeeded: file)
    slot.pointee.ahead = UInt32(truncatingIfNeeded: inFlight)
    inFlight &+= 1
    bytesInFlight &+= bytes
    slot.pointee.start = due ?? cl_boottime()
    cl_store(&slot.pointee.sequence, sequence &+ 2)
  }

  /// The operation in a slot is seen to have ended at `now`.
  ///
  /// - Parameter slow: it is logged if it took at least as long, ns.
  /// - Returns: how long it took, ns.
  @discardableResult
  mutating func finish(_ number: Int, at now: UInt64, logIf slow: UInt64 = 0) -> UInt64 {
    let slot = slots + number
    let latency = now &- slot.pointee.start
    if latency >= slow {
      if let place = ring.next {
        log[place] = SharedBlock.Operation(
          start: slot.pointee.start, end: now, bytes: slot.pointee.bytes,
          offset: slot.pointee.offset, kind: slot.pointee.kind, file: slot.pointee.file,
          ahead: slot.pointee.ahead, inFlight: UInt32(truncatingIfNeeded: inFlight),
          bytesInFlight: bytesInFlight, slot: UInt32(truncatingIfNeeded: number),
          number: slot.pointee.number)
        ring.fill()
      } else {
        header.pointee.logLost &+= 1
      }
    }
    inFlight &-= 1
    bytesInFlight &-= slot.pointee.bytes
    if slot.pointee.kind != uncounted {
      header.pointee.bytes &+= slot.pointee.bytes
    }
    // Behind the log: who finds the slot free finds the operation there (OperationRecorder).
    cl_store(&slot.pointee.sequence, slot.pointee.sequence &+ 2)
    cl_store(&header.pointee.lastEnd, now)
    return latency
  }
}
