// SPDX-License-Identifier: Apache-2.0
import StressCore
import Synchronization

/// Carries out, one after another and on a thread of its own, what the kernel may take long over: a
/// memory.max below what is charged reclaims within the write(2), a new delay waits for the requests under
/// way. Who looks after the streams must not wait for that.
final class KernelWrites {
  typealias Work = @Sendable () throws(HarnessError) -> Void

  private struct State {
    var queue: [Work] = []
    var isEnding = false
    var failure: HarnessError?
  }
  private final class Shared: Sendable {
    let state = Mutex(State())
    let bell = Doorbell()
  }

  private let shared = Shared()
  private var thread: Thread?

  func start() throws(HarnessError) {
    thread = try Thread("wb-writes") { [shared] in Self.loop(shared) }
  }

  func add(_ work: @escaping Work) {
    shared.state.withLock { $0.queue.append(work) }
    shared.bell.ring()
  }

  /// What went wrong first; what was queued behind it is not carried out.
  var failure: HarnessError? { shared.state.withLock { $0.failure } }

  /// Waits until all that was added is done, and ends the thread.
  func finish() {
    shared.state.withLock { $0.isEnding = true }
    shared.bell.ring()
    thread?.join()
    thread = nil
  }

  private static func loop(_ shared: Shared) {
    while true {
      let (work, last) = shared.state.withLock { state in
        defer { state.queue.removeAll() }
        return (state.queue, state.isEnding)
      }
      for one in work {
        do throws(HarnessError) {
          try one()
        } catch {
          shared.state.withLock { $0.failure = error }
          return
        }
      }
      if last { return }
      shared.bell.wait(atMost: 1_000_000_000)
    }
  }
}
