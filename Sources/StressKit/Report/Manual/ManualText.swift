// SPDX-License-Identifier: Apache-2.0

/// Text and macros of mdoc(7), which groff and mandoc read.
struct ManualText {
  private(set) var lines: [String] = []

  /// A macro with words that are given literally, those with blanks in quotes.
  mutating func macro(_ name: String, _ words: String...) {
    lines.append((["." + name] + words.map(Self.word)).joined(separator: " "))
  }

  /// A macro line as it stands.
  mutating func raw(_ line: String) { lines.append(line) }

  /// Prose: each sentence on a line of its own, as mdoc wants it, and long ones broken.
  mutating func prose(_ text: String) {
    for sentence in Self.sentences(text) {
      for plain in Format.broken(Self.escaped(sentence), width: 78) {
        // A line that begins with one of these would be a request.
        lines.append(plain.hasPrefix(".") || plain.hasPrefix("\\(aq") ? "\\&" + plain : plain)
      }
    }
  }

  private static func word(_ word: String) -> String {
    let text = escaped(word)
    return word.contains(" ") || word.isEmpty ? "\"\(text)\"" : text
  }

  /// What roff and typesetting would take for something else.
  static func escaped(_ text: String) -> String {
    text.map { character in
      switch character {
      case "\\": "\\e"
      case "'": "\\(aq"
      case "`": "\\(ga"
      case "~": "\\(ti"
      case "^": "\\(ha"
      case "\"": "\\(dq"
      default: String(character)
      }
    }.joined().split(separator: "--", omittingEmptySubsequences: false).joined(separator: "\\-\\-")
  }

  private static func sentences(_ text: String) -> [String] {
    var sentences = [""]
    for word in text.split(whereSeparator: \.isWhitespace) {
      let last = sentences.count - 1
      sentences[last] += (sentences[last].isEmpty ? "" : " ") + word
      if word.hasSuffix(".") || word.hasSuffix(".)") { sentences.append("") }
    }
    return sentences.filter { !$0.isEmpty }
  }
}
