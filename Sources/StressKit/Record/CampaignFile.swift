// SPDX-License-Identifier: Apache-2.0
import StressCore

/// What a campaign's directory holds, as `campaign.json` says it:
///
/// ```
/// DIR/campaign.json               profile, cells, seed, trials per cell
/// DIR/trials/C-N/record.jsonl     trial N of cell C, both from 1
/// DIR/trials/C-N/console.log      its guest's serial console
/// DIR/trials/C-N.lost-K/          an attempt that was interrupted, kept
/// ```
package struct CampaignFile: Sendable, Equatable {
  package struct Cell: Sendable, Equatable {
    /// Axis and value, in the order of the command line, the kernel first.
    package var axes: [Profile.Setting]
    package var profile: Profile

    package init(axes: [Profile.Setting], profile: Profile) {
      self.axes = axes
      self.profile = profile
    }
  }

  /// Trials of a cell at most.
  package static let mostTrials = 10_000
  /// A plan has no more bytes than this: ten thousand cells have less.
  private static let mostBytes = 64 << 20

  /// Axes that are no keys of a profile: the kernel that boots, the profile's variant, and the two arms of a
  /// calibration, which differ in nothing.
  package static let kernelKey = "kernel"
  /// Which other machine its trials run on.
  package static let hostKey = "host"
  /// The name of what must not change on a machine.
  ///
  /// - Parameter host: nil: this one.
  package static func identityKey(_ key: String, host: String?) -> String {
    key + (host.map { " on \($0)" } ?? "")
  }
  package static let variantKey = "variant"
  package static let calibrateKey = "calibrate"
  /// How a cell tells its file system, be it an axis or not.
  package static let filesystemKey = "fs"

  /// What a campaign asks that stops when it is known: two values of an axis.
  package struct Question: Sendable, Equatable {
    package var axis: String
    package var base: String
    package var new: String

    package init(axis: String, base: String, new: String) {
      (self.axis, self.base, self.new) = (axis, base, new)
    }

    fileprivate init?(_ json: JSON) {
      guard let axis = json["axis"]?.string, let base = json["base"]?.string,
        let new = json["new"]?.string
      else { return nil }
      self.init(axis: axis, base: base, new: new)
    }

    fileprivate var json: JSON {
      ["axis": .string(axis), "base": .string(base), "new": .string(new)]
    }
  }

  /// What a campaign looks for that runs each trial at a value of its own: where half of them die.
  package struct Threshold: Sendable, Equatable {
    /// Where a cell's values are, in the quantity's unit.
    package struct Range: Sendable, Equatable {
      package var from: UInt64
      package var to: UInt64
      /// How far the threshold's 95 % interval may reach to either side, for the search to end.
      package var within: UInt64
      /// memory.max, where pins are searched: what is not pinned is headroom; nil: neither.
      package var limit: UInt64?

      package init(from: UInt64, to: UInt64, within: UInt64, limit: UInt64? = nil) {
        (self.from, self.to, self.within, self.limit) = (from, to, within, limit)
      }

      fileprivate init?(_ json: JSON) {
        func number(_ key: String) -> UInt64? { json[key]?.int.flatMap { UInt64(exactly: $0) } }
        guard let from = number("from"), let to = number("to"), let within = number("within"),
          from < to, within > 0
        else { return nil }
        self.init(from: from, to: to, within: within, limit: number("limit"))
      }

      fileprivate var json: JSON {
        func number(_ value: UInt64) -> JSON { .int(Int64(clamping: value)) }
        return [
          "from": number(from), "to": number(to), "within": number(within),
          "limit": limit.map(number) ?? .null,
        ]
      }
    }

    /// The full path of the key whose value is looked for; a trial's axes have it under this name.
    package var key: String
    package var quantity: ProfileQuantity
    /// Of each cell.
    package var ranges: [Range]

    package init(key: String, quantity: ProfileQuantity, ranges: [Range]) {
      (self.key, self.quantity, self.ranges) = (key, quantity, ranges)
    }

    fileprivate init?(_ json: JSON) {
      guard let key = json["key"]?.string,
        let quantity = json["quantity"]?.string.flatMap(ProfileQuantity.init(rawValue:)),
        let list = json["ranges"]?.array
      else { return nil }
      let ranges = list.compactMap(Range.init)
      if ranges.count < list.count { return nil }
      self.init(key: key, quantity: quantity, ranges: ranges)
    }

    fileprivate var json: JSON {
      [
        "key": .string(key), "quantity": .string(quantity.rawValue),
        "ranges": .array(ranges.map(\.json)),
      ]
    }
  }

  package var label: String
  package var cells: [Cell]
  /// What the kernels' names stood for, and what ran them: trials of different things are not pooled.
  package var identity: [Profile.Setting]
  package var trials: Int
  package var seed: UInt64
  /// `run --until-verdict`: its trials depend on what those before them showed. nil: their number is fixed.
  package var untilVerdict: Question?
  /// `threshold`: the values of its trials depend on what those before them showed. nil: there are none.
  package var threshold: Threshold?

  package init(
    label: String, cells: [Cell], identity: [Profile.Setting], trials: Int, seed: UInt64,
    untilVerdict: Question? = nil, threshold: Threshold? = nil
  ) {
    self.label = label
    self.cells = cells
    self.identity = identity
    self.trials = trials
    self.seed = seed
    self.untilVerdict = untilVerdict
    self.threshold = threshold
  }

  private static let questionKey = "until_verdict"
  private static let thresholdKey = "threshold"

  package static func path(in directory: String) -> String { directory + "/campaign.json" }

  package static func trialsDirectory(in directory: String) -> String { directory + "/trials" }

  /// - Parameters:
  ///   - cell: index from 0.
  ///   - number: from 1.
  package static func trialDirectory(in directory: String, cell: Int, number: Int) -> String {
    "\(trialsDirectory(in: directory))/\(cell + 1)-\(number)"
  }

  /// Reads a directory's plan.
  ///
  /// - Throws: when there is none, or it cannot be understood (code usage).
  package init(directory: String) throws(HarnessError) {
    let path = Self.path(in: directory)
    let text = try File.read(path, code: .usage, atMost: Self.mostBytes)
    guard let plan = try? JSON(parsing: text), let label = plan["profile"]?.string,
      let cells = plan["cells"]?.array, let identity = plan["identity"]?.members,
      let trials = plan["trials"]?.int.flatMap(Int.init(exactly:)),
      (0...Self.mostTrials).contains(trials),
      let seed = plan["seed"]?.int
    else {
      throw HarnessError(
        .usage, path, "is not a campaign's plan", remedy: "name another directory")
    }
    self.init(
      label: label, cells: [],
      identity: identity.map { Profile.Setting($0.key, $0.value.string ?? "") },
      trials: trials, seed: UInt64(bitPattern: seed))
    if let question = plan[Self.questionKey], question != .null {
      // Read without it, the trials would pass for as many as were planned.
      guard let question = Question(question) else {
        throw HarnessError(.usage, path, "\(Self.questionKey) cannot be read")
      }
      untilVerdict = question
    }
    if let text = plan[Self.thresholdKey], text != .null {
      guard let threshold = Threshold(text), threshold.ranges.count == cells.count else {
        throw HarnessError(.usage, path, "\(Self.thresholdKey) cannot be read")
      }
      self.threshold = threshold
    }
    for (index, cell) in cells.enumerated() {
      guard let axes = cell["axes"]?.members, let json = cell["profile"],
        let profile = try? Profile(json: json, name: path)
      else { throw HarnessError(.usage, path, "cell \(index + 1) cannot be read") }
      self.cells.append(
        Cell(
          axes: axes.map { Profile.Setting($0.key, $0.value.string ?? "") }, profile: profile))
    }
  }

  /// Writes the plan, whole or not at all.
  package func write(to directory: String) throws(HarnessError) {
    let cells = cells.map { cell -> JSON in
      [
        "axes": .object(cell.axes.map { ($0.key, .string($0.value)) }),
        "profile": cell.profile.json,
      ]
    }
    let plan: JSON = [
      "schema": .int(RecordFile.schema), "wbstress": .string(Version.text),
      "profile": .string(label), "trials": .int(Int64(trials)),
      "seed": .int(Int64(bitPattern: seed)),
      "identity": .object(identity.map { ($0.key, .string($0.value)) }),
      Self.questionKey: untilVerdict?.json ?? .null,
      Self.thresholdKey: threshold?.json ?? .null, "cells": .array(cells),
    ]
    try File.replace(Self.path(in: directory), Array((plan.text + "\n").utf8))
  }
}
