// SPDX-License-Identifier: Apache-2.0
import CYAML

extension YAMLNode {
  /// Reads one YAML or JSON document.
  ///
  /// What YAML has and profiles do not is noted in `problems`, and reading goes on.
  ///
  /// - Parameter source: the name that positions carry.
  /// - Returns: a refused node when there is no document, or none that can be read; `problems` says
  ///   why.
  static func read(_ bytes: [UInt8], source: String, problems: ProfileProblems) -> YAMLNode {
    bytes.withUnsafeBufferPointer { buffer in
      var builder = YAMLBuilder(text: buffer, source: source, problems: problems)
      return builder.document()
    }
  }
}

/// Builds the tree from libyaml's events, which carry a mark each.
private struct YAMLBuilder: ~Copyable {
  enum Event {
    case streamStart, streamEnd, documentStart, documentEnd
    case sequenceStart, sequenceEnd, mappingStart, mappingEnd
    case scalar(String, plain: Bool)
    case alias
  }

  struct Item {
    var event: Event
    var position: YAMLNode.Position
  }

  /// The text cannot be read beyond this point; the reason has been noted.
  struct Stop: Error {}

  /// No profile nests deeper than six; libyaml itself allows 1000, which costs stack.
  static let deepest = 32

  let text: UnsafeBufferPointer<UInt8>
  let source: String
  let problems: ProfileProblems
  // The parser keeps pointers into itself, so it must not move.
  let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)

  init(text: UnsafeBufferPointer<UInt8>, source: String, problems: ProfileProblems) {
    self.text = text
    self.source = source
    self.problems = problems
    yaml_parser_initialize(parser)
    yaml_parser_set_input_string(parser, text.baseAddress, text.count)
    // Else libyaml would take a byte order mark for UTF-16.
    yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
  }

  deinit {
    yaml_parser_delete(parser)
    parser.deallocate()
  }

  mutating func document() -> YAMLNode {
    let none = YAMLNode(
      content: .refused, position: YAMLNode.Position(source: source, line: 1, column: 1))
    do throws(Stop) {
      _ = try next()
      let start = try next()
      guard case .documentStart = start.event else {
        problems.add(none.position, "the file is empty")
        return none
      }
      let root = try node(try next(), depth: 0)
      _ = try next()
      let after = try next()
      if case .documentStart = after.event {
        problems.add(after.position, "a second document: a profile is one document")
      }
      return root
    } catch {
      return none
    }
  }

  private mutating func node(_ item: Item, depth: Int) throws(Stop) -> YAMLNode {
    if depth > Self.deepest {
      problems.add(item.position, "nested too deeply")
      throw Stop()
    }
    switch item.event {
    case .scalar(let text, let plain):
      return YAMLNode(content: .scalar(text, plain: plain), position: item.position)
    case .sequenceStart:
      var elements: [YAMLNode] = []
      while true {
        let item = try next()
        if case .sequenceEnd = item.event { break }
        elements.append(try node(item, depth: depth + 1))
      }
      return YAMLNode(content: .sequence(elements), position: item.position)
    case .mappingStart:
      return YAMLNode(content: .mapping(try pairs(depth: depth)), position: item.position)
    default:
      problems.add(item.position, "aliases are not supported: write the value out")
      return YAMLNode(content: .refused, position: item.position)
    }
  }

  private mutating func pairs(depth: Int) throws(Stop) -> [YAMLNode.Pair] {
    var pairs: [YAMLNode.Pair] = []
    while true {
      let item = try next()
      if case .mappingEnd = item.event { return pairs }
      let key = try node(item, depth: depth + 1)
      let value = try node(try next(), depth: depth + 1)
      guard let name = key.text else {
        if key.content != .refused { problems.add(key.position, "a key must be a word") }
        continue
      }
      if let first = pairs.first(where: { $0.key == name }) {
        let at = first.keyPosition
        problems.add(key.position, "duplicate key '\(name)'; first at \(at.line):\(at.column)")
        continue
      }
      pairs.append(YAMLNode.Pair(key: name, keyPosition: key.position, value: value))
    }
  }

  /// The next event. Anchors and tags are noted here, since any node may have them.
  private mutating func next() throws(Stop) -> Item {
    var event = yaml_event_t()
    guard yaml_parser_parse(parser, &event) == 1 else {
      noteSyntaxError()
      throw Stop()
    }
    defer { yaml_event_delete(&event) }
    let position = position(event.start_mark)
    let data = event.data
    func note(anchor: UnsafeMutablePointer<yaml_char_t>?, tag: UnsafeMutablePointer<yaml_char_t>?) {
      if anchor != nil {
        problems.add(position, "anchors are not supported: write the value out where it is used")
      }
      if tag != nil { problems.add(position, "tags are not supported") }
    }
    switch event.type {
    case YAML_STREAM_START_EVENT: return Item(event: .streamStart, position: position)
    case YAML_DOCUMENT_START_EVENT: return Item(event: .documentStart, position: position)
    case YAML_DOCUMENT_END_EVENT: return Item(event: .documentEnd, position: position)
    case YAML_ALIAS_EVENT: return Item(event: .alias, position: position)
    case YAML_SCALAR_EVENT:
      let scalar = data.scalar
      note(anchor: scalar.anchor, tag: scalar.tag)
      let bytes = UnsafeBufferPointer(start: scalar.value, count: scalar.length)
      let plain = scalar.style == YAML_PLAIN_SCALAR_STYLE
      return Item(
        event: .scalar(String(decoding: bytes, as: UTF8.self), plain: plain), position: position)
    case YAML_SEQUENCE_START_EVENT:
      note(anchor: data.sequence_start.anchor, tag: data.sequence_start.tag)
      return Item(event: .sequenceStart, position: position)
    case YAML_SEQUENCE_END_EVENT: return Item(event: .sequenceEnd, position: position)
    case YAML_MAPPING_START_EVENT:
      note(anchor: data.mapping_start.anchor, tag: data.mapping_start.tag)
      return Item(event: .mappingStart, position: position)
    case YAML_MAPPING_END_EVENT: return Item(event: .mappingEnd, position: position)
    default: return Item(event: .streamEnd, position: position)
    }
  }

  private func position(_ mark: yaml_mark_t) -> YAMLNode.Position {
    YAMLNode.Position(source: source, line: Int(mark.line) + 1, column: Int(mark.column) + 1)
  }

  private func noteSyntaxError() {
    let state = parser.pointee
    let problem = state.problem.map { String(cString: $0) } ?? "libyaml failed without a reason"
    if state.error == YAML_READER_ERROR {
      // The decoder runs ahead of the marks and gives a byte offset instead.
      let before = text.prefix(Int(state.problem_offset))
      let line = before.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      let column = line.last.map { String(decoding: $0, as: UTF8.self).unicodeScalars.count } ?? 0
      let position = YAMLNode.Position(source: source, line: line.count, column: column + 1)
      problems.add(position, problem)
      return
    }
    var message = problem
    if let context = state.context.map({ String(cString: $0) }) {
      message += " \(context)"
      let begun = position(state.context_mark)
      if begun != position(state.problem_mark) {
        message += " that begins at \(begun.line):\(begun.column)"
      }
      if context == "while scanning a block scalar" {
        message += "; quote a value that begins with '>' or '|'"
      }
    }
    problems.add(position(state.problem_mark), message)
  }
}
