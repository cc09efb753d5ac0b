// SPDX-License-Identifier: Apache-2.0

/// What a key's value is: how it is read, written and told of.
struct ProfileType<Value>: Sendable {
  /// What may stand there, in the words of docs/profiles.md.
  private(set) var form: String
  /// Those of its words that mean something of their own.
  private(set) var words: [(word: String, meaning: String)] = []
  private(set) var shape: @Sendable () -> ProfileShape = { .value }
  /// What it measures, where it has a unit.
  private(set) var quantity: ProfileQuantity?
  /// nil: a problem has been noted.
  let read: @Sendable (ProfileCursor) -> Value?
  /// As the canonical form has it; nil: it is left out.
  private(set) var json: @Sendable (Value) -> JSON?
  /// As people write it; nil: there is none.
  private(set) var text: @Sendable (Value) -> String?

  /// The same, told in other words.
  func told(_ text: @escaping @Sendable (Value) -> String?) -> ProfileType {
    var type = self
    type.text = text
    return type
  }

  /// The same, its form given in other words.
  func formed(_ form: String) -> ProfileType {
    var type = self
    type.form = form
    return type
  }

  /// The same, left out of the canonical form in that case.
  func leftOut(_ isLeftOut: @escaping @Sendable (Value) -> Bool) -> ProfileType {
    var type = self
    let json = json
    type.json = { isLeftOut($0) ? nil : json($0) }
    return type
  }

  /// nil where the key is absent.
  var optional: ProfileType<Value?> {
    let (take, json, text) = (read, json, text)
    return ProfileType<Value?>(
      form: form, words: words, shape: shape, quantity: quantity,
      read: { take($0).map { .some($0) } },
      json: { $0.flatMap(json) }, text: { $0.flatMap(text) })
  }

  /// nil where it is a word.
  func or(_ word: String) -> ProfileType<Value?> {
    let (take, json, text) = (read, json, text)
    return ProfileType<Value?>(
      form: "\(form), or `\(word)`", words: words, shape: shape, quantity: quantity,
      read: { cursor in
        if cursor.node.text == word { return .some(nil) }
        var cursor = cursor
        cursor.words.append(word)
        return take(cursor).map { .some($0) }
      },
      json: { value in value.map(json) ?? .string(word) },
      text: { value in value.map(text) ?? word })
  }
}

// MARK: Numbers

extension ProfileType<UInt64> {
  /// Bytes.
  ///
  /// - Parameter factor: what the value must be a multiple of.
  static func size(in range: ClosedRange<UInt64>, multipleOf factor: UInt64 = 1) -> Self {
    let size = form(range, "size", Units.sizeText)
    return Self(
      form: factor == 1 ? size : "\(size), a multiple of \(factor)", quantity: .size,
      read: { cursor in
        guard let value = cursor.size(in: range) else { return nil }
        if !value.isMultiple(of: factor) { cursor.fail("must be a multiple of \(factor)") }
        return value
      },
      json: { .uint($0) }, text: { $0 == 0 ? "0" : Units.sizeText($0) })
  }

  /// Bytes of memory or of a file: a page at least, or 0 where that has a meaning.
  static func memory(orNone: Bool = true) -> Self {
    Self(
      form: "size", quantity: .size, read: { $0.memory(orNone: orNone) }, json: { .uint($0) },
      text: { $0 == 0 ? "0" : Units.sizeText($0) })
  }

  /// Nanoseconds.
  static func duration(in range: ClosedRange<UInt64>) -> Self {
    Self(
      form: form(range, "duration", durationText), quantity: .duration,
      read: { $0.duration(in: range) }, json: { .string("\($0)ns") }, text: durationText)
  }

  /// By which dm-delay holds requests back: it takes milliseconds, and more than a minute is a hang.
  static var delay: Self {
    let duration = Self.duration(in: 0...60_000_000_000)
    return Self(
      form: "\(duration.form), whole ms", quantity: .duration,
      read: { cursor in
        guard let delay = duration.read(cursor) else { return nil }
        if !delay.isMultiple(of: 1_000_000) {
          cursor.fail("must be a whole number of ms (dm-delay)")
        }
        return delay
      },
      json: duration.json, text: duration.text)
  }

  /// Bytes per second.
  static var rate: Self {
    Self(
      form: "rate", quantity: .rate, read: { $0.rate(in: 1...Units.largest) },
      json: { .string("\($0)B/s") },
      text: { Units.sizeText($0) + "/s" })
  }

  static func number(in range: ClosedRange<UInt64>) -> Self {
    Self(
      form: form(range, "number") { "\($0)" },
      read: { $0.integer(in: range) }, json: { .uint($0) }, text: { "\($0)" })
  }

  private static func durationText(_ nanoseconds: UInt64) -> String {
    ProfileQuantity.duration.text(nanoseconds)
  }

  private static func form(
    _ range: ClosedRange<UInt64>, _ any: String, _ text: (UInt64) -> String
  ) -> String {
    if range.upperBound < Units.largest {
      return "\(text(range.lowerBound)) to \(text(range.upperBound))"
    }
    return range.lowerBound <= 1 ? any : "\(any) from \(text(range.lowerBound)) on"
  }
}

extension ProfileType<Int> {
  static func count(in range: ClosedRange<Int>) -> Self {
    Self(
      form: "\(range.lowerBound) to \(range.upperBound)", read: { $0.count(in: range) },
      json: { .int(Int64($0)) }, text: { "\($0)" })
  }
}

// MARK: Words

extension ProfileType<Bool> {
  static var flag: Self {
    Self(
      form: "`on`, `off`", read: { $0.flag() }, json: { .bool($0) }, text: { $0 ? "on" : "off" })
  }
}

extension ProfileType<String> {
  /// One line that is not empty.
  static var line: Self {
    Self(
      form: "text", read: { $0.line() }, json: { .string($0) }, text: { $0.isEmpty ? nil : $0 })
  }

  /// Any text; a folded block ends with a line end that is not meant.
  static var block: Self {
    Self(
      form: "text",
      read: { cursor in
        guard var text = cursor.text() else { return nil }
        while text.last == "\n" { text.removeLast() }
        return text
      },
      json: { .string($0) }, text: { $0.isEmpty ? nil : $0 })
  }

  /// A name of `cgroups`.
  static var group: Self {
    Self(form: "a group", read: { $0.group() }, json: { .string($0) }, text: { $0 })
  }
}

extension ProfileType<[String]> {
  /// - Parameter commas: whether one text with commas will do.
  static func words(commas: Bool = false) -> Self {
    Self(
      form: commas ? "list, or text with commas" : "list",
      read: { $0.words(commas: commas) }, json: { .array($0.map { .string($0) }) },
      text: { $0.isEmpty ? nil : $0.joined(separator: ",") })
  }
}

extension ProfileType
where Value: RawRepresentable & CaseIterable & Sendable, Value.RawValue == String {
  /// One of a few words.
  ///
  /// - Parameter meaning: of each, where docs/profiles.md has them one by one.
  static func choice(_ meaning: (@Sendable (Value) -> String)? = nil) -> Self {
    let all = Value.allCases.map(\.rawValue)
    return Self(
      form: all.map { "`\($0)`" }.joined(separator: ", "),
      words: Value.allCases.map { ($0.rawValue, meaning?($0) ?? "") },
      read: { $0.word(of: all).flatMap(Value.init(rawValue:)) },
      json: { .string($0.rawValue) }, text: { $0.rawValue })
  }
}

// MARK: Parts

extension ProfileType where Value: ProfilePart {
  static var section: Self {
    Self(
      form: "mapping", shape: { .part(Value.self) },
      read: { cursor in
        var value = Value.usual
        return value.read(cursor) ? value : nil
      },
      json: { .object($0.members) }, text: { _ in nil })
  }

  /// Elements that are no mappings are left out, and noted.
  static var list: ProfileType<[Value]> {
    ProfileType<[Value]>(
      form: "list", shape: { .list(Value.self) },
      read: { cursor in
        cursor.items()?.enumerated().compactMap { index, item in
          var value = Value.usual
          return value.read(item, defaultName: "\(Value.word)\(index)") ? value : nil
        }
      },
      json: { .array($0.map { .object($0.members) }) }, text: { _ in nil })
  }
}

extension ProfileField where Owner: ProfilePart {
  /// The name of a worker, which no other and no group has; those without one are counted.
  static func name(
    _ path: any WritableKeyPath<Owner, String> & Sendable, _ meaning: String
  ) -> ProfileField {
    let word = Owner.word
    return ProfileField(
      ProfileKeyDescription(
        names: ["name"], form: "name", meaning: meaning,
        usual: { "`\(word)0`, `\(word)1`, ..." }),
      shape: { .value },
      read: { section, owner in owner[keyPath: path] = section.uniqueName() },
      members: { [("name", .string($0[keyPath: path]))] })
  }

  /// The group that a worker's own cgroup is in.
  static func group(_ path: any WritableKeyPath<Owner, String?> & Sendable) -> ProfileField {
    ProfileField(
      "cgroup", path, ProfileType<String>.group.optional, usual: "the limited one", told: "",
      "its group")
  }
}
