// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import StressCore
@testable import StressReport

/// Pages of docs/ whose tables are generated.
struct GeneratedPageTests {
  @Test(arguments: [
    ("record", RecordPage.parts), ("profiles", ProfilePage.parts), ("why", WhyPage.parts),
  ])
  func pageSaysWhatItsSourceSays(_ name: String, _ parts: [GeneratedPage.Part]) throws {
    let path = ToolCheck.root.appending(path: "docs/\(name).md").path
    let page = try File.text(path)
    let filled = try #require(GeneratedPage.filled(page, parts))
    if page == filled { return }
    if ProcessInfo.processInfo.environment["WBSTRESS_WRITE_GOLDEN"] != nil {
      // Still a failure: what was written is to be read before it is believed.
      try File.write(path, Array(filled.utf8))
    }
    let (lines, wanted) = (page.split(separator: "\n"), filled.split(separator: "\n"))
    let first = zip(lines, wanted).first { $0.0 != $0.1 }
    Issue.record(
      "\(path) differs: \(first?.0 ?? "its length"), but it is to say: \(first?.1 ?? "")")
  }

  @Test func whatIsThereIsReplaced() throws {
    let parts: [GeneratedPage.Part] = [
      ("a", "one"), ("b", GeneratedPage.table(["k", "v"], [["x|y", ""]])),
    ]
    let page = "a\n<!-- a: generated -->\nx\n<!-- a: end -->\nb\n"
    #expect(GeneratedPage.filled(page, parts) == nil)
    let both = page + "<!-- b: generated\n by -->\n<!-- b: end -->\nc\n"
    let filled = try #require(GeneratedPage.filled(both, parts))
    #expect(
      filled == """
        a
        <!-- a: generated -->

        one

        <!-- a: end -->
        b
        <!-- b: generated
         by -->

        | k | v |
        |---|---|
        | x\\|y | |

        <!-- b: end -->
        c

        """)
    #expect(GeneratedPage.filled(filled, parts) == filled)
  }
}
