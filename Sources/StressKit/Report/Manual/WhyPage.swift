// SPDX-License-Identifier: Apache-2.0
import StressAnalysis

/// The part of docs/why.md that says what the findings on OOM kills are.
package enum WhyPage {
  package static let parts: [GeneratedPage.Part] = [
    (
      "findings",
      GeneratedPage.table(
        ["finding", "rule", "means"],
        OOMFinding.all.map { [$0.name, $0.condition, $0.meaning] })
    )
  ]
}
