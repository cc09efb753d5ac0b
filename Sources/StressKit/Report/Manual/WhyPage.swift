// SPDX-License-Identifier: Apache-2.0
import StressAnalysis

/// The part of docs/why.md that says what the findings on OOM kills are.
package enum WhyPage {
  /// As ``RecordPage/parts``.
  package static let parts = [(name: "findings", text: findings)]

  private static let findings =
    (["| finding | rule | means |", "|---|---|---|"]
    + OOMFinding.all.map { "| \($0.name) | \($0.condition) | \($0.meaning) |" })
    .joined(separator: "\n")
}
