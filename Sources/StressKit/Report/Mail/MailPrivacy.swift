// SPDX-License-Identifier: Apache-2.0

/// What a public mail is not to tell of its sender's machines: the same thing gets the same placeholder everywhere.
///
/// It looks at words, so that figures, kernel addresses, PCI addresses, times, versions and the lists' own addresses
/// stay as they are.
package struct MailPrivacy {
  package enum Kind: String, Sendable {
    case name, user, address, ip, mac, uuid, serial, root, campaign
  }

  package struct Finding: Equatable, Sendable {
    package var kind: Kind
    package var text: String
  }

  private typealias Span = (range: Range<Int>, kind: Kind)

  private let names: [[UInt8]]
  private let directory: [UInt8]
  private var numbers: [Kind: [[UInt8]]] = [:]

  /// - Parameters:
  ///   - names: of machines and users; shorter ones than three letters are passed over: they are in every other word.
  ///   - directory: the campaign's; only an absolute one tells anything.
  package init(names: [String], directory: String = "") {
    self.names = names.map { Array($0.utf8) }.filter { $0.count > 2 }
    self.directory = directory.hasPrefix("/") && directory.count > 1 ? Array(directory.utf8) : []
  }

  package func findings(_ line: String) -> [Finding] {
    let bytes = Array(line.utf8)
    return spans(bytes).map {
      Finding(kind: $0.kind, text: String(decoding: bytes[$0.range], as: UTF8.self))
    }
  }

  /// The line with placeholders such as `<ip-1>`.
  package mutating func redact(_ line: String) -> String {
    let bytes = Array(line.utf8)
    let spans = spans(bytes)
    if spans.isEmpty { return line }
    var out: [UInt8] = []
    var at = 0
    for (range, kind) in spans {
      out += bytes[at..<range.lowerBound]
      let text = Array(bytes[range])
      var known = numbers[kind] ?? []
      if !known.contains(text) { known.append(text) }
      numbers[kind] = known
      let number = (known.firstIndex(of: text) ?? 0) + 1
      out += Array("<\(kind.rawValue)-\(number)>".utf8)
      at = range.upperBound
    }
    return String(decoding: out + bytes[at...], as: UTF8.self)
  }

  // MARK: Words

  private func spans(_ line: [UInt8]) -> [Span] {
    var all = occurrences(of: directory, in: line).map { ($0, Kind.campaign) as Span }
    for name in names { all += occurrences(of: name, in: line).map { ($0, .name) } }
    var previous: ArraySlice<UInt8> = []
    for word in line.indices.split(whereSeparator: { !Self.isOfWord(line[$0]) }) {
      let word = word.lowerBound..<word.upperBound
      all += Self.spans(line, word, after: Self.lowered(previous))
      previous = line[word]
    }
    var end = 0
    return all.sorted {
      ($0.range.lowerBound, $1.range.upperBound) < ($1.range.lowerBound, $0.range.upperBound)
    }
    .filter { span in
      guard span.range.lowerBound >= end else { return false }
      end = span.range.upperBound
      return true
    }
  }

  /// Whole words only.
  private func occurrences(of text: [UInt8], in line: [UInt8]) -> [Range<Int>] {
    guard !text.isEmpty, line.count >= text.count else { return [] }
    return (0...line.count - text.count).map { $0..<$0 + text.count }.filter { range in
      line[range].elementsEqual(text)
        && (range.lowerBound == 0 || !Self.isAlphanumeric(line[range.lowerBound - 1]))
        && (range.upperBound == line.count || !Self.isAlphanumeric(line[range.upperBound]))
    }
  }

  private static func spans(
    _ line: [UInt8], _ word: Range<Int>, after previous: String
  ) -> [Span] {
    // What ends a sentence or introduces something is no part of it.
    var end = word.upperBound
    while end > word.lowerBound, [0x2e, 0x3a, 0x2f].contains(line[end - 1]) { end -= 1 }
    let trimmed = word.lowerBound..<end
    let text = Array(line[trimmed])
    if text.isEmpty { return [] }
    // A commit of a tree is nobody's address.
    if text.contains(0x40), !text.starts(with: "git:".utf8) {
      return address(text, at: trimmed.lowerBound)
    }
    var spans = home(line, word) + uuids(text, at: trimmed.lowerBound)
    if !spans.isEmpty { return spans }
    if ["serial:", "serial", "sn:"].contains(previous), isSerial(text) {
      return [(trimmed, .serial)]
    }
    if isMAC(text) { spans.append((trimmed, .mac)) }
    if !["version", "v"].contains(previous), let host = ipv4(text) {
      spans.append((trimmed.lowerBound..<trimmed.lowerBound + host, .ip))
    }
    if isIPv6(text.prefix { $0 != 0x2f }) {
      spans.append(
        (trimmed.lowerBound..<trimmed.lowerBound + text.prefix { $0 != 0x2f }.count, .ip))
    }
    return spans
  }

  /// `/home/NAME` is the name's; `/root` is all of it.
  private static func home(_ line: [UInt8], _ word: Range<Int>) -> [Span] {
    func starts(_ at: Int) -> Bool {
      at == word.lowerBound || [0x3a, 0x2c].contains(line[at - 1])
    }
    for at in word where line[at] == 0x2f && starts(at) {
      let rest = line[at..<word.upperBound]
      if rest.starts(with: "/home/".utf8) {
        let from = at + 6
        let until =
          line[from..<word.upperBound].firstIndex { $0 == 0x2f || $0 == 0x3a }
          ?? word.upperBound
        return from < until ? [(from..<until, .user)] : []
      }
      if rest.starts(with: "/root".utf8), rest.count == 5 || rest[at + 5] == 0x2f {
        return [(at..<at + 5, .root)]
      }
    }
    return []
  }

  // MARK: Kinds

  private static let publicDomains = ["vger.kernel.org", "kernel.org", "kvack.org"]

  /// user@host, also without a domain, as in a kernel's version; not a public list's.
  private static func address(_ text: [UInt8], at start: Int) -> [Span] {
    guard let at = text.firstIndex(of: 0x40), at > 0, at + 1 < text.count else { return [] }
    let isOfAddress = { (byte: UInt8) in
      isAlphanumeric(byte) || [0x2e, 0x2d, 0x5f, 0x25, 0x2b].contains(byte)
    }
    let from = text[..<at].lastIndex { !isOfAddress($0) }.map { $0 + 1 } ?? 0
    let until = text[(at + 1)...].firstIndex { !isOfAddress($0) } ?? text.count
    guard from < at, at + 1 < until, isAlphanumeric(text[at + 1]) else { return [] }
    let domain = String(decoding: text[(at + 1)..<until], as: UTF8.self)
    let isPublic =
      domain.hasPrefix("lists.") || domain.hasPrefix("example.")
      || publicDomains.contains { domain == $0 || domain.hasSuffix("." + $0) }
    return isPublic ? [] : [(start + from..<start + until, .address)]
  }

  private static func uuids(_ text: [UInt8], at start: Int) -> [Span] {
    guard text.count >= 36 else { return [] }
    let dashes: Set<Int> = [8, 13, 18, 23]
    return (0...text.count - 36).compactMap { from in
      let isUUID = (0..<36).allSatisfy { index in
        dashes.contains(index) ? text[from + index] == 0x2d : isHex(text[from + index])
      }
      return isUUID ? (start + from..<start + from + 36, .uuid) : nil
    }
  }

  private static func isSerial(_ text: [UInt8]) -> Bool {
    text.count >= 6 && text.contains { (0x30...0x39).contains($0) }
  }

  private static func isMAC(_ text: [UInt8]) -> Bool {
    let groups = text.split(omittingEmptySubsequences: false) { $0 == 0x3a || $0 == 0x2d }
    return groups.count == 6 && groups.allSatisfy { $0.count == 2 && $0.allSatisfy(isHex) }
  }

  /// How many bytes of the word are an address; nil: none. One of this machine alone tells nothing.
  private static func ipv4(_ text: [UInt8]) -> Int? {
    let host = text.prefix { $0 == 0x2e || (0x30...0x39).contains($0) }
    // A port or a prefix length may follow; anything else makes it a version.
    if host.count < text.count, ![0x3a, 0x2f].contains(text[host.count]) { return nil }
    let octets = host.split(separator: 0x2e, omittingEmptySubsequences: false)
    guard octets.count == 4,
      octets.allSatisfy({ octet in
        (1...3).contains(octet.count) && (octet.count == 1 || octet.first != 0x30)
          && Int(String(decoding: octet, as: UTF8.self)).map { $0 < 256 } == true
      })
    else { return nil }
    let first = String(decoding: octets[0], as: UTF8.self)
    return ["0", "127"].contains(first) ? nil : host.count
  }

  /// With all eight groups, or shortened by `::` and long enough that it is no list or name of C++.
  private static func isIPv6(_ text: ArraySlice<UInt8>) -> Bool {
    guard text.allSatisfy({ isHex($0) || $0 == 0x3a }) else { return false }
    let groups = text.split(separator: 0x3a, omittingEmptySubsequences: false)
    guard groups.allSatisfy({ $0.count <= 4 }) else { return false }
    let filled = groups.filter { !$0.isEmpty }
    if filled.count == 8, groups.count == 8 { return true }
    let string = String(decoding: text, as: UTF8.self)
    return string.contains("::") && (2...7).contains(filled.count)
      && filled.contains { $0.count > 2 } && text.contains { (0x30...0x39).contains($0) }
  }

  // MARK: Bytes

  private static func isOfWord(_ byte: UInt8) -> Bool {
    isAlphanumeric(byte) || [0x2e, 0x5f, 0x25, 0x2b, 0x3a, 0x40, 0x2f, 0x7e, 0x2d].contains(byte)
  }
  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
  }
  private static func isHex(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x41...0x46).contains(byte) || (0x61...0x66).contains(byte)
  }
  private static func lowered(_ bytes: ArraySlice<UInt8>) -> String {
    String(decoding: bytes, as: UTF8.self).lowercased()
  }
}
