// SPDX-License-Identifier: Apache-2.0

/// A mail's headers, unfolded, and its body's lines.
struct ParsedMail {
  struct Line {
    /// From 1, in the file.
    var number: Int
    var text: String
  }

  private(set) var headers: [(name: String, value: String)] = []
  private(set) var body: [Line] = []
  let all: [Line]

  /// - Parameter text: RFC 5322, or an mbox of one mail.
  init(_ text: String) {
    // "\r\n" is one character, and a newline.
    let lines = text.split(omittingEmptySubsequences: false) { $0.isNewline }
    all = lines.enumerated().map { Line(number: $0.offset + 1, text: String($0.element)) }
    var rest = all[...]
    if rest.first?.text.hasPrefix("From ") == true { rest.removeFirst() }
    while let line = rest.popFirst(), !line.text.isEmpty {
      if line.text.first == " " || line.text.first == "\t", !headers.isEmpty {
        headers[headers.count - 1].value += " " + line.text.drop { $0 == " " || $0 == "\t" }
      } else if let colon = line.text.firstIndex(of: ":") {
        let value = line.text[line.text.index(after: colon)...].drop { $0 == " " }
        headers.append((String(line.text[..<colon]), String(value)))
      }
    }
    body = Array(rest)
  }

  /// The body in one line.
  var prose: String {
    body.map { $0.text.drop { $0 == " " } }.joined(separator: " ")
  }

  func header(_ name: String) -> String? {
    headers.first { $0.name.lowercased() == name.lowercased() }?.value
  }

  /// A line of the kernel log, with its time in front.
  static func isLog(_ line: String) -> Bool {
    guard line.hasPrefix("["), let end = line.firstIndex(of: "]") else { return false }
    let stamp = line[line.index(after: line.startIndex)..<end].drop { $0 == " " }
    return stamp.contains(".") && stamp.allSatisfy { $0.isNumber || $0 == "." }
  }

  /// Not prose: a table, a script or a log.
  static func isVerbatim(_ line: String) -> Bool {
    line.hasPrefix("  ") || isLog(line) || line.hasPrefix(">")
  }
}
