import CLinux
import Glibc
import Synchronization
import SystemPackage

/// Brings a record to its disk at moments that matter, on a thread of its own: fdatasync(2) may take seconds, and
/// who writes the record has rings to empty meanwhile.
final class RecordSync: Sendable {
  /// A duplicate, which the thread has to itself.
  private let descriptor: Int32
  private let bell = Doorbell()
  private let isStopping = Atomic<Bool>(false)
  private let isAsked = Atomic<Bool>(false)
  private let error = Atomic<Int32>(0)
  private let thread = Mutex<Thread?>(nil)

  init(_ file: borrowing Descriptor, _ path: String) throws(HarnessError) {
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

  /// Brings all to the disk and ends the thread. The first error that the disk answered with, if any: what was
  /// written before it may be gone (fsync(2), "EIO").
  func finish() -> Errno? {
    isStopping.store(true, ordering: .releasing)
    request()
    thread.withLock { $0.take() }?.join()
    let number = error.load(ordering: .acquiring)
    return number == 0 ? nil : Errno(rawValue: number)
  }

  private func loop() {
    while true {
      let isLast = isStopping.load(ordering: .acquiring)
      if isAsked.exchange(false, ordering: .acquiringAndReleasing), fdatasync(descriptor) < 0 {
        let number = cl_errno()
        // A pipe or a port cannot be brought anywhere.
        if number != EINVAL {
          _ = error.compareExchange(expected: 0, desired: number, ordering: .acquiringAndReleasing)
        }
      }
      if isLast { return }
      bell.wait(atMost: 60_000_000_000)
    }
  }
}
