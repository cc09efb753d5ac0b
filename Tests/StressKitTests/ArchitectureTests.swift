// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

struct ArchitectureTests {
  /// A page that a comment sends its reader to is there.
  @Test func pagesThatAreNamedExist() throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..")
      .standardized
    let files = try #require(
      FileManager.default.enumerator(
        at: root.appending(path: "Sources"), includingPropertiesForKeys: nil)
    )
    .compactMap { $0 as? URL }.filter { ["swift", "c", "h"].contains($0.pathExtension) }
    var named: Set<String> = []
    for file in files {
      let text = try String(contentsOf: file, encoding: .utf8)
      for match in text.matches(of: #/\b(docs/[a-z-]+|[A-Z]{4,})\.md\b/#) {
        named.insert(String(match.0))
        let isThere = FileManager.default.fileExists(
          atPath: root.appending(path: String(match.0)).path)
        #expect(isThere, "\(file.lastPathComponent): \(match.0)")
      }
    }
    #expect(named.count > 5)
  }

  @Test func everySourceNamesItsLicence() throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..")
      .standardized
    var files = 0
    for folder in ["Sources", "Tests", "Benchmarks"] {
      let all = try #require(
        FileManager.default.enumerator(
          at: root.appending(path: folder), includingPropertiesForKeys: nil))
      for case let file as URL in all
      where ["swift", "c", "h", "py", "sh", "js", "css", "md", "1"].contains(file.pathExtension) {
        let head = try String(contentsOf: file, encoding: .utf8).split(separator: "\n").prefix(3)
        #expect(
          head.contains {
            let line = $0.replacing(#/ (-->|\*/)$/#, with: "")
            return line.hasSuffix("SPDX-License-Identifier: Apache-2.0")
          }, "\(file.lastPathComponent)")
        files += 1
      }
    }
    #expect(files > 600)
  }
}
