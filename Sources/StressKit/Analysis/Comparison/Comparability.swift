// SPDX-License-Identifier: Apache-2.0

/// What two arms do not have in common beside what is compared.
package struct Comparability: Sendable, Equatable {
  package struct Difference: Sendable, Equatable {
    package var key: String
    /// What the arms' trials say, each once; more than one where an arm is not of one kind.
    package var base: [String]
    package var new: [String]
    package var isAllowed: Bool

    /// `key BASE / NEW`; of long values only the words that they do not share.
    package var text: String {
      guard base.count == 1, new.count == 1, min(base[0].utf8.count, new[0].utf8.count) > 16 else {
        return "\(key) \(base.joined(separator: ", ")) / \(new.joined(separator: ", "))"
      }
      let words = [base[0], new[0]].map { $0.split { $0 == " " || $0 == "," } }
      let own = [
        words[0].filter { !words[1].contains($0) }, words[1].filter { !words[0].contains($0) },
      ]
      let texts = own.map { $0.isEmpty ? "-" : $0.joined(separator: " ") }
      return "\(key) \(texts[0]) / \(texts[1])"
    }
  }

  /// What makes the arms two experiments.
  package private(set) var refusals: [Difference] = []
  /// What may be the cause of a finding as well as the axis.
  package private(set) var confounders: [Difference] = []
  /// Keys of which only one arm's trials tell.
  package private(set) var unknown: [String] = []
  /// Everything that the trials tell.
  package private(set) var keys: Set<String> = []

  /// - Parameters:
  ///   - base, new: the facts of each arm's trials that count.
  ///   - allowed: keys whose difference the user takes upon himself.
  package init(
    _ base: [TrialFacts], _ new: [TrialFacts], along axis: ComparedAxis, allowed: Set<String>
  ) {
    let (a, b) = (Self.byKey(base), Self.byKey(new))
    keys = Set(a.order + b.order)
    // An arm without trials differs in nothing; the verdict says what it lacks.
    if base.isEmpty || new.isEmpty { return }
    for key in a.order + b.order.filter({ a.facts[$0] == nil }) {
      guard let left = a.facts[key], let right = b.facts[key] else {
        addOneSided(key, a.facts[key], b.facts[key], axis, allowed)
        continue
      }
      let difference = Difference(
        key: key, base: left.map(\.value), new: right.map(\.value),
        isAllowed: allowed.contains(key))
      if difference.base == difference.new {
        // Both arms are the same mixture.
        if left.count > 1 { confounders.append(difference) }
        continue
      }
      // A few pages more or less from boot to boot.
      if left[0].quantity != nil, !Set(difference.base).isDisjoint(with: difference.new) {
        continue
      }
      let rulings = left.flatMap { one in
        right.filter { $0.value != one.value }.map { axis.ruling(one, $0) }
      }
      add(difference, rulings)
    }
  }

  private mutating func add(_ difference: Difference, _ rulings: [ComparedAxis.Ruling]) {
    if rulings.contains(.refused) {
      if difference.isAllowed {
        confounders.append(difference)
      } else {
        refusals.append(difference)
      }
    } else if rulings.contains(.follows) {
      confounders.append(difference)
    }
  }

  /// A member that only one arm's profile has differs from none; what a machine does not tell is unknown.
  private mutating func addOneSided(
    _ key: String, _ base: [TrialFacts.Fact]?, _ new: [TrialFacts.Fact]?, _ axis: ComparedAxis,
    _ allowed: Set<String>
  ) {
    guard let fact = (base ?? new)?.first else { return }
    if fact.origin != .profile {
      unknown.append(key)
      return
    }
    let difference = Difference(
      key: key, base: base?.map(\.value) ?? ["none"], new: new?.map(\.value) ?? ["none"],
      isAllowed: allowed.contains(key))
    add(difference, [axis.ruling(fact, fact)])
  }

  /// Each key's distinct facts, in the order in which they first come.
  private static func byKey(
    _ trials: [TrialFacts]
  ) -> (order: [String], facts: [String: [TrialFacts.Fact]]) {
    var order: [String] = []
    var facts: [String: [TrialFacts.Fact]] = [:]
    for fact in trials.flatMap(\.all) {
      if facts[fact.key] == nil { order.append(fact.key) }
      if facts[fact.key]?.contains(where: { $0.value == fact.value }) != true {
        facts[fact.key, default: []].append(fact)
      }
    }
    return (order, facts.mapValues { $0.sorted { $0.value < $1.value } })
  }
}
