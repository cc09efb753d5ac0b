// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import StressCore
@testable import StressRecord
@testable import StressReport

/// Pages of docs/ whose tables are generated.
struct RecordPageTests {
  @Test(arguments: ["record.md", "why.md"])
  func pageSaysWhatTheCodeSays(_ name: String) throws {
    let path = ToolCheck.root.appending(path: "docs/" + name).path
    let page = try File.text(path)
    let parts = name == "why.md" ? WhyPage.parts : RecordPage.parts
    let filled = try #require(RecordPage.filled(page, with: parts))
    if page == filled { return }
    if ProcessInfo.processInfo.environment["WBSTRESS_WRITE_GOLDEN"] != nil {
      // Still a failure: what was written is to be read before it is believed.
      try File.write(path, Array(filled.utf8))
    }
    let (lines, wanted) = (page.split(separator: "\n"), filled.split(separator: "\n"))
    let first = zip(lines, wanted).first { $0.0 != $0.1 }
    Issue.record(
      "docs/\(name) differs: \(first?.0 ?? "its length"), but the code says: \(first?.1 ?? "")")
  }

  @Test func whatIsThereIsReplaced() throws {
    let page = "a\n<!-- lines: generated -->\nx\n<!-- lines: end -->\nb\n"
    #expect(RecordPage.filled(page) == nil)
    let rest = "<!-- spans: generated -->\n<!-- spans: end -->\nc\n"
    let all = page + rest + "<!-- environment: generated\n by -->\n<!-- environment: end -->\nd\n"
    let filled = try #require(RecordPage.filled(all))
    #expect(filled.hasPrefix("a\n<!-- lines: generated -->\n\n### `header`\n"))
    #expect(filled.hasSuffix(" |\n\n<!-- environment: end -->\nd\n") && !filled.contains("\nx\n"))
    #expect(RecordPage.filled(filled) == filled)
  }

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
