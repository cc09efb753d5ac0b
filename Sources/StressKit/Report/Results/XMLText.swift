// SPDX-License-Identifier: Apache-2.0

/// Text in XML 1.0 (https://www.w3.org/TR/xml).
enum XMLText {
  /// For an attribute's value or an element's content; what XML cannot have at all becomes U+FFFD.
  static func escaped(_ text: String) -> String {
    var out = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": out += "&amp;"
      case "<": out += "&lt;"
      // Always, so that no `]]>` comes about.
      case ">": out += "&gt;"
      case "\"": out += "&quot;"
      // In an attribute these would be read as blanks.
      case "\t", "\n", "\r": out += "&#\(scalar.value);"
      case "\u{0}"..."\u{1f}", "\u{fffe}", "\u{ffff}": out += "\u{fffd}"
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out
  }

  /// An element's start: ` name="value"` for each attribute that has a value.
  static func attributes(_ all: KeyValuePairs<String, String?>) -> String {
    all.compactMap { name, value in value.map { " \(name)=\"\(escaped($0))\"" } }.joined()
  }
}
