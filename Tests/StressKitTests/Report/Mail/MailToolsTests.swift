// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import StressCore
@testable import StressMachine
@testable import StressReport

/// What others make of a mail: Python's mailbox and email, and git send-email, which is kept from sending.
struct MailToolsTests {
  static let root = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../../../..").standardized.path
  static let example = root + "/docs/example-report.txt"

  private let directory: RecordFixture
  private let filled: String

  init() throws {
    directory = try RecordFixture()
    filled = try directory.write("mail", MailFixture.filled(try MailFixture.fresh.get()))
  }

  private func parsed(_ path: String) throws -> JSON {
    let script = Self.root + "/Tests/Tools/mail.py"
    return try JSON(parsing: try Tool.run("python3", [script, path], package: "python3"))
  }

  @Test func pythonReadsIt() throws {
    for path in [filled, Self.example] {
      let mail = try parsed(path)
      #expect(mail["messages"] == 1 && mail["defects"] == [])
      #expect(mail["type"] == "text/plain" && mail["charset"] == "utf-8")
      #expect(mail["from"] == ["tester@example.org"])
      #expect(mail["subject"]?.string?.hasPrefix("[REGRESSION] mm: memcg OOM with") == true)
      #expect(
        mail["to"] == [
          "linux-mm@kvack.org", "cgroups@vger.kernel.org", "linux-fsdevel@vger.kernel.org",
        ])
      #expect(mail["cc"]?.array?.contains("regressions@lists.linux.dev") == true)
      let body = try File.text(path).split(separator: "\n\n", maxSplits: 1)[1]
      #expect(mail["lines"]?.count == body.count { $0 == "\n" })
    }
  }

  /// In a repository and a home of its own, with a mail server that is no such program.
  private func sendEmail(_ path: String) throws -> String {
    let home = directory.root
    let git = [
      "HOME=\(home)", "GIT_CONFIG_NOSYSTEM=1", "git", "-C", home, "-c", "user.name=A. Tester", "-c",
      "user.email=tester@example.org", "-c", "sendemail.smtpserver=/bin/false",
    ]
    try Tool.run("env", git + ["init", "-q", home], package: "git")
    let output = try Tool.run(
      "env",
      git + ["send-email", "--dry-run", "--confirm=never", "--suppress-cc=self", path],
      package: "git-email", remedy: "ci/install test installs git-email")
    return String(decoding: output, as: UTF8.self)
  }

  @Test func gitSendEmailTakesIt() throws {
    for path in [filled, Self.example] {
      let said = try sendEmail(path)
      #expect(said.contains("Dry-OK") || said.contains("Result: OK"), "\(said)")
      for list in [
        "linux-mm@kvack.org", "linux-ext4@vger.kernel.org", "regressions@lists.linux.dev",
      ] {
        #expect(said.contains(list), "\(said)")
      }
    }
  }

  /// The report that the documentation shows, of a real campaign: nothing in it is made up for the test.
  @Test func exampleReport() throws {
    let text = try File.text(Self.example)
    let lint = MailLint(text)
    #expect(lint.errors.isEmpty, "\(lint.errors)")
    #expect(lint.findings.isEmpty, "\(lint.findings)")
    #expect(text.contains("on ext4: does the OOM killer come?"))
    #expect(!text.contains(MailReport.todo))
  }
}
