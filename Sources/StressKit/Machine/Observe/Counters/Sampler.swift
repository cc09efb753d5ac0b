// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore
import StressRecord
import Synchronization

/// Reads a set of counter files on a fixed schedule: one lane of the record.
///
/// The observer rule (CONTRIBUTING.md, "Rules"): no file backed by rstat is among them unless the
/// profile asks. The sampling thread allocates nothing, takes no lock and does no I/O but pread; another
/// thread takes the samples away. When nobody does, samples are dropped and counted, and sampling goes on.
package final class Sampler: SampleSource, @unchecked Sendable {
  package let lane: String
  /// Nanoseconds between readings.
  package let interval: UInt64
  package let files: [any CounterSource]
  package let names: [String]

  private static let longestSleep: UInt64 = 100_000_000
  /// us.
  private static let longestLateness: UInt64 = 60_000_000
  /// What a lane takes besides its ring, bytes.
  static let memory = UInt64(LatencyHistogram.memory(upTo: longestLateness))

  /// Each source's number of columns, so that no name is touched in the loop.
  private let widths: [Int]
  private let stride: Int
  private let ring: SPSCRing
  private let readings: UnsafeMutableBufferPointer<Int64>
  private let scratch: UnsafeMutableRawBufferPointer
  // Written by the sampling thread: deadlines served late, and not at all; readings dropped for want of room.
  private let lateTicks = Atomic<Int>(0)
  private let missedTicks = Atomic<Int>(0)
  private let droppedSamples = Atomic<Int>(0)
  /// Written by the sampling thread as it ends, read when it has been joined.
  private var ending: (lateness: Lateness, cpu: UInt64)?
  private let stopping = Atomic<Bool>(false)
  private var thread: Thread?

  /// - Parameter capacity: readings kept for a reader that is late: 256 at 10 Hz are 25 s.
  package init(lane: String, interval: UInt64, files: [any CounterSource], capacity: Int = 256) {
    self.lane = lane
    self.interval = interval
    self.files = files
    ring = SPSCRing(capacity: capacity)
    names = files.flatMap(\.names)
    widths = files.map(\.names.count)
    stride = names.count + 1
    readings = .allocate(capacity: capacity * stride)
    // Touched now: a page fault in the loop would be an allocation under pressure.
    readings.initialize(repeating: 0)
    scratch = .allocate(byteCount: 64 << 10, alignment: 4096)
    scratch.initializeMemory(as: UInt8.self, repeating: 0)
  }

  deinit {
    ring.deallocate()
    readings.deallocate()
    scratch.deallocate()
    for file in files { file.close() }
  }

  package func start() throws(HarnessError) {
    thread = try Thread("wb-\(lane)") { [self] in loop() }
  }

  /// Stops after one last reading.
  package func stop() {
    stopping.store(true, ordering: .releasing)
    thread?.join()
    thread = nil
  }

  private func loop() {
    // The lowest real-time priority, where there is the right to it: the subject's threads, io-wq's above all,
    // are many and runnable at once. On two CPUs with four spinning processes beside it, 100 Hz for 10 s, the
    // p99 of the lateness was 24 and 41 ms without and 0.3 and 0.2 ms with, of 1000 ticks 133 and 216 were
    // missed without and 9 and 0 with. What it takes from the subject is the same either way: `cpu`.
    _ = cl_set_fifo(1)
    var due = cl_boottime()
    // In microseconds, which are enough, up to a minute: what is later counts in `worst`. All of it is allocated here.
    var histogram = LatencyHistogram(upTo: Self.longestLateness)
    var worst: UInt64 = 0
    while true {
      // In slices, so that the end of a lane with long intervals is not waited for.
      while cl_boottime() < due, !stopping.load(ordering: .acquiring) {
        cl_sleep_until(min(due, cl_boottime() + Self.longestSleep))
      }
      let last = stopping.load(ordering: .acquiring)
      let now = cl_boottime()
      if now >= due {
        let late = now - due
        worst = max(worst, late)
        histogram.record(late / 1000)
        if late > interval / 2 { lateTicks.add(1, ordering: .relaxed) }
      }
      sample(at: now)
      if last { break }
      due += interval
      let after = cl_boottime()
      if due < after {
        // Absolute deadlines: what was slept through is counted, not made up for.
        let missed = (after - due) / interval + 1
        missedTicks.add(Int(missed), ordering: .relaxed)
        due += missed * interval
      }
    }
    // Before the percentiles, which take longer than many a tick.
    let cpu = Thread.cpuTime
    ending = (
      Lateness(
        p50: histogram.percentile(0.5) * 1000, p99: histogram.percentile(0.99) * 1000,
        p999: histogram.percentile(0.999) * 1000, max: worst), cpu
    )
  }

  /// One reading into the ring.
  package func sample(at now: UInt64) {
    guard let slot = ring.next else {
      droppedSamples.add(1, ordering: .relaxed)
      return
    }
    guard let base = readings.baseAddress else { return }
    var at = slot * stride
    readings[at] = Int64(bitPattern: now)
    at += 1
    for i in 0..<files.count {
      let count = widths[i]
      files[i].sample(
        into: UnsafeMutableBufferPointer(start: base + at, count: count), scratch: scratch)
      at += count
    }
    ring.fill()
  }

  /// Hands over the readings not yet taken: the first value is the time (CLOCK_BOOTTIME, ns), then one
  /// per name. To be called by one thread.
  package func drain(_ body: (Slice<UnsafeMutableBufferPointer<Int64>>) -> Void) {
    ring.empty { body(readings[$0 * stride..<($0 + 1) * stride]) }
  }

  /// How long after its deadline a tick began, ns.
  package struct Lateness: Sendable {
    package var p50: UInt64
    package var p99: UInt64
    package var p999: UInt64
    package var max: UInt64
  }

  /// What the lane cost and missed.
  package struct Health: Sendable {
    package var samples: Int
    /// Ticks that began more than half an interval after their deadline.
    package var late: Int
    /// Deadlines that passed while an earlier tick was late or at work.
    package var missed: Int
    /// Readings that nobody took in time.
    package var dropped: Int
    /// nil until the lane has stopped.
    package var lateness: Lateness?
    /// CPU time of the sampling thread, ns; nil until the lane has stopped.
    package var cpu: UInt64?
  }

  package var health: Health {
    let ended = thread == nil ? ending : nil
    return Health(
      samples: Int(ring.filled), late: lateTicks.load(ordering: .relaxed),
      missed: missedTicks.load(ordering: .relaxed),
      dropped: droppedSamples.load(ordering: .relaxed), lateness: ended?.lateness, cpu: ended?.cpu)
  }
}
