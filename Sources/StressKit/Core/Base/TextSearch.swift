// SPDX-License-Identifier: Apache-2.0

// Byte by byte: a name's bytes must not join with the ASCII around them into one Character. And the standard library's
// search for a text within a text comes with its regular expressions, which in a guest are memory that cannot be
// reclaimed (ci/build looks for them there).

extension StringProtocol {
  /// Whether `part` stands anywhere in it.
  package func holds(_ part: String) -> Bool {
    var rest = utf8[...]
    while !rest.starts(with: part.utf8) {
      if rest.isEmpty { return false }
      rest = rest.dropFirst()
    }
    return true
  }
}

extension String {
  package var lines: [Substring] { self[...].lines }
}

extension Substring {
  package func after(prefix: String) -> Substring? {
    guard utf8.starts(with: prefix.utf8) else { return nil }
    return self[utf8.index(startIndex, offsetBy: prefix.utf8.count)...]
  }

  package var lines: [Substring] {
    utf8.split(separator: UInt8(ascii: "\n")).map { Substring($0) }
  }

  package func parted(by separator: String) -> (before: Substring, after: Substring)? {
    var at = startIndex
    while at < endIndex {
      if let rest = self[at...].after(prefix: separator) { return (self[..<at], rest) }
      utf8.formIndex(after: &at)
    }
    return nil
  }

  package func parted(byLast separator: String) -> (before: Substring, after: Substring)? {
    var at = endIndex
    while at > startIndex {
      utf8.formIndex(before: &at)
      if let rest = self[at...].after(prefix: separator) { return (self[..<at], rest) }
    }
    return nil
  }
}
