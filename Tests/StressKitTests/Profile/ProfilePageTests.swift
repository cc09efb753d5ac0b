// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis
@testable import StressCore

/// docs/profiles.md is there for people; that it says all of the format, and nothing else, is held here.
struct ProfilePageTests: ProfileSuite {
  private var page: String {
    get throws { try File.text(shipped + "/../docs/profiles.md") }
  }

  /// The keys in the first column of a section's tables, by the section's heading.
  private func keys() throws -> [String: Set<String>] {
    var keys: [String: Set<String>] = [:]
    var section = ""
    for line in try page.split(separator: "\n") {
      if line.hasPrefix("## ") { section = String(line.dropFirst(3)) }
      guard line.hasPrefix("| `"), let column = line.split(separator: "|").first else { continue }
      // Every second part stands between backquotes.
      let parts = column.split(separator: "`", omittingEmptySubsequences: false)
      for (i, part) in parts.enumerated() where !i.isMultiple(of: 2) {
        keys[section, default: []].insert(String(part))
      }
    }
    return keys
  }

  @Test func namesEveryKeyAndNoOther() throws {
    let keys = try keys()
    var wanted: [String: Set<String>] = ["The profile itself": Set(ProfileKeys.top)]
    for path in ProfileKeys.paths {
      let parts = path.split(separator: ".", maxSplits: 1).map(String.init)
      let key = parts[1].hasPrefix("*.") ? String(parts[1].dropFirst(2)) : parts[1]
      wanted[parts[0], default: []].insert(key)
    }
    wanted["expect", default: []].formUnion([
      "WORKER.fsync.p99", "vmstat.COUNTER", "command.NAME.time", "command.NAME.FIGURE",
    ])
    for (section, names) in wanted {
      let found = keys[section] ?? []
      #expect(names.subtracting(found).isEmpty, "not in section \(section)")
      #expect(found.subtracting(names).isEmpty, "no key of \(section)")
    }
    #expect(Set(keys.keys) == Set(wanted.keys))
  }

  /// Words that a key takes are all told.
  @Test func namesEveryWord() throws {
    let text = try page
    let words =
      Profile.Control.allCases.map(\.rawValue) + Profile.Pinned.Mode.allCases.map(\.rawValue)
      + Profile.Pinned.Distribution.allCases.map(\.rawValue)
      + Profile.Stream.Action.allCases.map(\.rawValue)
      + Profile.Stream.Engine.allCases.map(\.rawValue)
      + Profile.Stream.SyncCall.allCases.map(\.rawValue)
      + Profile.Stream.Access.allCases.map(\.rawValue)
      + Profile.Stream.Pace.allCases.map(\.rawValue)
      + Profile.Task.Action.allCases.map(\.rawValue)
      + Profile.Task.State.allCases.map(\.rawValue)
      + Profile.Filesystem.Kind.allCases.map(\.rawValue)
      + Profile.Observe.Level.allCases.map(\.rawValue)
      + Profile.Expectation.Relation.allCases.map(\.rawValue)
    for word in words { #expect(text.contains("`\(word)`"), "\(word)") }
  }
}
