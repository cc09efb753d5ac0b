// SPDX-License-Identifier: Apache-2.0

/// The keys that a profile has, for key paths and for error messages.
enum ProfileKeys {
  static let top = Profile.keys

  /// What elements without a name are called in a list of the profile, before their index; nil: it is no list.
  static func word(ofList key: String) -> String? {
    for (name, shape) in Profile.shapes where name == key {
      if case .list(let part) = shape { return part.word }
    }
    return nil
  }

  /// Every key below the top, in full; `*` stands for each element of a list.
  static let paths: [String] = Profile.shapes.flatMap { section, shape -> [String] in
    let keys: [String] =
      switch shape {
      case .value, .files, .variants: []
      case .part(let part): part.keys
      case .list(let part): part.keys.map { "*.\($0)" }
      case .names(let names): names
      case .metrics: Profile.Expectation.Metric.known
      }
    return keys.map { "\(section).\($0)" }
  }

  /// Those that a word may stand for. Not those of groups, moments, commands and the source, which are never meant by
  /// a word alone; nor limits, whose files' names are their shorthands: `cpus` is not cpuset.cpus.
  static let shorthands = paths.filter { path in
    !["limits.", "cgroups.", "source.", "timeline.", "commands."].contains { path.hasPrefix($0) }
  }

  /// `known`, with the names first that `name` may be a misspelling of.
  static func nearest(_ name: String, _ known: [String]) -> [String] {
    ranked(name, known).map(\.element)
  }

  /// What follows an error about a name: what may have been meant, and the names that there are.
  static func known(_ names: [String], _ name: String, _ none: String) -> String {
    guard let first = ranked(name, names).first else { return none }
    let meant = first.isLikely ? "did you mean \(first.element)? " : ""
    return "\(meant)known: \(names.joined(separator: ", "))"
  }

  private static func ranked(
    _ name: String, _ known: [String]
  ) -> [(element: String, isLikely: Bool)] {
    let ranked = known.enumerated().map { offset, element in
      let distance = EditDistance.bytes(name, element)
      let most = min(max(1, name.utf8.count / 3), element.utf8.count - 1)
      return (distance <= most ? distance : .max, offset, element)
    }
    return ranked.sorted { ($0.0, $0.1) < ($1.0, $1.1) }.map { ($0.2, $0.0 < .max) }
  }
}

/// Where in a profile an override goes.
struct ProfileKey: Equatable, Sendable, CustomStringConvertible {
  /// From the top; for a list its selector follows: `*`, an index or an element's name.
  var components: [String]

  /// The full key path, which resolves to the same key again.
  var description: String { components.joined(separator: ".") }

  /// Why a text names no key.
  struct Failure: Error, Equatable { var message: String }

  /// The key that a full path or a shorthand means.
  ///
  /// - Throws: for an unknown or an ambiguous key, with the candidates.
  init(_ text: String) throws(Failure) {
    if let key = Self.full(Self.expanded(text)) {
      self = key
      return
    }
    let candidates = ProfileKeys.shorthands.filter { $0.hasSuffix("." + text) }
    if candidates.count > 1 {
      let list = candidates.joined(separator: ", ")
      throw Failure(message: "ambiguous key '\(text)'; it may be \(list)")
    }
    if let only = candidates.first, let key = Self.full(only) {
      self = key
      return
    }
    // A shorthand is to be compared with the end of a path that it may stand for.
    let near = (ProfileKeys.top.filter { $0 != "variants" } + ProfileKeys.paths).enumerated()
      .map { offset, path in
        let parts = path.split(separator: ".")
        let distance = parts.indices.map {
          EditDistance.bytes(text, parts[$0...].joined(separator: "."))
        }.min()
        return (distance ?? .max, offset, path)
      }
      .sorted { ($0.0, $0.1) < ($1.0, $1.1) }.prefix(5).map(\.2)
    throw Failure(
      message: "unknown key '\(text)'; nearest: \(near.joined(separator: ", "))")
  }

  private init(components: [String]) { self.components = components }

  /// Shorthands for the words that people use in place of a path.
  private static func expanded(_ text: String) -> String {
    switch text {
    case "fs": return "filesystem.type"
    case "pin": return "pinned.*.size"
    default: break
    }
    // kernel.* sysctls are left out: `kernel` is a section of the profile.
    let prefixes = [
      ("memory.", "limits."), ("io.", "limits."), ("cpu.", "limits."), ("cpuset.", "limits."),
      ("vm.", "kernel.sysctl."),
      ("fs.", "kernel.sysctl."), ("net.", "kernel.sysctl."), ("sysctl.", "kernel."),
      ("sysfs.", "kernel."),
    ]
    return (prefixes.first { text.hasPrefix($0.0) }?.1 ?? "") + text
  }

  /// The key of a full path; nil when there is none.
  private static func full(_ text: String) -> ProfileKey? {
    components(text[...], in: Profile.self).map(ProfileKey.init(components:))
  }

  /// The steps of a path from a mapping on. Names of kernel files and metrics have dots of their own.
  private static func components(_ path: Substring, in part: any ProfilePart.Type) -> [String]? {
    for (key, shape) in part.shapes {
      if path == key {
        if case .variants = shape { return nil }
        return [key]
      }
      guard path.hasPrefix(key + ".") else { continue }
      if let rest = components(path.dropFirst(key.count + 1), below: shape) { return [key] + rest }
    }
    return nil
  }

  private static func components(_ path: Substring, below shape: ProfileShape) -> [String]? {
    let name = String(path)
    switch shape {
    case .value, .variants: return nil
    case .part(let part): return components(path, in: part)
    case .list(let part):
      if let rest = components(path, in: part) { return ["*"] + rest }
      guard let dot = path.firstIndex(of: "."), dot > path.startIndex else { return nil }
      return components(path[dot...].dropFirst(), in: part).map { [String(path[..<dot])] + $0 }
    case .names(let names): return names.contains(name) ? [name] : nil
    case .files: return path.isEmpty ? nil : [name]
    case .metrics: return Profile.Expectation.Metric(name).map { _ in [name] }
    }
  }
}

// MARK: - Overrides

/// A value for one key, from a variant or an option.
struct ProfileAssignment: Equatable, Sendable {
  var key: ProfileKey
  /// Of the key, for errors about it.
  var position: YAMLNode.Position
  var value: YAMLNode
}

extension YAMLNode {
  /// Puts the value where its key says, making the sections on the way.
  mutating func apply(_ assignment: ProfileAssignment, problems: ProfileProblems) {
    set(assignment.key.components[...], assignment, problems)
  }

  private mutating func set(
    _ path: ArraySlice<String>, _ assignment: ProfileAssignment, _ problems: ProfileProblems
  ) {
    guard let name = path.first else {
      self = assignment.value
      return
    }
    switch content {
    case .mapping(var pairs):
      let at =
        pairs.firstIndex { $0.key == name }
        ?? {
          let empty = YAMLNode(content: .mapping([]), position: assignment.position)
          pairs.append(Pair(key: name, keyPosition: assignment.position, value: empty))
          return pairs.count - 1
        }()
      if path.count > 1, let word = ProfileKeys.word(ofList: name) {
        pairs[at].value.setInList(name, word, path.dropFirst(), assignment, problems)
      } else {
        pairs[at].value.set(path.dropFirst(), assignment, problems)
      }
      content = .mapping(pairs)
    case .scalar, .sequence, .refused:
      // The typed parse refuses this value in this place; the override cannot change that.
      break
    }
  }

  private mutating func setInList(
    _ list: String, _ word: String, _ path: ArraySlice<String>, _ assignment: ProfileAssignment,
    _ problems: ProfileProblems
  ) {
    guard let selector = path.first else { return }
    var elements: [YAMLNode] = []
    switch content {
    case .sequence(let present): elements = present
    // Made a moment ago for a profile that lacks the list.
    case .mapping(let pairs) where pairs.isEmpty: content = .sequence([])
    case .scalar, .mapping, .refused: return
    }
    let names = elements.enumerated().map { index, element in
      element["name"]?.text ?? "\(word)\(index)"
    }
    let named = names.firstIndex(of: selector) ?? Int(selector)
    let chosen = elements.indices.filter { selector == "*" || $0 == named }
    if chosen.isEmpty {
      let known = ProfileKeys.known(names, selector, "\(list) is empty")
      let what = selector == "*" ? "nothing to set" : "no '\(selector)' in \(list)"
      problems.add(assignment.position, "\(assignment.key): \(what); \(known)")
      return
    }
    for index in chosen { elements[index].set(path.dropFirst(), assignment, problems) }
    content = .sequence(elements)
  }
}
