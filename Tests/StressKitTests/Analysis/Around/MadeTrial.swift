// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressRecord

/// A made record of one trial's streams: operations that stalled, kills, and counters as functions of time.
struct MadeTrial {
  /// Of the streams' start, ns.
  static let start: Int64 = 5_000_000_000

  /// ns.
  var length: Int64 = 30_000_000_000
  /// After the start, ns.
  var stalls: [Range<Int64>] = []
  var kills: [Int64] = []
  /// Between two samples, ns.
  var interval: Int64 = 100_000_000
  /// Each with its value so long after the streams' start, ns, asked for in order; nil is unknown.
  var counters: [(name: String, value: (Int64) -> Int64?)] = []
  var hasEnd = true
  var more: [String] = []

  func record(in directory: RecordFixture) throws -> RecordReader {
    let names = counters.map { "\"\($0.name)\"" }.joined(separator: ",")
    var lines = [
      "{\"type\":\"columns\",\"t\":1,\"lane\":\"slow\",\"interval\":\(interval),\"names\":[\(names)]}",
      "{\"type\":\"phase\",\"t\":\(Self.start),\"name\":\"stream\"}",
    ]
    // A little after each whole interval, as a sampler is.
    for t in stride(from: -interval, through: length, by: Int(interval)) {
      let values = counters.map { $0.value(t).map { "\($0)" } ?? "null" }.joined(separator: ",")
      lines.append(
        "{\"type\":\"sample\",\"t\":\(Self.start + t + 1000),\"lane\":\"slow\",\"v\":[\(values)]}")
    }
    for stall in stalls {
      lines.append(
        "{\"type\":\"slow\",\"t\":\(Self.start + stall.upperBound),\"stream\":\"a\",\"kind\":\"write\","
          + "\"start\":\(Self.start + stall.lowerBound),\"latency\":\(stall.count)}")
    }
    for (i, kill) in kills.enumerated() {
      lines.append(
        "{\"type\":\"oom\",\"t\":\(Self.start + kill),\"report\":{\"victims\":[{\"pid\":\(i + 9)}]}}"
      )
    }
    if hasEnd {
      lines.append("{\"type\":\"phase\",\"t\":\(Self.start + length),\"name\":\"stop\"}")
    }
    let text = (lines + more).joined(separator: "\n") + "\n"
    return try RecordReader(try directory.write("made.jsonl", text))
  }
}
