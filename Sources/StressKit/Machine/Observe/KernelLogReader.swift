// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore
import StressRecord
import Synchronization
import SystemPackage

/// Follows /dev/kmsg from now on: one read(2) a record, on a thread of its own.
package final class KernelLogReader: @unchecked Sendable {
  private let descriptor: Int32
  /// Both ends of a pipe: the thread looks up when the second is closed (-1).
  private let wake: Int32
  private var keptAsleep: Int32
  private let stopping = Atomic<Bool>(false)
  private let lost = Atomic<Int>(0)
  private let refusal = Atomic<Int32>(0)
  private var thread: Thread?
  private let handle: @Sendable (KernelLogRecord) -> Void
  private let prepare: @Sendable (_ last: Bool) -> Void

  /// - Parameters:
  ///   - prepare: called on the reader's thread before each round of reading, at least ten times a second, and
  ///     told when it is the last one.
  ///   - handle: called on the reader's thread, in order.
  package init(
    prepare: @escaping @Sendable (_ last: Bool) -> Void = { _ in },
    _ handle: @escaping @Sendable (KernelLogRecord) -> Void
  ) throws(HarnessError) {
    self.prepare = prepare
    var ends: [Int32] = [0, 0]
    try check(cl_pipe(&ends), "kernel log", "pipe2")
    let theirs = Descriptor(owning: ends[0])
    let ours = Descriptor(owning: ends[1])
    let fd = try Descriptor(open: "/dev/kmsg", O_RDONLY | O_NONBLOCK, code: .environment)
    lseek(fd.raw, 0, SEEK_END)
    descriptor = fd.release()
    wake = theirs.release()
    keptAsleep = ours.release()
    self.handle = handle
  }

  deinit {
    close(descriptor)
    close(wake)
    if keptAsleep >= 0 { close(keptAsleep) }
  }

  package func start() throws(HarnessError) {
    thread = try Thread("wb-kmsg") { [self] in loop() }
  }

  /// Reads what is there and ends the thread.
  package func stop() {
    stopping.store(true, ordering: .releasing)
    if keptAsleep >= 0 { close(keptAsleep) }
    keptAsleep = -1
    thread?.join()
    thread = nil
  }

  /// Records that the kernel overwrote before they were read (EPIPE), as gaps seen.
  package var gaps: Int { lost.load(ordering: .relaxed) }

  /// Why it could not be read for a time, or at all.
  package var failure: HarnessError? {
    let errno = refusal.load(ordering: .relaxed)
    if errno == 0 { return nil }
    return HarnessError(.environment, "/dev/kmsg", "read", errno: Errno(rawValue: errno))
  }

  private func loop() {
    var buffer = [UInt8](repeating: 0, count: 8192)
    var entries = [descriptor, wake].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    while true {
      let last = stopping.load(ordering: .acquiring)
      prepare(last)
      while true {
        let got = attemptErrno(read(descriptor, &buffer, buffer.count), "/dev/kmsg", "read")
        if got > 0 {
          if let record = KernelLogRecord(parsing: buffer[..<got]) { handle(record) }
        } else if got == -Int(EPIPE) {
          lost.add(1, ordering: .relaxed)
        } else if got == -Int(EINTR) {
          continue
        } else {
          if got < 0, got != -Int(EAGAIN) { refusal.store(Int32(-got), ordering: .relaxed) }
          break
        }
      }
      if last { return }
      poll(&entries, 2, 100)
    }
  }
}
