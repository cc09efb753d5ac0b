import Glibc
import Testing

@testable import StressKit

struct OperationRecorderTests {
  private static let hour: UInt64 = 3_600_000_000_000

  private func operation(_ latency: UInt64, end: UInt64) -> SharedBlock.Operation {
    SharedBlock.Operation(
      start: end - latency, end: end, bytes: 4096, offset: 0,
      kind: SharedBlock.Kind.write.rawValue, file: 0, ahead: 0, inFlight: 1, bytesInFlight: 4096,
      slot: 0)
  }

  private func counts(_ pairs: JSON?) -> [(value: Int64, count: Int64)] {
    (pairs?.array ?? []).map { (value: $0.array?[0].int ?? -1, count: $0.array?[1].int ?? -1) }
  }

  /// Nothing is missing, whatever it took, and the seconds together are the whole.
  @Test func countsEveryOperation() throws {
    let directory = try RecordFixture()
    let path = directory.path("record.jsonl")
    let file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
    let writer = RecordWriter(Descriptor(owning: file))
    let latencies = OperationRecorder.Latencies(of: .write, worker: "backup", writer)
    #expect(latencies.max == nil && latencies.count == 0)
    var random = SplitMix64(seed: 3)
    let some = (0..<5000).map { _ in random.next() % 20_000_000 }
    let all = some + [0, 1, 999, 1000, 2 * Self.hour, 24 * Self.hour, 100 * Self.hour]
    for (i, value) in all.enumerated() {
      latencies.record(operation(value, end: 200 * Self.hour + UInt64(i) * 1_000_000))
    }
    latencies.series.flush()
    let whole = counts(latencies.pairs)
    #expect(latencies.count == all.count && latencies.max == 100 * Self.hour)
    #expect(whole.reduce(0) { $0 + $1.count } == all.count)
    // More than a day counts as a day, to three digits.
    let last = try #require(whole.last)
    #expect(last.count == 2 && abs(Double(last.value) / Double(24 * Self.hour) - 1) < 0.001)

    try writer.start()
    writer.finish()
    let lines = try RecordReader(path).lines("latency")
    #expect(lines.count == 6)
    #expect(lines.reduce(0) { $0 + ($1["count"]?.int ?? 0) } == all.count)
    #expect(lines.compactMap { $0["max"]?.int }.max() == Int64(100 * Self.hour))
    var merged: [Int64: Int64] = [:]
    for pair in lines.flatMap({ counts($0["v"]) }) { merged[pair.value, default: 0] += pair.count }
    var expected: [Int64: Int64] = [:]
    for value in all {
      expected[Int64(LatencyBucket.lowest(LatencyBucket.of(value))), default: 0] += 1
    }
    #expect(merged == expected)
  }
}
