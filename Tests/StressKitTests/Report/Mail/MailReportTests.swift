// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis
@testable import StressCore
@testable import StressReport

struct MailReportTests {
  private let fixture: MailFixture

  init() throws { fixture = try MailFixture() }

  @Test func regression() throws {
    let draft = try fixture.draft()
    #expect(draft.hasSuffix("\n"))
    try expectGolden(String(draft.dropLast()), "mail.txt")
    for line in draft.split(separator: "\n")
    where !ParsedMail.isLog(String(line)) && !line.hasPrefix("Subject: ") {
      #expect(line.count <= 78, "\(line.count) columns: \(line)")
    }
  }

  /// Three trials of each show nothing: no regression is claimed, and no version is named to regzbot.
  @Test func withoutAVerdict() throws {
    let draft = try MailFixture(trials: 3).draft()
    #expect(!draft.contains("[REGRESSION]") && !draft.contains("#regzbot"))
    #expect(!draft.contains(MailRouting.regressions))
    #expect(draft.contains("Verdict: INCONCLUSIVE"))
    #expect(ParsedMail(draft).prose.contains("OOM in 3 of 3 runs, 100 % (Wilson 95 % 44-100 %)"))
  }

  /// A kill whose report the record lost is a kill, and no hang; and who has no trials is not compared with.
  @Test func aKillWithoutItsReport() throws {
    let directory = try RecordFixture()
    let campaign = CampaignFixture(directory)
    try campaign.plan(
      [["kernel": "debian:6.1", "fs": "ext4"], ["kernel": "debian:6.12", "fs": "ext4"]], trials: 1)
    try campaign.trial(2, 1, from: RecordFixture.killed, without: ["oom"])
    let draft = String(
      decoding: try ReportFormat.mail.render(
        try CampaignAnalysis(directory: directory.root), .init(cell: 1)), as: UTF8.self)
    let prose = ParsedMail(draft).prose
    #expect(prose.contains("the OOM killer comes in 1 of 1 runs"), "\(prose)")
    #expect(prose.contains("its report is not in the record"))
    for word in ["hangs", "killed nobody", "in 0 of 0 on"] {
      #expect(!draft.contains(word), "\(word)")
    }
  }

  /// Where nothing went wrong there is nothing to mail, unless a cell is named.
  @Test func nothingToReport() throws {
    let directory = try RecordFixture()
    let campaign = CampaignFixture(directory)
    try campaign.plan([["kernel": "debian:6.1", "fs": "ext4"]], trials: 1)
    try campaign.trial(1, 1, from: MailFixture.completed)
    let analysis = try CampaignAnalysis(directory: directory.root)
    let error = #expect(throws: HarnessError.self) {
      try ReportFormat.mail.render(analysis, .init())
    }
    #expect(error?.code == .usage)
    #expect(error?.description.contains("no kill, no hang and no regression in 1 trials") == true)
    #expect(error?.remedy?.contains("--cell 1 has the longest write") == true)
    let draft = String(
      decoding: try ReportFormat.mail.render(analysis, .init(cell: 0)), as: UTF8.self)
    #expect(draft.contains("Nobody was killed. Run 1 has the longest write, "))
    #expect(
      draft.contains("Nothing was compared: ") && draft.contains("\n  write stalls, % of time"))
    #expect(draft.contains("Subject: mm: buffered writes to "))
  }

  /// What a record lacks is said, and is no reason for an error that nobody could mend.
  @Test func withoutSnapshots() throws {
    let directory = try RecordFixture()
    let campaign = CampaignFixture(directory)
    try campaign.plan([["kernel": "debian:6.12", "fs": "ext4"]], trials: 1)
    try campaign.trial(1, 1, from: MailFixture.killed, without: ["snapshot"])
    let analysis = try CampaignAnalysis(directory: directory.root)
    let draft = String(decoding: try ReportFormat.mail.render(analysis, .init()), as: UTF8.self)
    #expect(draft.contains("\n  Ops: no run has both readings of /proc/vmstat\n"))
    #expect(MailLint(draft).errors.allSatisfy { $0.item == 17 }, "\(MailLint(draft).errors)")
  }

  /// Any program that was part of the workload, as it was run.
  @Test func namesTheCommands() throws {
    let directory = try RecordFixture()
    let campaign = CampaignFixture(directory)
    try campaign.plan(
      [["kernel": "debian:6.12", "fs": "ext4"]], trials: 1,
      replacing: [
        "\"pinned\":[{":
          "\"commands\":[{\"name\":\"restore\",\"run\":[\"tar\",\"-xf\",\"/var/lib/dump.tar\"]}],"
          + "\"pinned\":[{"
      ])
    try campaign.trial(1, 1, from: MailFixture.killed)
    let analysis = try CampaignAnalysis(directory: directory.root)
    let draft = String(decoding: try ReportFormat.mail.render(analysis, .init()), as: UTF8.self)
    let words = draft.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    #expect(words.contains("restore: tar -xf /var/lib/dump.tar"), "\(draft)")
  }

  @Test(arguments: [
    "wbstress run oracle-backup --kernel debian:6.1,debian:6.12 --fs ext4 --trials 10 --seed 31",
    "wbstress run noisy-neighbour --kernel debian:6.1,debian:6.12 --vary"
      + " variant=base,no-protection,memory-low,memory-high,classic-lru,direct --calibrate --trials 2",
  ])
  func commands(_ command: String) {
    let lines = MailReproduction.broken(command)
    for line in lines { #expect(line.count <= 78 || !line.dropFirst(4).contains(" --"), "\(line)") }
    for line in lines.dropLast() { #expect(line.hasSuffix(" \\")) }
    let words = lines.flatMap { $0.split(separator: " ") }.filter { $0 != "\\" }
    #expect(words.joined(separator: " ") == command)
  }

  /// The machine's and the user's names, and where the campaign lies.
  @Test func privacyHoldsForTheWholeDraft() throws {
    let draft = try fixture.draft(.init(ownNames: ["cloud"]))
    #expect(!draft.contains("cloud") && draft.contains("6.12.117+deb12-<name-1>-amd64"))
    #expect(!draft.contains(fixture.directory.root))
  }

  /// As regzbot wants them, of the mainline.
  @Test(
    arguments: [
      ("6.1.0-56-cloud-amd64", "v6.1"), ("6.12.117+deb12-cloud-amd64", "v6.12"),
      ("6.18.0-rc3-custom", "v6.18-rc3"), ("7.0.0", "v7.0"), ("mainline", nil), ("6", nil),
    ] as [(String, String?)])
  func tags(_ release: String, _ tag: String?) { #expect(KernelTag.of(release) == tag) }

  @Test func routing() {
    var symptoms = MailRouting.Symptoms()
    symptoms.isKilled = true
    symptoms.filesystems = [.ext4, .btrfs, .ext3]
    #expect(MailRouting(symptoms).to == ["linux-mm@kvack.org"])
    #expect(
      MailRouting(symptoms).cc == [
        "linux-ext4@vger.kernel.org", "linux-btrfs@vger.kernel.org", "linux-kernel@vger.kernel.org",
      ])
    symptoms.isMemcg = true
    symptoms.isWriteback = true
    symptoms.isRegression = true
    #expect(
      MailRouting(symptoms).to == [
        "linux-mm@kvack.org", "cgroups@vger.kernel.org", "linux-fsdevel@vger.kernel.org",
      ])
    #expect(MailRouting(symptoms).cc.contains("regressions@lists.linux.dev"))
    var stall = MailRouting.Symptoms()
    stall.isStall = true
    stall.usesRing = true
    stall.filesystems = [.xfs]
    #expect(MailRouting(stall).cc.contains("io-uring@vger.kernel.org"))
    #expect(MailRouting(stall).to.contains("linux-fsdevel@vger.kernel.org"))
  }
}
