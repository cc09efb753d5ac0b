// SPDX-License-Identifier: Apache-2.0
import StressAnalysis

/// What is wrong with a mail before it goes to a kernel list, be it a draft or one that a person has edited.
///
/// Sources: Documentation/admin-guide/reporting-issues.rst and reporting-regressions.rst,
/// Documentation/process/email-clients.rst.
package struct MailLint {
  package enum Severity: String, Sendable {
    case error, warning
  }

  package struct Finding: Equatable, Sendable {
    /// Of docs/mail.md's list.
    package var item: Int
    package var severity: Severity
    /// From 1; nil: it is of the whole mail.
    package var line: Int?
    /// What is wrong, and what to do.
    package var text: String
  }

  package private(set) var findings: [Finding] = []
  package var errors: [Finding] { findings.filter { $0.severity == .error } }
  /// Places that only a person can fill.
  package private(set) var todos = 0

  /// vger.kernel.org takes no more.
  package static let largest = 100_000
  /// RFC 5322, 2.1.1.
  private static let longestLine = 998

  private let mail: ParsedMail
  private let names: [String]

  /// - Parameter names: of machines and users that the mail may not tell.
  package init(_ text: String, names: [String] = []) {
    mail = ParsedMail(text)
    self.names = names
    checkSubject()
    checkRegzbot()
    checkOpening()
    checkFacts()
    checkEvidence()
    checkForm()
    checkPrivacy()
    checkRest(size: text.utf8.count)
    findings.sort { ($0.item, $0.line ?? 0) < ($1.item, $1.line ?? 0) }
  }

  private mutating func fail(_ item: Int, line: Int? = nil, _ text: String) {
    findings.append(Finding(item: item, severity: .error, line: line, text: text))
  }

  private mutating func warn(_ item: Int, line: Int? = nil, _ text: String) {
    findings.append(Finding(item: item, severity: .warning, line: line, text: text))
  }

  private func has(_ text: String) -> Bool { mail.body.contains { $0.text.contains(text) } }

  /// Whether it says so, wherever its lines end.
  private func tells(_ text: String) -> Bool { mail.prose.contains(text) }

  // MARK: 1. Subject, sentence, paragraph

  private var isMarked: Bool { mail.header("Subject")?.hasPrefix("[REGRESSION]") ?? false }

  private mutating func checkSubject() {
    guard let subject = mail.header("Subject"), !subject.isEmpty else {
      return fail(1, "there is no Subject; say what happens, and on which file system")
    }
    if subject.count > 75 { fail(1, "the Subject has \(subject.count) columns; 75 at most") }
    let recipients = (mail.header("To") ?? "") + (mail.header("Cc") ?? "")
    if !recipients.contains("@") {
      fail(1, "there is no To; scripts/get_maintainer.pl names the lists")
    }
    if isMarked, !recipients.contains(MailRouting.regressions) {
      fail(1, "[REGRESSION] without \(MailRouting.regressions) in To or Cc; add it")
    }
  }

  private mutating func checkRegzbot() {
    let commands = mail.body.enumerated().filter { $0.element.text.hasPrefix("#regzbot") }
    let introduced = commands.filter { $0.element.text.contains("introduced") }
    for (index, line) in introduced {
      guard line.text.hasPrefix("#regzbot introduced: ") else {
        fail(1, line: line.number, "write it as '#regzbot introduced: GOOD..BAD', with the colon")
        continue
      }
      let value = line.text.dropFirst("#regzbot introduced: ".count).prefix { $0 != " " }
      if !Self.isRange(String(value)) {
        fail(
          1, line: line.number,
          "'\(value)' is neither GOOD..BAD nor a commit; only regressions are regzbot's")
      }
      let around = [index - 1, index + 1].filter(mail.body.indices.contains)
      if around.contains(where: {
        !mail.body[$0].text.isEmpty && !mail.body[$0].text.hasPrefix("#regzbot")
      }) {
        fail(
          1, line: line.number, "regzbot wants a paragraph of its own; put empty lines around it")
      }
      if !isMarked {
        fail(1, line: line.number, "the Subject of a regression begins with [REGRESSION]")
      }
    }
    if isMarked, introduced.isEmpty {
      fail(1, "[REGRESSION] needs a good and a bad version: '#regzbot introduced: GOOD..BAD'")
    }
  }

  /// `v6.1..v6.12`, or a commit's id.
  private static func isRange(_ value: String) -> Bool {
    let ends = value.split(separator: ".", omittingEmptySubsequences: false).joined(separator: ".")
    if ends.count >= 12, ends.allSatisfy(\.isHexDigit) { return true }
    let halves = value.split(separator: "..", omittingEmptySubsequences: false)
    return halves.count == 2 && halves.allSatisfy { $0.count > 1 && $0.contains(where: \.isNumber) }
  }

  private mutating func checkOpening() {
    let mark = "The detailed description:"
    guard let end = mail.body.firstIndex(where: { $0.text == mark }) else {
      return fail(1, "there is no line '\(mark)' after the sentence and the paragraph")
    }
    let opening = mail.body[..<end].split { $0.text.isEmpty }
      .filter { $0.first?.text.hasPrefix("#regzbot") == false }
    if opening.count < 2 {
      fail(1, "one sentence, an empty line and one paragraph come before '\(mark)'")
    }
  }

  // MARK: 2-7. What must be told

  /// Names of the facts that a mail begins lines with, by their item.
  private static let required: [(item: Int, names: [String])] = [
    (2, ["kernel", "command line", "tainted"]), (3, ["machine", "CPU", "memory", "disk", "queue"]),
    (4, ["mkfs", "mkfs version", "file system features", "mount options"]),
    (5, ["lru_gen", "THP", "vm sysctls that are not the kernel's defaults", "bdi"]),
    (6, ["cgroup v2 mount", "cgroup /wbstress"]), (7, ["workload"]),
  ]

  private mutating func checkFacts() {
    for (item, names) in Self.required {
      for name in names {
        guard let line = mail.body.first(where: { $0.text.hasPrefix("- \(name):") }) else {
          fail(item, "there is no line '- \(name): ...' in the environment")
          continue
        }
        if line.text.hasSuffix(": not recorded") {
          fail(
            item, line: line.number,
            "\(name) is not recorded; write it in, or say why it is unknown")
        }
      }
    }
    if let taint = mail.body.first(where: { $0.text.hasPrefix("- tainted: ") }),
      !taint.text.hasPrefix("- tainted: 0"), !taint.text.hasSuffix("not recorded")
    {
      warn(2, line: taint.number, "a tainted kernel; say why that does not matter")
    }
    if !has("wbstress run ") { fail(7, "there is no command that reproduces it") }
    if !has("#!/bin/bash"), !tells("There is no script without wbstress") {
      fail(
        7,
        "there is no script that reproduces it without a tool; report --format reproducer has one")
    }
    if !has("configuration:") {
      warn(2, "there is no link to the kernel's configuration")
    }
  }

  // MARK: 8-14. Evidence

  private mutating func checkEvidence() {
    if !tells(" runs, ") || !tells("(Wilson 95 % ") {
      fail(8, "there is no 'OOM in N of M runs' with its interval")
    }
    if !has("Excluded: ") { warn(8, "say which runs were excluded, and why") }
    checkExcerpt()
    if !has("Counters around it") { fail(10, "there is no table of counters around the event") }
    if !has("Verdict: "), !tells("Nothing was compared") {
      fail(11, "there is no verdict with its test, and no word on why nothing was compared")
    }
    if !has("  Ops") { fail(11, "there is no block of vmstat figures by mmtests' names") }
    if isMarked, !has("bisect") {
      warn(12, "not bisected; say so, or add the log of git bisect")
    }
    if !has("PSI of the cgroup") { warn(13, "there is no pressure (PSI)") }
    if !has("not tested: ") { warn(14, "say what was ruled out, and what was not tested") }
  }

  private mutating func checkExcerpt() {
    let log = mail.body.filter { ParsedMail.isLog($0.text) }
    guard mail.header("Subject")?.contains("OOM") == true || !log.isEmpty else { return }
    if !(6...20).contains(log.count) {
      fail(9, line: log.first?.number, "\(log.count) lines of the kernel log; 6 to 20 are read")
    }
    for mark in ["invoked oom-killer", "Killed process"]
    where !log.contains(where: { $0.text.contains(mark) }) {
      fail(9, "the kernel log's line with '\(mark)' is missing, or wrapped")
    }
    if !has("At the kill, in KiB") {
      fail(9, "there is no sum of where the memory was at the kill")
    }
  }

  // MARK: Form, privacy, the rest

  private mutating func checkForm() {
    let type = mail.header("Content-Type") ?? "text/plain"
    if !type.hasPrefix("text/plain") {
      fail(15, "it is \(type); lists take plain text, and no attachment")
    }
    if type.contains("format=flowed") {
      fail(15, "format=flowed wraps logs and tables; leave it out")
    }
    for line in mail.body {
      let bytes = line.text.utf8.count
      if bytes >= Self.longestLine {
        fail(15, line: line.number, "\(bytes) bytes; a line has 998 at most")
      }
      if line.text.hasPrefix("From ") {
        fail(15, line: line.number, "a mail reader takes it for the next mail; put a > before it")
      }
      let limit = ParsedMail.isVerbatim(line.text) ? MailText.widest : 75
      if !ParsedMail.isLog(line.text), line.text.count > limit {
        warn(15, line: line.number, "\(line.text.count) columns; \(limit) at most here")
      }
    }
  }

  private mutating func checkPrivacy() {
    let privacy = MailPrivacy(names: names)
    // Whom it is from, and to, is told on purpose.
    for line in mail.body where !line.text.contains("-by: ") {
      for finding in privacy.findings(line.text) {
        fail(
          16, line: line.number,
          "'\(finding.text)' (\(finding.kind.rawValue)) is private; replace it")
      }
    }
  }

  private mutating func checkRest(size: Int) {
    if size >= Self.largest { fail(15, "\(size) bytes; lists take less than 100 kB") }
    if !has("http") {
      warn(15, "there is no link to the records, the configuration, the full dmesg")
    }
    if !has("generated by wbstress") {
      fail(17, "say what was generated by what: 'generated by wbstress ...'")
    }
    for line in mail.all where line.text.contains(MailReport.todo) {
      todos += 1
      fail(17, line: line.number, "\(MailReport.todo) is left; only you can write this")
    }
  }
}
