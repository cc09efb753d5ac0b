// SPDX-License-Identifier: Apache-2.0
import StressAnalysis
import StressCore
import StressRecord

/// Trials one after another until a judgement is known: first one of each control, then those of the one cell that is
/// judged.
package struct JudgeSchedule: TrialSchedule {
  private let campaign: Campaign
  private let question: Judgement.Question
  private let subject: Int
  private let controls: [Int]
  private var summary: CampaignSummary
  /// Trials that need no attempt, or have had theirs in this run.
  private var over: Set<Campaign.Trial>

  /// How many trials a campaign needs, if some of them tell nothing.
  package static func trials(_ question: Judgement.Question) -> Int {
    question.most + Judgement.patience
  }

  /// - Throws: when there is not one cell to be judged (usage).
  package init(_ campaign: Campaign, _ question: Judgement.Question) throws(HarnessError) {
    let cells = campaign.matrix.cells
    controls = cells.indices.filter { cells[$0].profile.control != nil }
    let others = cells.indices.filter { cells[$0].profile.control == nil }
    guard others.count == 1 else {
      throw HarnessError(
        .usage, "judge", "\(others.count) cells to be judged, not one",
        remedy: "give each axis one value; a profile that is a control itself is not judged")
    }
    self.campaign = campaign
    self.question = question
    subject = others[0]
    summary = try CampaignSummary(directory: campaign.directory)
    over = Set(campaign.order.filter { campaign.ending(of: $0) != nil })
    // What is carried out again tells nothing meanwhile.
    for cell in summary.cells.indices {
      summary.cells[cell].trials.removeAll { trial in
        !over.contains(.init(cell: cell, number: trial.number))
      }
    }
  }

  package var judgement: Judgement {
    Judgement(
      question, summary.cells[subject].trials.sorted { $0.number < $1.number },
      controls: controls.map { summary.cells[$0] })
  }

  package mutating func take(_ trial: Campaign.Trial) {
    over.insert(trial)
    summary.cells[trial.cell].trials.removeAll { $0.number == trial.number }
    summary.read(cell: trial.cell, number: trial.number)
  }

  package func next(besides busy: Set<Campaign.Trial>) -> Campaign.Trial? {
    guard judgement.call == .open else { return nil }
    func number(_ cell: Int) -> Int? {
      (1...max(1, campaign.trials)).first { number in
        let trial = Campaign.Trial(cell: cell, number: number)
        return !over.contains(trial) && !busy.contains(trial)
      }
    }
    let waiting = controls.first { summary.cells[$0].counted.isEmpty && number($0) != nil }
    let cell = waiting ?? subject
    return number(cell).map { .init(cell: cell, number: $0) }
  }
}
