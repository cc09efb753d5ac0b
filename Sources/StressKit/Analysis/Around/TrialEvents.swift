// SPDX-License-Identifier: Apache-2.0
import StressRecord

/// What counters are looked at around.
package enum EventKind: String, CaseIterable, Sendable {
  case kill = "OOM kill"
  case stall = "stall"
}

/// When the events of one trial were, on a grid of bins over its streams' time.
package struct TrialEvents {
  /// ns.
  static let bin: Int64 = 100_000_000
  /// The second before an event, in which the counters are compared, in bins; also the quiet that must lie
  /// between two events.
  static let before = 10
  /// After an event it is not quiet yet, bins.
  static let after = 5
  /// An operation that takes as long, ns, and so many times the median of its kind in the trial, is a stall:
  /// where each write waits for a slow disk, that it waits is no event.
  package static let threshold: Int64 = 100_000_000
  package static let medians = 4.0

  /// A week; a time that damage made is not to take all memory.
  private static let mostBins = 7 * 24 * 36_000

  /// The streams' time; whole bins of it, from its start.
  let start: Int64
  let bins: Int
  /// Of each kind: the bins in which events begin. Events closer than a second to the one before belong to
  /// it.
  private(set) var events: [EventKind: [Int]] = [:]
  /// The share of each bin in which at least one operation stalled.
  private(set) var stalled: [Float]
  /// Whether a bin may be part of a quiet window: no event of the kind is under way, about to begin, or just
  /// over.
  private(set) var quiet: [EventKind: [Bool]] = [:]

  /// nil: the streams did not run to an end, or for less than a bin or more than a week.
  init?(_ record: RecordReader) {
    guard let window = record.streamTime else { return nil }
    start = window.lowerBound
    bins = Int((window.upperBound - window.lowerBound) / Self.bin)
    guard 1...Self.mostBins ~= bins else { return nil }
    stalled = [Float](repeating: 0, count: bins)
    let kills = KillStamps.all(in: record).compactMap { $0.time(.trace) ?? $0.time(.kernelLog) }
    let stalls = Self.stalls(record)
    cover(stalls)
    // What was killed is gone: from then on it is another machine, and its quiet says nothing of before.
    let firstKill = kills.min() ?? .max
    take(.kill, kills.sorted().map { $0...$0 }, until: firstKill)
    take(.stall, stalls, until: firstKill)
  }

  /// The bin of a moment; nil: outside of the streams' time.
  func bin(of time: Int64) -> Int? {
    guard time >= start else { return nil }
    let bin = Int((time - start) / Self.bin)
    return bin < bins ? bin : nil
  }

  /// Operations that stalled, also those that had not ended, merged where they overlap.
  private static func stalls(_ record: RecordReader) -> [ClosedRange<Int64>] {
    let usual = Latencies(record).all.mapValues { ($0.percentile(0.5) ?? 0) * medians }
    var all: [ClosedRange<Int64>] = []
    for names in OperationNames.all {
      record.forEach(names.type) { line in
        let found = line.ints([names.start, names.time])
        guard let start = found[0], let length = found[1], length >= threshold,
          Double(length) >= line.string(names.kind).flatMap({ usual[$0] }) ?? 0
        else { return }
        all.append(start...start + length)
      }
    }
    all.sort { $0.lowerBound < $1.lowerBound }
    var merged: [ClosedRange<Int64>] = []
    for stall in all {
      if let last = merged.last, last.upperBound >= stall.lowerBound {
        merged[merged.count - 1] =
          last.lowerBound...max(last.upperBound, stall.upperBound)
      } else {
        merged.append(stall)
      }
    }
    return merged
  }

  private mutating func cover(_ stalls: [ClosedRange<Int64>]) {
    let end = start + Int64(bins) * Self.bin
    for stall in stalls {
      var from = max(stall.lowerBound, start)
      let until = min(stall.upperBound, end)
      while from < until {
        let index = Int((from - start) / Self.bin)
        let next = min(until, start + Int64(index + 1) * Self.bin)
        stalled[index] += Float(next - from) / Float(Self.bin)
        from = next
      }
    }
  }

  /// - Parameters:
  ///   - times: ascending.
  ///   - end: from here on nothing is quiet, and nothing begins.
  private mutating func take(
    _ kind: EventKind, _ times: [ClosedRange<Int64>], until end: Int64
  ) {
    var begins: [Int] = []
    var isQuiet = [Bool](repeating: true, count: bins)
    var last = Int64.min
    for time in times {
      trouble(time, &isQuiet)
      let follows = last > .min && time.lowerBound - last < Int64(Self.before) * Self.bin
      if !follows, time.lowerBound <= end, let bin = bin(of: time.lowerBound) { begins.append(bin) }
      last = max(last, time.upperBound)
    }
    if let kill = bin(of: end) { for bin in kill..<bins { isQuiet[bin] = false } }
    events[kind] = begins
    quiet[kind] = isQuiet
  }

  /// Marks the bins that an event takes the quiet of.
  private func trouble(_ time: ClosedRange<Int64>, _ isQuiet: inout [Bool]) {
    guard time.upperBound >= start else { return }
    let first = Int((max(time.lowerBound, start) - start) / Self.bin) - Self.before
    let last = Int((time.upperBound - start) / Self.bin) + Self.after
    guard first < bins else { return }
    for bin in max(0, first)...max(0, min(bins - 1, last)) { isQuiet[bin] = false }
  }

  /// The first bins of windows as long as `before` without an event, one after the other.
  func quietWindows(_ kind: EventKind) -> [Int] {
    var windows: [Int] = []
    var run = 0
    for (bin, isQuiet) in (quiet[kind] ?? []).enumerated() {
      run = isQuiet ? run + 1 : 0
      if run == Self.before {
        windows.append(bin + 1 - Self.before)
        run = 0
      }
    }
    return windows
  }
}
