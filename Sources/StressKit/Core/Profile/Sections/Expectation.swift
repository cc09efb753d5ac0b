// SPDX-License-Identifier: Apache-2.0

extension Profile {
  /// A bound on a trial's metric.
  package struct Expectation: Equatable, Sendable {
    package enum Relation: String, CaseIterable, Sendable {
      case less = "<"
      case atMost = "<="
      case equal = "=="
      case atLeast = ">="
      case greater = ">"
    }
    package var metric: Metric
    package var relation: Relation
    /// In the metric's unit: count, ns, bytes/s.
    package var value: Double
    package init(_ metric: Metric, _ relation: Relation, _ value: Double) {
      self.metric = metric
      self.relation = relation
      self.value = value
    }
  }
}

extension ProfileType<[Profile.Expectation]> {
  static var bounds: Self {
    Self(
      form: "mapping", shape: { .metrics }, read: { $0.bounds() },
      json: { .object($0.map { ($0.metric.name, $0.json) }) }, text: { _ in nil })
  }
}

extension Profile.Expectation {
  /// As in a file; the parser lets no value through that UInt64 does not hold.
  fileprivate var json: JSON {
    let unit =
      switch metric.unit {
      case .count: ""
      case .duration: "ns"
      case .rate: "B/s"
      }
    return .string("\(relation.rawValue) \(UInt64(value))\(unit)")
  }
}

extension ProfileCursor {
  fileprivate func bounds() -> [Profile.Expectation]? {
    typealias Metric = Profile.Expectation.Metric
    guard case .mapping(let pairs) = node.content else {
      _ = section([])
      return nil
    }
    return pairs.compactMap { pair in
      guard let metric = Metric(pair.key) else {
        let all = ProfileKeys.nearest(pair.key, Metric.known) + Metric.forms
        problems.add(
          pair.keyPosition,
          "unknown key '\(pair.key)' in expect; known: \(all.joined(separator: ", "))")
        return nil
      }
      if case .latency(let worker?, _, _) = metric, !names.workers.contains(worker) {
        let known = ProfileKeys.known(names.workers, worker, "there are none")
        problems.add(
          pair.keyPosition, "expect: no '\(worker)' in pinned, streams or tasks; \(known)")
      }
      if let (command, figure) = metric.command, names.figures[command]?.contains(figure) != true {
        let known =
          names.figures[command].map { ProfileKeys.known($0, figure, "") }
          ?? ProfileKeys.known(names.figures.keys.sorted(), command, "there are none")
        let what = names.figures[command] == nil ? "'\(command)' in commands" : "figure '\(figure)'"
        problems.add(pair.keyPosition, "expect: no \(what); \(known)")
      }
      return child(pair.key)?.bound(metric)
    }
  }

  /// A relation, `==` where there is none, and a value in the metric's unit.
  private func bound(_ metric: Profile.Expectation.Metric) -> Profile.Expectation? {
    let example =
      switch metric.unit {
      case .count: "0"
      case .duration: "'< 1s'"
      case .rate: "'>= 20MiB/s'"
      }
    let what = "a bound such as \(example)"
    guard let text = scalar(what) else { return nil }
    // The longest first: `<=` begins with `<`.
    let relations = Profile.Expectation.Relation.allCases
      .sorted { $0.rawValue.count > $1.rawValue.count }
    let relation = relations.first { text.hasPrefix($0.rawValue) }
    let number = String(text.dropFirst(relation?.rawValue.count ?? 0).drop { $0 == " " })
    do throws(UnitError) {
      let value =
        switch metric.unit {
        case .count: try Units.count(number)
        case .duration: try Units.duration(number)
        case .rate: try Units.rate(number)
        }
      return Profile.Expectation(metric, relation ?? .equal, Double(value))
    } catch {
      if error.malformed { expected(what) } else { fail(error.description) }
      return nil
    }
  }
}
