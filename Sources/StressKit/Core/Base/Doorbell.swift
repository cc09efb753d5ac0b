// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc

/// Wakes one thread before its time. Who rings waits for nothing but the moment in which the other looks; no
/// sampling thread does.
package final class Doorbell: @unchecked Sendable {
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  /// Under the mutex: rung since the last wait ended.
  private var isRung = false

  package init() {
    pthread_mutex_init(mutex, nil)
    var attributes = pthread_condattr_t()
    pthread_condattr_init(&attributes)
    // Of the clocks that a condition can wait by the one that nobody sets.
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    pthread_cond_init(condition, &attributes)
    pthread_condattr_destroy(&attributes)
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    condition.deallocate()
    mutex.deallocate()
  }

  /// Ends the wait under way, or else the next one.
  package func ring() {
    pthread_mutex_lock(mutex)
    isRung = true
    pthread_cond_signal(condition)
    pthread_mutex_unlock(mutex)
  }

  /// Waits until it rings, `time` ns at most.
  package func wait(atMost time: UInt64) {
    let until = cl_monotonic() + time
    var deadline = timespec(
      tv_sec: Int(until / 1_000_000_000), tv_nsec: Int(until % 1_000_000_000))
    pthread_mutex_lock(mutex)
    while !isRung, pthread_cond_timedwait(condition, mutex, &deadline) == 0 {}
    isRung = false
    pthread_mutex_unlock(mutex)
  }
}
