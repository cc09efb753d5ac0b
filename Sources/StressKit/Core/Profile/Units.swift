// SPDX-License-Identifier: Apache-2.0

/// Why a text is no size, duration or rate.
package struct UnitError: Error, CustomStringConvertible, Equatable, Sendable {
  package var description: String
  /// The text has not the form at all, as opposed to a value that will not do.
  var malformed = false

  static func malformed(_ text: String, _ expected: String) -> UnitError {
    UnitError(description: "expected \(expected); found '\(text)'", malformed: true)
  }
}

/// Numbers with a unit, as profiles and options spell them.
///
/// A fraction is accepted where it is exact (`1.5GiB`). Nothing is rounded: what the record says
/// must be what the user wrote.
package enum Units {
  /// No quantity here is larger, so that it fits a JSON integer and off_t.
  static let largest = UInt64(Int64.max)

  // Bare letters are binary, as in the kernel's memparse(); SI spellings are decimal.
  private static let sizes: [(String, UInt64)] = [
    ("", 1), ("B", 1),
    ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40),
    ("K", 1 << 10), ("M", 1 << 20), ("G", 1 << 30), ("T", 1 << 40),
    ("k", 1 << 10), ("m", 1 << 20), ("g", 1 << 30), ("t", 1 << 40),
    ("kB", 1_000), ("KB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
  ]

  private static let durations: [(String, UInt64)] = [
    ("ns", 1), ("us", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
  ]

  private static let rates = sizes.filter { !$0.0.isEmpty }.map { ($0.0 + "/s", $0.1) }

  /// Bytes: `64MiB`, `1.5GiB`, `4096`, `64M` (binary), `10MB` (10^6).
  package static func size(_ text: String) throws(UnitError) -> UInt64 {
    try parse(text, sizes, expected: "a size such as 64MiB", whole: "bytes")
  }

  /// What a share can be of, as in `N% of memory.max`: two of `limits`, and the machine's memory.
  static let wholes = ["memory.max", "memory.high", "machine.memory"]

  /// `N% of WHOLE`; nil: it is no share.
  static func share(_ text: String) throws(UnitError) -> (percent: UInt64, of: String)? {
    guard let sign = text.firstIndex(of: "%") else { return nil }
    let percent = try parse(
      String(text[..<sign]), [("", 1)], expected: "a whole number of percent", whole: "percent")
    let rest = text[text.index(after: sign)...].split(separator: " ").map(String.init)
    guard rest.count == 2, rest[0] == "of", wholes.contains(rest[1]) else {
      throw UnitError(
        description:
          "'\(text)' is a share of nothing; it may be N% of \(wholes.joined(separator: ", "))"
      )
    }
    if percent > 10_000 { throw UnitError(description: "'\(text)' is too large") }
    return (percent, rest[1])
  }

  /// Nanoseconds: `100ms`, `30s`, `10us`, `1m`, `1h`, `250ns`. The unit is not optional.
  package static func duration(_ text: String) throws(UnitError) -> UInt64 {
    try parse(text, durations, expected: "a duration such as 100ms or 30s", whole: "ns")
  }

  /// Bytes per second: a size, with its unit, and `/s`.
  package static func rate(_ text: String) throws(UnitError) -> UInt64 {
    try parse(text, rates, expected: "a rate such as 20MiB/s", whole: "bytes/s")
  }

  /// A plain whole number without sign, unit or leading zeros.
  package static func count(_ text: String) throws(UnitError) -> UInt64 {
    let expected = "a whole number"
    if text.contains(".") { throw .malformed(text, expected) }
    return try parse(text, [("", 1)], expected: expected, whole: expected)
  }

  /// The shortest exact spelling of a number of bytes, as in `64MiB`.
  package static func sizeText(_ bytes: UInt64) -> String {
    exact(bytes, [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)], "B")
  }

  /// The shortest exact spelling of a number of nanoseconds, as in `100ms`.
  package static func durationText(_ nanoseconds: UInt64) -> String {
    exact(nanoseconds, durations.reversed(), "ns")
  }

  private static func exact(
    _ value: UInt64, _ units: some Sequence<(String, UInt64)>, _ smallest: String
  ) -> String {
    for (name, factor) in units where value > 0 && value.isMultiple(of: factor) {
      return "\(value / factor)\(name)"
    }
    return "\(value)\(smallest)"
  }

  private static func parse(
    _ text: String, _ units: [(String, UInt64)], expected: String, whole: String
  ) throws(UnitError) -> UInt64 {
    let number = text.prefix { $0 == "." || $0.isASCII && $0.isNumber }
    let parts = number.split(separator: ".", omittingEmptySubsequences: false)
    let unit = text[number.endIndex...]
    guard (1...2).contains(parts.count), parts.allSatisfy({ !$0.isEmpty }),
      // 010 is 8 to some readers of YAML and 10 to others.
      parts[0] == "0" || parts[0].first != "0",
      let factor = units.first(where: { $0.0 == unit })?.1
    else {
      throw .malformed(text, expected)
    }
    // The product of the longest number that is let through and the largest factor fits 128 bits.
    guard number.utf8.count <= 20, let digits = UInt128(parts.joined()) else {
      throw UnitError(description: "'\(text)' has too many digits")
    }
    let scale =
      parts.count == 1 ? 1 : (0..<parts[1].utf8.count).reduce(UInt128(1)) { p, _ in p * 10 }
    let (value, rest) = (digits * UInt128(factor)).quotientAndRemainder(dividingBy: scale)
    if rest != 0 {
      throw UnitError(description: "'\(text)' is not a whole number of \(whole)")
    }
    if value > UInt128(largest) { throw UnitError(description: "'\(text)' is too large") }
    return UInt64(value)
  }
}
