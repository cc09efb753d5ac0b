// SPDX-License-Identifier: Apache-2.0
import StressRecord

/// What all counters did around the events of a cell's trials, gathered record by record: only sums are kept.
///
/// The trial is the unit: a trial's events are averaged first, and so are its quiet windows.
package struct AroundEvents: Sendable {
  /// Bins before and after an event that are looked at: 5 s each.
  static let reach = 50
  /// Bins by which a counter may move before or after the stalls: 2 s.
  static let furthest = 20
  /// An event with fewer bins before it in the streams' time is not compared.
  static let least = TrialEvents.before / 2

  /// What there was to compare.
  package struct Tally: Sendable, Equatable {
    /// Trials whose streams ran to their end, and those of them with an event.
    package var trials = 0
    package var withEvents = 0
    package var events = 0
    /// Events in the first half second of the streams, which lack what was before them.
    package var early = 0
    /// Trials with events but not one quiet window.
    package var neverQuiet = 0
    package var quietWindows = 0
    /// Trials with both, which are compared.
    package var compared = 0
  }

  /// One counter around one kind of event.
  struct Sums: Sendable {
    /// One for each trial: the mean of the second before its events, and of its quiet windows.
    var before: [Double] = []
    var quiet: [Double] = []
    /// Of the quiet windows about their trial's mean.
    var squares = 0.0
    var freedom = 0
    /// Of each bin from -5 s to 5 s: the sum of the trials' means over their events, and of how many trials.
    var path = [Double](repeating: 0, count: 2 * reach)
    var trials = [Int](repeating: 0, count: 2 * reach)
  }

  struct Counter: Sendable {
    let name: String
    var moves = false
    var sums: [EventKind: Sums] = [:]
    /// Of each lag from -2 s to 2 s: the sum of the trials' correlations with stall time, and of how many
    /// trials.
    var correlations = [Double](repeating: 0, count: 2 * furthest + 1)
    var correlated = 0
  }

  package private(set) var tallies: [EventKind: Tally] = [.kill: Tally(), .stall: Tally()]
  private(set) var counters: [Counter] = []
  private var numbers: [String: Int] = [:]

  package init() {}

  /// Adds a trial; one whose streams did not run to an end says nothing here.
  package mutating func add(_ record: RecordReader) {
    guard let events = TrialEvents(record) else { return }
    let windows = EventKind.allCases.map { Windows($0, events) }
    for of in windows { tally(of) }
    let stalls = Centred(events.stalled)
    for lane in record.lanes {
      let grid = LaneGrid(lane, events)
      for (name, column) in zip(lane.names, lane.columns) {
        let number = number(of: name)
        let series = BinnedColumn(column, CounterKind(column: name), grid)
        counters[number].moves = counters[number].moves || series.moves
        for of in windows where of.isCompared {
          counters[number].sums[of.kind, default: Sums()].add(series, of)
        }
        if series.moves { counters[number].correlate(series, stalls) }
      }
    }
  }

  private mutating func number(of name: String) -> Int {
    if let known = numbers[name] { return known }
    counters.append(Counter(name: name))
    numbers[name] = counters.count - 1
    return counters.count - 1
  }

  private mutating func tally(_ of: Windows) {
    var tally = tallies[of.kind] ?? Tally()
    tally.trials += 1
    tally.withEvents += of.all > 0 ? 1 : 0
    tally.events += of.all
    tally.early += of.all - of.events.count
    tally.neverQuiet += of.all > 0 && of.quiet.isEmpty ? 1 : 0
    tally.quietWindows += of.quiet.count
    tally.compared += of.isCompared ? 1 : 0
    tallies[of.kind] = tally
  }

  /// What is compared in a trial, of one kind of event.
  struct Windows {
    let kind: EventKind
    /// Events in all; the bins of those that have enough before them.
    let all: Int
    let events: [Int]
    let quiet: [Int]
    /// Offsets in a path that at least one of the events has in the streams' time.
    let reached: [Int]

    init(_ kind: EventKind, _ trial: TrialEvents) {
      self.kind = kind
      let begins = trial.events[kind] ?? []
      all = begins.count
      events = begins.filter { $0 >= AroundEvents.least }
      quiet = trial.quietWindows(kind)
      reached = (0..<2 * AroundEvents.reach).filter { [events] offset in
        events.contains { (0..<trial.bins).contains($0 + offset - AroundEvents.reach) }
      }
    }

    var isCompared: Bool { !events.isEmpty && !quiet.isEmpty }
  }
}

extension AroundEvents.Sums {
  fileprivate mutating func add(_ series: BinnedColumn, _ windows: AroundEvents.Windows) {
    let sums = RunningSums(series.values)
    let before = windows.events.compactMap { event in
      sums.mean(max(0, event - TrialEvents.before)..<event)
    }
    let quiet = windows.quiet.compactMap { sums.mean($0..<$0 + TrialEvents.before) }
    guard !before.isEmpty, !quiet.isEmpty else { return }
    let level = quiet.reduce(0, +) / Double(quiet.count)
    self.before.append(before.reduce(0, +) / Double(before.count))
    self.quiet.append(level)
    squares += quiet.reduce(0) { $0 + ($1 - level) * ($1 - level) }
    freedom += quiet.count - 1
    if series.moves {
      follow(series.values, windows.events)
    } else {
      for offset in windows.reached {
        path[offset] += level
        trials[offset] += 1
      }
    }
  }

  /// The path around the events of a trial.
  private mutating func follow(_ values: [Float], _ events: [Int]) {
    for offset in path.indices {
      var sum = 0.0
      var count = 0
      for event in events {
        let bin = event + offset - AroundEvents.reach
        guard values.indices.contains(bin), !values[bin].isNaN else { continue }
        sum += Double(values[bin])
        count += 1
      }
      if count > 0 {
        path[offset] += sum / Double(count)
        trials[offset] += 1
      }
    }
  }
}

extension AroundEvents.Counter {
  /// How the counter goes with the stalls at each lag.
  fileprivate mutating func correlate(_ series: BinnedColumn, _ stalls: Centred) {
    let own = Centred(series.values)
    let scale = own.norm * stalls.norm
    guard scale > 0 else { return }
    correlated += 1
    for index in correlations.indices {
      correlations[index] += own.product(stalls, lag: index - AroundEvents.furthest) / scale
    }
  }
}

/// Sums from the beginning, for the means of many windows.
private struct RunningSums {
  private var sums: [Double] = [0]
  private var counts: [Int32] = [0]

  init(_ values: [Float]) {
    var sum = 0.0
    var count: Int32 = 0
    for value in values {
      if !value.isNaN {
        sum += Double(value)
        count += 1
      }
      sums.append(sum)
      counts.append(count)
    }
  }

  /// nil: nothing is known there.
  func mean(_ bins: Range<Int>) -> Double? {
    let count = counts[bins.upperBound] - counts[bins.lowerBound]
    return count > 0 ? (sums[bins.upperBound] - sums[bins.lowerBound]) / Double(count) : nil
  }
}

/// A series about its mean; what is unknown lies on it.
///
/// The cross-correlation is that of G. Box and G. Jenkins, Time Series Analysis (1970), chapter 11: over the
/// overlap, by the norms of the whole series, which makes far lags smaller.
private struct Centred {
  private let values: [Float]
  let norm: Double

  init(_ series: [Float]) {
    let known = series.filter { !$0.isNaN }
    let mean = known.reduce(0.0) { $0 + Double($1) } / Double(max(1, known.count))
    values = series.map { $0.isNaN ? 0 : Float(Double($0) - mean) }
    norm = values.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
  }

  /// The sum of products with the other series, `lag` bins later.
  func product(_ other: Centred, lag: Int) -> Double {
    let from = max(0, -lag)
    let until = min(values.count, other.values.count - lag)
    guard from < until else { return 0 }
    return values.withUnsafeBufferPointer { a in
      other.values.withUnsafeBufferPointer { b in
        // Eight at a time: a single sum would wait for each addition.
        var sums = SIMD8<Float>(repeating: 0)
        var total = 0.0
        var i = from
        while i + 8 <= until {
          let x = UnsafeRawPointer(a.baseAddress! + i).loadUnaligned(as: SIMD8<Float>.self)
          let y = UnsafeRawPointer(b.baseAddress! + i + lag).loadUnaligned(as: SIMD8<Float>.self)
          sums += x * y
          i += 8
        }
        while i < until {
          total += Double(a[i]) * Double(b[i + lag])
          i += 1
        }
        return total + Double(sums.sum())
      }
    }
  }
}
