// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressCore
@testable import StressRecord

/// Saved logs: each form gives the messages back, and what damages them never makes a figure another one.
struct SavedLogTests {
  private static func line(_ text: String) throws -> SavedLog.Message {
    try #require(SavedLog.messages(Array((text + "\n").utf8)).first)
  }

  struct Prefix: Sendable {
    var line: String
    var uptime: UInt64?
    var wall: String?
    var caller: String?
    var host: String?
    var text = "Mem-Info:"
    var isKernel = true
  }

  private static let second: UInt64 = 1_000_000_000

  static let prefixes: [Prefix] = [
    Prefix(line: "[   12.000345] Mem-Info:", uptime: 12 * second + 345_000),
    Prefix(line: "[   12.000345][  T169] Mem-Info:", uptime: 12 * second + 345_000, caller: "T169"),
    Prefix(line: "[   12.000345][    C1] Mem-Info:", uptime: 12 * second + 345_000, caller: "C1"),
    Prefix(line: "[1560204.654347] Mem-Info:", uptime: 1_560_204_654_347_000),
    Prefix(line: "[Di Aug 12 03:54:03 2025] Mem-Info:", wall: "Di Aug 12 03:54:03 2025"),
    Prefix(line: "[火  8月 12 03:54:03 2025] Mem-Info:", wall: "火  8月 12 03:54:03 2025"),
    Prefix(line: "[mar. août 12 03:54:03 2025] Mem-Info:", wall: "mar. août 12 03:54:03 2025"),
    Prefix(line: "[Aug12 03:54] Mem-Info:", wall: "Aug12 03:54"),
    Prefix(line: "[  +0.000012] Mem-Info:"),
    Prefix(line: "[   12.000345 <    0.000012>] Mem-Info:", uptime: 12 * second + 345_000),
    Prefix(line: "[<    0.000012>] Mem-Info:"),
    Prefix(
      line: "2025-08-12T03:54:03,123456+02:00 Mem-Info:", wall: "2025-08-12T03:54:03,123456+02:00"),
    Prefix(line: "kern  :warn  : [   12.000345] Mem-Info:", uptime: 12 * second + 345_000),
    Prefix(
      line: "user  :warn  : [   12.000345] Mem-Info:", uptime: 12 * second + 345_000,
      isKernel: false),
    Prefix(line: "<4>[   12.000345] Mem-Info:", uptime: 12 * second + 345_000),
    Prefix(line: "Jul 17 16:47:09 host kernel: Mem-Info:", wall: "Jul 17 16:47:09", host: "host"),
    Prefix(line: "Jul  7 16:47:09 kernel: Mem-Info:", wall: "Jul  7 16:47:09"),
    Prefix(
      line: "Jul 17 16:47:09 host kernel: [   12.000345] Mem-Info:", uptime: 12 * second + 345_000,
      wall: "Jul 17 16:47:09", host: "host"),
    Prefix(
      line: "Jul 17 16:47:09 host systemd[1]: Mem-Info:", wall: "Jul 17 16:47:09", host: "host",
      isKernel: false),
    Prefix(
      line: "2025-08-12T03:54:03+0200 host kernel: Mem-Info:", wall: "2025-08-12T03:54:03+0200",
      host: "host"),
    Prefix(
      line: "2025-08-12T03:54:03.123456+02:00 host kernel: Mem-Info:",
      wall: "2025-08-12T03:54:03.123456+02:00", host: "host"),
    Prefix(
      line: "<6>1 2025-08-12T03:54:03.123Z host kernel - - - Mem-Info:",
      wall: "2025-08-12T03:54:03.123Z", host: "host"),
    Prefix(
      line: "[   12.000345] host kernel: Mem-Info:", uptime: 12 * second + 345_000, host: "host"),
    Prefix(
      line: "1754963643.123456 host kernel: Mem-Info:", wall: "1754963643.123456", host: "host"),
    Prefix(
      line: "Tue 2025-08-12 03:54:03 CEST host kernel: Mem-Info:",
      wall: "Tue 2025-08-12 03:54:03 CEST",
      host: "host"),
    Prefix(line: "> > [   12.000345] Mem-Info:", uptime: 12 * second + 345_000),
    Prefix(
      line: ">> Jul 17 16:47:09 host kernel: Mem-Info:", wall: "Jul 17 16:47:09", host: "host"),
    Prefix(line: "\u{1b}[32m[   12.000345] \u{1b}[0mMem-Info:\r", uptime: 12 * second + 345_000),
    // No prefixes, although they look like some.
    Prefix(line: "[ 1234]     0  1234     100", text: "[ 1234]     0  1234     100"),
    Prefix(
      line: "[<ffffffff8168dce9>] schedule+0x29/0x70",
      text: "[<ffffffff8168dce9>] schedule+0x29/0x70"),
    Prefix(line: "CPU: 4 PID: 29481 Comm: sed", text: "CPU: 4 PID: 29481 Comm: sed"),
  ]

  @Test(arguments: prefixes)
  func takesAPrefixOff(_ expected: Prefix) throws {
    let message = try Self.line(expected.line)
    #expect(message.record.text == expected.text)
    #expect(message.stamp.uptime == expected.uptime && message.stamp.wall == expected.wall)
    #expect(message.record.caller == expected.caller && message.host == expected.host)
    #expect((message.record.facility == 0) == expected.isKernel)
  }

  /// 6.1's dump has messages of many lines.
  private static let dumps = [
    "kmsg-memcg-oom-61.txt", "kmsg-memcg-oom-612.txt", "kmsg-global-oom-61.txt",
    "kmsg-global-oom-612.txt",
  ]

  private static func records(_ name: String) throws -> [KernelLogRecord] {
    KernelLogRecord.records(in: try File.read(Fixtures.path(name))).filter { $0.facility == 0 }
  }

  /// Without what numbers and times them.
  private static func bare(_ reports: [OOMReport]) -> [OOMReport] {
    reports.map { report in
      var report = report
      report.invokedTime = nil
      report.invokedSequence = nil
      for index in report.victims.indices {
        report.victims[index].time = 0
        report.victims[index].sequence = 0
      }
      return report
    }
  }

  @Test(arguments: dumps, LogForm.Tool.allCases)
  func everyFormGivesTheReportBack(_ name: String, _ tool: LogForm.Tool) throws {
    let records = try Self.records(name)
    let expected = Self.bare(OOMReportParser.reports(in: records))
    try #require(!expected.isEmpty)
    let found = SavedLog.messages(LogForm(tool: tool).bytes(records)).map(\.record)
    #expect(Self.bare(OOMReportParser.reports(in: found)) == expected)
  }

  @Test func theBytesMayComeInAnyPieces() throws {
    let records = try Self.records(Self.dumps[0])
    for tool in [LogForm.Tool.journal, .export, .json] {
      let bytes = LogForm(tool: tool).bytes(records)
      let whole = SavedLog.messages(bytes)
      for size in [1, 7, 4096] {
        var log = SavedLog()
        var messages: [SavedLog.Message] = []
        var at = 0
        while at < bytes.count {
          let piece = Array(bytes[at..<min(bytes.count, at + size)])
          piece.withUnsafeBufferPointer { log.feed($0) { messages.append($0) } }
          at += size
        }
        log.finish { messages.append($0) }
        #expect(messages == whole)
      }
    }
  }

  @Test func whatPeopleLeaveOutIsALoss() throws {
    let text =
      "[    1.000000] a\n[...]\n[    2.000000] b\n[    3.000000] c\n-- Reboot --\n[    0.000001] d\n"
    let sequences = SavedLog.messages(Array(text.utf8)).map(\.record.sequence)
    #expect(sequences == [1, 3, 4, 6])
  }

  @Test func aLineCutAtTheEdgeLosesItsLastWord() throws {
    let text = """
      [    1.000000] cc1 invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_sc
      [    1.000001] memory: usage 4194304kB, limit 4194304kB, failcnt 12732841234567890
      [    1.000002] Hardware name: HP ProLiant DL360 Gen9/ProLiant DL360 Gen9, BIOS P89
      [    1.000003] swap: usage 0kB, limit 0kB, failcnt 0

      """
    let messages = SavedLog.messages(Array(text.utf8)).map(\.record.text)
    #expect(messages[1] == "memory: usage 4194304kB, limit 4194304kB, failcnt ")
    #expect(messages[3] == "swap: usage 0kB, limit 0kB, failcnt 0")
  }

  @Test func aLogWithoutItsLastLineEndIsCut() {
    let messages = SavedLog.messages(Array("memory: usage 1kB, limit 2kB, failcnt 127".utf8))
    #expect(messages.map(\.record.text) == ["memory: usage 1kB, limit 2kB, failcnt "])
  }
}
