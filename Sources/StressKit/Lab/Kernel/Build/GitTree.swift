// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressMachine

/// A git tree of the kernel as its user has it: a checkout, a bare repository or a linked worktree. It is read only;
/// what has to be written (an index, blobs of changes, files) goes elsewhere.
///
/// A process of git of its own does each step; its environment has no GIT_* but those given here.
package struct GitTree: Sendable {
  /// As the user wrote it.
  package let name: String
  /// Of the repository, absolute; of a linked worktree its own part.
  let directory: String
  /// Of its objects, absolute.
  let objects: String
  /// The checkout's root; nil: a bare repository has none.
  private let checkout: String?

  /// What is built: a commit, or a commit with changes that are in no commit.
  package struct Source: Equatable, Sendable {
    /// In full.
    package var commit: String
    /// git's id of the whole tree with its changes; nil: there are none.
    package var changes: String?

    /// What git takes for its files.
    var tree: String { changes ?? commit }
    /// For messages and for the release of the kernel: 12 digits, as the kernel's own tags have.
    package var short: String { commit.prefix(12) + (changes == nil ? "" : "-dirty") }
  }

  /// - Throws: when there is no such repository (usage).
  package init(_ path: String) throws(HarnessError) {
    name = path
    func ask(_ question: [String]) throws(HarnessError) -> [String] {
      let (exit, output) = try Tool.output(
        "git", ["-C", path, "rev-parse"] + question, package: "git")
      let text = String(decoding: output, as: UTF8.self)
      guard exit == .status(0) else {
        throw HarnessError(
          .usage, "git:\(path)", "no git tree: \(GitTree.firstLine(text))",
          remedy: "name a checkout of Linux, or a bare repository")
      }
      return text.split(separator: "\n").map(String.init)
    }
    let answers = try ask([
      "--path-format=absolute", "--git-dir", "--git-path", "objects", "--is-bare-repository",
    ])
    guard answers.count == 3 else {
      throw HarnessError(
        .environment, "git rev-parse", "answers \(answers.joined(separator: " "))",
        remedy: "install git 2.31 or later")
    }
    directory = answers[0]
    objects = answers[1]
    checkout = answers[2] == "true" ? nil : try ask(["--show-toplevel"]).first
  }

  /// A name for what is kept of it: two worktrees of one repository share a copy.
  var key: String {
    var key = ContentKey()
    key.add(objects)
    return key.text
  }

  // MARK: Questions

  /// - Throws: when git knows no such revision (usage).
  package func commit(of revision: String) throws(HarnessError) -> String {
    let (exit, output) = try git([
      "rev-parse", "--verify", "--quiet", "--end-of-options", revision + "^{commit}",
    ])
    let id = GitTree.firstLine(String(decoding: output, as: UTF8.self))
    guard exit == .status(0), !id.isEmpty else {
      throw HarnessError(
        .usage, "git:\(name)@\(revision)", "no such commit in this tree",
        remedy: "'git -C \(name) log \(revision)' must show it")
    }
    return id
  }

  /// Who wrote a commit when, as `git show --format` has it.
  package func show(_ format: String, _ commit: String) throws(HarnessError) -> String {
    try answer(["show", "--no-patch", "--format=" + format, commit])
  }

  /// The working tree as it is: what is changed, staged or not, and new files that are not ignored.
  ///
  /// - Parameters:
  ///   - objects: where git puts changed files; it exists.
  ///   - scratch: a path for an index, which is removed again.
  /// - Throws: for a bare repository (usage).
  func workingTree(objects own: String, scratch: String) throws(HarnessError) -> Source {
    guard let checkout else {
      throw HarnessError(
        .usage, "git:\(name)", "a bare repository has no working tree",
        remedy: "name a revision: git:\(name)@REV")
    }
    let commit = try self.commit(of: "HEAD")
    defer { File.remove(scratch) }
    // With the user's index git knows which files it need not read.
    let index = directory + "/index"
    if File.exists(index) { try File.write(scratch, try File.read(index, code: .environment)) }
    let places = Places(index: scratch, files: checkout, objects: own)
    try run(["add", "--all"], places)
    let tree = try answer(["write-tree"], places)
    let committed = try answer(["rev-parse", "--verify", commit + "^{tree}"])
    return Source(commit: commit, changes: tree == committed ? nil : tree)
  }

  // MARK: Files

  /// Makes a directory hold exactly a source's files; those that it has already are left alone, with their times.
  ///
  /// - Parameters:
  ///   - index: path of git's index of that directory.
  ///   - objects: where changed files have been put.
  func checkOut(
    _ source: Source, into directory: String, index: String, objects own: String
  ) throws(HarnessError) {
    // Of a git that was killed.
    File.remove(index + ".lock", .nothingToRemove)
    let places = Places(index: index, files: directory, objects: own)
    try run(["read-tree", "--reset", "-u", source.tree], places)
    try run(["clean", "-ffdxq"], places)
  }

  // MARK: git

  /// Where git has what it writes.
  struct Places {
    var index: String
    /// The root of the files.
    var files: String
    var objects: String
  }

  /// What the user has set for a checkout of his own does not hold for a whole one.
  private static let options = [
    "-c", "core.sparseCheckout=false", "-c", "core.fsmonitor=false", "-c", "core.splitIndex=false",
    "-c", "core.hooksPath=/dev/null", "-c", "gc.auto=0", "-c", "log.showSignature=false",
  ]

  private func git(
    _ arguments: [String], _ places: Places? = nil
  ) throws(HarnessError) -> (exit: Exit, output: [UInt8]) {
    var environment = ["GIT_DIR=" + directory, "GIT_OPTIONAL_LOCKS=0"]
    if let places {
      environment += [
        "GIT_INDEX_FILE=" + places.index, "GIT_WORK_TREE=" + places.files,
        "GIT_OBJECT_DIRECTORY=" + places.objects, "GIT_ALTERNATE_OBJECT_DIRECTORIES=" + objects,
      ]
    }
    do throws(HarnessError) {
      return try Tool.output(
        "git", Self.options + arguments, package: "git", directory: places?.files ?? directory,
        environment: environment)
    } catch {
      guard error.code == .interrupted else { throw error }
      throw HarnessError(
        .interrupted, "git \(arguments[0]) in \(name)", "was interrupted, and killed")
    }
  }

  func lines(_ arguments: [String]) throws(HarnessError) -> [String] {
    try run(arguments).split(separator: "\n").map(String.init)
  }

  @discardableResult
  private func run(
    _ arguments: [String], _ places: Places? = nil
  ) throws(HarnessError) -> String {
    let (exit, output) = try git(arguments, places)
    let text = String(decoding: output, as: UTF8.self)
    if exit != .status(0) {
      throw HarnessError(
        .environment, "git \(arguments[0]) in \(name)", "\(exit): \(Self.complaint(text))")
    }
    return text
  }

  func answer(
    _ arguments: [String], _ places: Places? = nil
  ) throws(HarnessError) -> String {
    Self.firstLine(try run(arguments, places))
  }

  /// git says what is wrong behind "fatal:" or "error:", and warnings before it.
  static func complaint(_ text: String) -> String {
    let lines = text.split(separator: "\n")
    let line = lines.first { $0.hasPrefix("fatal: ") || $0.hasPrefix("error: ") } ?? lines.last
    return line.map(String.init) ?? "no word"
  }

  private static func firstLine(_ text: String) -> String {
    text.split(separator: "\n").first.map(String.init) ?? ""
  }
}
