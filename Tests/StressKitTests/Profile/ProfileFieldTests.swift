// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressCore

struct ProfileFieldTests: ProfileSuite {
  /// A section with a key of each kind of its own.
  struct Sample: ProfilePart, Equatable {
    var size: UInt64 = 8 << 10
    var pause: UInt64?
    var speed: UInt64?
    var isOn = false
    var words: [String] = []
    var kind = Kind.plain
    var only: Int?

    enum Kind: String, CaseIterable {
      case plain, odd
      static func meaning(_ kind: Kind) -> String { "is \(kind.rawValue)" }
    }

    static let usual = Self()
    static let fields: [ProfileField<Self>] = [
      ProfileField("size", \.size, .size(in: 4096...Units.largest, multipleOf: 512), "bytes"),
      ProfileField(
        "pause", \.pause, ProfileType<UInt64>.duration(in: 0...1_000_000_000).optional,
        usual: "none", told: "paused for *", "a pause"),
      ProfileField(
        "speed", \.speed, ProfileType<UInt64>.rate.or("unlimited"), isRequired: true, "a speed"),
      ProfileField("on", \.isOn, .flag, told: "switched on", "whether it is on"),
      ProfileField("words", \.words, .words(commas: true), told: "", "some words"),
      ProfileField(
        "kind", \.kind, ProfileType<Kind>.choice(Kind.meaning).told { "\($0.rawValue)ly" },
        "what it is"),
      ProfileField("only", \.only, ProfileType<Int>.count(in: 1...9).optional, "of odd ones")
        .where("it is odd") { $0.kind == .odd },
    ]
    mutating func check(_ section: ProfileSection) {
      if isOn, pause != nil { section["on"]?.fail("does not pause") }
    }
  }

  private func read(_ text: String) -> (Sample, [String]) {
    let problems = ProfileProblems()
    let node = YAMLNode.read(Array(text.utf8), source: "s", problems: problems)
    var sample = Sample.usual
    let cursor = ProfileCursor(node: node, path: "it", problems: problems, names: ProfileNames())
    #expect(sample.read(cursor) == (node.content != .scalar("x", plain: true)))
    return (sample, problems.all.map(\.error.description))
  }

  @Test func keysAreReadAndWritten() {
    let text = "{size: 1MiB, pause: 5ms, speed: 2MiB/s, words: 'a,b', kind: odd, only: 3}"
    let (sample, problems) = read(text)
    #expect(problems.isEmpty)
    var wanted = Sample()
    wanted.size = 1 << 20
    wanted.pause = 5_000_000
    wanted.speed = 2 << 20
    wanted.words = ["a", "b"]
    wanted.kind = .odd
    wanted.only = 3
    #expect(sample == wanted)
    let json = """
      {"size":1048576,"pause":"5000000ns","speed":"2097152B/s","on":false,"words":["a","b"],\
      "kind":"odd","only":3}
      """
    #expect(JSON.object(sample.members).text == json)
    #expect(read(json).0 == sample && read(json).1.isEmpty)
    let usual = #"{"size":8192,"speed":"unlimited","on":false,"words":[],"kind":"plain"}"#
    #expect(JSON.object(Sample().members).text == usual)
    #expect(read(usual).0 == Sample())
  }

  @Test func allThatIsWrongIsTold() {
    #expect(
      read("{size: 5000, pause: 2s, on: 1, sped: 1, kind: even, only: 10}").1 == [
        "s:1:32: unknown key 'sped' in it; known: speed, size, pause, on, words, kind, only",
        "s:1:8: it.size: must be a multiple of 512",
        "s:1:21: it.pause: 2s is more than 1s",
        "s:1:1: it: missing key 'speed'",
        "s:1:29: it.on: expected on or off; found '1'",
        "s:1:47: it.kind: expected one of plain, odd; found 'even'",
        "s:1:59: it.only: 10 is more than 9",
        "s:1:59: it.only: means nothing unless it is odd",
      ])
    #expect(
      read("{speed: unlimited, on: yes, pause: 0s}").1 == ["s:1:24: it.on: does not pause"])
    #expect(read("x").1 == ["s:1:1: it: expected a mapping; found 'x'"])
  }

  /// A key without a phrase is told by its name, so that a report lacks none.
  @Test func whatDiffersIsTold() {
    #expect(Sample().differences().isEmpty)
    var sample = Sample()
    sample.size = 12 << 10
    sample.pause = 0
    sample.speed = 1 << 20
    sample.isOn = true
    sample.words = ["a"]
    sample.kind = .odd
    #expect(
      sample.differences() == [
        "size 12KiB", "paused for 0s", "speed 1MiB/s", "switched on", "kind oddly",
      ])
    #expect(sample.differences(from: sample).isEmpty)
  }

  @Test func keysAreDescribed() {
    let told = Sample.descriptions.map { [$0.names[0], $0.form, $0.usual(), $0.meaning] }
    #expect(
      told == [
        ["size", "size from 4KiB on, a multiple of 512", "8KiB", "bytes"],
        ["pause", "0s to 1s", "none", "a pause"],
        ["speed", "rate, or `unlimited`", "required", "a speed"],
        ["on", "`on`, `off`", "off", "whether it is on"],
        ["words", "list, or text with commas", "", "some words"],
        ["kind", "`plain`, `odd`", "`plain`", "what it is"],
        ["only", "1 to 9", "", "of odd ones"],
      ])
    #expect(Sample.descriptions.map(\.condition) == [nil, nil, nil, nil, nil, nil, "it is odd"])
    #expect(Sample.descriptions[5].words.map(\.meaning) == ["is plain", "is odd"])
  }

  /// Each section's keys differ, and each says what it means.
  @Test(arguments: Profile.pages.map(\.section))
  func sectionsAreDescribed(_ section: String) throws {
    let keys = try #require(Profile.pages.first { $0.section == section }).keys
    let names = keys.flatMap(\.names)
    #expect(Set(names).count == names.count)
    for key in keys {
      let words = key.words.map(\.meaning).filter { !$0.isEmpty }
      #expect(!key.form.isEmpty && (!key.meaning.isEmpty || !words.isEmpty), "\(key.names)")
      #expect(!key.meaning.hasSuffix("."), "\(key.names)")
      #expect(words.isEmpty || words.count == key.words.count, "\(key.names)")
    }
  }
}
