// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressAnalysis

/// Why a verdict is what it is, and how figures are written.
extension CompareReport {
  /// What stands behind a verdict's word.
  func reasons(_ one: Comparison) -> String {
    guard one.verdict != nil else {
      let refusals = one.comparability.refusals
      let options = refusals.map { "--allow \(ShellWord.quoted($0.key))" }
      return "the arms also differ in \(refusals.map(\.text).joined(separator: "; "))"
        + (options.isEmpty
          ? "" : " (to compare them anyway: \(options.joined(separator: " ")))")
    }
    return words(one)
  }

  func reasons(_ pooled: PooledComparison) -> String { words(pooled) }

  private func words(_ one: some JudgedComparison) -> String {
    guard let verdict = one.verdict else { return "" }
    if comparison.isStopped {
      return "the trials were stopped by what they showed (run --until-verdict): no p-value holds"
    }
    return doubt(verdict.call) + words(one, verdict)
  }

  private func doubt(_ call: Verdict.Call) -> String {
    comparison.failedControls.isEmpty
      ? "" : "a control failed; by itself this would be \(call.rawValue): "
  }

  func reasons(_ one: AnytimeVerdict) -> String {
    func sum(_ arm: (AnytimeVerdict.Stratum) -> Proportion) -> String {
      let arms = one.strata.map(arm)
      return "\(arms.reduce(0) { $0 + $1.events }):\(arms.reduce(0) { $0 + $1.trials })"
    }
    let least = Self.decisive
    let alike = one.strata.map(\.unchanged).min()
    let endpoint = Measure.failed.endpoint
    let change = Self.size(endpoint.matters, endpoint.scale)
    let evidence: String =
      switch one.call {
      case .regression, .improvement:
        "e-value \(Self.e(one.call == .regression ? one.more : one.fewer)) (\(least) decides)"
      case .noChange:
        "less than \(change) in every stratum, e-value \(Self.e(alike ?? 0)) (\(least) decides)"
      case .inconclusive:
        "e-values: more \(Self.e(one.more)), fewer \(Self.e(one.fewer)), less than \(change)"
          + " \(alike.map(Self.e) ?? "-") (\(least) would decide)"
      }
    let saved = one.call == .inconclusive ? "" : ", \(one.saved) saved"
    return doubt(one.call)
      + "\(endpoint.name) \(sum(\.new)) against \(sum(\.base)), \(evidence);"
      + " \(one.run) of \(one.planned) trials ran\(saved)"
  }

  static let decisive = Format.fixed(SafeRateTest.decisive, 0)

  /// An e-value, three digits, rounded towards less evidence.
  static func e(_ value: Double) -> String {
    if value >= 1e6 { return "> 1e6" }
    let digits = value < 10 ? 2 : value < 100 ? 1 : 0
    let scale = pow(10, Double(digits))
    return Format.fixed((value * scale).rounded(.down) / scale, digits)
  }

  private func words(_ one: some JudgedComparison, _ verdict: Verdict) -> String {
    func all(_ findings: [Verdict.Finding]) -> [String] {
      verdict.results.filter { findings.contains($0.finding) }.map {
        Self.text($0, one.adjusted($0))
      }
    }
    switch verdict.call {
    case .regression:
      let better = all([.better])
      return all([.worse]).joined(separator: "; ")
        + (better.isEmpty ? "" : "; but better: " + better.joined(separator: "; "))
    case .improvement: return all([.better]).joined(separator: "; ")
    case .noChange: return "with a chance of 80 % it would have shown " + seen(verdict)
    case .inconclusive:
      let more =
        verdict.moreTrials.map { "; about \($0) more trials of each cell would settle it" } ?? ""
      let open = obstacles(verdict)
      return (open.isEmpty ? "no usable trials" : open) + more
    }
  }

  /// What keeps the verdict open, each with the endpoints that it is of.
  private func obstacles(_ verdict: Verdict) -> String {
    let all = verdict.results.compactMap { result in
      Self.obstacle(result).map { (name: result.measurement.endpoint.name, text: $0) }
    }
    return distinct(all.map(\.text)).map { text in
      all.filter { $0.text == text }.map(\.name).joined(separator: ", ") + ": " + text
    }.joined(separator: "; ")
  }

  /// The smallest changes that would have been found with this chance.
  private func seen(_ verdict: Verdict) -> String {
    zip(verdict.results, verdict.detectable).filter { $0.0.finding != .absent }.map {
      result, change in
      let endpoint = result.measurement.endpoint
      return "\(endpoint.name) \(change.map { Self.size($0, endpoint.scale) } ?? "by no change")"
    }.joined(separator: ", ")
  }

  /// A change's size, whatever its direction.
  static func size(_ change: Double, _ scale: Endpoint.Scale) -> String {
    switch scale {
    case .points: "\(Format.fixed(change * 100, 0)) points"
    case .ratio: "x" + short(change)
    case .shift: "\(Format.fixed(change * 100, 1)) points"
    }
  }

  /// `OOM or hang 11:12 against 0:12, +92 points (+60..+99), p 0.00001`.
  private static func text(_ result: Verdict.Result, _ adjusted: Double) -> String {
    let measurement = result.measurement
    let endpoint = measurement.endpoint
    let measure = Measure(rawValue: endpoint.name)
    let values = [measurement.new, measurement.base].map { measure?.text(of: $0) ?? "" }
    var change = measurement.change.map { ", \(text($0)) (\(interval($0)))" } ?? ""
    if measurement.differsByStratum {
      change = ", \(strata(measurement))"
    } else if let odds = measurement.odds {
      change += ", odds ratio \(text(odds))"
    }
    return "\(endpoint.name) \(values[0]) against \(values[1])\(change), adjusted p \(p(adjusted))"
  }

  /// From which change to which the strata go, and how sure it is that they differ.
  private static func strata(_ measurement: Measurement) -> String {
    let changes = measurement.strata.compactMap(\.change).sorted { $0.estimate < $1.estimate }
    let ends = [changes.first, changes.last].compactMap(\.self).map { text($0) }
    return "\(ends.joined(separator: " to ")) by stratum (heterogeneity p "
      + "\(p(measurement.heterogeneity)): no common change)"
  }

  /// With its interval.
  static func text(_ odds: OddsRatio) -> String {
    "\(short(odds.estimate)) (\(short(odds.interval.lower))..\(short(odds.interval.upper)))"
  }

  /// What keeps an endpoint from settling; nil: it is settled.
  private static func obstacle(_ result: Verdict.Result) -> String? {
    let measurement = result.measurement
    let change = measurement.change.map { "\(text($0)) (\(interval($0)))" } ?? "unknown"
    let floor = size(measurement.endpoint.floor ?? 0, measurement.endpoint.scale)
    switch result.finding {
    case .worse, .better, .same, .negligible, .absent: return nil
    case .withinNoise: return "\(change) is within the noise of \(floor)"
    case .unclear: return "\(change) may be 0, or large enough to matter"
    case .tooFew:
      return "\(measurement.base.count) against \(measurement.new.count) trials are too few"
    case .noisy: return "noise of \(floor) hides what matters"
    case .missing:
      return measurement.strata.isEmpty
        ? "no values in one arm" : "no values in one arm of a stratum"
    case .heterogeneous: return strata(measurement)
    }
  }

  // MARK: Figures

  /// - Parameter points: what percentage points are called.
  static func text(_ change: Measurement.Change, points: String = "points") -> String {
    switch change {
    case .points(let difference, _): "\(Self.points(difference)) \(points)"
    case .ratio(let ratio): "x" + short(ratio.estimate)
    case .shift(let shift): "\(Self.points(shift.estimate)) \(points)"
    }
  }

  /// With its real confidence, where so few trials do not allow 95 %; none below a half.
  static func interval(_ change: Measurement.Change) -> String {
    let range = change.interval
    switch change {
    case .points: return "\(points(range.lower))..\(points(range.upper))"
    case .ratio(let ratio):
      return "\(short(range.lower))..\(short(range.upper))".qualified(by: ratio.achieved)
    case .shift(let shift):
      return "\(points(range.lower))..\(points(range.upper))".qualified(by: shift.achieved)
    }
  }

  /// A difference of shares in percentage points, two or three digits of it.
  private static func points(_ difference: Double) -> String {
    let points = difference * 100
    return signed(points, abs(points) < 9.95 && points != points.rounded() ? 1 : 0)
  }

  static func signed(_ value: Double, _ digits: Int) -> String {
    (value > 0 ? "+" : "") + Format.fixed(value, digits)
  }

  /// Three digits of a ratio.
  static func short(_ value: Double) -> String {
    value.isInfinite ? "inf" : Format.fixed(value, value < 10 ? 2 : value < 100 ? 1 : 0)
  }

  /// Three decimals, or one digit and an exponent of ten.
  static func p(_ value: Double?) -> String {
    guard let value else { return "-" }
    if value >= 0.001 || value <= 0 { return Format.fixed(value, 3) }
    var exponent = Int(log10(value).rounded(.down))
    var digit = Int((value / pow(10, Double(exponent))).rounded())
    if digit == 10 { (digit, exponent) = (1, exponent + 1) }
    return "\(digit)e\(exponent)"
  }
}

extension String {
  fileprivate func qualified(by confidence: Double) -> String {
    if confidence >= 0.95 - 1e-9 { return self }
    return confidence < 0.5 ? "-" : self + " (\(Int(confidence * 100))%)"
  }
}

extension JudgedComparison {
  typealias Row = (measure: Measure, measurement: Measurement, adjusted: Double?)

  /// Of each measure that the verdict rests on and a trial has, with its adjusted p-value.
  var judged: [Row] {
    (verdict?.results ?? []).compactMap { Self.row($0.measurement, adjusted($0)) }
  }

  static func row(_ measurement: Measurement, _ adjusted: Double?) -> Row? {
    guard let measure = Measure(rawValue: measurement.endpoint.name),
      measurement.base.count + measurement.new.count > 0
    else { return nil }
    return (measure, measurement, adjusted)
  }
}

extension Comparison {
  /// Of each measure that a trial has, the verdict's first.
  var rows: [Row] { judged + described.compactMap { Self.row($0, nil) } }
}

extension Measure {
  /// With the unit of its figures.
  var title: String {
    switch unit {
    case .events: rawValue
    case .rate: rawValue + ", MiB/s"
    case .duration: rawValue + ", s"
    case .share: rawValue + ", %"
    }
  }

  /// `events:trials` of an arm, or its median and how many trials that is of.
  func text(of arm: OrderedSample) -> String {
    guard let median = arm.median else { return unit == .events ? "0:0" : "-" }
    switch unit {
    case .events: return "\(arm.proportion.events):\(arm.count)"
    case .rate: return "\(Format.mebibytes(median)) (\(arm.count))"
    case .duration: return "\(Format.seconds(median)) (\(arm.count))"
    case .share: return "\(Format.fixed(median * 100, 1)) (\(arm.count))"
    }
  }
}
