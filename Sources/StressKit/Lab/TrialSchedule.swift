// SPDX-License-Identifier: Apache-2.0
import StressAnalysis
import StressCore
import StressRecord

/// Which trial is run next.
package protocol TrialSchedule: Sendable {
  /// - Parameter busy: trials that are under way.
  /// - Returns: nil: no more, or none before one of those has ended.
  func next(besides busy: Set<Campaign.Trial>) -> Campaign.Trial?
  /// Hears that a trial has ended.
  mutating func take(_ trial: Campaign.Trial)
}

extension TrialSchedule {
  package func next() -> Campaign.Trial? { next(besides: []) }
}

extension Campaign {
  /// What remains to be run.
  ///
  /// - Throws: when the cells do not have what the campaign asks (code usage).
  func schedule() throws(HarnessError) -> any TrialSchedule {
    if let threshold = matrix.threshold { return try ThresholdSchedule(self, threshold) }
    guard let untilVerdict else {
      return FixedSchedule(rest: order.filter { ending(of: $0) == nil })
    }
    return try VerdictSchedule(self, untilVerdict)
  }
}

extension Matrix {
  /// What its cells are to answer, of a campaign that stops when it is known.
  ///
  /// - Throws: when the request does not say what is compared with what, or asks more than one question (code usage).
  package func question(
    _ request: ComparisonChoice.Request
  ) throws(HarnessError) -> CampaignFile.Question {
    if cells.count == 1 {
      throw HarnessError(
        .usage, "--until-verdict", "there is but one cell",
        remedy: "give an axis two values, as with --kernel A,B or --vary KEY=A,B")
    }
    let plan = CampaignFile(
      label: label, cells: cells.map { .init(axes: $0.axes, profile: $0.profile) }, identity: [],
      trials: 0, seed: 0)
    let summary = CampaignSummary(plan, in: label)
    return try ComparisonChoice([summary], request.suggested(by: summary)).question()
  }
}

/// All trials, in the campaign's order.
struct FixedSchedule: TrialSchedule {
  fileprivate var rest: [Campaign.Trial]

  func next(besides busy: Set<Campaign.Trial>) -> Campaign.Trial? {
    rest.first { !busy.contains($0) }
  }
  mutating func take(_ trial: Campaign.Trial) { rest.removeAll { $0 == trial } }
}

/// Pairs of trials, one of each arm, until the campaign's question is answered. One after another: which trial comes
/// next depends on what those before it showed.
///
/// A pair is run in the stratum that is not settled and has the fewest, its arms in random order: most trials go to
/// what is open. Where all strata are settled and the question is not, those that change get more, if they change in
/// one direction. Controls keep step with the strata.
package struct VerdictSchedule: TrialSchedule {
  private let campaign: Campaign
  private var summary: CampaignSummary
  /// Cells by their index, base and new, of each stratum that may be compared; of controls.
  private let pairs: [(base: Int, new: Int)]
  private let controls: [Int]
  /// Trials that need no attempt, or have had theirs in this run.
  private var over: Set<Campaign.Trial>

  /// - Throws: when the campaign's cells do not have what is asked (code usage).
  package init(_ campaign: Campaign, _ asked: CampaignFile.Question) throws(HarnessError) {
    let summary = try CampaignSummary(directory: campaign.directory)
    let choice = try ComparisonChoice([summary], .init(asked))
    self.campaign = campaign
    self.summary = summary
    over = Set(campaign.order.filter { campaign.ending(of: $0) != nil })
    func index(_ cell: CellSummary) -> Int? {
      summary.cells.firstIndex { $0.axes == cell.axes }
    }
    func indices(_ pairs: [ComparedCells]) -> [(base: Int, new: Int)] {
      pairs.compactMap { pair in
        guard let base = index(pair.base), let new = index(pair.new) else { return nil }
        return (base, new)
      }
    }
    pairs = indices(choice.pairs.filter { !$0.isControl })
    controls = indices(choice.pairs.filter(\.isControl)).flatMap { [$0.base, $0.new] }
  }

  package mutating func take(_ trial: Campaign.Trial) {
    over.insert(trial)
    summary.readAgain(trial)
  }

  package func next(besides busy: Set<Campaign.Trial>) -> Campaign.Trial? {
    guard let verdict = AnytimeVerdict(summary), verdict.call == .inconclusive else { return nil }
    func isOpen(_ pair: (base: Int, new: Int), _ stages: [AnytimeVerdict.Stratum.Stage]) -> Bool {
      let shared = summary.cells[pair.base].axes
      // One whose arms turn out not to be comparable is not among the verdict's.
      let stratum = verdict.strata.first { $0.shared.allSatisfy(shared.contains) }
      return stratum.map { stages.contains($0.stage) } == true && arm(of: pair, busy) != nil
    }
    var open = pairs.filter { isOpen($0, [.open]) }
    if open.isEmpty {
      let changes = Set(verdict.strata.map(\.stage)).intersection([.more, .fewer])
      open = changes.count == 1 ? pairs.filter { isOpen($0, Array(changes)) } : []
    }
    // A pair that was begun is completed first.
    let begun = open.first { counted($0.base) != counted($0.new) }
    let fewest = open.map { counted($0.base) }.min() ?? 0
    let level = open.filter { counted($0.base) == fewest }
    var random = SplitMix64(seed: campaign.seed &+ UInt64(over.count))
    guard let pair = begun ?? level.randomElement(using: &random) else { return nil }
    if begun == nil {
      let behind = controls.first { counted($0) <= fewest && number($0, busy) != nil }
      if let behind, let number = number(behind, busy) {
        return .init(cell: behind, number: number)
      }
    }
    guard let cell = arm(of: pair, busy), let number = number(cell, busy) else { return nil }
    return .init(cell: cell, number: number)
  }

  private func counted(_ cell: Int) -> Int { summary.cells[cell].counted.count }

  /// The next trial of a cell; nil: it has had all that it may.
  private func number(_ cell: Int, _ busy: Set<Campaign.Trial>) -> Int? {
    (1...max(1, campaign.trials)).first { number in
      let trial = Campaign.Trial(cell: cell, number: number)
      return !over.contains(trial) && !busy.contains(trial)
    }
  }

  /// Which arm of a pair is run: the one that lacks its partner, else one at random; nil: there is no trial left that
  /// would make a pair.
  private func arm(
    of pair: (base: Int, new: Int), _ busy: Set<Campaign.Trial>
  ) -> Int? {
    // What is under way will count.
    func run(_ cell: Int) -> Int { counted(cell) + busy.count { $0.cell == cell } }
    let (base, new) = (run(pair.base), run(pair.new))
    if base != new {
      let cell = base < new ? pair.base : pair.new
      return number(cell, busy) == nil ? nil : cell
    }
    if number(pair.base, busy) == nil || number(pair.new, busy) == nil { return nil }
    var random = SplitMix64(seed: campaign.seed ^ (UInt64(pair.base) << 32) ^ UInt64(base))
    return Bool.random(using: &random) ? pair.base : pair.new
  }
}

/// Trials at the values that tell most of each cell's threshold, until it is known or the cell has had all that it may.
/// One after another, in turns: a drift of the host falls on all cells alike. Which value is next follows from the
/// records and the campaign's seed alone.
struct ThresholdSchedule: TrialSchedule {
  private let campaign: Campaign
  private let threshold: CampaignFile.Threshold
  private var summary: CampaignSummary
  private var over: [Set<Int>]

  /// - Throws: when the directory holds no campaign (code usage).
  init(_ campaign: Campaign, _ threshold: CampaignFile.Threshold) throws(HarnessError) {
    self.campaign = campaign
    self.threshold = threshold
    summary = try CampaignSummary(directory: campaign.directory)
    // What the same command carries out again says nothing yet.
    for cell in summary.cells.indices {
      summary.cells[cell].trials.removeAll(where: \.ending.isRepeated)
    }
    over = campaign.matrix.cells.indices.map { cell in
      Set(
        (1...max(1, campaign.trials)).filter {
          campaign.ending(of: .init(cell: cell, number: $0)) != nil
        })
    }
  }

  mutating func take(_ trial: Campaign.Trial) {
    over[trial.cell].insert(trial.number)
    summary.readAgain(trial)
  }

  func next(besides busy: Set<Campaign.Trial>) -> Campaign.Trial? {
    let open = summary.cells.indices.compactMap { cell -> (trial: Campaign.Trial, count: Int)? in
      let taken = over[cell].union(busy.filter { $0.cell == cell }.map(\.number))
      guard let number = (1...max(1, campaign.trials)).first(where: { !taken.contains($0) })
      else { return nil }
      let search = CellThreshold(summary.cells[cell], threshold, index: cell)
      guard search.stage == .open else { return nil }
      let seed = campaign.seed ^ (UInt64(cell + 1) << 32)
      return (
        .init(cell: cell, number: number, value: search.next(seed: seed)), taken.count
      )
    }
    let fewest = open.map(\.count).min()
    var random = SplitMix64(seed: campaign.seed &+ UInt64(over.reduce(0) { $0 + $1.count }))
    return open.filter { $0.count == fewest }.randomElement(using: &random)?.trial
  }
}

extension CampaignSummary {
  /// Of a trial that was carried out again the first attempt is put aside.
  fileprivate mutating func readAgain(_ trial: Campaign.Trial) {
    cells[trial.cell].trials.removeAll { $0.number == trial.number }
    read(cell: trial.cell, number: trial.number)
  }
}
