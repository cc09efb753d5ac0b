// SPDX-License-Identifier: Apache-2.0
import CLinux
import CUring
import Glibc
import StressCore

/// The engine that keeps `depth` operations in flight.
extension StreamRunner {
  /// A ring, and what it takes to keep it busy; for as long as the process lives.
  struct Ring {
    let handle: OpaquePointer
    /// Completions come when asked for, those of inline writes first.
    let isDeferred: Bool
    let completions: UnsafeMutablePointer<cu_completion>
    /// Of each slot: what of its operation is still to come.
    let pending: UnsafeMutablePointer<Pending>
    /// The free slots are the first `freeCount` of these; the one used last is used next, while its buffer
    /// is in the cache.
    let free: UnsafeMutablePointer<Int32>
    var freeCount: Int
  }

  /// What of a slot's operation is still to come: a short one is continued.
  struct Pending {
    var file: Int32
    var length: UInt32
    var done: UInt32
    var offset: UInt64
  }

  func makeRing() -> Ring {
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

  mutating func runRing(_ ring: Ring) {
    var ring = ring
    let kind: SharedBlock.Kind = action == .read ? .read : .write
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
        if kind == .write { stamp(slot, next) }
        ring.pending[slot] = Pending(
          file: Int32(truncatingIfNeeded: next.file), length: next.length, done: 0,
          offset: next.offset)
        drains = isToPause(after: next)
        // The last one that fits is submitted and waited after in a single call. With one file, writes
        // that were punted end in their order (they are hashed onto one worker by inode), so that if this
        // one is the first to be done, it was done inline.
        let waits =
          kind == .write && ring.freeCount == 0 && files == 1 && depth > 1 && ring.isDeferred
        operations.begin(
          slot, kind, bytes: UInt64(next.length), file: next.file, offset: next.offset,
          due: wantedAt)
        submit(ring, slot, waitFor: waits ? 1 : 0)
        // At once, so that one done inline is stamped when it is done, and counted as what it was.
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
      let step = action == .read ? SharedBlock.Step.read : .write
      if result < 0 { Worker.fail(header, step, -result) }
      ring.pending[slot].done &+= UInt32(truncatingIfNeeded: result)
      if ring.pending[slot].done < ring.pending[slot].length {
        // It would be continued for ever: the device is full in the kernel's eyes, or the file has become shorter.
        if result == 0 { Worker.fail(header, step, action == .read ? ENODATA : ENOSPC) }
        submit(ring, slot, waitFor: 0)
        continue
      }
      if action == .read {
        let what = ring.pending[slot]
        verify(block.buffer(slot), Int(what.file), what.offset, Int(what.length))
      }
      operations.finish(slot, at: now)
      ring.free[ring.freeCount] = Int32(truncatingIfNeeded: slot)
      ring.freeCount &+= 1
    }
    return isInline
  }

  /// Submits what remains of a slot's operation.
  ///
  /// - Parameter count: completions to wait for.
  private func submit(_ ring: Ring, _ slot: Int, waitFor count: UInt32) {
    let what = ring.pending[slot]
    let (fd, buffer) = (table[Int(what.file)].descriptor, block.buffer(slot) + Int(what.done))
    let (length, offset) = (what.length &- what.done, what.offset &+ UInt64(what.done))
    let queued =
      action == .read
      ? cu_queue_read(ring.handle, fd, buffer, length, offset, flags, UInt64(slot))
      : cu_queue_write(ring.handle, fd, buffer, length, offset, flags, UInt64(slot))
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
