// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressCore
@testable import StressMachine

/// Settings, with files that keep what is written to them.
struct ChangedSettingTests {
  private let directory = try! TemporaryDirectory()

  private func undo(_ changed: ChangedSetting, _ identity: JSON?) throws -> Undoing {
    try changed.undo(identity, Patience())
  }

  @Test func comesBackWhenItSaysWhatWasWritten() throws {
    let path = try directory.write("setting", "20\n")
    let changed = try #require(try ChangedSetting.all(of: [.init(path, "7")]).first)
    #expect(try undo(changed, nil) == .absent)
    try directory.write("setting", "7\n")
    // Also where the run was killed before it could say so.
    #expect(try undo(changed, nil) == .undone)
    #expect(File.line(path) == "20")
  }

  @Test func staysWhereSomebodyElseHasChangedIt() throws {
    let path = try directory.write("setting", "20\n")
    let changed = try #require(try ChangedSetting.all(of: [.init(path, "7")]).first)
    try directory.write("setting", "33\n")
    guard case .left(let why) = try undo(changed, ["7"]) else {
      Issue.record("it was changed")
      return
    }
    #expect(why.contains("says 33, neither 20 as before nor 7 as written"))
    #expect(File.line(path) == "33")
  }

  /// The kernel says it in words of its own.
  @Test func comesBackWhenItSaysWhatItSaidThen() throws {
    let path = try directory.write("setting", "128\n")
    let changed = try #require(try ChangedSetting.all(of: [.init(path, "1000k")]).first)
    try directory.write("setting", "997\n")
    #expect(try undo(changed, ["997"]) == .undone)
    #expect(File.line(path) == "128")
  }

  @Test func eachValueOfATimelineIsOurs() throws {
    let path = try directory.write("setting", "20\n")
    let changed = try ChangedSetting.all(of: [.init(path, "7"), .init(path, "9")])
    #expect(changed.count == 1)
    try directory.write("setting", "9\n")
    #expect(try undo(changed[0], ["7"]) == .undone)
  }

  @Test func aFileThatWentWithItsDeviceIsNoLoss() throws {
    let path = try directory.write("setting", "20\n")
    let changed = try #require(try ChangedSetting.all(of: [.init(path, "7")]).first)
    File.remove(path)
    #expect(try undo(changed, ["7"]) == .absent)
  }

  @Test func isWhatItWasInAJournal() throws {
    let path = try directory.write("setting", "always [madvise] never\n")
    let changed = try #require(try ChangedSetting.all(of: [.init(path, "never")]).first)
    let read = try #require(ChangedSetting(.object(changed.members)))
    #expect(read.before == changed.before && read.writes == changed.writes)
  }

  @Test func pairsAreOneEntryAndTriggersNone() throws {
    let vm = "/proc/sys/vm/"
    let all = try ChangedSetting.all(of: [
      .init(vm + "dirty_bytes", "1048576"), .init(vm + "swappiness", "1"),
      .init(vm + "dirty_ratio", "7"), .init(vm + "drop_caches", "3"),
      .init(vm + "no_such_thing", "1"),
    ])
    #expect(
      all.map { $0.before.map(\.key) } == [
        [vm + "dirty_bytes", vm + "dirty_ratio"], [vm + "swappiness"],
      ])
    #expect(all[0].writes.map(\.value) == ["1048576", "7"])
  }

  @Test(arguments: [
    ("7", "7"), ("4096\t131072\t6291456", "4096 131072 6291456"),
    ("always [madvise] never", "madvise"),
    ("0x0007", "y"), ("0x0000", "n"), ("0x0007", "7"), ("1", "on"), ("0", "off"), ("16", "0x10"),
  ])
  func saysWhatWasWritten(_ says: String, _ written: String) {
    #expect(ChangedSetting.isSame(says, written))
  }

  @Test(arguments: [
    ("7", "8"), ("always [madvise] never", "never"), ("0x0000", "y"), ("0x0007", "n"), ("", "0"),
    ("x", "y"),
  ])
  func saysSomethingElse(_ says: String, _ written: String) {
    #expect(!ChangedSetting.isSame(says, written))
  }
}
