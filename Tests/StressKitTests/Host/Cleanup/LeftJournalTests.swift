// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import Testing

@testable import StressCore
@testable import StressMachine

/// What `wbstress clean` makes of journals that it finds, with real files.
struct LeftJournalTests {
  private let directory = try! TemporaryDirectory()
  private let boot = File.line("/proc/sys/kernel/random/boot_id") ?? ""
  /// Of a process that there is not: pids end at 2^22.
  private let deadPID = 1 << 22

  private func run(boot: String? = nil, pid: Int? = nil, startTime: UInt64 = 1) -> String {
    #"{"type":"run","schema":1,"boot_id":"\#(boot ?? self.boot)","pid":\#(pid ?? deadPID),"#
      + #""start_time":\#(startTime),"command":"wbstress run p","kind":"trial"}"# + "\n"
  }

  private func intent(_ id: Int, _ object: some Undoable) -> String {
    let members = [("id", JSON.int(Int64(id))), ("kind", .string(type(of: object).kind))]
    return JSON.object([("type", "intent")] + members + object.members).text + "\n"
  }

  private func made(_ id: Int, _ identity: JSON?) -> String {
    JSON.object([("type", "made"), ("id", .int(Int64(id))), ("identity", identity ?? .null)]).text
      + "\n"
  }

  private func left(_ text: String) throws -> LeftJournal {
    LeftJournal(path: try directory.write("state/1-1.jsonl", text))
  }

  /// Cleans, and returns the answer and what was said.
  private func clean(
    _ text: String, dry: Bool = false
  ) throws -> (answer: LeftJournal.Answer, said: [String]) {
    var said: [String] = []
    let answer = try left(text).clean(isDry: dry) { said.append($0) }
    return (answer, said)
  }

  @Test func undoesWhatADeadRunMadeAndOnlyOnce() throws {
    let path = try directory.write("image", "x")
    let file = MadeFile(path: path)
    let text = try run() + intent(1, file) + made(1, file.identity)
    let dry = try clean(text, dry: true)
    #expect(dry.answer == .incomplete && dry.said == ["would undo: file \(path)"])
    #expect(File.exists(path))
    let first = try clean(text)
    #expect(first.answer == .cleaned && first.said == ["undone: file \(path)"])
    #expect(!File.exists(path) && File.names(in: directory.path("state")).isEmpty)
    let second = try clean(text)
    #expect(second.answer == .cleaned && second.said == ["not there any more: file \(path)"])
  }

  @Test func anIntentAloneIsEnoughForWhatWasNotThere() throws {
    let path = try directory.write("image", "")
    #expect(try clean(run() + intent(1, MadeFile(path: path))).said == ["undone: file \(path)"])
    #expect(!File.exists(path))
  }

  @Test func whatTookTheSameNameSinceIsLeftAlone() throws {
    let path = try directory.write("image", "x")
    let file = MadeFile(path: path)
    let text = try run() + intent(1, file) + made(1, file.identity)
    // Both at a time, so that it has not the old one's inode.
    let other = try directory.write("other", "somebody's")
    rename(other, path)
    let (answer, said) = try clean(text)
    #expect(said == ["left alone: file \(path): another file of that name"])
    #expect(answer == .cleaned && File.exists(path))
  }

  @Test func undoneEntriesAreDone() throws {
    let path = try directory.write("image", "x")
    let undone = #"{"type":"undone","id":1}"# + "\n"
    #expect(try clean(run() + intent(1, MadeFile(path: path)) + undone).said.isEmpty)
    #expect(File.exists(path))
  }

  @Test func aTornLastLineIsLegalAtEachByte() throws {
    let path = directory.path("image")
    let file = MadeFile(path: path)
    try directory.write("image", "x")
    let head = run() + intent(1, file)
    let last = try Array(made(1, file.identity).utf8)
    for length in 0..<last.count - 2 {
      try directory.write("image", "x")
      let text = head + String(decoding: last.prefix(length), as: UTF8.self)
      let (answer, said) = try clean(text)
      #expect(answer == .cleaned && said == ["undone: file \(path)"], "\(length)")
    }
  }

  @Test func zerosAtTheEndAreATornLine() throws {
    let path = try directory.write("image", "x")
    let text = run() + intent(1, MadeFile(path: path)) + String(repeating: "\0", count: 100) + "\n"
    #expect(try clean(text).answer == .cleaned)
    #expect(!File.exists(path))
  }

  @Test func membersAndLinesOfALaterVersionAreIgnored() throws {
    let path = try directory.write("image", "x")
    let intent =
      #"{"type":"intent","id":1,"kind":"file","path":"\#(path)","colour":"red"}"# + "\n"
    let (answer, said) = try clean(run() + #"{"type":"weather","id":1}"# + "\n" + intent)
    #expect(answer == .cleaned && said == ["undone: file \(path)"])
  }

  @Test func anObjectOfALaterVersionKeepsTheJournal() throws {
    let path = try directory.write("image", "x")
    let unknown = #"{"type":"intent","id":1,"kind":"spaceship"}"# + "\n"
    let (answer, said) = try clean(run() + unknown + intent(2, MadeFile(path: path)))
    #expect(answer == .incomplete && said.count == 2)
    #expect(said[0] == "undone: file \(path)" && said[1].contains("unknown kind 'spaceship'"))
    #expect(File.names(in: directory.path("state")) == ["1-1.jsonl"])
  }

  @Test func garbageBetweenIsToldAndTheFileKept() throws {
    let path = try directory.write("image", "x")
    let (answer, said) = try clean(run() + "{{{\n" + intent(1, MadeFile(path: path)))
    #expect(answer == .incomplete && said.first == "undone: file \(path)")
    #expect(said.last?.contains("1 lines cannot be read") == true)
    #expect(File.names(in: directory.path("state")) == ["1-1.jsonl.damaged"])
    #expect(try LeftJournal.all(in: directory.path("state")).isEmpty)
  }

  /// Whose it was is not known, and so not that the machine has been booted since: each object's identity tells
  /// whether it is still the one that was made.
  @Test(arguments: ["", "{\"type\":\"run\",\"boot_", "\0\0\0\0"])
  func aJournalWithoutAReadableFirstLineForgetsNothing(_ first: String) throws {
    let setting = try directory.write("setting", "7")
    let changed = try #require(
      ChangedSetting([
        "before": ["\(setting)": "20"], "writes": [["path": .string(setting), "value": "7"]],
      ]))
    let path = try directory.write("image", "x")
    let text =
      try first + "\n" + intent(1, changed) + made(1, changed.identity)
      + intent(2, MadeFile(path: path))
    let dry = try clean(text, dry: true)
    #expect(dry.said.count == 2 && dry.said.allSatisfy { $0.hasPrefix("would undo") }, "\(dry)")
    let (_, said) = try clean(text)
    #expect(said[0] == "undone: file \(path)" && said[1].hasPrefix("undone: \(setting)"), "\(said)")
    #expect(try File.text(setting) == "20" && !File.exists(path))
  }

  /// What its members mean is not known.
  @Test func aJournalOfALaterSchemaIsLeftAlone() throws {
    let path = try directory.write("image", "x")
    let left = try left(
      run().replacing("\"schema\":1", with: "\"schema\":2") + intent(1, MadeFile(path: path)))
    let error = #expect(throws: HarnessError.self) { try left.clean(isDry: false) { _ in } }
    #expect(error?.code == .refused && error?.operation.contains("schema 2") == true)
    #expect(File.exists(path) && File.exists(left.path))
  }

  @Test func anEmptyFileIsNoRun() throws {
    #expect(try clean("").answer == .cleaned)
    #expect(File.names(in: directory.path("state")).isEmpty)
  }

  /// Files survive a reboot; all else must not be looked for: what is there is another's.
  @Test func afterARebootOnlyFilesGo() throws {
    let path = try directory.write("image", "x")
    let file = MadeFile(path: path)
    let setting = directory.path("setting")
    try directory.write("setting", "7")
    let changed = try #require(
      ChangedSetting([
        "before": ["\(setting)": "20"], "writes": [["path": .string(setting), "value": "7"]],
      ]))
    let text =
      try run(boot: "another") + intent(1, file) + made(1, file.identity) + intent(2, changed)
      + made(2, changed.identity)
    let (answer, said) = try clean(text)
    #expect(answer == .cleaned && said.count == 2)
    #expect(said[0].hasPrefix("not there any more: \(setting)"))
    #expect(said[1] == "undone: file \(path)")
    #expect(try File.text(setting) == "7")
  }

  @Test func aDiskThatWasNumberedAnewHasTheSameFiles() throws {
    let path = try directory.write("image", "x")
    var identity = try #require(try FileIdentity.of(path))
    try #require(identity.birth != 0, "/tmp keeps no time of birth")
    identity.dev += 1
    let found = try #require(try FileIdentity.of(path))
    #expect(found.isSame(as: identity))
    identity.birth += 1
    #expect(!found.isSame(as: identity))
    identity = found
    identity.inode += 1
    #expect(!found.isSame(as: identity))
  }

  @Test func aRunThatLivesIsLeftAlone() throws {
    let journal = try CleanupJournal("test", in: directory.path("state"))
    let path = directory.path("image")
    try journal.make(MadeFile(path: path)) { () throws(HarnessError) in try File.write(path, []) }
    let left = try #require(try LeftJournal.all(in: directory.path("state")).first)
    #expect(try left.clean(isDry: false) { _ in } == .inUse)
    #expect(File.exists(path) && left.refusal.code == .refused)
    #expect(journal.finish().isEmpty)
  }

  /// Whoever else has the lock is at it: another clean.
  @Test func aJournalThatIsLockedIsLeftAlone() throws {
    let path = try directory.write("image", "x")
    let left = try left(run() + intent(1, MadeFile(path: path)))
    let lock = try #require(try File.lock(left.path))
    #expect(try left.clean(isDry: false) { _ in } == .inUse)
    #expect(File.exists(path))
    withExtendedLifetime(lock) {}
  }

  /// Whoever may write to the directory could have root undo anything.
  @Test func aJournalThatOthersCanWriteIsNotBelieved() throws {
    let path = try directory.write("image", "x")
    let left = try left(run() + intent(1, MadeFile(path: path)))
    chmod(left.path, 0o666)
    let refuses = { (why: String) throws in
      let error = #expect(throws: HarnessError.self) { try left.clean(isDry: false) { _ in } }
      #expect(error?.code == .refused && error?.operation.hasPrefix(why) == true, "\(error as Any)")
      #expect(File.exists(path) && LeftJournal(path: left.path).owner == nil)
    }
    try refuses("others can write it (owner \(geteuid()), mode 666)")
    if geteuid() == 0 {
      #expect(chmod(left.path, 0o600) == 0 && chown(left.path, 65534, 65534) == 0)
      try refuses("others can write it (owner 65534, mode 600)")
    }
    unlink(left.path)
    #expect(mkfifo(left.path, 0o600) == 0)
    try refuses("is no regular file")
    unlink(left.path)
    let real = try directory.write("elsewhere", run() + intent(1, MadeFile(path: path)))
    #expect(symlink(real, left.path) == 0)
    let error = #expect(throws: HarnessError.self) { try left.clean(isDry: false) { _ in } }
    #expect(error?.errno?.rawValue == ELOOP && File.exists(path))
  }

  /// Names are other people's: a path may have an escape sequence in it.
  @Test func whatIsSaidSteersNoTerminal() throws {
    let path = try directory.write("im\u{1b}[31mage", "x")
    let text = run() + intent(1, MadeFile(path: path))
    let shown = directory.path("im\\u{1b}[31mage")
    #expect(try clean(text, dry: true).said == ["would undo: file \(shown)"])
    #expect(try clean(text).said == ["undone: file \(shown)"])
  }

  /// Of a journal that was damaged: what the files said after their writing is missing for one of them.
  @Test func anIdentityThatIsTooShortIsNone() throws {
    let setting = try directory.write("setting", "8")
    let changed = try #require(
      ChangedSetting([
        "before": ["\(setting)": "20"], "writes": [["path": .string(setting), "value": "7"]],
      ]))
    let (answer, said) = try clean(run() + intent(1, changed) + made(1, .array([])))
    #expect(answer == .cleaned && said.first?.contains("somebody else has changed it") == true)
    #expect(try File.text(setting) == "8")
  }

  /// A pid is used again: the start time tells.
  @Test func anotherProcessWithThePidIsNotTheRun() throws {
    let path = try directory.write("image", "x")
    let text = run(pid: Int(getpid()), startTime: 1) + intent(1, MadeFile(path: path))
    #expect(try clean(text).answer == .cleaned)
    #expect(!File.exists(path))
  }
}
