// SPDX-License-Identifier: Apache-2.0

/// A key of a profile that is a quantity, and whose value is looked for.
package struct SearchedKey: Equatable, Sendable {
  private let path: ProfileKey
  package let quantity: ProfileQuantity

  /// The full key path.
  package var name: String { path.description }

  /// The key that a user means: `pin` for the profile's pin, a pin's name for its size, a key path or its shorthand.
  ///
  /// - Throws: when there is no such key, when it is no size, rate or duration, and when `pin` may be several (code
  ///   usage).
  package init(_ text: String, in profile: Profile) throws(HarnessError) {
    let names = profile.pinned.map(\.name)
    var key = text
    if text == "pin" {
      if names.count > 1 {
        throw HarnessError(
          .usage, text, "the profile has several pins",
          remedy: "name one: \(names.joined(separator: ", "))")
      }
      if let only = names.first { key = Self.size(only) }
    } else if names.contains(text) {
      key = Self.size(text)
    }
    do throws(ProfileKey.Failure) {
      path = try ProfileKey(key)
    } catch {
      throw HarnessError(.usage, text, error.message)
    }
    guard let quantity = Self.quantity(path.components[...], in: Profile.self) else {
      throw HarnessError(
        .usage, text, "\(path) is no size, rate or duration",
        remedy: "compare its values with 'run --vary' instead")
    }
    self.quantity = quantity
  }

  private static func size(_ pin: String) -> String { "pinned.\(pin).size" }

  private static func quantity(
    _ path: ArraySlice<String>, in part: any ProfilePart.Type
  ) -> ProfileQuantity? {
    guard let name = path.first else { return nil }
    let rest = path.dropFirst()
    guard !rest.isEmpty else {
      return part.quantity(of: name) ?? (Profile.Limit.isBytes(name) ? .size : nil)
    }
    return switch part.shapes.first(where: { $0.key == name })?.shape {
    case .part(let part): quantity(rest, in: part)
    case .list(let part): quantity(rest.dropFirst(), in: part)
    case .names(let names):
      rest.first.flatMap { names.contains($0) && Profile.Limit.isBytes($0) ? .size : nil }
    case .value, .files, .metrics, .variants, nil: nil
    }
  }

  // MARK: Values

  /// What a profile says; nil: nothing, no number, or several that differ.
  package func value(in profile: Profile) -> UInt64? {
    let found = Self.values(path.components[...], profile.json)
    guard let first = found.first, found.allSatisfy({ $0 == first }) else { return nil }
    if let number = first.int { return UInt64(exactly: number) }
    return first.string.flatMap { text in try? quantity.parse(text) }
  }

  private static func values(_ path: ArraySlice<String>, _ json: JSON) -> [JSON] {
    guard let name = path.first else { return [json] }
    guard let elements = json.array else {
      return json[name].map { values(path.dropFirst(), $0) } ?? []
    }
    return elements.enumerated().filter { index, element in
      name == "*" || name == element["name"]?.string || name == "\(index)"
    }.flatMap { values(path.dropFirst(), $0.element) }
  }

  /// Whether a key by any of its spellings sets the same value.
  package func isSet(by key: String) -> Bool {
    guard let other = try? ProfileKey(key), other.components.count == path.components.count else {
      return false
    }
    return zip(path.components, other.components).allSatisfy { own, other in
      own == other || other == "*" || own == "*" || Int(other) != nil
    }
  }

  /// Memory that a worker holds: what it takes is missing elsewhere below memory.max.
  package var isPin: Bool { path.components.first == "pinned" && path.components.last == "size" }

  /// Memory of the limited cgroup, or a bound of it: what memory.max is the measure of.
  package var isMemory: Bool {
    isPin || ["limits", "cgroups"].contains(path.components[0]) && quantity == .size
  }
}
