// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressRecord

/// Two cells that a comparison is of, and what they have in common.
package struct ComparedCells: Sendable {
  package var axis: ComparedAxis
  /// The axis's values; the campaigns' directories where there is no axis.
  package var baseName: String
  package var newName: String
  /// The cells' other axes, in their order.
  package var shared: [Profile.Setting]
  package var base: CellSummary
  package var new: CellSummary

  /// Both are controls: they say whether the experiment holds, and are none themselves.
  package var isControl: Bool { base.profile.control != nil && new.profile.control != nil }
}

/// Which cells are compared with which.
package struct ComparisonChoice: Sendable {
  /// What the user asked for; nil and empty: what suggests itself.
  package struct Request: Sendable {
    package var axis: String?
    package var base: String?
    package var against: [String]

    package init(axis: String? = nil, base: String? = nil, against: [String] = []) {
      self.axis = axis
      self.base = base
      self.against = against
    }

    package init(_ question: CampaignFile.Question) {
      self.init(axis: question.axis, base: question.base, against: [question.new])
    }

    /// Nothing was asked for.
    package var isOpen: Bool { axis == nil && base == nil && against.isEmpty }

    /// Where no axis is asked for: what the campaign was to answer, or the kernel, if it has several.
    package func suggested(by campaign: CampaignSummary) -> Request {
      if isOpen, let question = campaign.untilVerdict { return Request(question) }
      guard axis == nil,
        ComparisonChoice.values(of: CampaignFile.kernelKey, in: campaign.cells).count > 1
      else { return self }
      var request = self
      request.axis = CampaignFile.kernelKey
      return request
    }
  }

  package private(set) var pairs: [ComparedCells] = []
  /// Cells that have no partner, in words.
  package private(set) var unmatched: [String] = []

  /// Within one campaign, the first value of its only varying axis is the base of all others. Of two
  /// campaigns the first is the base, and cells are matched by their axes; an axis with one value in each,
  /// and not the same, is what is compared.
  ///
  /// - Parameter campaigns: one or two.
  /// - Throws: when the request does not say what is compared with what (code usage).
  package init(
    _ campaigns: [CampaignSummary], _ request: Request = Request()
  ) throws(HarnessError) {
    precondition((1...2).contains(campaigns.count), "one or two campaigns are compared")
    if campaigns.count == 2, campaigns[0].directory == campaigns[1].directory {
      throw HarnessError(
        .usage, campaigns[1].directory, "a campaign does not differ from itself",
        remedy: "'run --calibrate' makes one that can be compared with itself")
    }
    let first = Self.cells(of: campaigns[0], request, alone: campaigns.count == 1)
    let second = campaigns.count > 1 ? Self.cells(of: campaigns[1], request, alone: false) : first
    if campaigns.count == 1 {
      let key = try Self.axis(of: campaigns[0], first, request)
      try pairUp(first, second, along: key, request)
    } else if let key = try Self.axis(first, second, request) {
      try pairUp(first, second, along: key, request)
    } else {
      pairUp(first, second, campaigns)
    }
    if pairs.isEmpty {
      throw HarnessError(
        .usage, campaigns.map(\.directory).joined(separator: " "), "no two cells can be compared",
        remedy: unmatched.joined(separator: "; "))
    }
  }

  /// The arms of a calibration are one cell, unless they are what is compared.
  private static func cells(
    of campaign: CampaignSummary, _ request: Request, alone: Bool
  ) -> [CellSummary] {
    let key = CampaignFile.calibrateKey
    let isOnlyAxis = varying(campaign.cells).allSatisfy { $0 == key }
    return request.axis == key || alone && request.axis == nil && isOnlyAxis
      ? campaign.cells : CalibratedCell.pooled(campaign.cells)
  }

  /// The two values that are compared, for a campaign that is to stop when it is known.
  ///
  /// - Throws: when several pairs of values are, or nothing but controls (code usage).
  package func question() throws(HarnessError) -> CampaignFile.Question {
    let option = "--until-verdict"
    var questions: [CampaignFile.Question] = []
    for pair in pairs where !pair.isControl {
      let question = CampaignFile.Question(
        axis: pair.axis.key ?? "", base: pair.baseName, new: pair.newName)
      if !questions.contains(question) { questions.append(question) }
    }
    guard let question = questions.first else {
      throw HarnessError(
        .usage, option, "there is nothing but controls to compare",
        remedy: "add a variant that is no control")
    }
    if questions.count == 1 { return question }
    let values = questions.map(\.new).joined(separator: ", ")
    throw HarnessError(
      .usage, option,
      "answers one question, and \(question.axis) \(question.base) is compared with \(values)",
      remedy: "choose one with --against")
  }

  // MARK: The axis

  /// Those of an axis that the cells have, in the order of the cells.
  package static func values(of key: String, in cells: [CellSummary]) -> [String] {
    var values: [String] = []
    for value in cells.compactMap({ $0.value(of: key) }) where !values.contains(value) {
      values.append(value)
    }
    return values
  }

  /// Axes with several values. The file system that a variant brings along is none of its own, and that machines
  /// differ is asked only where nothing else is.
  private static func varying(_ cells: [CellSummary]) -> [String] {
    let keys = (cells.first?.axes ?? []).map(\.key)
    let varying = keys.filter { key in
      values(of: key, in: cells).count > 1
        && !(key == CampaignFile.filesystemKey && follows(key, CampaignFile.variantKey, cells))
    }
    let others = varying.filter { $0 != CampaignFile.hostKey }
    return others.isEmpty ? varying : others
  }

  /// Whether one axis's value is a matter of another's.
  private static func follows(_ key: String, _ other: String, _ cells: [CellSummary]) -> Bool {
    let values = values(of: other, in: cells)
    return values.count > 1
      && values.allSatisfy { value in
        Self.values(of: key, in: cells.filter { $0.value(of: other) == value }).count <= 1
      }
  }

  /// An axis by any of the names that `run` takes for it.
  private static func find(_ name: String, _ cells: [CellSummary]) -> String? {
    let keys = (cells.first?.axes ?? []).map(\.key)
    if keys.contains(name) { return name }
    guard let canonical = try? ProfileFile.canonicalKey(name) else { return nil }
    return keys.first { (try? ProfileFile.canonicalKey($0)) == canonical }
  }

  private static func axis(
    of campaign: CampaignSummary, _ cells: [CellSummary], _ request: Request
  ) throws(HarnessError) -> String {
    let varying = varying(cells)
    let list = varying.map { "\($0) (\(values(of: $0, in: cells).joined(separator: ", ")))" }
      .joined(separator: "; ")
    if let name = request.axis {
      guard let key = find(name, cells) else {
        throw HarnessError(
          .usage, "--axis \(name)", "\(campaign.directory) has no such axis",
          remedy: varying.isEmpty ? "it has but one cell" : "these vary: \(list)")
      }
      if values(of: key, in: cells).count > 1 { return key }
      throw HarnessError(
        .usage, "--axis \(name)", "has one value only in \(campaign.directory)",
        remedy: varying.isEmpty ? "it has but one cell" : "these vary: \(list)")
    }
    if varying.count == 1 { return varying[0] }
    if varying.isEmpty {
      throw HarnessError(
        .usage, campaign.directory, "has but one cell",
        remedy: "name a second campaign to compare it with")
    }
    throw HarnessError(
      .usage, campaign.directory, "several axes vary", remedy: "choose with --axis: \(list)")
  }

  /// What two campaigns differ in; nil: in none of their axes.
  private static func axis(
    _ first: [CellSummary], _ second: [CellSummary], _ request: Request
  ) throws(HarnessError) -> String? {
    if let name = request.axis {
      if let key = find(name, first), find(name, second) == key { return key }
      throw HarnessError(
        .usage, "--axis \(name)", "is not an axis of both campaigns",
        remedy: "they have "
          + (first.first?.axes ?? []).map(\.key).filter { find($0, second) != nil }
          .joined(separator: ", "))
    }
    let differing = (first.first?.axes ?? []).map(\.key).filter { key in
      let (a, b) = (values(of: key, in: first), values(of: key, in: second))
      return a.count == 1 && b.count == 1 && a != b
    }
    if differing.count > 1 {
      throw HarnessError(
        .usage, "two campaigns", "they differ in \(differing.joined(separator: " and in "))",
        remedy: "what is found could not be laid to either")
    }
    if differing.isEmpty, request.base != nil || !request.against.isEmpty {
      throw HarnessError(
        .usage, "--base, --against", "there is no axis that they could be values of",
        remedy: "name one with --axis")
    }
    return differing.first
  }

  // MARK: Pairs

  private mutating func pairUp(
    _ first: [CellSummary], _ second: [CellSummary], along key: String, _ request: Request
  ) throws(HarnessError) {
    let (before, after) = (
      Self.values(of: key, in: first), Self.values(of: key, in: second)
    )
    guard let base = request.base ?? before.first, before.contains(base) else {
      throw HarnessError(
        .usage, "--base \(request.base ?? "")", "is no value of \(key)",
        remedy: "known: \(before.joined(separator: ", "))")
    }
    for value in request.against where !after.contains(value) || value == base {
      throw HarnessError(
        .usage, "--against \(value)",
        value == base ? "is the base itself" : "is no value of \(key)",
        remedy: "known: \(after.filter { $0 != base }.joined(separator: ", "))")
    }
    let others = request.against.isEmpty ? after.filter { $0 != base } : request.against
    let isVariant =
      key == CampaignFile.variantKey && Self.follows(CampaignFile.filesystemKey, key, first)
    let ignored = isVariant ? [key, CampaignFile.filesystemKey] : [key]
    for cell in first where cell.value(of: key) == base {
      let shared = cell.axes.filter { !ignored.contains($0.key) }
      for value in others {
        let partner = second.first { other in
          other.value(of: key) == value && other.axes.filter { !ignored.contains($0.key) } == shared
        }
        guard let partner else {
          unmatched.append("\(cell.name) has no partner with \(key) \(value)")
          continue
        }
        pairs.append(
          ComparedCells(
            axis: ComparedAxis(key), baseName: base, newName: value, shared: shared, base: cell,
            new: partner))
      }
    }
  }

  /// Cells of two campaigns with the same axes.
  private mutating func pairUp(
    _ first: [CellSummary], _ second: [CellSummary], _ campaigns: [CampaignSummary]
  ) {
    for cell in first {
      guard let partner = second.first(where: { $0.axes == cell.axes }) else {
        unmatched.append("only in \(campaigns[0].directory): \(cell.name)")
        continue
      }
      let images = campaigns.map { $0.image(of: cell.axes) }
      pairs.append(
        ComparedCells(
          axis: ComparedAxis(nil, rebuilt: images[0] != images[1]),
          baseName: campaigns[0].directory, newName: campaigns[1].directory, shared: cell.axes,
          base: cell, new: partner))
    }
    for cell in second where !first.contains(where: { $0.axes == cell.axes }) {
      unmatched.append("only in \(campaigns[1].directory): \(cell.name)")
    }
  }
}

extension CellSummary {
  package func value(of axis: String) -> String? { axes.first { $0.key == axis }?.value }

  /// Its axes' values.
  package var name: String { axes.map(\.value).joined(separator: " ") }
}
