// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore

/// The kernel log's clock against CLOCK_BOOTTIME.
///
/// Lines of the log carry local_clock(): the scheduler's, which nothing keeps in step with the timekeeper's
/// (kernel/sched/clock.c). Lines of our own, each written between two readings of CLOCK_BOOTTIME, tell how far
/// apart the two are at that moment.
package struct KernelLogClock: Sendable {
  /// One moment on both clocks, ns: the log's time lies between the two others.
  package struct Pair: Equatable, Sendable {
    package var before: UInt64
    package var after: UInt64
    package var log: UInt64

    var width: UInt64 { after - before }

    /// How far off the offset may be at a later time, ns: half the width, and a thousandth of the time since, for the
    /// two clocks' drift. The log's clock is the TSC at the frequency that the kernel measured while it booted; on an
    /// emulated processor whose host was busy then, 271 ppm were seen.
    func uncertainty(at time: UInt64) -> UInt64 { width / 2 + (time - min(after, time)) / 1000 }

    /// What a time of the log lacks to CLOCK_BOOTTIME.
    package var offset: Int64 { Int64(before + (after - before) / 2) - Int64(log) }
  }

  /// Between two bursts of marks, ns: both clocks are crystals or worse, some 100 us apart after a second.
  package static let interval: UInt64 = 2_000_000_000
  /// Marks in a burst: the tightest counts, as any may have been interrupted.
  static let burst = 3
  private static let text = "wbstress: clock "

  private var pending: [(number: UInt64, before: UInt64, after: UInt64)] = []
  private var best: Pair?
  private var numbers: UInt64 = 0
  private var due: UInt64 = 0
  /// The pair that tells most about now.
  package private(set) var latest: Pair?

  package init() {}

  /// Writes a burst of marks when it is time for one.
  ///
  /// - Parameter now: nil at the end, when it is time in any case.
  package mutating func mark(at now: UInt64?, in path: String = "/dev/kmsg") {
    if let now {
      if now < due { return }
      due = now + Self.interval
    }
    // Opened for each burst: what one descriptor may write is rationed (printk.devkmsg=ratelimit).
    guard let log = try? Descriptor(open: path, O_WRONLY, waiver: .mark) else { return }
    for _ in 0..<Self.burst {
      numbers += 1
      // Level debug: no console prints it. Without its end no reader would see it before the next message:
      // more could be added to it (vprintk_store, kernel/printk/printk.c).
      let line = Array("<7>\(Self.text)\(numbers)\n".utf8)
      let before = cl_boottime()
      let wrote = attemptErrno(write(log.raw, line, line.count), path, "write a mark", .mark)
      let after = cl_boottime()
      if wrote == line.count { pending.append((numbers, before, after)) }
    }
  }

  package enum Answer: Equatable, Sendable {
    /// No mark of ours.
    case other
    /// A mark, and more of its burst are to come.
    case mark
    /// The burst's last mark, and its tightest pair.
    case pair(Pair)
  }

  /// Takes the log's next line.
  package mutating func take(_ line: KernelLogRecord) -> Answer {
    guard line.facility != 0, line.text.hasPrefix(Self.text),
      let number = UInt64(line.text.dropFirst(Self.text.count)),
      let at = pending.firstIndex(where: { $0.number == number })
    else { return .other }
    let mark = pending[at]
    // Earlier ones that have not come by now were lost.
    pending.removeFirst(at + 1)
    let pair = Pair(before: mark.before, after: mark.after, log: line.time)
    if let rival = best, rival.after - rival.before <= pair.after - pair.before {
      // The one before was tighter.
    } else {
      best = pair
    }
    guard pending.isEmpty, let best else { return .mark }
    // On a busy machine a whole burst may be interrupted: what was known better before still is.
    if latest.map({ best.width / 2 <= $0.uncertainty(at: best.after) }) ?? true { latest = best }
    self.best = nil
    return .pair(best)
  }

  /// A time of the log on CLOCK_BOOTTIME, ns; the log's own until a mark has come by.
  package func boottime(_ log: UInt64) -> UInt64 {
    UInt64(clamping: Int64(clamping: log) &+ (latest?.offset ?? 0))
  }
}
