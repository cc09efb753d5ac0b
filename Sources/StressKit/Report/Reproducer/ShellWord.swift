// SPDX-License-Identifier: Apache-2.0

/// Text as bash takes it for one word, whatever is in it (bash(1), QUOTING).
package enum ShellWord {
  private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "a"..."z", "A"..."Z", "0"..."9", "-", "_", "=", ",", ".", ":", "/", "@", "+", "%": true
    default: false
    }
  }

  /// As it stands where nothing in it means anything to the shell, else in quotes; with what steers a terminal
  /// spelled out.
  package static func quoted(_ word: String) -> String {
    if !word.isEmpty, word.unicodeScalars.allSatisfy(isPlain) { return word }
    if word.visible == word { return "'" + escaped(word, "'", by: "'\\''") + "'" }
    let bytes = word.utf8.map { byte in
      let isSeen = (0x20..<0x7f).contains(byte) && byte != 0x27 && byte != 0x5c
      let digits = String(byte, radix: 16)
      return isSeen
        ? String(Unicode.Scalar(byte)) : "\\x" + (digits.count < 2 ? "0" : "") + digits
    }
    return "$'" + bytes.joined() + "'"
  }

  /// A value behind `prefix`, which the shell is to expand: in double quotes where that is safe.
  static func value(_ value: String, behind prefix: String = "") -> String {
    if value.unicodeScalars.allSatisfy({ isPlain($0) || $0 == " " }) {
      return "\"\(prefix)\(value)\""
    }
    return (prefix.isEmpty ? "" : "\"\(prefix)\"") + quoted(value)
  }

  private static func escaped(_ text: String, _ character: Unicode.Scalar, by other: String)
    -> String
  {
    text.unicodeScalars.reduce(into: "") { text, scalar in
      if scalar == character { text += other } else { text.unicodeScalars.append(scalar) }
    }
  }
}
