// SPDX-License-Identifier: Apache-2.0
import SystemPackage

extension Profile {
  /// The profile in full, defaults included: what a record keeps and a guest is given.
  ///
  /// Its text is a profile file: reading it gives an equal profile. Texts for the kernel are
  /// strings (byte limits in decimal), sizes are integers, durations and rates carry their unit.
  package var json: JSON { .object(members) }

  /// Reads a profile's canonical form. A guest has no reader of YAML.
  ///
  /// - Parameter name: what errors call it.
  /// - Throws: every problem in it (code usage).
  package init(json: JSON, name: String) throws(HarnessErrors) {
    let problems = ProfileProblems()
    self.init(
      YAMLNode(json: json, source: name), defaultName: Self.defaultName(of: name),
      problems: problems)
    try problems.throwIfAny()
  }

  /// The last component of a file's name without its extension.
  static func defaultName(of file: String) -> String { FilePath(file).stem ?? file }

  /// Reads a tree; where `problems` got any, the result is not to be used.
  ///
  /// - Parameter defaultName: the name of a profile that gives none.
  init(_ root: YAMLNode, defaultName: String, problems: ProfileProblems) {
    self.init(name: defaultName)
    let cursor = ProfileCursor(
      node: root, path: "", problems: problems, names: ProfileNames(sizes: Self.sizes(root)))
    _ = self.read(cursor, defaultName: defaultName)
  }

  /// What sizes may be given in percent of, as far as a tree says it in bytes.
  private static func sizes(_ root: YAMLNode) -> [String: UInt64] {
    var sizes = ["machine.memory": Machine.usual.memory]
    for whole in Units.wholes {
      let isMachine = whole == "machine.memory"
      guard let text = root[isMachine ? "machine" : "limits"]?[isMachine ? "memory" : whole]?.text
      else { continue }
      sizes[whole] = try? Units.size(text)
    }
    return sizes
  }
}

extension YAMLNode {
  /// The tree that reading the JSON as YAML gives; positions have no line.
  init(json: JSON, source: String) {
    position = Position(source: source)
    func node(_ json: JSON) -> YAMLNode { YAMLNode(json: json, source: source) }
    content =
      switch json {
      case .string(let text): .scalar(text, plain: false)
      case .array(let elements): .sequence(elements.map(node))
      case .object(let members):
        .mapping(
          members.map {
            Pair(key: $0.key, keyPosition: Position(source: source), value: node($0.value))
          })
      case .null, .bool, .int, .double: .scalar(json.text, plain: true)
      }
  }
}
