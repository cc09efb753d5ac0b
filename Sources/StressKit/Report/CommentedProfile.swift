// SPDX-License-Identifier: Apache-2.0

/// A profile that a report has made, as YAML with a comment on each value.
enum CommentedProfile {
  private static let width = 100

  /// The file's text: comments that are too long are of several lines.
  static func text(_ lines: [String]) -> String {
    lines.flatMap(wrapped).joined(separator: "\n") + "\n"
  }

  private static func wrapped(_ line: String) -> [String] {
    let indent = line.prefix { $0 == " " }
    guard line.count > width, line.dropFirst(indent.count).hasPrefix("# ") else { return [line] }
    let mark = indent + "# "
    return Format.broken(String(line.dropFirst(mark.count)), width: width - mark.count)
      .map { mark + $0 }
  }
}
