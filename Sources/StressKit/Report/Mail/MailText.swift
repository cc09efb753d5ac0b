// SPDX-License-Identifier: Apache-2.0

/// The body of a mail in the making: prose wrapped, all else as it is.
struct MailText {
  /// Documentation/process/email-clients.rst leaves it to the sender; 72 leaves room for a quotation or two.
  static let prose = 72
  /// Tables and scripts.
  static let widest = 78

  private(set) var lines: [String] = []

  /// A paragraph, and an empty line before it.
  mutating func add(_ text: String, indent: Int = 0) {
    separate()
    lines += Format.broken(text, width: Self.prose, indent: indent)
  }

  /// `- text`, its further lines indented.
  mutating func item(_ text: String) {
    lines += Format.broken("- " + text, width: Self.prose, indent: 2)
  }

  /// Lines that nobody may wrap, and an empty line before them.
  mutating func verbatim(_ text: [String]) {
    if text.isEmpty { return }
    separate()
    lines += text
  }

  mutating func separate() {
    if let last = lines.last, !last.isEmpty { lines.append("") }
  }

  mutating func add(_ other: MailText) {
    separate()
    lines += other.lines
  }

  /// A table, two blanks from the margin: what begins so is not prose.
  mutating func table(_ table: Table) {
    verbatim(table.lines(within: Self.widest - 2).map { "  " + $0 })
  }
}
