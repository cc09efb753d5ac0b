// SPDX-License-Identifier: Apache-2.0
import StressAnalysis
import StressCore

/// Where half of the trials die, of a campaign that looks for it. Values are in bytes, bytes per second or ns.
extension JSONReport {
  /// Of a curve.
  private static let points = 41

  static func threshold(_ summary: ThresholdSummary) -> JSON {
    let differences = summary.differences.map { one -> JSON in
      [
        "axis": .string(one.axis), "base": .string(one.base), "new": .string(one.new),
        "shared": settings(one.shared),
        "cells": [.number(one.cells.base + 1), .number(one.cells.new + 1)],
        "change": one.change.map { estimate($0.median, $0.interval) } ?? .null,
      ]
    }
    return [
      "key": .string(summary.threshold.key),
      "quantity": .string(summary.threshold.quantity.rawValue),
      "cells": .array(summary.cells.enumerated().map { cell($0 + 1, $1) }),
      "differences": .array(differences),
    ]
  }

  private static func cell(_ number: Int, _ cell: CellThreshold) -> JSON {
    func quantity(_ value: UInt64) -> JSON { .int(Int64(clamping: value)) }
    let trials = cell.trials.map { trial -> JSON in
      [
        "trial": .number(trial.number), "value": quantity(trial.value), "died": .bool(trial.died),
      ]
    }
    let curve = cell.curve(points: points).map { point -> JSON in
      [
        "value": .number(point.value), "rate": .number(point.mean),
        "lower": .number(point.interval.lower), "upper": .number(point.interval.upper),
      ]
    }
    let isTold = cell.isTold
    let spread = cell.spread
    return .object([
      ("cell", .number(number)), ("from", quantity(cell.range.from)),
      ("to", quantity(cell.range.to)),
      ("within", quantity(cell.range.within)), ("limit", cell.range.limit.map(quantity) ?? .null),
      ("stage", .string(cell.stage.rawValue)),
      ("oom50", isTold ? estimate(cell.estimate, cell.interval) : .null),
      ("spread", isTold ? estimate(spread.median, spread.interval) : .null),
      ("rising", isTold ? .bool(cell.posterior.direction == .rising) : .null),
      (
        "chances",
        [
          "threshold": .number(cell.chance), "never": .number(cell.posterior.neverChance),
          "always": .number(cell.posterior.alwaysChance),
        ]
      ),
      ("e_not_monotonic", .number(cell.monotonicity.evidence)),
      ("died", proportion(cell.died)), ("trials", .array(trials)), ("curve", .array(curve)),
    ])
  }
}
