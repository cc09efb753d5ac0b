// SPDX-License-Identifier: Apache-2.0

/// A node on its way to a typed value: knows what it is called and where complaints go.
///
/// Every reader gives nil after noting a problem, so that one reading finds them all.
struct ProfileCursor {
  let node: YAMLNode
  /// As in `streams[0].depth`; empty for the whole profile.
  let path: String
  let problems: ProfileProblems
  /// Those that the profile has given so far.
  let names: ProfileNames
  /// What may stand here beside a number, for error messages.
  var words: [String] = []

  func fail(_ message: String) {
    problems.add(node.position, path.isEmpty ? message : "\(path): \(message)")
  }

  func expected(_ what: String) {
    if node.content != .refused { fail("expected \(what); found \(node.found)") }
  }

  // MARK: Structure

  /// A mapping with fixed keys; others are noted as unknown.
  func section(_ known: [String], defaultName: String = "") -> ProfileSection? {
    let complaints = problems.all.count
    guard case .mapping(let pairs) = node.content else {
      expected("a mapping")
      return nil
    }
    let place = path.isEmpty ? "" : " in \(path)"
    for pair in pairs where !known.contains(pair.key) {
      let list = ProfileKeys.nearest(pair.key, known).joined(separator: ", ")
      problems.add(pair.keyPosition, "unknown key '\(pair.key)'\(place); known: \(list)")
    }
    return ProfileSection(
      cursor: self, pairs: pairs, defaultName: defaultName, complaints: complaints)
  }

  /// A mapping of kernel files' names to what is written to them, under names that `accept` takes.
  func settings(_ what: String, _ accept: (String) -> Bool) -> [Profile.Setting]? {
    guard case .mapping(let pairs) = node.content else {
      expected("a mapping")
      return nil
    }
    return pairs.compactMap { pair in
      if !accept(pair.key) {
        problems.add(pair.keyPosition, "\(path): '\(pair.key)' is not \(what)")
        return nil
      }
      return child(pair.key)?.line().map { Profile.Setting(pair.key, $0) }
    }
  }

  /// The value of a key; nil where there is none.
  func child(_ key: String) -> ProfileCursor? {
    node[key].map {
      below($0, path.isEmpty ? key : "\(path).\(key)")
    }
  }

  func items() -> [ProfileCursor]? {
    guard case .sequence(let elements) = node.content else {
      expected("a list")
      return nil
    }
    return elements.enumerated().map {
      below($0.element, "\(path)[\($0.offset)]")
    }
  }

  var isEmptyList: Bool { node.content == .sequence([]) }

  private func below(_ node: YAMLNode, _ path: String) -> ProfileCursor {
    ProfileCursor(node: node, path: path, problems: problems, names: names)
  }

  // MARK: Text

  func scalar(_ what: String) -> String? {
    guard let text = node.text, !node.isNull else {
      expected(what)
      return nil
    }
    return text
  }

  /// Any text of printable characters, with line ends inside.
  func text() -> String? {
    guard let text = scalar("text") else { return nil }
    // These would not survive the canonical JSON, which is read by a YAML parser.
    let unsafe: (Unicode.Scalar) -> Bool = {
      switch $0.value {
      case 0x0a: false
      case ..<0x20, 0x7f..<0xa0, 0x2028, 0x2029, 0xfeff, 0xfffe, 0xffff: true
      default: false
      }
    }
    if text.unicodeScalars.contains(where: unsafe) {
      fail("has a control character")
      return nil
    }
    return text
  }

  /// One line that is not empty.
  func line() -> String? {
    guard let text = text() else { return nil }
    if text.isEmpty || text.utf8.contains(0x0a) {
      fail(text.isEmpty ? "is empty" : "has more than one line")
      return nil
    }
    return text
  }

  /// A list of words; also one text with commas where `commas`.
  func words(commas: Bool = false) -> [String]? {
    if commas, let text = node.text, !node.isNull {
      return text.isEmpty ? [] : line().map(Self.split)
    }
    guard let items = items() else { return nil }
    let words = items.compactMap { $0.line() }
    return commas ? words.flatMap(Self.split) : words
  }

  private static func split(_ text: String) -> [String] {
    text.utf8.split(separator: 0x2c).map { String(Substring($0)) }
  }

  func word(of words: [String]) -> String? {
    let what = "one of \(words.joined(separator: ", "))"
    guard let text = scalar(what) else { return nil }
    if words.contains(text) { return text }
    expected(what)
    return nil
  }

  /// A group that the profile has.
  func group() -> String? {
    guard let name = line() else { return nil }
    if names.groups.contains(name) { return name }
    fail("no '\(name)' in cgroups; \(ProfileKeys.known(names.groups, name, "there are none"))")
    return nil
  }

  /// The name of a worker, a cgroup or a variant.
  static func isName(_ text: String) -> Bool {
    !text.isEmpty
      && text.utf8.allSatisfy { (0x61...0x7a ~= $0) || (0x30...0x39 ~= $0) || $0 == 0x2d }
  }

  // MARK: Numbers

  func flag() -> Bool? {
    // Quoted words are texts in YAML.
    if case .scalar(let text, plain: true) = node.content {
      switch text {
      case "on", "true", "yes", "y", "Y": return true
      case "off", "false", "no", "n", "N": return false
      default: break
      }
    }
    expected("on or off")
    return nil
  }

  func integer(in range: ClosedRange<UInt64>) -> UInt64? {
    if case .scalar(_, plain: false) = node.content {
      expected("a whole number")
      return nil
    }
    return quantity("a whole number", range, Units.count) { "\($0)" }
  }

  func count(in range: ClosedRange<Int>) -> Int? {
    integer(in: UInt64(range.lowerBound)...UInt64(range.upperBound)).map(Int.init)
  }

  func size(in range: ClosedRange<UInt64>) -> UInt64? {
    quantity(
      "a size such as 64MiB", range,
      { text throws(UnitError) in
        guard let share = try Units.share(text) else { return try Units.size(text) }
        guard let whole = names.sizes[share.of] else {
          throw UnitError(description: "'\(text)': the profile does not say \(share.of) in bytes")
        }
        // In whole pages: memory and files come in them.
        return UInt64(UInt128(whole) * UInt128(share.percent) / 100) & ~(Self.page - 1)
      }, Units.sizeText)
  }

  /// Bytes of memory or of a file: a page at least, or 0 where that has a meaning. Less is a unit forgotten:
  /// `pin=54` meant MiB.
  func memory(orNone: Bool = true) -> UInt64? {
    guard let bytes = size(in: (orNone ? 0 : 1)...Units.largest) else { return nil }
    if bytes == 0 || bytes >= Self.page { return bytes }
    let meant = node.text == "\(bytes)" ? "; \(bytes)MiB?" : ""
    fail("\(bytes) \(bytes == 1 ? "byte" : "bytes") is less than a page\(meant)")
    return nil
  }

  /// The least that any Linux has.
  private static let page: UInt64 = 4096

  func duration(in range: ClosedRange<UInt64>) -> UInt64? {
    quantity("a duration such as 30s", range, Units.duration, Units.durationText)
  }

  func rate(in range: ClosedRange<UInt64>) -> UInt64? {
    quantity("a rate such as 20MiB/s", range, Units.rate) { Units.sizeText($0) + "/s" }
  }

  private func quantity(
    _ what: String, _ range: ClosedRange<UInt64>,
    _ parse: (String) throws(UnitError) -> UInt64, _ show: (UInt64) -> String
  ) -> UInt64? {
    let what = (words + [what]).joined(separator: " or ")
    guard let text = scalar(what) else { return nil }
    do throws(UnitError) {
      let value = try parse(text)
      if range.contains(value) { return value }
      if value < range.lowerBound {
        fail("\(text) is less than \(show(range.lowerBound))")
      } else {
        fail("\(text) is more than \(show(range.upperBound))")
      }
    } catch {
      if error.malformed { expected(what) } else { fail(error.description) }
    }
    return nil
  }

  /// The text of a kernel file that is 0 or 1.
  func flagText() -> String? {
    if let text = node.text, ["0", "1"].contains(text) { return text }
    expected("0 or 1")
    return nil
  }
}

/// A mapping whose values are fetched by key.
struct ProfileSection {
  let cursor: ProfileCursor
  let pairs: [YAMLNode.Pair]
  /// Of what the mapping says, where it has no `name`.
  let defaultName: String
  /// How many problems there were before.
  fileprivate let complaints: Int

  subscript(key: String) -> ProfileCursor? { cursor.child(key) }

  /// Whether nothing has been noted since its reading began.
  var isClean: Bool { cursor.problems.all.count == complaints }

  /// The value of a key that must be there.
  func required(_ key: String) -> ProfileCursor? {
    if let value = self[key] { return value }
    cursor.fail("missing key '\(key)'")
    return nil
  }

  /// The name, which is taken from now on.
  func uniqueName() -> String {
    let given = self["name"]
    let name = given?.line() ?? defaultName
    let at = given ?? cursor
    if ProfileCursor.isName(name) {
      at.take(name)
    } else {
      at.fail("'\(name)' is not a name of a-z, 0-9 and '-'")
    }
    return name
  }
}

/// The names that a profile gives: each can be given once, since records and cgroups go by them.
final class ProfileNames {
  /// What sizes may be given in percent of, bytes: those of `Units.wholes` that the profile says.
  let sizes: [String: UInt64]

  init(sizes: [String: UInt64] = [:]) { self.sizes = sizes }

  fileprivate private(set) var taken: [(name: String, at: YAMLNode.Position)] = []
  var groups: [String] = []
  /// Of each command, what `expect` may name of it.
  var figures: [String: [String]] = [:]
  /// Pins, streams with each of their jobs, and tasks.
  var workers: [String] { taken.map(\.name).filter { !groups.contains($0) } }

  fileprivate func take(_ name: String, _ position: YAMLNode.Position) {
    taken.append((name, position))
  }
}

extension ProfileCursor {
  /// Takes a name that stands here.
  func take(_ name: String) {
    if let first = names.taken.first(where: { $0.name == name }) {
      let place = first.at.isOption ? "" : "; first at \(first.at.line):\(first.at.column)"
      fail("the name '\(name)' is taken\(place)")
    }
    names.take(name, node.position)
  }
}

extension ProfileCursor? {
  /// A list's elements that can be read.
  var sections: [ProfileSection] {
    guard let cursor = self, case .sequence = cursor.node.content else { return [] }
    return cursor.items()?.compactMap { item in
      guard case .mapping(let pairs) = item.node.content else { return nil }
      return ProfileSection(cursor: item, pairs: pairs, defaultName: "", complaints: 0)
    } ?? []
  }
}
