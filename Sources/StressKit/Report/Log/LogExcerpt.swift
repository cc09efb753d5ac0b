// SPDX-License-Identifier: Apache-2.0
import StressAnalysis

/// The lines of a log that a report to a kernel list needs, without what is nobody's business.
package struct LogExcerpt {
  private var ranges: [ClosedRange<Int>]
  private var privacy: MailPrivacy
  /// The last line that was given.
  private var last = 0

  /// - Parameter names: of machines and users, beside those that the log's own lines name.
  package init(_ autopsy: LogAutopsy, names: [String]) {
    let all =
      autopsy.kills.map(\.lines) + autopsy.blocked.map(\.lines) + autopsy.failures.map(\.lines)
    ranges = []
    for range in all.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if let known = ranges.last, range.lowerBound <= known.upperBound + 1 {
        ranges[ranges.count - 1] =
          known.lowerBound...max(known.upperBound, range.upperBound)
      } else {
        ranges.append(range)
      }
    }
    privacy = MailPrivacy(names: names + autopsy.hosts)
  }

  /// What the log's line number `number` becomes: nothing, itself, or itself behind a mark that lines are left out.
  package mutating func lines(_ text: String, number: Int) -> [String] {
    while let range = ranges.first, range.upperBound < number { ranges.removeFirst() }
    guard let range = ranges.first, range.contains(number) else { return [] }
    defer { last = number }
    let gap = last > 0 && number > last + 1 ? ["[...]"] : []
    return gap + [privacy.redact(text)]
  }
}
