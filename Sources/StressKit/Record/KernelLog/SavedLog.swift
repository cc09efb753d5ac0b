// SPDX-License-Identifier: Apache-2.0
import StressCore

/// A kernel log in whatever form people save, mail and paste it, given back message by message as /dev/kmsg has it:
/// dmesg and journalctl in their formats (JSON and export among them), syslog, /dev/kmsg itself, a serial console, and
/// any of them quoted or wrapped in a mail.
///
/// What cannot be put together again is left cut, so that a figure in it is unknown rather than wrong.
package struct SavedLog {
  package struct Message: Equatable, Sendable {
    /// Its time is `stamp.uptime`, or 0 where the log has none.
    package var record: KernelLogRecord
    package var stamp: LogStamp
    /// The machine that it came from, as syslog and journalctl tell.
    package var host: String?
    /// Number of its first line, from 1.
    package var line: Int
  }

  /// What is put together: more lines may come.
  private struct Pending {
    var text: String
    var stamp: LogStamp
    var caller: String?
    var host: String?
    var isKernel: Bool
    var hasPrefix: Bool
    var line: Int
  }

  /// A line without an end is cut here, bytes.
  private static let longestLine = 1 << 20
  /// A message of more lines than this is two.
  private static let longestText = 1 << 16

  /// Where a terminal or a pager has cut all longer lines; nil: nowhere.
  private let cutWidth: Int?
  private var rest: [UInt8] = []
  private var pending: Pending?
  private var line = 0
  private var sequence: UInt64 = 0
  private var hasPrefixes = false
  private var isOfKmsg = false
  /// Fields of the journal's record that is read, in its export format; nil: the log is in another one.
  private var export: [String: [UInt8]]?

  /// - Parameter cutWidth: what ``LineWidths`` found in the same log.
  package init(cutWidth: Int? = nil) { self.cutWidth = cutWidth }

  /// All of a log that is in memory.
  package static func messages(_ bytes: [UInt8]) -> [Message] {
    var widths = LineWidths()
    bytes.withUnsafeBufferPointer { widths.feed($0) }
    var log = SavedLog(cutWidth: widths.cut)
    var messages: [Message] = []
    bytes.withUnsafeBufferPointer { bytes in log.feed(bytes) { messages.append($0) } }
    log.finish { messages.append($0) }
    return messages
  }

  /// Takes the log's next bytes, and gives the messages that are complete.
  package mutating func feed(
    _ bytes: UnsafeBufferPointer<UInt8>, _ body: (Message) -> Void
  ) {
    rest.append(contentsOf: bytes)
    let all = rest
    rest = []
    let used = all.withUnsafeBufferPointer { takeAll($0, body) }
    rest = used == 0 ? all : Array(all[used...])
  }

  /// The log ends here.
  package mutating func finish(_ body: (Message) -> Void) {
    let last = rest
    rest = []
    if !last.isEmpty {
      // Without its end a line may lack more.
      last.withUnsafeBufferPointer { take(line: $0, isCut: true, body) }
    }
    if export != nil { endExport(body) }
    flush(body)
  }

  /// How many bytes were used.
  private mutating func takeAll(
    _ bytes: UnsafeBufferPointer<UInt8>, _ body: (Message) -> Void
  ) -> Int {
    var at = 0
    while at < bytes.count {
      let left = UnsafeBufferPointer(rebasing: bytes[at...])
      guard let end = left.offset(of: 0x0a) else {
        if left.count < Self.longestLine { return at }
        take(line: left, isCut: true, body)
        return bytes.count
      }
      let line = UnsafeBufferPointer(rebasing: left[..<end])
      if export != nil, !line.isEmpty, !line.contains(0x3d) {
        guard let size = Self.size(left, after: end) else {
          if left.count - end <= 8 { return at }
          export = nil
          continue
        }
        let start = end + 9
        if left.count < start + size + 1 { return at }
        export?[String(decoding: line, as: UTF8.self)] = Array(left[start..<start + size])
        self.line += 2
        at += start + size + 1
        continue
      }
      take(line: line, isCut: false, body)
      at += end + 1
    }
    return at
  }

  // MARK: The journal

  /// Of a field in binary form, a little-endian number of 64 bits behind its name (systemd.io/JOURNAL_EXPORT_FORMATS).
  private static func size(_ bytes: UnsafeBufferPointer<UInt8>, after end: Int) -> Int? {
    guard bytes.count > end + 8 else { return nil }
    let size = (0..<8).reduce(UInt64(0)) { $0 | UInt64(bytes[end + 1 + $1]) << UInt64(8 * $1) }
    return size <= UInt64(longestLine) ? Int(size) : nil
  }

  private static let exportStart = Array("__CURSOR=".utf8)

  private mutating func takeExport(
    _ line: UnsafeBufferPointer<UInt8>, _ body: (Message) -> Void
  ) -> Bool {
    if export == nil, line.starts(with: Self.exportStart) {
      flush(body)
      export = [:]
    }
    if export == nil { return false }
    if line.isEmpty {
      endExport(body)
    } else if let equals = line.firstIndex(of: 0x3d) {
      export?[String(decoding: line[..<equals], as: UTF8.self)] = Array(line[(equals + 1)...])
    }
    return true
  }

  private mutating func endExport(_ body: (Message) -> Void) {
    let fields = export ?? [:]
    export = [:]
    if fields.isEmpty { return }
    func text(_ key: String) -> String? { fields[key].map { String(decoding: $0, as: UTF8.self) } }
    journal(text, body)
  }

  private mutating func takeJSON(
    _ line: UnsafeBufferPointer<UInt8>, _ body: (Message) -> Void
  ) -> Bool {
    guard let json = try? JSON(parsing: line), json.members != nil else { return false }
    // What is no UTF-8 is an array of bytes.
    func text(_ key: String) -> String? {
      json[key]?.string
        ?? json[key]?.array.map { bytes in
          String(decoding: bytes.compactMap { $0.int.flatMap(UInt8.init(exactly:)) }, as: UTF8.self)
        }
    }
    guard text("MESSAGE") != nil || text("__REALTIME_TIMESTAMP") != nil else { return false }
    flush(body)
    journal(text, body)
    return true
  }

  /// systemd.journal-fields(7).
  private mutating func journal(_ field: (String) -> String?, _ body: (Message) -> Void) {
    guard let text = field("MESSAGE") else { return }
    let uptime = (field("_SOURCE_BOOTTIME_TIMESTAMP") ?? field("_SOURCE_MONOTONIC_TIMESTAMP"))
      .flatMap { UInt64($0) }.flatMap { $0 < .max / 1000 ? $0 : nil }
    let stamp = LogStamp(
      uptime: uptime.map { $0 * 1000 }, epoch: field("__REALTIME_TIMESTAMP").flatMap { Int64($0) })
    let isKernel = (field("_TRANSPORT") ?? field("SYSLOG_IDENTIFIER")) == "kernel"
    emit(
      Pending(
        text: text, stamp: stamp, host: field("_HOSTNAME"), isKernel: isKernel, hasPrefix: true,
        line: line), body)
  }

  // MARK: Lines

  private mutating func take(
    line raw: UnsafeBufferPointer<UInt8>, isCut: Bool, _ body: (Message) -> Void
  ) {
    line += 1
    var bytes = raw
    if bytes.last == 0x0d { bytes = UnsafeBufferPointer(rebasing: bytes.dropLast()) }
    if takeExport(bytes, body) { return }
    if bytes.offset(of: 0x1b) != nil {
      return Self.withoutEscapes(bytes).withUnsafeBufferPointer { take(text: $0, isCut, body) }
    }
    take(text: bytes, isCut || bytes.count == cutWidth, body)
  }

  private mutating func take(
    text bytes: UnsafeBufferPointer<UInt8>, _ isCut: Bool, _ body: (Message) -> Void
  ) {
    let first = bytes.first { $0 != 0x20 }
    if first == UInt8(ascii: "{"), takeJSON(bytes, body) { return }
    if let first = bytes.first, first &- 0x30 < 10, let record = Self.kmsg(bytes) {
      flush(body)
      isOfKmsg = true
      sequence = max(sequence, record.sequence)
      return body(
        Message(record: record, stamp: LogStamp(uptime: record.time), host: nil, line: line))
    }
    // Its dictionary: SUBSYSTEM=, DEVICE=.
    if isOfKmsg, bytes.first == 0x20 { return }
    isOfKmsg = false
    let prefix = SavedLogPrefix(bytes)
    var text = String(decoding: bytes[prefix.end...], as: UTF8.self)
    if isCut { text = Self.withoutLastWord(text) }
    // rsyslog's newline.
    if bytes.offset(of: 0x23) != nil, text.holds("#012") {
      var rest = text[...]
      text = ""
      while let parts = rest.parted(by: "#012") {
        text += parts.before + "\n"
        rest = parts.after
      }
      text += rest
    }
    if Self.isGap(text[...]) {
      flush(body)
      // Whatever is missing, more than one message is.
      sequence += 1
      return
    }
    if isMore(prefix, text) {
      append(text)
      return
    }
    // The beginning of a log that is cut in its first line.
    if prefix.isThere, !hasPrefixes, let pending, !pending.hasPrefix, pending.line == 1 {
      self.pending = nil
    }
    flush(body)
    hasPrefixes = hasPrefixes || prefix.isThere
    pending = Pending(
      text: hasPrefixes ? text : String(text.drop { $0 == " " || $0 == "\t" }), stamp: prefix.stamp,
      caller: prefix.caller, host: prefix.host,
      isKernel: prefix.isKernel, hasPrefix: prefix.isThere, line: line)
  }

  private static func kmsg(_ bytes: UnsafeBufferPointer<UInt8>) -> KernelLogRecord? {
    guard let end = bytes.prefix(256).firstIndex(of: 0x3b),
      bytes[..<end].count(where: { $0 == 0x2c }) >= 3
    else { return nil }
    return KernelLogRecord(parsing: bytes)
  }

  /// Of a terminal: ESC [ parameters letter (ECMA-48, 5.4).
  private static func withoutEscapes(_ bytes: UnsafeBufferPointer<UInt8>) -> [UInt8] {
    var out: [UInt8] = []
    var at = 0
    while at < bytes.count {
      if bytes[at] == 0x1b {
        at += 1
        guard at < bytes.count, bytes[at] == 0x5b else { continue }
        at += 1
        while at < bytes.count, !(0x40...0x7e).contains(bytes[at]) { at += 1 }
      } else {
        out.append(bytes[at])
      }
      at += 1
    }
    return out
  }

  /// A number that was cut is another number.
  private static func withoutLastWord(_ text: String) -> String {
    let kept = text.utf8.reversed().drop { byte in
      (byte | 0x20) &- 0x61 < 26 || byte &- 0x30 < 10 || byte == 0x5f || byte == 0x2d
    }
    return String(decoding: Array(kept.reversed()), as: UTF8.self)
  }

  /// `...`, `[snip]`, `-- Reboot --`: what a person or journalctl has put for messages that are not there.
  private static func isGap(_ text: Substring) -> Bool {
    if text.utf8.count > 24, text.utf8.first != UInt8(ascii: "-") { return false }
    let words = text.split(separator: " ").joined(separator: " ").lowercased()
    if words.isEmpty { return false }
    return words.allSatisfy { ".[]<>()".contains($0) } || words.hasPrefix("-- ")
      || ["[snip]", "<snip>", "snip", "(snip)", "[...snip...]", "8<", "[cut]"].contains(words)
  }

  // MARK: Messages of several lines

  private func isMore(_ prefix: SavedLogPrefix, _ text: String) -> Bool {
    let isIndented = Self.isIndented(text)
    if prefix.isThere, !isIndented { return false }
    guard let pending, pending.text.utf8.count < Self.longestText else { return false }
    if prefix.isThere {
      // printk puts the prefix before each line of a message (record_print_text).
      return prefix.stamp == pending.stamp && prefix.caller == pending.caller
        && OOMText.hasFurtherLines(pending.text[...])
    }
    if text.isEmpty { return false }
    if hasPrefixes { return true }
    // A whole log may be indented.
    if OOMText.beginsMessage(text.drop { $0 == " " || $0 == "\t" }) { return false }
    return isIndented || OOMText.isUnfinished(pending.text[...])
  }

  private static func isIndented(_ text: String) -> Bool {
    text.utf8.first == 0x20 || text.utf8.first == 0x09
  }

  private mutating func append(_ text: String) {
    let isIndented = Self.isIndented(text)
    // A line that a mail has wrapped lacks a blank; a message's own further lines do not.
    let isOfFigures = pending.map { pending in
      OOMText.hasFurtherLines(pending.text[...])
        || pending.text[...].lastLine.map { OOMText.isFigure($0) } == true
    }
    let isWrapped = !isIndented && !(isOfFigures == true && OOMText.isFigure(text[...]))
    let blanks = text.utf8.prefix { $0 == 0x20 || $0 == 0x09 }.count
    pending?.text += (isWrapped ? " " : "\n") + text.utf8.dropFirst(blanks).string
  }

  private mutating func flush(_ body: (Message) -> Void) {
    guard let message = pending.take() else { return }
    emit(message, body)
  }

  private mutating func emit(_ message: Pending, _ body: (Message) -> Void) {
    sequence += 1
    let record = KernelLogRecord(
      message.text, sequence: sequence, time: message.stamp.uptime ?? 0, caller: message.caller,
      isKernel: message.isKernel)
    body(Message(record: record, stamp: message.stamp, host: message.host, line: message.line))
  }
}

extension Sequence<UInt8> {
  fileprivate var string: String { String(decoding: Array(self), as: UTF8.self) }
}

/// How long a log's lines are, to tell one whose lines were cut at the edge of a terminal: several kinds of messages
/// then end at the same column, and none goes beyond it.
package struct LineWidths {
  private var longest = 0
  private var kinds: Set<String> = []
  private var rest: [UInt8] = []

  /// A line that is shorter was not cut: no terminal is so narrow.
  private static let narrowest = 60
  private static let fewest = 3
  private static let longestLine = 1 << 16

  package init() {}

  /// Where lines were cut, bytes; nil: nowhere.
  package var cut: Int? { kinds.count >= Self.fewest ? longest : nil }

  package mutating func feed(_ bytes: UnsafeBufferPointer<UInt8>) {
    var at = 0
    while let length = UnsafeBufferPointer(rebasing: bytes[at...]).offset(of: 0x0a) {
      let line = UnsafeBufferPointer(rebasing: bytes[at..<at + length])
      if rest.isEmpty {
        take(line)
      } else {
        rest.append(contentsOf: line)
        rest.withUnsafeBufferPointer { take($0) }
        rest = []
      }
      at += length + 1
    }
    if rest.count < Self.longestLine { rest.append(contentsOf: bytes[at...]) }
  }

  private mutating func take(_ line: UnsafeBufferPointer<UInt8>) {
    guard line.count >= longest, line.count >= Self.narrowest else { return }
    if line.count > longest {
      longest = line.count
      kinds = []
    }
    if kinds.count >= Self.fewest { return }
    let prefix = SavedLogPrefix(line)
    // By the message's first letters; figures and names come later.
    kinds.insert(line[prefix.end...].prefix { ($0 | 0x20) &- 0x61 < 26 || $0 == 0x20 }.string)
  }
}
