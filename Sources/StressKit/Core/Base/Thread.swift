// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc

/// A plain pthread: samplers and writers need one that nothing else schedules work onto.
package final class Thread: Sendable {
  private let handle: pthread_t

  /// Starts a thread with all signals blocked, so that the main thread's descriptor gets them.
  ///
  /// - Parameter name: at most 15 characters; shows in `ps` and in kernel reports.
  package init(_ name: String, _ body: @escaping @Sendable () -> Void) throws(HarnessError) {
    final class Start: Sendable {
      let name: String
      let body: @Sendable () -> Void
      init(_ name: String, _ body: @escaping @Sendable () -> Void) {
        self.name = name
        self.body = body
      }
    }
    var all = sigset_t()
    var old = sigset_t()
    sigfillset(&all)
    pthread_sigmask(SIG_SETMASK, &all, &old)
    var thread = pthread_t()
    let start = Unmanaged.passRetained(Start(name, body))
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    // The supervisor locks its memory: the default stack of 8 MiB a thread would be pinned in the guest.
    pthread_attr_setstacksize(&attributes, 512 << 10)
    // Its answer is the errno itself.
    let result = attempt(
      -pthread_create(
        &thread, &attributes,
        { argument in
          guard let argument else { return nil }
          let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
          cl_set_thread_name(start.name)
          start.body()
          return nil
        }, start.toOpaque()), "thread \(name)", "pthread_create")
    pthread_sigmask(SIG_SETMASK, &old, nil)
    if result != 0 { start.release() }
    try accept(Int(result), "thread \(name)", "pthread_create")
    handle = thread
  }

  /// CPU time that the calling thread has used, ns. The corresponding C function is `clock_gettime`.
  package static var cpuTime: UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }

  /// Waits for the thread's end; to be called once.
  package func join() { pthread_join(handle, nil) }
}
