/// What `wbstress report --format` writes: one renderer each, all from one analysis.
package enum ReportFormat: String, CaseIterable, Sendable {
  case terminal
  /// One page for a browser.
  case html

  /// Which part of the campaign, and how it shall look.
  package struct Choice: Sendable {
    /// One cell, its index from 0; nil: all, or the first that the format suits.
    package var cell: Int?
    /// One trial of a cell, from 1.
    package var trial: Int?
    /// What is compared with what, where the format tells verdicts.
    package var comparison: ComparisonChoice.Request
    package var style: TerminalReport.Style

    package init(
      cell: Int? = nil, trial: Int? = nil, comparison: ComparisonChoice.Request = .init(),
      style: TerminalReport.Style = .init(colour: false)
    ) {
      self.cell = cell
      self.trial = trial
      self.comparison = comparison
      self.style = style
    }
  }

  /// The whole of the report, as it goes into a file.
  ///
  /// - Throws: when the choice names something that the campaign does not have (code usage), or a record that
  ///   it needs cannot be read.
  package func render(
    _ campaign: CampaignAnalysis, _ choice: Choice
  ) throws(HarnessError) -> [UInt8] {
    switch self {
    case .terminal:
      Array((TerminalReport(campaign.summary, style: choice.style).text + "\n").utf8)
    case .html: try PageReport(campaign, choice).bytes
    }
  }
}
