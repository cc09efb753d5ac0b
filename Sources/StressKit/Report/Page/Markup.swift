// SPDX-License-Identifier: Apache-2.0
import StressCore

/// A piece of HTML. What is written in it stays markup, what is interpolated becomes text: a name from a
/// record cannot be an element (HTML Living Standard, 13.3, "escaping a string").
struct Markup: ExpressibleByStringInterpolation {
  private(set) var text: String

  init(stringLiteral value: String) { text = value }
  init(stringInterpolation: StringInterpolation) { text = stringInterpolation.text }

  /// - Parameter trusted: markup, or a style sheet or script of ours.
  init(trusted: String) { text = trusted }

  struct StringInterpolation: StringInterpolationProtocol {
    fileprivate var text = ""

    init(literalCapacity: Int, interpolationCount: Int) { text.reserveCapacity(literalCapacity) }

    mutating func appendLiteral(_ literal: String) { text += literal }
    mutating func appendInterpolation(_ value: String) { text += Markup.escaped(value) }
    mutating func appendInterpolation(_ value: Int) { text += "\(value)" }
    mutating func appendInterpolation(_ markup: Markup) { text += markup.text }
    mutating func appendInterpolation(_ all: [Markup]) { for one in all { text += one.text } }

    /// A share of 1, as CSS has percentages.
    mutating func appendInterpolation(percent share: Double) {
      text += Format.fixed(100 * share, 2) + "%"
    }
  }

  private static func escaped(_ value: String) -> String {
    var text = ""
    for scalar in value.visible.unicodeScalars {
      switch scalar {
      case "&": text += "&amp;"
      case "<": text += "&lt;"
      case ">": text += "&gt;"
      case "\"": text += "&quot;"
      case "'": text += "&#39;"
      default: text.unicodeScalars.append(scalar)
      }
    }
    return text
  }
}

extension JSON {
  /// The value as the content of a script element: without the characters that HTML or JavaScript could take
  /// for its end (HTML Living Standard, 4.12.1.3, "restrictions for contents of script elements").
  var embedded: String {
    text.unicodeScalars.reduce(into: "") { text, scalar in
      switch scalar {
      case "<", ">", "&", "\u{2028}", "\u{2029}":
        let digits = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: text.unicodeScalars.append(scalar)
      }
    }
  }
}
