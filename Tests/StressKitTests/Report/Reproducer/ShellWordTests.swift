// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis
@testable import StressCore
@testable import StressMachine
@testable import StressReport

/// Words of others on their way to bash; bash itself says what it makes of them.
struct ShellWordTests {
  private static let hostile = [
    "", " ", "-rf", "a b", "'", "''", "\"", "\\", "$(touch x)", "`touch x`", "$HOME", "a;b", "a&b",
    "a|b", "> x",
    "#", "~", "*", "?", "[a]", "{a,b}", "!", "a\nb", "a\r\nb", "\t", "\u{1b}[31m", "\u{7f}",
    "äöü 漢字",
    "\u{202e}x", "\u{2028}", "'\u{1b}'\\", "../../etc/passwd", String(repeating: "'x ", count: 100),
  ]

  private func echoed(_ words: String) throws -> [UInt8] {
    try Tool.run("bash", ["-c", "printf '%s' " + words], package: "bash")
  }

  @Test(arguments: hostile)
  func bashReadsWhatWasMeant(_ word: String) throws {
    #expect(try echoed(ShellWord.quoted(word)) == Array(word.utf8))
    #expect(try echoed(ShellWord.value(word)) == Array(word.utf8))
    let expanded = try Tool.run(
      "bash", ["-c", "disk=8:0; printf '%s' " + ShellWord.value(word, behind: "$disk ")],
      package: "bash")
    #expect(expanded == Array(("8:0 " + word).utf8))
  }

  /// Nor does it steer the terminal on which it is shown.
  @Test(arguments: hostile)
  func nothingHidesInAWord(_ word: String) {
    let quoted = ShellWord.quoted(word)
    #expect(quoted.visible == quoted)
  }

  @Test func plainWordsStayAsTheyAre() {
    #expect(ShellWord.quoted("--output=a/b,c:d@e+f_g%1.2") == "--output=a/b,c:d@e+f_g%1.2")
    #expect(ShellWord.quoted("a b") == "'a b'")
    #expect(ShellWord.value("wbps=1 rbps=2", behind: "$disk ") == "\"$disk wbps=1 rbps=2\"")
  }

  /// A script of a cell whose record and profile are an attacker's, run by bash where it finds no program: with
  /// what bash can do by itself, nothing of theirs is done.
  @Test func aHostileCellRunsNothing() throws {
    let directory = try TemporaryDirectory()
    let marker = directory.path("marker")
    let attack =
      "x\n'; echo > \(marker); \"; echo > \(marker); $(echo > \(marker))`echo > \(marker)`"
    var profile = Profile(name: "hostile")
    profile.duration = 1_000_000_000
    profile.limits = [
      Profile.Setting("memory.max", attack), Profile.Setting("io.max", attack),
      Profile.Setting("memory.\(attack)", "1"),
    ]
    profile.filesystem.mount = [attack]
    profile.kernel.sysctl = [Profile.Setting("no.such.\(attack)", attack)]
    profile.kernel.boot = [attack]
    profile.streams = [Profile.Stream(name: "s")]
    let script = try ReproducerScript(
      profile, label: attack, mkfs: "mkfs.ext4 \(attack)",
      seen: .init(killed: Proportion(1, of: 1), release: attack))
    let path = try directory.write("script", script.text)
    try Tool.run("bash", ["-n", path], package: "bash")
    // Without set -e: each line is reached, whatever became of those before it.
    let text = script.text.split(separator: "\n", omittingEmptySubsequences: false)
      .filter { $0 != "set -eu" }.joined(separator: "\n")
    try File.write(path, Array(text.utf8))
    let bash = try #require(Tool.path("bash"))
    let process = try Process(
      [bash, "-c", "cd \(directory.root); . ./script ."], environment: ["PATH=/nonexistent"])
    let ended = process.wait(timeout: 30_000_000_000)
    #expect(ended != nil)
    // Neither what the attack writes nor a file by the name of one of its words.
    #expect(File.names(in: directory.root) == ["script"])
  }
}
