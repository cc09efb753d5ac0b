// SPDX-License-Identifier: Apache-2.0

/// A key of a section, and the only place that spells it: how its value is read and checked, written and told of.
///
/// Reading YAML and JSON, the canonical form, key paths, the lists of known keys in errors, the words of reports and the
/// tables of docs/profiles.md come from these. What holds between keys is checked by ``ProfilePart/check(_:)``.
struct ProfileField<Owner>: Sendable {
  /// One, but for names of the kernel's that stand among a section's own.
  let keys: [String]
  /// Takes the value that a section gives, or notes what is wrong with it.
  let read: @Sendable (ProfileSection, inout Owner) -> Void
  /// Of the canonical form; none where the key is left out.
  let members: @Sendable (Owner) -> [(key: String, value: JSON)]
  /// The value as people write it; nil: there is none.
  let text: @Sendable (Owner) -> String?
  /// What a report says where the value is not as usual, with `*` for it; empty: it is said elsewhere.
  let phrase: String
  let description: ProfileKeyDescription
  let shape: @Sendable () -> ProfileShape
  /// What its value measures; nil: it is no single quantity.
  let quantity: ProfileQuantity?
  /// When the key means something; nil: always.
  private(set) var condition: (words: String, holds: @Sendable (Owner) -> Bool)?

  /// - Parameters:
  ///   - usual: what docs/profiles.md calls the default, where that is no value.
  ///   - told: `phrase`; nil: the key and the value.
  ///   - meaning: for docs/profiles.md.
  init<Value>(
    _ key: String, _ path: any WritableKeyPath<Owner, Value> & Sendable,
    _ type: ProfileType<Value>, isRequired: Bool = false, usual: String? = nil,
    told: String? = nil, _ meaning: String
  ) where Owner: ProfilePart {
    keys = [key]
    read = { section, owner in
      if let cursor = isRequired ? section.required(key) : section[key],
        let value = type.read(cursor)
      {
        owner[keyPath: path] = value
      }
    }
    members = { owner in type.json(owner[keyPath: path]).map { [(key, $0)] } ?? [] }
    text = { type.text($0[keyPath: path]) }
    phrase = told ?? "\(key) *"
    shape = type.shape
    quantity = type.quantity
    description = ProfileKeyDescription(
      names: [key], form: type.form, words: type.words, meaning: meaning
    ) {
      if let usual { return usual }
      if isRequired { return "required" }
      let value = Owner.usual[keyPath: path]
      let text = type.text(value) ?? ""
      return type.words.isEmpty ? text : "`\(type.json(value)?.string ?? text)`"
    }
  }

  /// Of what no value of a single key is.
  init(
    _ description: ProfileKeyDescription, shape: @escaping @Sendable () -> ProfileShape,
    read: @escaping @Sendable (ProfileSection, inout Owner) -> Void = { _, _ in },
    members: @escaping @Sendable (Owner) -> [(key: String, value: JSON)] = { _ in [] }
  ) {
    keys = description.names
    self.read = read
    self.members = members
    text = { _ in nil }
    phrase = ""
    self.shape = shape
    quantity = nil
    self.description = description
  }

  /// The same key, which is refused and left out where the condition does not hold.
  ///
  /// - Parameter words: what follows "means nothing unless".
  func `where`(_ words: String, _ holds: @escaping @Sendable (Owner) -> Bool) -> ProfileField {
    var field = self
    field.condition = (words, holds)
    return field
  }
}

/// A mapping with fixed keys.
protocol ProfilePart: Sendable {
  static var fields: [ProfileField<Self>] { get }
  /// What the absence of all keys means, required ones and names aside.
  static var usual: Self { get }
  /// An element of a list without a name is called this and its index.
  static var word: String { get }
  /// Notes what is wrong between the keys, and sets what follows from others.
  mutating func check(_ section: ProfileSection)
}

extension ProfilePart {
  static var word: String { "" }
  mutating func check(_ section: ProfileSection) {}

  /// Takes what a mapping says; false: it is none, which has been noted.
  mutating func read(_ cursor: ProfileCursor, defaultName: String = "") -> Bool {
    let fields = Self.fields
    guard let section = cursor.section(Self.keys, defaultName: defaultName) else {
      return false
    }
    for field in fields { field.read(section, &self) }
    for field in fields {
      if let (words, holds) = field.condition, !holds(self) {
        section[field.keys[0]]?.fail("means nothing unless \(words)")
      }
    }
    check(section)
    return true
  }

  /// In full, defaults included; what does not apply is left out.
  var members: [(key: String, value: JSON)] {
    Self.fields.flatMap { field in
      field.condition.map { $0.holds(self) } ?? true ? field.members(self) : []
    }
  }

  /// What is not as usual, in the words of a report.
  func differences(from usual: Self = .usual) -> [String] {
    Self.fields.compactMap { field in
      guard !field.phrase.isEmpty, let text = field.text(self), text != field.text(usual) else {
        return nil
      }
      guard let star = field.phrase.firstIndex(of: "*") else { return field.phrase }
      return field.phrase[..<star] + text + field.phrase[star...].dropFirst()
    }
  }
}

/// What docs/profiles.md says of a key.
package struct ProfileKeyDescription: Sendable {
  package var names: [String]
  /// What may stand there.
  package var form: String
  /// Those of the words it takes that are told one by one.
  package var words: [(word: String, meaning: String)] = []
  package var meaning: String
  /// When it means something, as in "mode is hot"; nil: always.
  package var condition: String?
  /// What its absence means; empty: nothing.
  package var usual: @Sendable () -> String
}

/// What stands below a key.
enum ProfileShape {
  case value
  case part(any ProfilePart.Type)
  case list(any ProfilePart.Type)
  /// Some of these names.
  case names([String])
  /// Names of kernel files.
  case files
  case metrics
  /// Overrides, which only a file has: a profile that runs is one of its variants.
  case variants

  /// What has the keys below it.
  var part: (any ProfilePart.Type)? {
    switch self {
    case .part(let part), .list(let part): part
    case .value, .names, .files, .metrics, .variants: nil
    }
  }
}

extension ProfilePart {
  static var shapes: [(key: String, shape: ProfileShape)] {
    fields.flatMap { field in field.keys.map { ($0, field.shape()) } }
  }

  static var keys: [String] { fields.flatMap(\.keys) }

  /// What a key's value measures; nil: nothing that has a unit.
  static func quantity(of key: String) -> ProfileQuantity? {
    fields.first { $0.keys.contains(key) }?.quantity
  }

  static var descriptions: [ProfileKeyDescription] {
    fields.map { field in
      var description = field.description
      description.condition = field.condition?.words
      return description
    }
  }
}
