// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressCore
import StressRecord
import Synchronization

/// Kernel threads, and what the scheduler says of them in /proc/PID/schedstat.
package enum KernelThreads {
  /// Whether this kernel counts: without CONFIG_SCHED_INFO the file is missing, or says 0 of everybody.
  static func haveTimes(_ proc: String) -> Bool {
    guard let line = File.line("\(proc)/self/schedstat") else { return false }
    return line.split(separator: " ").first.flatMap { UInt64($0) } ?? 0 > 0
  }

  /// Process numbers in /proc.
  static func processes(_ proc: String) -> [Int32] {
    File.names(in: proc).compactMap { Int32($0) }
  }

  /// Process numbers of the kernel's threads, and where its list of them is missing (CONFIG_PROC_CHILDREN),
  /// of all processes: kthreadd's children come in one read, whatever else runs.
  ///
  /// One that starts or ends meanwhile may hide others from the list, until it is read again.
  static func candidates(_ proc: String) -> [Int32] {
    guard File.line("\(proc)/2/comm") == "kthreadd",
      let text = try? File.text("\(proc)/2/task/2/children")
    else { return processes(proc) }
    return text.split(separator: " ").compactMap { Int32($0) }
  }

  /// The counters of every kswapd: one a node, `kswapd0:run` and so on. None where nothing is counted.
  package static func kswapd(proc: String = "/proc") -> [CounterFile] {
    guard haveTimes(proc) else { return [] }
    return candidates(proc).compactMap { pid in
      guard let name = File.line("\(proc)/\(pid)/comm"), name.hasPrefix("kswapd") else {
        return nil
      }
      return CounterFile("\(proc)/\(pid)/schedstat", .task, prefix: name + ":")
    }
  }
}

/// CPU time of the threads that flushers run on: all unbound kworkers together, and the writeback workqueue's
/// rescuer.
///
/// Which of the kworkers writes back changes from one work item to the next, and their names tell it only
/// while they do (`kworker/u8:3-flush-254:0`). So this is an upper bound: other unbound work is in it, such
/// as the end of ext4's direct and delayed writes.
///
/// They come and go. A thread of its own looks for new ones once a second, gives each a slot, and closes the
/// dead ones' descriptors; the sampling thread reads the slots, neither allocating nor locking. What a worker
/// had when it died stays counted, so that the sums only grow.
package final class FlusherTime: CounterSource, @unchecked Sendable {
  package let names = ["kworker/u:run", "kworker/u:wait"]

  private static let pause: UInt64 = 1_000_000_000

  private enum State {
    /// The scanning thread's, to be filled.
    static let free = 0
    /// The sampling thread's.
    static let live = 1
    /// The scanning thread's again, to be closed.
    static let dead = 2
  }

  private struct Slot: ~Copyable {
    let state = Atomic<Int>(State.free)
    /// Written by the scanning thread while the slot is free.
    var descriptor: Int32 = -1
    var process: Int32 = 0
    /// ns; only the sampling thread's.
    var run: Int64 = 0
    var wait: Int64 = 0
  }

  private let proc: String
  private let layout = CounterLayout(.task, prefix: "", learning: "0 0 0\n")
  private let slots: UnsafeMutableBufferPointer<Slot>
  /// A worker is without a slot: the sums would not be sums.
  private let full = Atomic<Bool>(false)
  /// What dead workers had; only the sampling thread's.
  private var past: (run: Int64, wait: Int64) = (0, 0)
  /// What is no flusher thread, so that its name need not be read again; only the scanning thread's.
  private var others: Set<Int32> = []
  private let stopping = Atomic<Bool>(false)
  private let bell = Doorbell()
  private var thread: Thread?

  /// nil where the kernel counts no such times.
  package init?(proc: String = "/proc", slots count: Int = 256) {
    guard KernelThreads.haveTimes(proc) else { return nil }
    self.proc = proc
    slots = .allocate(capacity: count)
    for i in 0..<count { slots.initializeElement(at: i, to: Slot()) }
    refresh()
  }

  deinit {
    slots.deinitialize()
    slots.deallocate()
  }

  package func start() throws(HarnessError) {
    thread = try Thread("wb-kworkers") { [self] in
      while true {
        bell.wait(atMost: Self.pause)
        if stopping.load(ordering: .acquiring) { return }
        refresh()
      }
    }
  }

  package func stop() {
    stopping.store(true, ordering: .releasing)
    bell.ring()
    thread?.join()
    thread = nil
  }

  package var descriptors: [Int32] {
    slots.indices.filter { slots[$0].state.load(ordering: .acquiring) == State.live }
      .map { slots[$0].descriptor }
  }

  package func close() {
    for i in slots.indices where slots[i].descriptor >= 0 {
      _ = Glibc.close(slots[i].descriptor)
      slots[i].descriptor = -1
    }
  }

  private static func isFlusher(_ name: String) -> Bool {
    // The rescuer is called `writeback` up to 6.6.
    name.hasPrefix("kworker/u") || name.hasPrefix("kworker/R-write") || name == "writeback"
  }

  /// Closes the dead, and gives slots to the new. To be called by one thread.
  func refresh() {
    var known: Set<Int32> = []
    for i in slots.indices {
      switch slots[i].state.load(ordering: .acquiring) {
      case State.live: known.insert(slots[i].process)
      case State.dead:
        _ = Glibc.close(slots[i].descriptor)
        slots[i].descriptor = -1
        slots[i].state.store(State.free, ordering: .relaxed)
      default: break
      }
    }
    var free = slots.indices.filter { slots[$0].state.load(ordering: .relaxed) == State.free }[...]
    var lacking = false
    var others: Set<Int32> = []
    for process in KernelThreads.candidates(proc) where !known.contains(process) {
      let directory = "\(proc)/\(process)"
      if self.others.contains(process) {
        others.insert(process)
        continue
      }
      guard let name = File.line(directory + "/comm") else { continue }
      guard Self.isFlusher(name) else {
        // A kernel thread has its parent's name until it gives itself its own.
        if name != "kthreadd" || process == 2 { others.insert(process) }
        continue
      }
      guard let slot = free.popFirst() else {
        lacking = true
        break
      }
      let file = directory + "/schedstat"
      let descriptor = Int32(attemptErrno(Int(open(file, O_RDONLY | O_CLOEXEC)), file, "open"))
      if descriptor < 0 {
        free.append(slot)
        continue
      }
      slots[slot].descriptor = descriptor
      slots[slot].process = process
      slots[slot].state.store(State.live, ordering: .releasing)
    }
    self.others = others
    full.store(lacking, ordering: .relaxed)
  }

  package func sample(
    into values: UnsafeMutableBufferPointer<Int64>, scratch: UnsafeMutableRawBufferPointer
  ) {
    var run = past.run
    var wait = past.wait
    withUnsafeTemporaryAllocation(of: Int64.self, capacity: layout.names.count) { now in
      for i in 0..<slots.count
      where slots[i].state.load(ordering: .acquiring) == State.live {
        let length = CounterFile.read(slots[i].descriptor, into: scratch, oneLine: true)
        layout.parse(UnsafeRawBufferPointer(rebasing: scratch[..<length]), into: now)
        run += max(slots[i].run, now[0])
        wait += max(slots[i].wait, now[1])
        if length > 0 {
          slots[i].run = max(slots[i].run, now[0])
          slots[i].wait = max(slots[i].wait, now[1])
        } else {
          past.run += slots[i].run
          past.wait += slots[i].wait
          slots[i].run = 0
          slots[i].wait = 0
          slots[i].state.store(State.dead, ordering: .releasing)
        }
      }
    }
    let unknown = full.load(ordering: .relaxed)
    values[0] = unknown ? SampleLine.unknown : run
    values[1] = unknown ? SampleLine.unknown : wait
  }
}
