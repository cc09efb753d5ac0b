// SPDX-License-Identifier: Apache-2.0
import StressAnalysis
import StressCore
import StressRecord

/// A draft of a report to a kernel mailing list, as an mbox of one mail. What only a person can say is marked
/// `TODO(human)`; nothing is ever sent.
///
/// Sources: Documentation/admin-guide/reporting-issues.rst (the order of the text), reporting-regressions.rst,
/// Documentation/process/email-clients.rst; regzbot's documentation, getting_started.md.
package struct MailReport {
  /// What is left to a person; ``MailLint`` finds it.
  package static let todo = "TODO(human)"
  /// What separates messages in an mbox, with the time that lists' archives use.
  private static let separator = "From mboxrd@z Thu Jan  1 00:00:00 1970"
  private static let longestSubject = 75

  private let told: MailCase
  private let names: [String]
  private let bisection: BisectionOutcome?

  /// - Parameter bisection: the search whose culprit and its parent the campaign compares; nil: none was made.
  /// - Throws: when nothing went wrong and no cell is named, or no trial of it tells anything (code usage).
  package init(
    _ campaign: CampaignAnalysis, _ choice: ReportFormat.Choice,
    bisection: BisectionOutcome? = nil
  ) throws(HarnessError) {
    self.bisection = bisection
    told = try MailCase(campaign, choice)
    names = choice.ownNames
  }

  package var text: String {
    var privacy = MailPrivacy(names: names, directory: told.campaign.directory)
    let body = body.lines.map { privacy.redact($0) }
    // mboxrd: a line that looks like a separator, quoted or not, is quoted once more.
    let quoted = body.map { line in
      line.drop { $0 == ">" }.hasPrefix("From ") ? ">" + line : line
    }
    return ([Self.separator] + headers + [""] + quoted).joined(separator: "\n") + "\n"
  }

  // MARK: Headers

  private var headers: [String] {
    let routing = MailRouting(symptoms)
    return [
      "From: \"\(Self.todo) your name\" <todo@example.invalid>",
      Self.folded("To: ", routing.to), Self.folded("Cc: ", routing.cc), "Subject: " + subject,
      "MIME-Version: 1.0", "Content-Type: text/plain; charset=UTF-8",
      "Content-Transfer-Encoding: 8bit",
    ]
  }

  /// RFC 5322, 2.2.3: one address a line.
  private static func folded(_ name: String, _ addresses: [String]) -> String {
    name + addresses.joined(separator: ",\n\t")
  }

  private var symptoms: MailRouting.Symptoms {
    let affected =
      [told.filesystem]
      + told.others.neighbours.filter { neighbour in
        neighbour.axis == CampaignFile.filesystemKey && neighbour.failed.events > 0
      }.map(\.value)
    let isWriteback = told.findings.contains { $0.name == OOMFinding.writebackBound.name }
    return .init(
      isKilled: told.autopsy != nil, isMemcg: told.isMemcg, isWriteback: isWriteback,
      isStall: told.autopsy == nil,
      usesRing: told.cell.profile.streams.contains { $0.engine == .ioUring },
      isRegression: introduced != nil,
      filesystems: affected.compactMap(Profile.Filesystem.Kind.init(rawValue:)))
  }

  /// Good and bad, of a regression from one kernel to another.
  private var versions: (good: String, bad: String)? {
    guard told.reported.isKernelRegression, let good = told.base?.counted.first?.release,
      let bad = told.cell.counted.first?.release, let first = KernelTag.of(good),
      let second = KernelTag.of(bad), first != second
    else { return nil }
    return (first, second)
  }

  /// What regzbot is told, of a regression that the trials have shown: the commit, or the versions between which it came.
  private var introduced: String? {
    if let culprit = bisection?.culprit, told.reported.isKernelRegression {
      return String(culprit.id.prefix(12))
    }
    return versions.map { "\($0.good)..\($0.bad)" }
  }

  private var subject: String {
    let mark = introduced == nil ? "" : "[REGRESSION] "
    let whole = mark + "mm: " + matter
    guard whole.count > Self.longestSubject else { return whole }
    // Without its last words, no half ones.
    let fitting = whole.prefix(Self.longestSubject + 1)
    let words = fitting[..<(fitting.lastIndex(of: " ") ?? fitting.endIndex)]
    return String(words.last == "," ? words.dropLast() : words)
  }

  private var matter: String {
    let filesystem = told.filesystem
    guard let autopsy = told.autopsy else {
      if told.isOOM { return "OOM under buffered writes to \(filesystem)" }
      if told.failed.events > 0 { return "machine hangs under buffered writes to \(filesystem)" }
      return "buffered writes to \(filesystem) stall for "
        + "\(Format.seconds(told.trial.longestWrite)) s"
    }
    let (killer, whole) = told.isMemcg ? ("memcg OOM", "the limit") : ("OOM", "memory")
    if case .writebackBound = autopsy.finding, let share = autopsy.memory?.awaitingShare {
      return
        "\(killer) with \(Format.fixed(share * 100, 0)) % of \(whole) under writeback, \(filesystem)"
    }
    return "\(killer) (\(autopsy.finding.name)) under buffered writes to \(filesystem)"
  }

  // MARK: Body

  private var body: MailText {
    var text = MailText()
    text.add(sentence)
    text.add(
      "\(Self.todo): replace this paragraph and its list by one paragraph of your own: what it means in"
        + " practice, since which version, and what you ask for. What you could say:")
    text.separate()
    for fact in facts { text.item(fact) }
    if let introduced { text.add("#regzbot introduced: \(introduced)") }
    text.add("The detailed description:")
    text.add(
      "(Sections 1 to \(sections.count - 1) were generated by wbstress \(Version.text) from the trials' records and are not"
        + " edited.)")
    for (number, section) in sections.enumerated() {
      text.add("\(number + 1). \(section.title)")
      text.separate()
      text.add(section.text)
    }
    text.verbatim(["-- "] + Format.broken(trailer, width: MailText.prose))
    return text
  }

  private var sections: [(title: String, text: MailText)] {
    [
      ("Environment", MailEnvironment(told).text),
      ("How to reproduce", MailReproduction(told).text),
      ("What happens", MailEvent(told).text), ("Comparison", MailComparison(told).text),
    ] + (bisection.map { [("Bisection", MailBisection($0).text)] } ?? [])
      + [("What was ruled out", MailRuledOut(told).text), ("Links", links)]
  }

  private var limit: String {
    told.cell.profile.limits.first { $0.key == "memory.max" }
      .flatMap { UInt64($0.value) }.map { "a memory.max of \(Units.sizeText($0))" }
      ?? "the whole machine's memory"
  }

  private var sentence: String {
    let release = told.environment.release ?? "?"
    let runs = "in \(MailCase.ratio(told.failed)) runs"
    if let thresholds = told.thresholds {
      return "With \(limit) and buffered writes to \(told.filesystem) on \(release), "
        + thresholds.sentence(told.reported.index) + "."
    }
    var text: String
    if told.isOOM {
      text =
        "With \(limit) and buffered writes to \(told.filesystem), the OOM killer comes \(runs)"
        + " on \(release)"
    } else if told.failed.events > 0 {
      text =
        "With \(limit) and buffered writes to \(told.filesystem), the machine hangs or panics"
        + " \(runs) on \(release)"
    } else {
      text =
        "With \(limit), buffered writes to \(told.filesystem) stall for up to"
        + " \(Format.seconds(told.trial.longestWrite)) s on \(release)"
    }
    if let base = told.base, told.failed.events > 0, base.failed.trials > 0 {
      text += ", and in \(MailCase.ratio(base.failed)) on \(told.name(of: base))"
    }
    return text + "."
  }

  private var facts: [String] {
    var facts: [String] = []
    if let culprit = bisection?.culprit {
      facts.append("bisected to \(culprit.reference)")
    }
    if let autopsy = told.autopsy {
      let names = told.findings.map { "\($0.name) \($0.count)" }.joined(separator: ", ")
      if let memory = autopsy.memory {
        facts.append(
          "at the kill \(memory.awaitingWriteback >> 10) KiB of"
            + " \((memory.limit ?? 0) >> 10) KiB were file pages that are dirty or under writeback,"
            + " \(memory.cleanEvictable >> 10) KiB clean ones")
      }
      facts.append("kills by their finding: \(names) (the rule is in section 3)")
      if told.unthrottled.trials > 0 {
        facts.append(
          "before \(MailCase.ratio(told.unthrottled)) kills dirty throttling had not paused a task once"
        )
      }
      if let time = autopsy.sinceStart, time >= 0 {
        facts.append("it comes \(Format.seconds(Double(time))) s after the writes begin")
      }
    }
    let affected = told.others.neighbours.filter { $0.failed.events > 0 && $0.control == nil }
    if !affected.isEmpty {
      facts.append(
        "also seen with "
          + affected.map { "\($0.axis) \($0.value) (\(MailCase.ratio($0.failed)))" }
          .joined(separator: ", "))
    }
    facts.append(
      "longest write \(Format.seconds(told.trial.longestWrite)) s in the trial that is shown")
    return facts
  }

  private var links: MailText {
    var text = MailText()
    text.item("records of all trials (archive and its sha256): \(Self.todo)")
    text.item("kernel configuration: \(Self.todo)")
    text.item("full dmesg: \(Self.todo)")
    return text
  }

  private var trailer: String {
    "generated by wbstress \(Version.text) (campaign \(told.campaign.summary.label), seed"
      + " \(told.campaign.summary.seed)); generated sections are marked; no step of this sends mail"
  }
}
