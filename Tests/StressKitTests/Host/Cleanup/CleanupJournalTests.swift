// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

@testable import StressCore
@testable import StressMachine

/// The journal, with files and directories as what is made.
struct CleanupJournalTests {
  private let directory = try! TemporaryDirectory()
  private var state: String { directory.path("state") }
  private func journal() throws -> CleanupJournal { try CleanupJournal("test", in: state) }

  private func make(_ name: String, _ journal: CleanupJournal) throws -> String {
    let path = directory.path(name)
    try journal.make(MadeFile(path: path)) { () throws(HarnessError) in
      try File.write(path, [1])
    }
    return path
  }

  private func types() throws -> [String] {
    let left = try #require(try LeftJournal.all(in: state).first)
    return try File.text(left.path).split(separator: "\n").map {
      try JSON(parsing: $0.utf8)["type"]?.string ?? "?"
    }
  }

  @Test func eachEntryIsWrittenBeforeItIsMadeAndTheFileGoesAtTheEnd() throws {
    let journal = try journal()
    let path = directory.path("a")
    var before: [String] = []
    try journal.make(MadeFile(path: path)) { () throws(HarnessError) in
      before = (try? types()) ?? []
      try File.write(path, [])
    }
    #expect(before == ["run", "intent"])
    #expect(try types() == ["run", "intent", "made"])
    #expect(journal.finish().isEmpty)
    #expect(!File.exists(path) && File.names(in: state) == [])
  }

  @Test func undoesInReverse() throws {
    let journal = try journal()
    try journal.makeDirectory(directory.path("x/y/z"))
    let file = try make("x/y/z/file", journal)
    var order: [String] = []
    journal.own { order.append("own") }
    let failures = journal.finish { report in
      if case .ended(let object, .undone) = report { order.append(object.description) }
    }
    #expect(failures.isEmpty)
    let root = directory.root
    #expect(
      order == [
        "own", "file \(file)", "directory \(root)/x/y/z", "directory \(root)/x/y",
        "directory \(root)/x",
      ])
  }

  @Test func undoesToAMark() throws {
    let journal = try journal()
    let first = try make("first", journal)
    let mark = journal.mark
    let second = try make("second", journal)
    #expect(journal.undo(to: mark).isEmpty)
    #expect(File.exists(first) && !File.exists(second))
    #expect(journal.finish().isEmpty && !File.exists(first))
  }

  @Test func whatCannotBeUndoneDoesNotKeepTheRestAndIsTriedAgain() throws {
    let journal = try journal()
    let first = try make("first", journal)
    try journal.makeDirectory(directory.path("full"))
    let alien = try directory.write("full/alien", "somebody's")
    let last = try make("last", journal)
    let failures = journal.finish()
    #expect(failures.count == 1 && failures[0].errno == .directoryNotEmpty)
    #expect(failures[0].description.contains("move it away, then wbstress clean"))
    #expect(!File.exists(first) && !File.exists(last) && File.exists(alien))
    #expect(try LeftJournal.all(in: state).count == 1)
    unlink(alien)
    #expect(journal.finish().isEmpty)
    #expect(try LeftJournal.all(in: state).isEmpty && !File.exists(directory.path("full")))
  }

  @Test func whatFailsInTheMakingIsUndoneAndThrown() throws {
    let journal = try journal()
    let path = directory.path("half")
    let error = #expect(throws: HarnessError.self) {
      try journal.make(MadeFile(path: path)) { () throws(HarnessError) in
        try File.write(path, [1])
        throw HarnessError(.harness, "step", "fails")
      }
    }
    #expect(error?.object == "step" && !File.exists(path))
    #expect(try types() == ["run", "intent", "undone"])
    #expect(journal.finish().isEmpty)
  }

  @Test func takesNothingThatIsThere() throws {
    let journal = try journal()
    let path = try directory.write("there", "somebody's")
    let error = #expect(throws: HarnessError.self) { try make("there", journal) }
    #expect(error?.code == .refused && error?.remedy?.contains("wbstress clean") == true)
    #expect(journal.finish().isEmpty && File.exists(path))
  }

  @Test func withoutAFileTheSame() throws {
    let journal = CleanupJournal()
    let path = try make("a", journal)
    #expect(journal.finish().isEmpty && !File.exists(path))
  }

  @Test func aDirectoryThatCannotBeWrittenToRefusesTheMaking() throws {
    let file = try directory.write("file", "")
    let error = #expect(throws: HarnessError.self) {
      try CleanupJournal("test", in: file + "/state")
    }
    #expect(error?.code == .environment && error?.errno == .notDirectory)
  }

  @Test func theOwnerIsThisProcess() throws {
    let journal = try journal()
    let owner = try #require(try LeftJournal.all(in: state).first?.owner)
    #expect(owner.pid == getpid() && owner.kind == "test" && owner.isAlive)
    #expect(!owner.isOfAnotherBoot)
    #expect(owner.bootID == File.line("/proc/sys/kernel/random/boot_id"))
    #expect(journal.finish().isEmpty)
  }
}
