// SPDX-License-Identifier: Apache-2.0
extension Profile {
  /// Reads a profile's canonical form. A guest has no reader of YAML.
  ///
  /// - Parameter name: what errors call it.
  /// - Throws: every problem in it (code usage).
  package init(json: JSON, name: String) throws(HarnessErrors) {
    let problems = ProfileProblems()
    self = ProfileParser.profile(
      YAMLNode(json: json, source: name), defaultName: ProfileFile.stem(name), problems: problems)
    try problems.throwIfAny()
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
