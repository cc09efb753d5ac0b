// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import StressCore
@testable import StressRecord
@testable import StressReport

/// docs/record.md, whose tables are generated (GeneratedPageTests).
struct RecordPageTests {

  /// Members of objects, of lists' objects and of objects by key.
  @Test func membersOfMembersHaveRows() throws {
    let (lines, environment) = (RecordPage.parts[0].text, RecordPage.parts[1].text)
    for name in [
      "plan.seed", "disk.used", "lateness.p99.9", "processors[].ran", "streams.main_loop.waited",
      "lost[].overrun", "KIND_latency",
    ] {
      #expect(lines.contains("\n| `\(name)` | "), "\(name)")
    }
    #expect(environment.contains("\n| `cpu.hypervisor` | true or false | "))
    #expect(!lines.contains("`cgroup_ancestors` |"))
  }

  /// Where a meaning sends its reader, there is something.
  @Test func referencesLeadSomewhere() throws {
    let page = try File.text(ToolCheck.root.appending(path: "docs/record.md").path)
    let anchors = Set(
      page.split(separator: "\n").filter { $0.hasPrefix("#") }.map { line in
        line.drop { $0 == "#" || $0 == " " }.lowercased().replacing(" ", with: "-")
          .filter { $0.isLetter || $0.isNumber || $0 == "-" }
      })
    let references = page.matches(of: /\]\(([a-z.\/-]*)(#[a-z-]+)?\)/)
    #expect(references.count > 10)
    for reference in references {
      if reference.1.isEmpty {
        #expect(anchors.contains(String((reference.2 ?? "#").dropFirst())), "\(reference.0)")
      } else {
        let file = ToolCheck.root.appending(path: "docs/\(reference.1)").path
        #expect(FileManager.default.fileExists(atPath: file), "\(reference.0)")
      }
    }
  }
}
