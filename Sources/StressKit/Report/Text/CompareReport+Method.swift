// SPDX-License-Identifier: Apache-2.0
import StressAnalysis

/// What stands below all comparisons: what was left out, the noise, and how the figures were made.
extension CompareReport {
  var notes: [String] {
    var lines = wrap("not compared", comparison.unmatched) + unfinished
    lines += wrap(
      "controls, not judged",
      comparison.controls.map { pair in
        let killed = [pair.base, pair.new].map { "\($0.killed.events):\($0.killed.trials)" }
        return
          "\(pair.shared.map(\.value).joined(separator: " ")) killed \(killed[0]) and \(killed[1])"
      })
    var noise: [CellNoise] = []
    for one in comparison.comparisons.flatMap(\.noise) where !noise.contains(one) {
      noise.append(one)
    }
    return lines + CalibrationSection(noise).lines
  }

  /// Repeated looks, with a stop at the first one that pleases, raise the rate of false alarms.
  private var unfinished: [String] {
    comparison.campaigns.flatMap { campaign in
      let rest = campaign.cells.reduce(0) { $0 + max(0, campaign.planned - $1.trials.count) }
      // One that stops when it is known may be looked at whenever one likes.
      return rest == 0 || campaign.untilVerdict != nil
        ? []
        : wrap(
          "not finished",
          [
            "\(TerminalReport.count(rest, "trial")) of \(campaign.directory) not run yet; looking at"
              + " the verdict repeatedly raises the chance of a false alarm above the stated one"
          ], style.warning)
    }
  }

  var method: [String] {
    let judged = comparison.comparisons.count { $0.verdict != nil }
    let names = Measure.primary.map { measure in
      let endpoint = measure.endpoint
      return "\(endpoint.name) (\(Self.size(endpoint.matters, endpoint.scale)))"
    }
    let level = Format.fixed(CampaignComparison.familyLevel * 100, 0)
    if comparison.isStopped { return wrap("method", [Self.stopped]) }
    let isPooled = !comparison.pooled.isEmpty
    let times =
      isPooled
      ? " and the number of verdicts (half of a question's level is the pooled verdict's, half its"
        + " comparisons')"
      : judged > 1 ? ", times the \(judged) comparisons judged" : ""
    return wrap(
      "method",
      [
        order,
        "the trial is the unit: medians over trials, n in brackets; change and interval by Newcombe"
          + " (rates) and Hodges-Lehmann (over all pairs)",
        "p two-sided, by Fisher's and the Mann-Whitney test, exact",
      ] + (isPooled ? [Self.pooling] : []) + [
        "the verdict uses endpoints declared beforehand, each with the smallest change that matters: "
          + names.joined(separator: ", "),
        "adj.: the p-value adjusted by Holm for these endpoints\(times); compared with \(level) %, which"
          + " bounds the chance of any false alarm of the whole command",
        "all other figures are descriptive", "counters: Mann-Whitney, Benjamini-Hochberg",
      ])
  }

  private static let stopped =
    "the number of trials depends on what they showed (run --until-verdict); the verdict is by e-values of pairs of"
    + " trials, a safe test of two proportions (Turner, Ly and Gr\u{fc}nwald), which may be looked at after every"
    + " trial: the chance that one reaches \(decisive) where nothing differs is at most"
    + " \(Format.fixed(100 / SafeRateTest.decisive, 0)) %; all other figures describe; p-values of a fixed number of"
    + " trials are left out, and q of counters is of one"

  private static let pooling =
    "pooled over the strata: p by the exact conditional test of a common odds ratio (Mantel-Haenszel) and by van"
    + " Elteren's test; differences of rates by Mantel-Haenszel weights (interval: MOVER), ratios by"
    + " Hodges-Lehmann within strata; where a change differs by stratum (het. at most"
    + " \(Format.fixed(Measurement.heterogeneityLevel, 2))) none is told as common"

  private var order: String {
    let seeds = comparison.campaigns.map { "\($0.seed)" }.joined(separator: " and ")
    return comparison.campaigns.count == 1
      ? "trials of both arms interleaved in random order (seed \(seeds))"
      : "one campaign after the other (seeds \(seeds)): drift of the host affects one arm only"
  }
}

/// What calibrated cells show when they are held against themselves.
struct CalibrationSection: PlainReport {
  private let noise: [CellNoise]

  init(_ noise: [CellNoise]) { self.noise = noise }

  var lines: [String] {
    noise.flatMap { one in
      let share = Format.fixed(100 * Double(one.changed) / Double(one.draws), 1)
      let floors = Measure.primary.compactMap { measure in
        one.floors[measure].map { floor in
          "\(measure.rawValue) \(CompareReport.size(floor, measure.endpoint.scale))"
        }
      }
      return wrap(
        "noise of \(one.axes.map(\.value).joined(separator: " "))",
        [
          "\(one.changed) of \(one.draws) (\(share) %) random draws of \(one.base) against \(one.new)"
            + " of its \(one.trials) trials were reported as a change",
          "95 % of the draws differ by at most " + floors.joined(separator: ", "),
        ])
    }
  }
}
