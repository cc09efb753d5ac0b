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

  /// Who looks again and again, and stops when he likes what he sees, finds more false alarms than one who
  /// looks once.
  private var unfinished: [String] {
    comparison.campaigns.flatMap { campaign in
      let rest = campaign.cells.reduce(0) { $0 + max(0, campaign.planned - $1.trials.count) }
      return rest == 0
        ? []
        : wrap(
          "not finished",
          [
            "\(TerminalReport.count(rest, "trial")) of \(campaign.directory) still to be run; a verdict"
              + " that is asked for again and again errs more often than it says"
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
    let times = judged > 1 ? ", times the \(judged) comparisons judged" : ""
    return wrap(
      "method",
      [
        order,
        "the trial is the unit: medians over trials, n in brackets; change and interval by Newcombe"
          + " (rates) and Hodges-Lehmann (over all pairs)",
        "p two-sided, by Fisher's and the Mann-Whitney test, exact",
        "the verdict rests on the endpoints declared beforehand, and what of each matters: "
          + names.joined(separator: ", "),
        "adj.: the p-value adjusted by Holm for these endpoints\(times); held against \(level) %, which is"
          + " the most that the chance of any false alarm of the whole command can be",
        "all other figures are described, not judged", "counters: Mann-Whitney, Benjamini-Hochberg",
      ])
  }

  private var order: String {
    let seeds = comparison.campaigns.map { "\($0.seed)" }.joined(separator: " and ")
    return comparison.campaigns.count == 1
      ? "trials of both arms in turn, in random order (seed \(seeds))"
      : "one campaign after the other (seeds \(seeds)): a drift of the host falls on one arm"
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
            + " of its \(one.trials) trials are called a change",
          "95 % differ by no more than " + floors.joined(separator: ", "),
        ])
    }
  }
}
