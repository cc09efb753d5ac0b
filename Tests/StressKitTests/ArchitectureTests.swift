import Foundation
import Testing

/// The order of StressKit's folders: a name may be used by the folders after it, never before it.
struct ArchitectureTests {
  /// Each folder with those whose names it may use, itself aside.
  static let mayUse: [String: Set<String>] = {
    let machine = ["Base", "Profile", "Host"]
    let observed = machine + ["Observe"]
    let record = observed + ["Record"]
    let trial = record + ["Workload"]
    let analysis = record + ["Analysis"]
    return [
      "Base": [], "Profile": ["Base"], "Host": ["Base", "Profile"], "Workload": Set(machine),
      "Observe": Set(machine), "Record": Set(observed), "Trial": Set(trial),
      "Lab": Set(trial + ["Trial"]), "Analysis": Set(record), "Report": Set(analysis),
    ]
  }()

  private struct Source {
    var folder: String
    var name: String
    var words: Set<Substring>
    var declared: Set<String>
    var topLevel: Set<String>
  }

  @Test func foldersUseOnlyThoseBeforeThem() throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../../Sources/StressKit").standardized
    let files = try #require(
      FileManager.default.enumerator(at: root, includingPropertiesForKeys: nil)
    )
    .compactMap { $0 as? URL }.filter { $0.pathExtension == "swift" }
    let sources = try files.map { try Self.read($0, below: root) }
    #expect(sources.count > 40)
    #expect(Set(sources.map(\.folder)) == Set(Self.mayUse.keys))

    for user in sources {
      let allowed = try #require(Self.mayUse[user.folder]).union([user.folder])
      // A nested type may have the name of another folder's type: Profile.Kernel is not Lab's Kernel.
      let own = sources.filter { allowed.contains($0.folder) }
        .reduce(into: Set<String>()) { $0.formUnion($1.declared) }
      for other in sources where !allowed.contains(other.folder) {
        let used = other.topLevel.subtracting(own).filter { user.words.contains($0[...]) }
        #expect(used.isEmpty, "\(user.folder)/\(user.name) uses \(other.folder)/\(other.name)")
      }
    }
  }

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

  private static func read(_ file: URL, below root: URL) throws -> Source {
    let text = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
      .map { $0.prefix { $0 != "/" } + ($0.contains("//") ? "" : $0.drop { $0 != "/" }) }
    var declared: Set<String> = []
    var topLevel: Set<String> = []
    for line in text {
      let words = line.split { !($0.isLetter || $0.isNumber || $0 == "_") }
      for (i, word) in words.enumerated().dropLast()
      where ["struct", "class", "enum", "protocol"].contains(word) {
        declared.insert(String(words[i + 1]))
        if !line.hasPrefix(" ") { topLevel.insert(String(words[i + 1])) }
      }
    }
    let words = text.flatMap { $0.split { !($0.isLetter || $0.isNumber || $0 == "_") } }
    let parts = file.path.dropFirst(root.path.count + 1).split(separator: "/")
    return Source(
      folder: String(parts[0]), name: file.lastPathComponent, words: Set(words),
      declared: declared, topLevel: topLevel)
  }
}
