// SPDX-License-Identifier: Apache-2.0

/// A profile file that has been read and checked, with all its variants.
package struct ProfileFile: Sendable {
  /// A value for one key from outside the file. The key is a path or a shorthand, the value YAML on
  /// one line; `origin` names the option in errors, as in `--vary engine=mmap`.
  package typealias Override = (key: String, value: String, origin: String)

  /// The file as the user named it.
  package let source: String
  package let name: String
  package let summary: String
  /// In the order of the file.
  package let variants: [String]

  /// The file as it is, comments and variants included.
  package let bytes: [UInt8]

  private let root: YAMLNode
  private let assignments: [String: [ProfileAssignment]]
  private let defaultName: String

  /// A larger file is no profile.
  private static let largest = 1 << 20

  /// Reads a file.
  ///
  /// - Throws: the errno when it cannot be read, or every problem in it (code usage).
  package init(path: String) throws(HarnessErrors) {
    let bytes: [UInt8]
    do throws(HarnessError) {
      bytes = try File.read(path, code: .usage, atMost: Self.largest)
    } catch {
      throw HarnessErrors([error])
    }
    try self.init(bytes: bytes, name: path)
  }

  /// - Throws: every problem in the text (code usage).
  package init(text: String, name: String) throws(HarnessErrors) {
    try self.init(bytes: Array(text.utf8), name: name)
  }

  /// Reads a YAML or JSON text, which may be the canonical form of a profile.
  ///
  /// A file is checked whole, each variant included, so that it does not break when one is first
  /// used.
  ///
  /// - Parameter name: what errors call the file; its stem is the default name of the profile.
  /// - Throws: every problem in the text (code usage).
  package init(bytes: [UInt8], name: String) throws(HarnessErrors) {
    source = name
    self.bytes = bytes
    defaultName = Profile.defaultName(of: name)
    let problems = ProfileProblems()
    var root = YAMLNode.read(bytes, source: name, problems: problems)
    let base = Profile(root, defaultName: defaultName, problems: problems)
    if let watched = root["watched"] {
      problems.add(
        watched.position, "watched: of what 'wbstress watch' looked at, which cannot be run")
    }
    let variants = Self.variants(root["variants"], problems)
    if case .mapping(let pairs) = root.content {
      root.content = .mapping(pairs.filter { $0.key != "variants" })
    }
    for variant in variants {
      let own = ProfileProblems()
      var tree = root
      for assignment in variant.assignments { tree.apply(assignment, problems: own) }
      _ = Profile(tree, defaultName: defaultName, problems: own)
      for problem in own.all where !problems.all.contains(problem) {
        problems.add(problem.position, "\(problem.message) (in variant '\(variant.name)')")
      }
    }
    try problems.throwIfAny()
    self.root = root
    self.name = base.name
    self.summary = base.summary
    self.variants = variants.map(\.name)
    assignments = Dictionary(uniqueKeysWithValues: variants.map { ($0.name, $0.assignments) })
  }

  /// The profile, as one of its variants, with overrides on top in their order: the last one wins.
  ///
  /// - Throws: every problem of the variant's name, the keys and the values (code usage).
  package func profile(
    variant: String? = nil, overrides: [Override] = []
  ) throws(HarnessErrors) -> Profile {
    let problems = ProfileProblems()
    var tree = root
    if let variant {
      guard let assignments = assignments[variant] else {
        let known = ProfileKeys.known(variants, variant, "it has none")
        throw HarnessErrors([HarnessError(.usage, source, "no variant '\(variant)'; \(known)")])
      }
      for assignment in assignments { tree.apply(assignment, problems: problems) }
    }
    for override in overrides {
      let position = YAMLNode.Position(source: override.origin)
      do throws(ProfileKey.Failure) {
        let key = try ProfileKey(override.key)
        guard let value = Self.value(override.value, position, problems) else { continue }
        let assignment = ProfileAssignment(key: key, position: position, value: value)
        tree.apply(assignment, problems: problems)
      } catch {
        problems.add(position, error.message)
      }
    }
    let profile = Profile(tree, defaultName: defaultName, problems: problems)
    try problems.throwIfAny()
    return profile
  }

  /// The full path of a key, as in `limits.memory.max` for `memory.max`: the label of an axis.
  ///
  /// - Throws: for an unknown or ambiguous key, with the candidates (code usage).
  package static func canonicalKey(_ key: String) throws(HarnessError) -> String {
    do throws(ProfileKey.Failure) {
      return try ProfileKey(key).description
    } catch {
      throw HarnessError(.usage, key, error.message)
    }
  }

  // MARK: - Parts

  /// The value of an option. Only flow collections and quoted texts are YAML: `>= 1s` or `a: b` on
  /// a command line mean themselves.
  private static func value(
    _ text: String, _ position: YAMLNode.Position, _ problems: ProfileProblems
  ) -> YAMLNode? {
    guard let first = text.first, "[{\"'".contains(first) else {
      return YAMLNode(content: .scalar(text, plain: true), position: position)
    }
    let own = ProfileProblems()
    let node = YAMLNode.read(Array(text.utf8), source: position.source, problems: own)
    for problem in own.all { problems.add(position, problem.message) }
    return own.all.isEmpty ? node.moved(to: position) : nil
  }

  private static func variants(
    _ node: YAMLNode?, _ problems: ProfileProblems
  ) -> [(name: String, assignments: [ProfileAssignment])] {
    guard let node else { return [] }
    guard case .mapping(let pairs) = node.content else {
      if node.content != .refused {
        problems.add(node.position, "variants: expected a mapping; found \(node.found)")
      }
      return []
    }
    return pairs.compactMap { pair in
      guard ProfileCursor.isName(pair.key) else {
        let message = "variants: '\(pair.key)' is not a name of a-z, 0-9 and '-'"
        problems.add(pair.keyPosition, message)
        return nil
      }
      guard case .mapping(let settings) = pair.value.content else {
        if pair.value.content != .refused {
          let message = "variants.\(pair.key): expected a mapping; found \(pair.value.found)"
          problems.add(pair.value.position, message)
        }
        return nil
      }
      return (pair.key, Self.assignments(settings, "variants.\(pair.key)", problems))
    }
  }

  private static func assignments(
    _ pairs: [YAMLNode.Pair], _ path: String, _ problems: ProfileProblems
  ) -> [ProfileAssignment] {
    var assignments: [ProfileAssignment] = []
    for pair in pairs {
      do throws(ProfileKey.Failure) {
        let key = try ProfileKey(pair.key)
        if let first = assignments.first(where: { $0.key == key })?.position {
          let message = "\(path): '\(pair.key)' sets \(key) again; first at"
          problems.add(pair.keyPosition, "\(message) \(first.line):\(first.column)")
          continue
        }
        assignments.append(
          ProfileAssignment(key: key, position: pair.keyPosition, value: pair.value))
      } catch {
        problems.add(pair.keyPosition, "\(path): \(error.message)")
      }
    }
    return assignments
  }
}

extension YAMLNode {
  /// The same value with every position replaced.
  fileprivate func moved(to position: YAMLNode.Position) -> YAMLNode {
    let content: Content =
      switch content {
      case .scalar, .refused: content
      case .sequence(let elements): .sequence(elements.map { $0.moved(to: position) })
      case .mapping(let pairs):
        .mapping(
          pairs.map {
            Pair(key: $0.key, keyPosition: position, value: $0.value.moved(to: position))
          })
      }
    return YAMLNode(content: content, position: position)
  }
}
