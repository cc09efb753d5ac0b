// SPDX-License-Identifier: Apache-2.0
import StressCore

/// One record of the kernel log, as one read(2) of /dev/kmsg returns it.
///
/// `priority,sequence,microseconds,flags[,key=value...];text`, then dictionary lines that begin with a
/// blank and are of no use here. Source: Documentation/ABI/testing/dev-kmsg, kernel/printk/printk.c
/// (`info_print_ext_header`, `msg_add_ext_text`).
package struct KernelLogRecord: Equatable, Sendable {
  /// syslog severity, 0 (emergency) to 7 (debug).
  package var level: UInt8
  /// 0 is the kernel's; anything else was written to /dev/kmsg by a process.
  package var facility: UInt32
  /// Gapless, so that a gap means lost records.
  package var sequence: UInt64
  /// ns of the kernel's local clock, which drifts against CLOCK_BOOTTIME.
  package var time: UInt64
  /// The text belongs behind an earlier record that another CPU's message cut short.
  package var isContinuation: Bool
  /// Who printed it, as `T169` (task) or `C1` (CPU outside task context); kernels with
  /// CONFIG_PRINTK_CALLER only.
  package var caller: String?
  /// Without the record's end, `\xNN` undone: it may have several lines.
  package var text: String

  /// A message of a log that is saved in another form.
  ///
  /// - Parameter isKernel: false: a process wrote it.
  init(_ text: String, sequence: UInt64, time: UInt64, caller: String?, isKernel: Bool) {
    level = 6
    facility = isKernel ? 0 : 1
    self.sequence = sequence
    self.time = time
    isContinuation = false
    self.caller = caller
    self.text = text
  }

  /// nil for anything but a record.
  package init?(parsing bytes: some Collection<UInt8>) {
    guard let semicolon = bytes.firstIndex(of: UInt8(ascii: ";")) else { return nil }
    let fields = bytes[..<semicolon]
      .split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
      .map { String(decoding: $0, as: UTF8.self) }
    guard fields.count >= 4, let priority = UInt32(fields[0]), let sequence = UInt64(fields[1]),
      let microseconds = UInt64(fields[2])
    else { return nil }
    let (time, overflow) = microseconds.multipliedReportingOverflow(by: 1000)
    if overflow { return nil }
    level = UInt8(priority & 7)
    facility = priority >> 3
    self.sequence = sequence
    self.time = time
    isContinuation = fields[3] == "c"
    let key = "caller="
    caller = fields[4...].first { $0.hasPrefix(key) }.map { String($0.dropFirst(key.count)) }
    let body = bytes[bytes.index(after: semicolon)...].prefix { $0 != UInt8(ascii: "\n") }
    text = String(decoding: Self.unescaped(body), as: UTF8.self)
  }

  /// The records of a saved log, one a line; lines that are none are passed over.
  package static func records(in file: some Collection<UInt8>) -> [KernelLogRecord] {
    // A dictionary line begins with a blank and so is no record.
    file.split(separator: UInt8(ascii: "\n")).compactMap { KernelLogRecord(parsing: $0) }
  }

  /// What stands in the first line of every report that is looked for in a log: an OOM kill's, a blocked task's, a
  /// failed allocation's; and in the kernel's banner.
  ///
  /// - Parameter first: no two begin with the same byte.
  private static func mark(_ first: UInt8) -> StaticString? {
    switch first {
    case UInt8(ascii: "o"): "oom"
    case UInt8(ascii: "u"): "ut of memory"
    case UInt8(ascii: "K"): "Killed process"
    case UInt8(ascii: "I"): "INFO: task "
    case UInt8(ascii: ":"): ": page allocation "
    case UInt8(ascii: " "): " held by "
    case UInt8(ascii: "L"): "Linux version "
    default: nil
    }
  }

  /// Whether the text may begin a report.
  package var isMarked: Bool {
    var text = text
    return text.withUTF8 { bytes in
      bytes.indices.dropLast().contains { at in
        // Most bytes begin none of them, and most of the others are not followed by a mark's second one.
        guard let mark = Self.mark(bytes[at])?.bytes, bytes[at + 1] == mark[1] else { return false }
        return UnsafeBufferPointer(rebasing: bytes[at...].prefix(mark.count)).isSame(as: mark)
      }
    }
  }

  private static func unescaped(_ body: some Collection<UInt8>) -> [UInt8] {
    var bytes = Array(body)
    // The kernel escapes a carriage return, so this one is a serial line's.
    if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
    var out: [UInt8] = []
    out.reserveCapacity(bytes.count)
    var at = 0
    while at < bytes.count {
      // A reader's buffer may cut an escape in two: what is left of it stays as it is.
      if at + 4 <= bytes.count, bytes[at] == UInt8(ascii: "\\"), bytes[at + 1] == UInt8(ascii: "x"),
        let high = hexDigit(bytes[at + 2]), let low = hexDigit(bytes[at + 3])
      {
        out.append(high << 4 | low)
        at += 4
      } else {
        out.append(bytes[at])
        at += 1
      }
    }
    return out
  }

  private static func hexDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}
