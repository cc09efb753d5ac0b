// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressCore

struct YAMLNodeTests: ProfileSuite {
  private func read(_ bytes: [UInt8]) -> (node: YAMLNode, problems: [String]) {
    let found = ProfileProblems()
    let node = YAMLNode.read(bytes, source: "p.yaml", problems: found)
    return (node, problems { try found.throwIfAny() })
  }

  private func read(_ text: String) -> (node: YAMLNode, problems: [String]) {
    read(Array(text.utf8))
  }

  @Test func everyNodeKnowsItsPlace() throws {
    let (root, problems) = read("# c\nä: {b: 'c'}\nlist:\n  - x\n  -\n")
    #expect(problems.isEmpty)
    guard case .mapping(let pairs) = root.content else {
      Issue.record("no mapping")
      return
    }
    #expect(pairs.map(\.key) == ["ä", "list"])
    #expect(pairs.map { "\($0.keyPosition)" } == ["p.yaml:2:1", "p.yaml:3:1"])
    let inner = try #require(root["ä"]?["b"])
    #expect(inner.content == .scalar("c", plain: false))
    // Columns are characters: ä counts once.
    #expect("\(inner.position)" == "p.yaml:2:8")
    guard case .sequence(let items)? = root["list"]?.content else {
      Issue.record("no list")
      return
    }
    #expect(items.map { "\($0.position)" } == ["p.yaml:4:5", "p.yaml:5:4"])
    #expect(items.map(\.isNull) == [false, true])
  }

  @Test func jsonIsRead() throws {
    let text = #"{"a":{"b":[1,"x\"\\\n\u0001é",true,null],"c":{}},"d":""}"#
    let (node, problems) = read(text)
    #expect(problems.isEmpty)
    guard case .sequence(let items)? = node["a"]?["b"]?.content else {
      Issue.record("no list")
      return
    }
    #expect(items.map(\.text) == ["1", "x\"\\\n\u{1}é", "true", "null"])
    #expect(node["d"]?.isNull == false)
  }

  @Test(arguments: [
    (
      "a: &x 1\nb: *x\n",
      [
        "p.yaml:1:4: anchors are not supported: write the value out where it is used",
        "p.yaml:2:4: aliases are not supported: write the value out",
      ]
    ),
    (
      "a: !!str 1\nb: !x [1]\nc: !y {}\n",
      [
        "p.yaml:1:4: tags are not supported", "p.yaml:2:4: tags are not supported",
        "p.yaml:3:4: tags are not supported",
      ]
    ),
    ("a: 1\n---\nb: 2\n", ["p.yaml:2:1: a second document: a profile is one document"]),
    ("a: 1\nb: 2\n a: 3\n", ["p.yaml:3:3: mapping values are not allowed in this context"]),
    (
      "a: 1\nb:\n  c: 1\n  c: 2\na: 3\n",
      [
        "p.yaml:4:3: duplicate key 'c'; first at 3:3",
        "p.yaml:5:1: duplicate key 'a'; first at 1:1",
      ]
    ),
    ("[a]: 1\n", ["p.yaml:1:1: a key must be a word"]),
    ("", ["p.yaml:1:1: the file is empty"]),
    ("# nothing\n", ["p.yaml:1:1: the file is empty"]),
    (
      "a: [1, 2\n",
      [
        "p.yaml:2:1: did not find expected ',' or ']' while parsing a flow sequence that begins at"
          + " 1:4"
      ]
    ),
    (
      "a: >= 1\n",
      [
        "p.yaml:1:5: did not find expected comment or line break while scanning a block scalar that"
          + " begins at 1:4; quote a value that begins with '>' or '|'"
      ]
    ),
    (String(repeating: "[", count: 40), ["p.yaml:1:34: nested too deeply"]),
  ])
  func refuses(_ text: String, _ expected: [String]) {
    #expect(read(text).problems == expected)
  }

  @Test func refusesWhatIsNotUTF8() {
    #expect(
      read(Array("a: 1\nbä: \"".utf8) + [0xff, 0x22, 0x0a]).problems
        == ["p.yaml:2:6: invalid leading UTF-8 octet"])
    // UTF-16, with its byte order mark.
    #expect(
      read([0xff, 0xfe, 0x61, 0, 0x3a, 0, 0x20, 0, 0x31, 0]).problems
        == ["p.yaml:1:1: invalid leading UTF-8 octet"])
    #expect(read("a: 1\u{0}").problems == ["p.yaml:1:5: control characters are not allowed"])
  }

  @Test func optionsComeLast() {
    let found = ProfileProblems()
    found.add(YAMLNode.Position(source: "--vary b"), "second option, given first")
    found.add(YAMLNode.Position(source: "--vary a"), "first option")
    found.add(YAMLNode.Position(source: "p.yaml", line: 10, column: 2), "late")
    found.add(YAMLNode.Position(source: "p.yaml", line: 9, column: 30), "early")
    found.add(YAMLNode.Position(source: "p.yaml", line: 10, column: 1), "middle")
    found.add(YAMLNode.Position(source: "p.yaml", line: 10, column: 2), "late")
    #expect(
      problems { try found.throwIfAny() } == [
        "p.yaml:9:30: early", "p.yaml:10:1: middle", "p.yaml:10:2: late",
        "--vary b: second option, given first", "--vary a: first option",
      ])
  }
}
