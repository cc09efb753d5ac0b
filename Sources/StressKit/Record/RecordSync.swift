// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore
import Synchronization
import SystemPackage

/// Brings a record to its disk at moments that matter, on a thread of its own: fdatasync(2) may take seconds,
/// and who writes the record has rings to empty meanwhile.
final class RecordSync: Sendable {
  /// A duplicate, which the thread has to itself.
  private let descriptor: Int32
  private let path: String
  private let bell = Doorbell()
  private let isStopping = Atomic<Bool>(false)
  private let isAsked = Atomic<Bool>(false)
  private let error = Atomic<Int32>(0)
  private let thread = Mutex<Thread?>(nil)

  init(_ file: borrowing Descriptor, _ path: String) throws(HarnessError) {
    self.path = path
    descriptor = Int32(
      try checkErrno(
        Int(fcntl(file.raw, F_DUPFD_CLOEXEC, 0)), path, "F_DUPFD_CLOEXEC", code: .environment))
    let thread = try Thread("wb-sync") { [self] in loop() }
    self.thread.withLock { $0 = thread }
  }

  deinit { close(descriptor) }

  /// Returns at once; of several in a row one may stand for all.
  func request() {
    isAsked.store(true, ordering: .releasing)
    bell.ring()
  }

  /// The first error that the disk answered with: what was written before it may be gone (fsync(2), "EIO").
  var failure: Errno? {
    let number = error.load(ordering: .acquiring)
    return number == 0 ? nil : Errno(rawValue: number)
  }

  /// Brings all to the disk and ends the thread.
  func finish() -> Errno? {
    isStopping.store(true, ordering: .releasing)
    request()
    thread.withLock { $0.take() }?.join()
    return failure
  }

  private func loop() {
    while true {
      let isLast = isStopping.load(ordering: .acquiring)
      if isAsked.exchange(false, ordering: .acquiringAndReleasing) {
        let answer = attemptErrno(Int(fdatasync(descriptor)), path, "fdatasync")
        if answer < 0 {
          _ = error.compareExchange(
            expected: 0, desired: Int32(-answer), ordering: .acquiringAndReleasing)
        }
      }
      if isLast { return }
      bell.wait(atMost: 60_000_000_000)
    }
  }
}
