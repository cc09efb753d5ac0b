// SPDX-License-Identifier: Apache-2.0
extension String {
  /// Text in which nothing hides: what steers instead of being seen is spelled out, such as line breaks,
  /// escape sequences and what turns the direction of writing (Unicode Standard Annex 9).
  package var visible: String {
    if !unicodeScalars.contains(where: Self.isHidden) { return self }
    return unicodeScalars.reduce(into: "") { Self.spell($1, into: &$0) }
  }

  /// Lines for a terminal: as `visible`, but for line ends, tabs, and colours (SGR, ECMA-48 8.3.117), which are
  /// the harness's own. A name can at worst be coloured: it moves no cursor, sets no title and asks nothing.
  package var visibleLines: String {
    let isPlain = utf8.allSatisfy { (0x20..<0x7f).contains($0) || $0 == 0x0a }
    if isPlain { return self }
    var text = ""
    var rest = unicodeScalars[...]
    while let scalar = rest.popFirst() {
      if scalar == "\u{1b}", let colour = Self.colour(rest) {
        text.unicodeScalars.append(scalar)
        text.unicodeScalars.append(contentsOf: colour)
        rest = rest[colour.endIndex...]
      } else if scalar == "\n" || scalar == "\t" {
        text.unicodeScalars.append(scalar)
      } else {
        Self.spell(scalar, into: &text)
      }
    }
    return text
  }

  /// What follows the escape of a colour.
  private static func colour(_ rest: Substring.UnicodeScalarView) -> Substring.UnicodeScalarView? {
    guard rest.first == "[" else { return nil }
    let numbers = rest.dropFirst().prefix { ("0"..."9").contains($0) || $0 == ";" }
    guard numbers.endIndex < rest.endIndex, rest[numbers.endIndex] == "m" else { return nil }
    return rest[...numbers.endIndex]
  }

  private static func spell(_ scalar: Unicode.Scalar, into text: inout String) {
    if isHidden(scalar) {
      text += "\\u{\(String(scalar.value, radix: 16))}"
    } else {
      text.unicodeScalars.append(scalar)
    }
  }

  private static func isHidden(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse: true
    default: false
    }
  }
}
