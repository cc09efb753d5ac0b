// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressRecord

/// What the streams of a trial did, all of them together. ``TrialSummary`` says what each figure is.
struct StreamFigures {
  let totals: [StreamTotals]
  let bytes: UInt64
  private(set) var throughput: Double?
  private(set) var readThroughput: Double?
  let stall: TrialSummary.Stall?
  let longestWrite: Double?
  let longestSync: Double?
  let lostLatencies: Int64
  /// When the first write began, CLOCK_BOOTTIME in ns.
  let firstStart: Int64?
  /// By the name of the stream's job.
  let unfinishedWrites: [String: Int]

  /// - Parameter window: the streams' time.
  init(_ record: RecordReader, _ window: ClosedRange<Int64>?) {
    let streams = record.lines(StreamLine.self)
    totals = streams.compactMap { StreamTotals($0, until: window?.upperBound) }
    bytes = Self.bytes(streams.filter(\.writes))
    firstStart = streams.compactMap(\.firstStart).filter { $0 > 0 }.min()
    let unfinished = record.lines(InFlightLine.self)
      .filter { $0.kind == "write" && $0.stream != nil }
    stall = Self.stall(streams, unfinished.compactMap(\.age))
    unfinishedWrites = Dictionary(unfinished.map { ($0.stream ?? "", 1) }, uniquingKeysWith: +)
    let slowest = Self.slowest(record)
    longestWrite = Self.longest(record, streams, "write", slowest)
    longestSync = Self.longest(record, streams, "fsync", slowest)
    let all: [any TotalsLine] =
      streams + record.lines(TouchesLine.self) + record.lines(RoundsLine.self)
    lostLatencies = all.reduce(0) {
      $0 + Int64($1.logLost?.count ?? 0) + Int64($1.beyondRange?.count ?? 0)
    }
    // A stream that was killed half-way says nothing of its speed.
    let whole = streams.allSatisfy { ["size", "time"].contains($0.ended) }
    if whole {
      throughput = Self.speed(of: streams.filter(\.writes), window)
      readThroughput = Self.speed(of: streams.filter { !$0.writes }, window)
    }
  }

  private static func bytes(_ streams: [StreamLine]) -> UInt64 {
    streams.reduce(0) { $0 + UInt64($1.bytes?.count ?? 0) }
  }

  /// Of all of them, from the first start to the last end, bytes per second; nil: there are none.
  private static func speed(of streams: [StreamLine], _ window: ClosedRange<Int64>?) -> Double? {
    let first = streams.compactMap(\.firstStart).filter { $0 > 0 }.min()
    // One that time ended was at it until then, also when its last operation never came back.
    let timed = streams.contains { $0.ended == "time" }
    let last = streams.compactMap(\.lastEnd).filter { $0 > 0 }.max()
    guard let first, let end = timed ? window?.upperBound : last, end > first else { return nil }
    return Double(bytes(streams)) / ((Double(end) - Double(first)) / 1e9)
  }

  /// Of the streams' operations that have a line each, the longest of each kind, ns.
  private static func slowest(_ record: RecordReader) -> [String: Int64] {
    var slowest: [String: Int64] = [:]
    for names in OperationNames.all {
      record.forEach(names.type) { line in
        var (kind, isStreams, time) = (String?.none, false, Int64?.none)
        line.forEachMember { name, value in
          if kind == nil, name == names.kind {
            kind = (try? value.text())?.string
          } else if name == names.stream {
            isStreams = true
          } else if time == nil, name == names.time {
            time = value.integer()
          }
        }
        // More is damage, as for a time.
        guard isStreams, let kind, let time, 0...LineHead.latest ~= time else { return }
        slowest[kind] = max(slowest[kind] ?? 0, time)
      }
    }
    return slowest
  }

  private static func longest(
    _ record: RecordReader, _ streams: [StreamLine], _ kind: String, _ slowest: [String: Int64]
  ) -> Double? {
    // The histogram's values are rounded.
    var values = streams.flatMap { stream in
      let told = stream.operations(of: kind)
      return told?.max.map { [Double($0)] } ?? Distribution.pairs(told?.latency).map(\.value)
    }
    if let slowest = slowest[kind] { values.append(Double(slowest)) }
    if streams.isEmpty, kind == "write" {
      let (stream, oldest) = (ProgressLine.name(\.stream), ProgressLine.name(\.oldest))
      record.forEach(ProgressLine.self) { line in
        if line[stream] != nil, let value = line.int(oldest) { values.append(Double(value)) }
      }
    }
    return values.filter { 0...Double(LineHead.latest) ~= $0 }.max()
  }

  /// - Parameter unfinished: ages of the writes that never ended, ns.
  private static func stall(_ streams: [StreamLine], _ unfinished: [Int64]) -> TrialSummary.Stall? {
    let ended = streams.flatMap { Distribution.pairs($0.operations(of: "write")?.latency) }
    let writes = Distribution(ended + unfinished.map { (Double($0), 1) })
    guard let p50 = writes.percentile(0.5), let p99 = writes.percentile(0.99) else { return nil }
    return TrialSummary.Stall(p50: p50, p99: p99, max: writes.max, count: writes.count)
  }
}
