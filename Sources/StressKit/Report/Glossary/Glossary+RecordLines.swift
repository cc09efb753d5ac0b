// SPDX-License-Identifier: Apache-2.0
import StressRecord

extension Glossary {
  static let recordLines: [Entry] = LineTypes.all.map { type in
    Entry(
      type.typeName, in: .lines,
      "Line of a record. \(RecordPage.plain(type.meaning)) docs/record.md.")
  }
}
