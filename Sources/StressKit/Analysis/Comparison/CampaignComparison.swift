// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressRecord

/// All comparisons of one command.
package struct CampaignComparison: Sendable {
  /// A control that did not come true.
  package struct FailedControl: Sendable {
    package var campaign: String
    package var cell: String
    package var control: Profile.Control
    package var killed: Proportion
  }

  /// The chance that this command finds a change where there is none, over all its comparisons and endpoints.
  package static let familyLevel = 0.05

  package let campaigns: [CampaignSummary]
  /// Those of the same two values follow each other.
  package let comparisons: [Comparison]
  /// Verdicts on several comparisons of the same two values, in their order.
  package let pooled: [PooledComparison]
  /// Of a campaign that stopped when it was known, if what is compared is what it asked; nil: of none.
  package let anytime: AnytimeVerdict?
  /// The trials' number depends on what they showed: no p-value of a fixed number holds.
  package let isStopped: Bool
  /// Where one is, no verdict holds.
  package let failedControls: [FailedControl]
  /// Cells without a partner, in words.
  package let unmatched: [String]
  /// Controls in both arms: they are not judged.
  package let controls: [ComparedCells]

  /// - Parameters:
  ///   - allowed: differences that the user takes upon himself, by key.
  ///   - noise: a calibration; nil: the campaigns' own, if they have one.
  ///   - draws: of random arms from each calibrated cell.
  /// - Throws: when nothing can be compared, or `allowed` has a key that no record tells (code usage).
  package init(
    _ campaigns: [CampaignSummary], _ request: ComparisonChoice.Request = .init(),
    allowed: Set<String> = [], noise: CampaignSummary? = nil, draws: Int = CalibratedCell.draws
  ) throws(HarnessError) {
    if let campaign = campaigns.first(where: { $0.threshold != nil }) {
      throw HarnessError(
        .usage, campaign.directory,
        "its trials ran at values that earlier ones chose: their rates cannot be compared",
        remedy: "'wbstress report' compares the thresholds")
    }
    let isAlone = campaigns.count == 1
    let request =
      isAlone && campaigns[0].untilVerdict != nil ? request.suggested(by: campaigns[0]) : request
    let choice = try ComparisonChoice(campaigns, request)
    let questions = ComparedQuestion.all(
      choice.pairs.filter { !$0.isControl }, allowed: allowed)
    let pairs = questions.flatMap(\.pairs)
    if pairs.isEmpty {
      throw HarnessError(
        .usage, campaigns.map(\.directory).joined(separator: " "),
        "has nothing but controls to compare")
    }
    try Self.check(allowed, questions.flatMap(\.comparability))
    let calibrated = try Self.calibrated(campaigns, noise, pairs)
    self.campaigns = campaigns
    unmatched = choice.unmatched
    controls = choice.pairs.filter(\.isControl)
    var comparisons: [Comparison] = []
    var pooled: [PooledComparison] = []
    let judged = max(1, questions.count { $0.judged > 0 })
    for question in questions {
      let family = question.family
      comparisons += zip(question.pairs, question.comparability).map { pair, comparability in
        let sizes = (pair.base.counted.count, pair.new.counted.count)
        let noise = calibrated.filter { $0.isOf(pair.base) || $0.isOf(pair.new) }
          .map { $0.noise(sizes, draws: draws) }
        return Comparison(pair, comparability, noise: noise, family: judged * family.pair)
      }
      if question.isPooled {
        pooled.append(PooledComparison(question, comparisons, family: judged * family.pooled))
      }
    }
    self.comparisons = comparisons
    self.pooled = pooled
    isStopped = campaigns.contains { $0.untilVerdict != nil }
    let asked = isAlone && questions.count == 1 ? campaigns[0].untilVerdict : nil
    anytime = asked.flatMap { asked in
      guard questions[0].isOf(asked) else { return nil }
      let floor = comparisons.flatMap(\.noise).compactMap { $0.floors[.failed] }.max()
      return AnytimeVerdict(questions[0], planned: campaigns[0].planned, floor: floor)
    }
    failedControls = campaigns.flatMap { campaign in
      campaign.failedControls.map {
        FailedControl(
          campaign: campaign.directory, cell: campaign.cells[$0.cell].name, control: $0.control,
          killed: $0.killed)
      }
    }
  }

  private static func check(
    _ allowed: Set<String>, _ checked: [Comparability]
  ) throws(HarnessError) {
    let known = checked.reduce(into: Set<String>()) { $0.formUnion($1.keys) }
    guard let key = allowed.subtracting(known).sorted().first else { return }
    throw HarnessError(
      .usage, "--allow \(key)", "no record tells of it",
      remedy: "a difference is allowed by the name that the report gives it")
  }

  /// The cells that tell the noise of these comparisons. The arms of a calibration are not held against their
  /// own.
  private static func calibrated(
    _ campaigns: [CampaignSummary], _ named: CampaignSummary?, _ pairs: [ComparedCells]
  ) throws(HarnessError) -> [CalibratedCell] {
    guard let named else {
      if pairs[0].axis.key == CampaignFile.calibrateKey { return [] }
      return campaigns.flatMap { CalibratedCell.all(in: $0) }
    }
    let cells = CalibratedCell.all(in: named)
    if !cells.contains(where: { cell in pairs.contains { cell.isOf($0.base) || cell.isOf($0.new) } }
    ) {
      throw HarnessError(
        .usage, "--noise \(named.directory)", "has none of the cells as two arms",
        remedy: "make it with 'run --calibrate' and the same axes")
    }
    return cells
  }

  /// What the command says of a comparison, its controls considered; nil: it refuses to say.
  package func call(_ comparison: some JudgedComparison) -> Verdict.Call? {
    guard let call = comparison.verdict?.call else { return nil }
    return failedControls.isEmpty && !isStopped ? call : .inconclusive
  }

  package func call(_ anytime: AnytimeVerdict) -> Verdict.Call {
    failedControls.isEmpty ? anytime.call : .inconclusive
  }

  /// The pooled verdict that a comparison is a stratum of; nil: it stands by itself.
  package func pooled(of index: Int) -> PooledComparison? {
    pooled.first { $0.strata.contains(index) }
  }

  /// Of the whole command, by its worst comparison; nil: no regression. An improvement that several strata have in
  /// common is not in doubt for the few trials of one of them; that an average does not change says less of each.
  package var code: HarnessError.Code? {
    let calls = comparisons.map(call)
    if let call = anytime.map(call) {
      if call == .regression { return .expectation }
      if calls.contains(nil) { return .refused }
      return call == .inconclusive ? .inconclusive : nil
    }
    if calls.contains(.regression) || pooled.contains(where: { call($0) == .regression }) {
      return .expectation
    }
    if calls.contains(nil) { return .refused }
    let improved = pooled.filter { call($0) == .improvement && $0.isCommon }.flatMap(\.strata)
    let isOpen = calls.indices.contains { calls[$0] == .inconclusive && !improved.contains($0) }
    return isOpen ? .inconclusive : nil
  }
}
