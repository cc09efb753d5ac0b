// SPDX-License-Identifier: Apache-2.0

/// When a message was printed, as far as a saved log tells.
package struct LogStamp: Equatable, Sendable {
  /// ns of the kernel log's clock, which began at boot.
  package var uptime: UInt64?
  /// The time of day as it stands there, in whatever language and time zone.
  package var wall: String?
  /// The same where it is a number: us since 1970, UTC.
  package var epoch: Int64?

  package init(uptime: UInt64? = nil, wall: String? = nil, epoch: Int64? = nil) {
    self.uptime = uptime
    self.wall = wall
    self.epoch = epoch
  }

  package var isKnown: Bool { uptime != nil || wall != nil || epoch != nil }
}

/// What stands before a message in a line of a saved log, and the rest.
///
/// Sources: dmesg(1) of util-linux 2.41 (`-T`, `-x`, `-e`, `-d`, `--time-format`), journalctl(1) of systemd 257
/// (`short`, `short-iso`, `short-precise`, `short-monotonic`, `short-unix`, `short-full`, `with-unit`), RFC 3164 and
/// RFC 5424, kernel/printk/printk.c (`info_print_prefix`), and quoting in mails (RFC 3676).
struct SavedLogPrefix {
  var stamp = LogStamp()
  /// As `T169` (task) or `C1` (CPU).
  var caller: String?
  /// Whether anything stood there that a tool has put before each line.
  var isThere = false
  /// Not told by the line: true.
  var isKernel = true
  /// Machine's name in syslog's and journalctl's lines.
  var host: String?
  /// Where the message begins.
  private(set) var end = 0

  private let line: UnsafeBufferPointer<UInt8>

  init(_ line: UnsafeBufferPointer<UInt8>) {
    self.line = line
    skipQuotes()
    let indent = end
    skip { $0 == 0x20 || $0 == 0x09 }
    let isIndented = end > indent
    skipPriority()
    skipFacility()
    let isHeaded = readHeader()
    let isBracketed = readBrackets()
    isThere = isThere || isHeaded || isBracketed
    // journalctl -o short-monotonic has the machine's name and the tag behind the time.
    if isBracketed, !isHeaded { _ = readTag(needsKernel: true) }
    // Blanks before a line without a prefix are its own: they tell that it goes on.
    if !isThere, isIndented { end = indent }
  }

  // MARK: Bytes

  private func byte(_ at: Int) -> UInt8 { at < line.count ? line[at] : 0 }

  private mutating func skip(_ isSkipped: (UInt8) -> Bool) {
    while end < line.count, isSkipped(line[end]) { end += 1 }
  }

  private static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

  private static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- 0x61 < 26 }

  private func text(_ range: Range<Int>) -> String {
    String(decoding: UnsafeBufferPointer(rebasing: line[range]), as: UTF8.self)
  }

  /// Digits from `at` on; where they end.
  private func digits(_ at: Int, _ count: ClosedRange<Int> = 1...18) -> Int? {
    var at = at
    let start = at
    while at < line.count, Self.isDigit(line[at]) { at += 1 }
    return count.contains(at - start) ? at : nil
  }

  private func number(_ range: Range<Int>) -> UInt64 {
    range.reduce(0) { $0 &* 10 &+ UInt64(line[$1] & 0x0f) }
  }

  /// `HH:MM:SS`, with a fraction or without; where it ends.
  private func clock(_ at: Int) -> Int? {
    guard digits(at, 2...2) == at + 2, byte(at + 2) == 0x3a, digits(at + 3, 2...2) == at + 5,
      byte(at + 5) == 0x3a, digits(at + 6, 2...2) == at + 8
    else { return nil }
    if byte(at + 8) == 0x2e || byte(at + 8) == 0x2c, let end = digits(at + 9) { return end }
    return at + 8
  }

  // MARK: Parts

  /// `> > `, or `| ` as some archives have it.
  private mutating func skipQuotes() {
    while true {
      var at = end
      while byte(at) == 0x20 { at += 1 }
      guard byte(at) == 0x3e || (byte(at) == 0x7c && byte(at + 1) == 0x20) else { return }
      end = at + 1
      if byte(end) == 0x20 { end += 1 }
    }
  }

  /// `<4>`, and the `1 ` behind it of RFC 5424.
  private mutating func skipPriority() {
    guard byte(end) == 0x3c, let after = digits(end + 1, 1...3), byte(after) == 0x3e else { return }
    isThere = true
    end = after + 1
    if byte(end) == 0x31, byte(end + 1) == 0x20, digits(end + 2, 4...4) != nil { end += 2 }
  }

  private static let facilities = ["kern", "user", "daemon", "syslog", "auth", "authpriv"]

  /// `kern  :warn  : ` of dmesg -x.
  private mutating func skipFacility() {
    var at = end
    while Self.isLetter(byte(at)) { at += 1 }
    guard at > end, at - end <= 8 else { return }
    let name = end..<at
    while byte(at) == 0x20 { at += 1 }
    guard byte(at) == 0x3a else { return }
    at += 1
    let level = at
    while Self.isLetter(byte(at)) { at += 1 }
    guard at > level, at - level <= 6 else { return }
    while byte(at) == 0x20 { at += 1 }
    guard byte(at) == 0x3a, byte(at + 1) == 0x20, Self.facilities.contains(text(name)) else {
      return
    }
    isKernel = text(name) == "kern"
    isThere = true
    end = at + 2
  }

  /// `Jul 17 16:47:09 host kernel: `, and the other forms of syslog and journalctl.
  private mutating func readHeader() -> Bool {
    guard let (time, hasTag) = headerTime() else { return false }
    stamp.wall = text(end..<time)
    end = time
    // What follows may begin with blanks of its own.
    if byte(end) == 0x20 { end += 1 }
    if hasTag { _ = readTag(needsKernel: false) }
    return true
  }

  /// Where a time ends that a line begins with, and whether the machine's name and a tag follow.
  private func headerTime() -> (end: Int, hasTag: Bool)? {
    var at = end
    if Self.isDigit(byte(at)) {
      if let time = isoTime(at) { return time }
      // journalctl -o short-unix
      guard let seconds = digits(at, 9...11), byte(seconds) == 0x2e,
        let end = digits(seconds + 1, 6...6), byte(end) == 0x20
      else { return nil }
      return (end, true)
    }
    guard Self.isLetter(byte(at)) else { return nil }
    while Self.isLetter(byte(at)) { at += 1 }
    guard at - end <= 4, byte(at) == 0x20 else { return nil }
    while byte(at) == 0x20 { at += 1 }
    // short-full: `Tue 2025-08-12 03:54:03 UTC host kernel: `
    if let day = date(at), byte(day) == 0x20, let time = clock(day + 1), byte(time) == 0x20 {
      var zone = time + 1
      while byte(zone) != 0x20, zone < line.count { zone += 1 }
      return (zone, true)
    }
    guard let day = digits(at, 1...2), byte(day) == 0x20, let time = clock(day + 1),
      byte(time) == 0x20
    else { return nil }
    return (time, true)
  }

  /// `2025-08-12`; where it ends.
  private func date(_ at: Int) -> Int? {
    guard digits(at, 4...4) == at + 4, byte(at + 4) == 0x2d, digits(at + 5, 2...2) == at + 7,
      byte(at + 7) == 0x2d, digits(at + 8, 2...2) == at + 10
    else { return nil }
    return at + 10
  }

  /// dmesg has a comma before the fraction, and no tag.
  private func isoTime(_ at: Int) -> (end: Int, hasTag: Bool)? {
    guard let day = date(at), byte(day) == 0x54 || byte(day) == 0x20, var end = clock(day + 1)
    else { return nil }
    let isOfDmesg = byte(day + 9) == 0x2c
    if byte(end) == 0x5a {
      end += 1
    } else if byte(end) == 0x2b || byte(end) == 0x2d {
      end += 1
      while Self.isDigit(byte(end)) || byte(end) == 0x3a { end += 1 }
    }
    return byte(end) == 0x20 ? (end, !isOfDmesg) : nil
  }

  /// `host kernel: `, `kernel: `, `host systemd[1]: `; whether one of them stood there.
  private mutating func readTag(needsKernel: Bool) -> Bool {
    var words: [Range<Int>] = []
    var at = end
    while words.count < 2 {
      let start = at
      while at < line.count, line[at] != 0x20, at - start < 256 { at += 1 }
      guard at > start, byte(at) == 0x20 || at == line.count else { return false }
      words.append(start..<at)
      if line[at - 1] == 0x3a { break }
      at += 1
    }
    guard let tag = words.last, line[tag.upperBound - 1] == 0x3a else { return rfc5424(words) }
    let name = text(tag.lowerBound..<tag.upperBound - 1)
    if name == "kernel" {
      isKernel = true
    } else if needsKernel || (words.count == 1 && !name.hasSuffix("]")) {
      // A message that begins with a word and a colon.
      return false
    } else {
      isKernel = false
    }
    if words.count == 2 { host = text(words[0]) }
    end = tag.upperBound
    if byte(end) == 0x20 { end += 1 }
    return true
  }

  /// `host kernel - - - `
  private mutating func rfc5424(_ words: [Range<Int>]) -> Bool {
    guard words.count == 2, text(words[1]) == "kernel" else { return false }
    var at = words[1].upperBound
    for _ in 0..<3 {
      guard byte(at) == 0x20, byte(at + 1) == 0x2d else { return false }
      at += 2
    }
    guard byte(at) == 0x20 || at == line.count else { return false }
    host = text(words[0])
    end = min(line.count, at + 1)
    return true
  }

  /// `[  367.912761][ T3602] `, `[Di Aug 12 03:54:03 2025] `, and what else dmesg prints between brackets.
  private mutating func readBrackets() -> Bool {
    guard byte(end) == 0x5b, let close = closing(end) else { return false }
    var at = end + 1
    while byte(at) == 0x20 { at += 1 }
    if let seconds = digits(at, 1...12), byte(seconds) == 0x2e,
      let fraction = digits(seconds + 1, 6...6),
      fraction == close || byte(fraction) == 0x20
    {
      stamp.uptime =
        number(at..<seconds) &* 1_000_000_000 &+ number(seconds + 1..<fraction) &* 1000
    } else if isWall(at..<close) {
      stamp.wall = text(at..<close)
    } else if !isDelta(at..<close) {
      return false
    }
    end = close + 1
    readCaller()
    if byte(end) == 0x20 { end += 1 }
    return true
  }

  private func closing(_ open: Int) -> Int? {
    line[open..<min(line.count, open + 64)].firstIndex(of: 0x5d)
  }

  /// `Di Aug 12 03:54:03 2025`, in any language, or `Aug12 03:54`.
  private func isWall(_ range: Range<Int>) -> Bool {
    if range.count >= 13, let time = clock(range.upperBound - 13), byte(time) == 0x20,
      digits(time + 1, 4...4) == range.upperBound
    {
      return true
    }
    var at = range.lowerBound
    while Self.isLetter(byte(at)) { at += 1 }
    guard at - range.lowerBound == 3, let day = digits(at, 1...2), byte(day) == 0x20 else {
      return false
    }
    return digits(day + 1, 2...2) == day + 3 && byte(day + 3) == 0x3a
      && digits(day + 4, 2...2) == range.upperBound
  }

  /// `+0.000012` or `<    0.000012>`
  private func isDelta(_ range: Range<Int>) -> Bool {
    guard byte(range.lowerBound) == 0x2b || byte(range.lowerBound) == 0x3c else { return false }
    return line[range].contains(0x2e)
      && line[range].dropFirst().allSatisfy {
        Self.isDigit($0) || [0x20, 0x2e, 0x3e].contains($0)
      }
  }

  private mutating func readCaller() {
    guard byte(end) == 0x5b, let close = closing(end) else { return }
    var at = end + 1
    while byte(at) == 0x20 { at += 1 }
    guard byte(at) == 0x54 || byte(at) == 0x43, digits(at + 1) == close else { return }
    caller = text(at..<close)
    end = close + 1
  }
}
