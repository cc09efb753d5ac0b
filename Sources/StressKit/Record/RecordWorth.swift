// SPDX-License-Identifier: Apache-2.0

/// How dear a line of a record is where there is no room for all: the cheap ones are refused first.
enum RecordWorth: Int {
  /// Of a lane: many, and each like the one before.
  case sample = 4
  /// Of `LineTypes.repeatable` types.
  case repeatable = 6
  /// One of many that tell of single operations or spans.
  case bulk = 7
  /// Kills, ends, phases, columns, totals: what the rest cannot be understood without.
  case essential = 8

  init(_ type: String) {
    self =
      if type == "\(RecordFile.sample)" {
        .sample
      } else if LineTypes.repeatable.contains(type) {
        .repeatable
      } else if LineTypes.bulk.contains(type) {
        .bulk
      } else {
        .essential
      }
  }

  /// Whether a line of `count` bytes is let into a store of `capacity` that holds `used`: the last eighths of it
  /// are kept for what is dearer.
  func admits(_ count: Int, used: Int, capacity: Int) -> Bool {
    used + count <= capacity / Self.essential.rawValue * rawValue
  }
}
