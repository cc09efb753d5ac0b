// SPDX-License-Identifier: Apache-2.0
import StressAnalysis

extension Glossary {
  /// In the order in which their rules are tried.
  static let findingNames = OOMFinding.all.map(\.name).joined(separator: ", ")

  static let findings: [Entry] = OOMFinding.all.map { finding in
    Entry(
      finding.name, in: .outcomes,
      """
      A finding on an OOM kill, by what the memory consisted of in the kernel's dump. \
      When: \(finding.condition). It means: \(finding.meaning). The first rule that holds counts, \
      in the order \(findingNames). docs/why.md.
      """)
  }
}
