// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressCore
import StressReport

/// A kernel that was built here of a git tree, in the store.
package struct BuiltKernel: Equatable, Sendable {
  /// Its directory, with `config` and `log` beside the image.
  package var path: String
  /// As `git:` had it: a name for messages, since trees move.
  package var tree: String
  /// ``GitTree/key`` of it.
  var repository: String
  package var source: GitTree.Source
  /// The commit's subject.
  package var subject: String
  /// What `uname -r` prints under it.
  package var release: String
  /// A name for its `.config`, by its contents.
  package var configuration: String
  package var compiler: String
  /// When it was built, s since 1970, and how long that took, s.
  package var time: Int
  package var seconds: Int

  package var image: String { path + "/" + Self.imageName }
  package var log: String { path + "/log" }
  package var config: String { path + "/config" }

  static var imageName: String { Architecture.own.image.name }
  static let about = "about.json"

  /// The form of `--kernel` that means it, as long as the tree has that commit.
  package var name: String {
    "git:\(tree)@\(source.commit.prefix(12))" + (source.changes == nil ? "" : " with changes")
  }

  /// For people: name and value.
  var facts: [(name: String, value: String)] {
    var facts = [
      (name: "image", value: image), (name: "release", value: release),
      (name: "tree", value: tree), (name: "commit", value: "\(source.commit) (\(subject))"),
    ]
    if let changes = source.changes { facts.append((name: "changes, as a tree", value: changes)) }
    facts += [
      (name: "configuration", value: "\(config) (\(configuration))"),
      (name: "compiler", value: compiler),
      (name: "built", value: "\(UTCTime.text(Int64(time)) ?? "?") UTC, in \(seconds) s"),
      (name: "log", value: log),
    ]
    return facts
  }

  var json: JSON {
    [
      "tree": .string(tree), "repository": .string(repository), "commit": .string(source.commit),
      "changes": .optional(source.changes), "subject": .string(subject),
      "release": .string(release), "configuration": .string(configuration),
      "compiler": .string(compiler), "time": .int(Int64(time)), "seconds": .int(Int64(seconds)),
    ]
  }

  init(
    path: String, tree: String, repository: String, source: GitTree.Source, subject: String,
    release: String,
    configuration: String, compiler: String, time: Int, seconds: Int
  ) {
    self.path = path
    self.tree = tree
    self.repository = repository
    self.source = source
    self.subject = subject
    self.release = release
    self.configuration = configuration
    self.compiler = compiler
    self.time = time
    self.seconds = seconds
  }

  /// nil: there is none in this directory.
  init?(in path: String) {
    guard let bytes = try? File.read("\(path)/\(Self.about)"), let json = try? JSON(parsing: bytes),
      let tree = json["tree"]?.string, let commit = json["commit"]?.string,
      let release = json["release"]?.string
    else { return nil }
    self.init(
      path: path, tree: tree, repository: json["repository"]?.string ?? "",
      source: .init(commit: commit, changes: json["changes"]?.string),
      subject: json["subject"]?.string ?? "", release: release,
      configuration: json["configuration"]?.string ?? "", compiler: json["compiler"]?.string ?? "",
      time: json["time"]?.count ?? 0, seconds: json["seconds"]?.count ?? 0)
  }
}
