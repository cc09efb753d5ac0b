// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

@testable import StressCore
@testable import StressLab
@testable import StressMachine

/// A git repository of a test's own.
final class GitFixture: TemporaryDirectory, @unchecked Sendable {
  override init() throws {
    try super.init()
    try File.makeDirectory(path("tree"))
    try git("init", "--quiet", "--initial-branch=main")
  }

  var tree: String { path("tree") }

  @discardableResult
  func git(_ arguments: String...) throws(HarnessError) -> String {
    let identity = [
      "GIT_AUTHOR_NAME=A U Thor", "GIT_AUTHOR_EMAIL=author@example.com",
      "GIT_AUTHOR_DATE=2026-11-30T12:00:00Z", "GIT_COMMITTER_NAME=A U Thor",
      "GIT_COMMITTER_EMAIL=author@example.com", "GIT_COMMITTER_DATE=2026-11-30T12:00:00Z",
      "GIT_CONFIG_GLOBAL=/dev/null",
    ]
    let output = try Tool.run(
      "git", ["-C", tree] + arguments, package: "git", environment: identity)
    return String(decoding: output, as: UTF8.self).split(separator: "\n").first.map(String.init)
      ?? ""
  }

  /// Writes files and commits them; the commit's id.
  @discardableResult
  func commit(_ files: [String: String], _ subject: String = "Change it") throws -> String {
    for (name, text) in files { try write("tree/" + name, text) }
    try git("add", "--all")
    try git("commit", "--quiet", "--message=" + subject)
    return try git("rev-parse", "HEAD")
  }

  /// Every file of the tree and its repository, with what a write would change. Of an object that git is about to write
  /// and that is there it sets the time, so that no pruning takes it away.
  var state: [String] {
    var state: [String] = []
    func visit(_ path: String) {
      for name in File.names(in: path) {
        var info = stat()
        lstat("\(path)/\(name)", &info)
        let time =
          path.contains("/.git/objects/")
          ? "" : "\(info.st_mtim.tv_sec).\(info.st_mtim.tv_nsec)"
        state.append("\(path)/\(name) \(info.st_size) \(time)")
        if info.st_mode & S_IFMT == S_IFDIR { visit("\(path)/\(name)") }
      }
    }
    visit(tree)
    return state
  }
}

@Suite(.enabled(if: Tool.path("git") != nil, "needs git"))
struct GitTreeTests {
  let fixture: GitFixture
  init() throws { fixture = try GitFixture() }

  private func place() throws -> BuildPlace { try BuildPlace(fixture.path("place")) }

  private func files(_ place: BuildPlace) throws -> [String: String] {
    var files: [String: String] = [:]
    for name in File.names(in: place.source) {
      files[name] = try File.text("\(place.source)/\(name)")
    }
    return files
  }

  @Test func findsCommits() throws {
    let first = try fixture.commit(["a": "1"])
    let second = try fixture.commit(["a": "2"])
    try fixture.git("tag", "v1", first)
    let tree = try GitTree(fixture.tree)
    #expect(try tree.commit(of: "v1") == first)
    #expect(try tree.commit(of: "HEAD") == second && tree.commit(of: "HEAD~1") == first)
    #expect(try tree.show("%s", second) == "Change it")
    let error = #expect(throws: HarnessError.self) { try tree.commit(of: "v2") }
    #expect(
      error?.description
        == "git:\(fixture.tree)@v2: no such commit in this tree; 'git -C \(fixture.tree) log v2' must show it"
    )
    // No option of git's.
    #expect(throws: HarnessError.self) { try tree.commit(of: "--all") }
  }

  @Test func refusesWhatIsNoTree() throws {
    let error = #expect(throws: HarnessError.self) { try GitTree(fixture.root) }
    #expect(error?.code == .usage && error?.object == "git:\(fixture.root)")
    #expect(error?.operation.hasPrefix("no git tree: fatal: not a git repository") == true)
  }

  @Test func takesFilesOfACommitAndOnlyThese() throws {
    let first = try fixture.commit(["a": "1", "gone": "x", "same": "s"])
    try fixture.git("rm", "--quiet", "gone")
    let second = try fixture.commit(["a": "2", "new": "n"])
    let before = fixture.state
    let (tree, place) = (try GitTree(fixture.tree), try place())
    func checkOut(_ commit: String) throws {
      try tree.checkOut(
        .init(commit: commit), into: place.source, index: place.index, objects: place.objects)
    }
    try checkOut(first)
    #expect(try files(place) == ["a": "1", "gone": "x", "same": "s"])
    let same = File.inode(place.source + "/same")
    // Whatever else is there goes, and what is damaged is made good.
    try File.write(place.source + "/stray", [])
    try File.write(place.source + "/new", Array("half".utf8))
    try checkOut(second)
    #expect(try files(place) == ["a": "2", "new": "n", "same": "s"])
    #expect(File.inode(place.source + "/same") == same)
    #expect(fixture.state == before)
  }

  @Test func takesTheWorkingTreeAsItIs() throws {
    let commit = try fixture.commit(["a": "1", "staged": "1", "gone": "1", ".gitignore": "*.o\n"])
    let (tree, place) = (try GitTree(fixture.tree), try place())
    func source() throws -> GitTree.Source {
      try tree.workingTree(objects: place.objects, scratch: fixture.path("scratch"))
    }
    #expect(try source() == .init(commit: commit, changes: nil))
    try fixture.write("tree/a", "2")
    try fixture.write("tree/staged", "2")
    try fixture.git("add", "staged")
    try fixture.write("tree/new", "n")
    try fixture.write("tree/a.o", "ignored")
    File.remove(fixture.tree + "/gone")
    let before = fixture.state
    let changed = try source()
    #expect(changed.commit == commit && changed.changes != nil)
    #expect(changed.short == commit.prefix(12) + "-dirty")
    try tree.checkOut(
      changed, into: place.source, index: place.index, objects: place.objects)
    #expect(
      try files(place) == ["a": "2", "staged": "2", "new": "n", ".gitignore": "*.o\n"])
    #expect(fixture.state == before && !File.exists(fixture.path("scratch")))
    // The same changes are the same source; others are not.
    #expect(try source() == changed)
    try fixture.write("tree/new", "other")
    #expect(try source().changes != changed.changes)
  }

  @Test func readsBareRepositoriesAndLinkedWorktrees() throws {
    let commit = try fixture.commit(["a": "1"])
    let bare = fixture.path("bare.git")
    try fixture.git("clone", "--quiet", "--bare", fixture.tree, bare)
    let tree = try GitTree(bare)
    #expect(try tree.commit(of: "main") == commit)
    let error = #expect(throws: HarnessError.self) {
      try tree.workingTree(objects: bare, scratch: fixture.path("scratch"))
    }
    #expect(
      error?.description
        == "git:\(bare): a bare repository has no working tree; name a revision: git:\(bare)@REV")
    try fixture.git("worktree", "add", "--quiet", "--detach", fixture.path("linked"))
    let linked = try GitTree(fixture.path("linked"))
    // Of one repository there is one copy.
    let own = try GitTree(fixture.tree)
    #expect(linked.key == own.key && linked.directory != own.directory)
    #expect(tree.key != own.key)
  }
}
