// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore
import Synchronization

/// Turns SIGINT, SIGTERM and SIGHUP into a question that loops ask.
package final class Interrupt: Sendable {
  /// The one that takes the process's signals.
  package static let ofProcess = Interrupt()

  private let count = Atomic<Int>(0)
  private let isTaking = Atomic<Bool>(false)

  package init() {}

  /// How often the user has asked to stop: once, take down in order; twice, without asking QEMU.
  package var requests: Int { count.load(ordering: .relaxed) }
  package var isRequested: Bool { requests > 0 }

  package func request() { count.add(1, ordering: .relaxed) }

  /// Takes the signals away from their default action for the rest of the process; once, however often it is called.
  /// To be called on the main thread before any other is made.
  ///
  /// SIGPIPE is ignored from then on: a reader of the output that goes away is no reason to leave the machine
  /// as it is.
  package func takeSignals() throws(HarnessError) {
    if isTaking.exchange(true, ordering: .relaxed) { return }
    signal(SIGPIPE, SIG_IGN)
    let descriptor = try check(cl_signal_descriptor(), "signals", "signalfd")
    _ = try Thread("wb-signals") { [self] in
      // struct signalfd_siginfo is 128 bytes; which signal it was does not matter.
      var info = [UInt8](repeating: 0, count: 128)
      while read(descriptor, &info, info.count) > 0 { request() }
    }
  }
}
