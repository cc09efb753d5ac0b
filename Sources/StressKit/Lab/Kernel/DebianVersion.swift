// SPDX-License-Identifier: Apache-2.0

/// A package version with the order of Debian Policy, 5.6.12: `6.1.9-1 < 6.1.10-1`,
/// `6.12.1-1~deb12u1 < 6.12.1-1`.
///
/// Equal is what sorts the same, so `1.0-1` and `1.00-1` are equal.
package struct DebianVersion: Comparable, CustomStringConvertible, Sendable {
  package let description: String
  private let epoch: Int
  private let upstream: [UInt8]
  private let revision: [UInt8]

  package init(_ text: String) {
    description = text
    var rest = text[...]
    if let colon = rest.firstIndex(of: ":") {
      epoch = Int(rest[..<colon]) ?? 0
      rest = rest[rest.index(after: colon)...]
    } else {
      epoch = 0
    }
    if let dash = rest.lastIndex(of: "-") {
      upstream = Array(rest[..<dash].utf8)
      revision = Array(rest[rest.index(after: dash)...].utf8)
    } else {
      upstream = Array(rest.utf8)
      revision = []
    }
  }

  package static func == (a: DebianVersion, b: DebianVersion) -> Bool { order(a, b) == 0 }
  package static func < (a: DebianVersion, b: DebianVersion) -> Bool { order(a, b) < 0 }

  private static func order(_ a: DebianVersion, _ b: DebianVersion) -> Int {
    if a.epoch != b.epoch { return a.epoch - b.epoch }
    let upstream = order(a.upstream[...], b.upstream[...])
    return upstream != 0 ? upstream : order(a.revision[...], b.revision[...])
  }

  /// Text and numbers in turn, as dpkg's `verrevcmp` does it.
  private static func order(_ left: ArraySlice<UInt8>, _ right: ArraySlice<UInt8>) -> Int {
    var (a, b) = (left, right)
    while !a.isEmpty || !b.isEmpty {
      while a.first.map(isDigit) == false || b.first.map(isDigit) == false {
        let difference = weight(a.first) - weight(b.first)
        if difference != 0 { return difference }
        a = a.dropFirst()
        b = b.dropFirst()
      }
      let (x, y) = (number(&a), number(&b))
      if x.count != y.count { return x.count - y.count }
      for (x, y) in zip(x, y) where x != y { return Int(x) - Int(y) }
    }
    return 0
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

  /// `~` sorts before the end of the text, letters before all else.
  private static func weight(_ byte: UInt8?) -> Int {
    switch byte {
    case nil: 0
    case UInt8(ascii: "~"): -1
    case .some(let byte) where isDigit(byte): 0
    case .some(let byte) where (0x41...0x5a).contains(byte & ~0x20): Int(byte)
    case .some(let byte): Int(byte) + 256
    }
  }

  /// Takes the digits off the front; leading zeros do not count.
  private static func number(_ text: inout ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    let digits = text.prefix(while: isDigit)
    text = text.dropFirst(digits.count)
    return digits.drop { $0 == 0x30 }
  }
}
