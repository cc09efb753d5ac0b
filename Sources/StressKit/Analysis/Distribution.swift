// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressRecord

/// Latencies as the record keeps them: counts of values, in ns, quantised to three digits; exact maximum.
package struct Distribution: Sendable, Equatable {
  /// Ascending, each value once.
  package private(set) var buckets: [(value: Double, count: Int)] = []
  package private(set) var count = 0
  package private(set) var max: Double = 0
  package private(set) var sum: Double = 0

  package static func == (a: Distribution, b: Distribution) -> Bool {
    a.count == b.count && a.max == b.max && a.sum == b.sum
      && a.buckets.elementsEqual(b.buckets) { $0 == $1 }
  }

  /// - Parameters:
  ///   - pairs: values and how often they came, in any order.
  ///   - max: the exact maximum, where the record has it; else it is the largest value.
  ///   - sum: likewise.
  package init(
    _ pairs: some Sequence<(value: Double, count: Int)>, max: Double? = nil, sum: Double? = nil
  ) {
    for (value, n) in pairs.sorted(by: { $0.value < $1.value }) where n > 0 {
      if let last = buckets.last, last.value == value {
        buckets[buckets.count - 1].count += n
      } else {
        buckets.append((value, n))
      }
      count += n
    }
    self.max = max ?? buckets.last?.value ?? 0
    self.sum = sum ?? buckets.reduce(0) { $0 + $1.value * Double($1.count) }
  }

  /// By nearest rank: the smallest value that at least a share `q` did not exceed; nil when there is none.
  package func percentile(_ q: Double) -> Double? {
    guard let last = buckets.last else { return nil }
    // 0.99 * 100 is a little more than 99 in binary.
    let rank = Int((q * Double(count) - 1e-9).rounded(.up))
    var seen = 0
    for (value, n) in buckets {
      seen += n
      if seen >= rank { return value }
    }
    return last.value
  }

  /// nil when there is none.
  package var mean: Double? { count > 0 ? sum / Double(count) : nil }

  /// The standard deviation (of n, not n - 1), by the quantised values; nil when there is none.
  package var deviation: Double? {
    guard count > 0 else { return nil }
    let total = buckets.reduce(0) { $0 + $1.value * Double($1.count) }
    let mean = total / Double(count)
    let squares = buckets.reduce(0) {
      $0 + ($1.value - mean) * ($1.value - mean) * Double($1.count)
    }
    return (squares / Double(count)).squareRoot()
  }

  /// `[[value, count], ...]` of a record; a value that no latency can have (`LineHead.latest`) is damage, and left out.
  package static func pairs(_ json: JSON?) -> [(value: Double, count: Int)] {
    (json?.array ?? []).compactMap(pair)
  }

  private static func pair(_ json: JSON) -> (value: Double, count: Int)? {
    guard let pair = json.array, pair.count == 2, let value = pair[0].double, isPossible(value),
      let count = pair[1].count
    else { return nil }
    return (value, count)
  }

  private static func isPossible(_ value: Double) -> Bool { 0...Double(LineHead.latest) ~= value }

  /// The same of a list where it stands in a line, without a value of JSON for each pair.
  static func forEachPair(_ list: inout JSONCursor, _ body: (Double, Int) -> Void) {
    var more = (try? list.opens("[", "]")) ?? false
    while more {
      if let (value, count) = list.integerPair() {
        if isPossible(Double(value)), let count = count.count { body(Double(value), count) }
      } else if let (value, count) = (try? list.value()).flatMap(pair) {
        body(value, count)
      }
      more = (try? list.another("]")) ?? false
    }
  }

  package func value(at quantile: Profile.Expectation.Metric.Quantile) -> Double? {
    switch quantile {
    case .p50: percentile(0.5)
    case .p99: percentile(0.99)
    case .max: count > 0 ? max : nil
    }
  }
}

/// What took how long, as a record's `latency` lines tell it, merged over their seconds.
package struct Latencies: Sendable {
  /// By kind (``LatencyLine/kind(_:mount:)``), over all workers.
  package private(set) var all: [String: Distribution] = [:]
  /// Those that belong to a worker, by its name and then by kind.
  package private(set) var workers: [String: [String: Distribution]] = [:]

  /// - Parameter streams: names of the streams by those of their jobs; a stream's are all of its jobs'.
  package init(_ record: RecordReader, streams: [String: String] = [:]) {
    // Seconds share most of their values: what is held at a time is one line and the sums. Of each worker (nil: none)
    // by kind.
    var sums: [String?: [String: Sum]] = [:]
    record.forEach(LatencyLine.self) { line in
      var (of, worker, stream, mount) = (
        String?.none, String?.none, String?.none, String?.none
      )
      line.forEachMember { name, value in
        if name == Self.of {
          of = of ?? (try? value.text())?.string
        } else if name == Self.worker {
          worker = worker ?? (try? value.text())?.string
        } else if name == Self.stream {
          stream = stream ?? (try? value.text())?.string
        } else if name == Self.mount {
          mount = mount ?? (try? value.text())?.string
        }
      }
      let kind = LatencyLine.kind(of ?? "?", mount: mount)
      sums[worker ?? stream, default: [:]][kind, default: Sum()].add(line)
    }
    var all: [String: Sum] = [:]
    var workers: [String: [String: Sum]] = [:]
    for (worker, kinds) in sums {
      let names = [worker, worker.flatMap { streams[$0] }].compactMap(\.self)
      for (of, sum) in kinds {
        all[of, default: Sum()].add(sum)
        for name in names { workers[name, default: [:]][of, default: Sum()].add(sum) }
      }
    }
    self.all = all.mapValues(\.distribution)
    self.workers = workers.mapValues { $0.mapValues(\.distribution) }
  }

  private static let of = LatencyLine.name(\.of)
  private static let worker = LatencyLine.name(\.worker)
  private static let stream = LatencyLine.name(\.stream)
  private static let mount = LatencyLine.name(\.mount)

  private struct Sum {
    private static let figures: InlineArray<2, StaticString> = [
      LatencyLine.name(\.max), LatencyLine.name(\.sum),
    ]
    private static let values = LatencyLine.name(\.values)

    private var counts: [Double: Int] = [:]
    private var max: Double?
    private var sum = 0.0

    mutating func add(_ line: RecordLine) {
      line.read(Self.values) { list in
        Distribution.forEachPair(&list) { counts[$0, default: 0] += $1 }
      }
      let figures = line.ints(Self.figures)
      raise(figures[0].map(Double.init))
      sum += figures[1].map(Double.init) ?? 0
    }

    mutating func add(_ other: Sum) {
      counts.merge(other.counts, uniquingKeysWith: +)
      raise(other.max)
      sum += other.sum
    }

    private mutating func raise(_ longest: Double?) {
      if let longest { max = Swift.max(max ?? longest, longest) }
    }

    var distribution: Distribution {
      Distribution(counts.map { (value: $0.key, count: $0.value) }, max: max, sum: sum)
    }
  }
}
