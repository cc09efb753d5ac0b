// SPDX-License-Identifier: Apache-2.0
import StressAnalysis
import StressCore
import StressRecord

/// All that a mail is made of, read once.
struct MailCase {
  let campaign: CampaignAnalysis
  let reported: ReportedCell
  let cell: CellSummary
  let trial: TrialSummary
  let environment: TrialEnvironment
  /// The incident that is told; nil: nobody was killed.
  let autopsy: OOMAutopsy?
  /// Findings of all kills of the cell, most frequent first.
  let findings: [(name: String, count: Int)]
  /// Kills before which nobody was paused.
  let unthrottled: Proportion
  let excerpt: KernelLogExcerpt?
  /// Where the cell's stalls' time went.
  let ledger: CellLedger
  let window: EventWindow
  let others: OtherCells
  /// Where half of the trials die; nil: the campaign did not look for it.
  let thresholds: ThresholdSection?
  /// nil: it cannot be told as a script; why.
  let script: ReproducerScript?
  let scriptless: HarnessError?
  /// The other arm's kernel; nil: nothing was compared.
  var base: CellSummary? { reported.comparison?.cells.base }

  /// - Throws: when nothing went wrong and no cell is named (code usage), or a record cannot be read.
  init(_ campaign: CampaignAnalysis, _ choice: ReportFormat.Choice) throws(HarnessError) {
    self.campaign = campaign
    reported = try campaign.reportedCell(choice.cell, choice.comparison)
    let index = reported.index
    let cell = campaign.summary.cells[index]
    let wanted = choice.trial
    let trials = cell.counted.filter { $0.number == wanted ?? $0.number }
    guard let trial = wanted == nil ? cell.typicalTrial : trials.first
    else {
      throw HarnessError(
        .usage, campaign.directory,
        "has no trial \(wanted.map { "\($0) " } ?? "")of cell \(index + 1) that says anything")
    }
    self.trial = trial
    let record = try campaign.record(cell: index, trial: trial.number)
    environment = TrialEnvironment(record)
    let asRun = campaign.cell(index, asRun: record)
    self.cell = asRun
    thresholds = ThresholdSection(TerminalReport(campaign.summary, style: .init(colour: false)))
    autopsy = OOMAutopsy.all(in: record).first
    excerpt = autopsy.flatMap { KernelLogExcerpt(record, $0.report) }
    let event = autopsy?.time ?? LongestWrite.begin(in: record) ?? trial.streaming?.lowerBound ?? 0
    window = EventWindow(record, at: event, start: trial.streaming?.lowerBound, Self.counters)
    let diagnosis = try campaign.diagnosis(cell: index)
    findings = diagnosis.findings
    unthrottled = diagnosis.unthrottled
    ledger = CellLedger(diagnosis.trials.map { ($0.number, $0.ledger) })
    others = OtherCells(
      campaign.summary, of: index, compared: reported.comparison?.cells.axis.key)
    do throws(HarnessError) {
      script = try ReproducerScript(asRun, label: campaign.summary.label, environment)
      scriptless = nil
    } catch {
      script = nil
      scriptless = error
    }
  }

  /// Those that tell of reclaim and writeback at a glance; of the machine, but for the cgroup's own.
  private static let counters = [
    "\(Profile.limitedGroup)/memory.current", "vmstat:nr_dirty", "vmstat:nr_writeback",
    "vmstat:nr_dirtied",
    "vmstat:nr_written", "vmstat:pgscan_file", "vmstat:pgsteal_file",
    "\(Profile.limitedGroup)/memory.events:max",
    "\(Profile.limitedGroup)/memory.pressure:full", "\(Profile.limitedGroup)/io.pressure:full",
  ].map { EventWindow.Counter($0) }

  // MARK: In words

  var filesystem: String { cell.profile.filesystem.kind.rawValue }
  var isMemcg: Bool { if case .memcg = autopsy?.scope { true } else { false } }
  /// Its trial ended in an OOM kill, be it that the kernel's report of it is not in the record.
  var isOOM: Bool { autopsy != nil || trial.ending.outcome == .oom }
  var failed: Proportion { cell.failed }

  /// `11 of 12`.
  static func ratio(_ proportion: Proportion) -> String {
    "\(proportion.events) of \(proportion.trials)"
  }

  /// `92 % (Wilson 95 %: 65-99 %)`.
  static func interval(_ proportion: Proportion) -> String {
    guard let rate = proportion.rate else { return "no runs" }
    let wilson = proportion.wilson()
    return "\(percent(rate)) % (Wilson 95 % \(percent(wilson.lower))-\(percent(wilson.upper)) %)"
  }

  private static func percent(_ share: Double) -> String { Format.fixed(share * 100, 0) }

  /// What an arm is called: its kernel's release, where only the kernel differs.
  func name(of arm: CellSummary) -> String {
    guard let key = reported.comparison?.cells.axis.key, key != CampaignFile.kernelKey else {
      return arm.counted.first?.release ?? arm.name
    }
    return "\(key)=\(arm.value(of: key) ?? "?")"
  }
}
