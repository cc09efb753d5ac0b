// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis
@testable import StressRecord

struct TimelineSeriesTests {
  private let directory: RecordFixture

  init() throws { directory = try RecordFixture() }

  private static let second: Int64 = 1_000_000_000
  private static let window = MadeTrial.start...MadeTrial.start + 30 * second

  /// A trial of 30 s with one counter, read each 100 ms, and its lane.
  private func lane(_ value: @escaping (Int64) -> Int64?) throws -> (Lane, LaneColumn) {
    var trial = MadeTrial()
    trial.counters = [("c", value)]
    let lane = try #require(try trial.record(in: directory).lane("slow"))
    return (lane, try #require(lane.column("c")))
  }

  @Test(arguments: [(300, 100_000_000, 300), (30, 1_000_000_000, 30), (1000, 100_000_000, 300)])
  func binsCoverTheWindow(most: Int, width: Int64, count: Int) {
    let bins = TimeBins(Self.window, least: 100_000_000, most: most)
    #expect(bins.width == width)
    #expect(bins.count == count)
    #expect(bins.start + bins.width * Int64(bins.count) >= Self.window.upperBound)
  }

  /// One reading of 300 that is high and one that is low are there in bins of ten.
  @Test func peaksSurvive() throws {
    let (lane, column) = try lane { t in t == 12_300_000_000 ? 99 : t == 12_700_000_000 ? 1 : 50 }
    let bins = TimeBins(Self.window, least: 1, most: 30)
    let series = TimelineSeries(gauge: "c", column, of: lane, bins) { $0 * 2 }
    #expect(series.high[12] == 198)
    #expect(series.low[12] == 2)
    for bin in 0..<30 where bin != 12 {
      #expect(series.low[bin] == 100)
      #expect(series.high[bin] == 100)
    }
  }

  /// A reading stands for two and a half intervals; what is unknown for longer stays unknown.
  @Test func gapsStayGaps() throws {
    let (lane, column) = try lane { t in (10_000_000_000..<13_000_000_000).contains(t) ? nil : 7 }
    let bins = TimeBins(Self.window, least: 1, most: 300)
    let series = TimelineSeries(gauge: "c", column, of: lane, bins) { $0 }
    // The reading at 9.9 s is followed by one without a value, which is not the same value still.
    #expect(series.high[99] == 7)
    #expect((101..<129).allSatisfy { series.high[$0] == nil && series.low[$0] == nil })
    #expect(series.high[131] == 7)
    #expect(series.isTold && series.moves)
  }

  /// Missing samples, not missing values.
  @Test func aPauseOfTheSamplerIsAGap() throws {
    let lines = [0, 100, 1000, 1100].map {
      "{\"type\":\"sample\",\"t\":\($0 * 1_000_000),\"lane\":\"slow\",\"v\":[\($0)]}"
    }
    let columns = #"{"type":"columns","t":0,"lane":"slow","interval":100000000,"names":["c"]}"#
    let path = try directory.write("r.jsonl", ([columns] + lines).joined(separator: "\n") + "\n")
    let lane = try #require(try RecordReader(path).lane("slow"))
    let column = try #require(lane.column("c"))
    let bins = TimeBins(0...1_200_000_000, least: 100_000_000, most: 300)
    let gauge = TimelineSeries(gauge: "c", column, of: lane, bins) { $0 }
    #expect(gauge.high == [0, 100, 100, 100, nil, nil, nil, nil, nil, nil, 1000, 1100])
    let rate = TimelineSeries(rate: "c", column, of: lane, bins) { $0 }
    #expect(rate.high == [1000] + [Int64?](repeating: nil, count: 9) + [1000, nil])
  }

  /// All that a counter grew by is in its rates, whatever the bins are.
  @Test(arguments: [7, 30, 299, 300])
  func ratesSumToTheGrowth(most: Int) throws {
    let (lane, column) = try lane { t in t < 10_000_000_000 ? 0 : (t - 10_000_000_000) / 1000 }
    let bins = TimeBins(Self.window, least: 1, most: most)
    let series = TimelineSeries(rate: "c", column, of: lane, bins) { $0 }
    let sum =
      series.high.compactMap(\.self).reduce(0) { $0 + Double($1) } * Double(bins.width) / 1e9
    #expect(abs(sum / 20_000_000 - 1) < 0.01)
    #expect(series.low == series.high)
    // Nothing, and then a million a second.
    #expect(series.high[0] == 0)
    #expect(abs(Double(series.high[most - 1] ?? 0) / 1_000_000 - 1) < 0.01)
  }

  @Test func aCounterThatFallsTellsNoRate() throws {
    let (lane, column) = try lane { t in t < 15_000_000_000 ? 1000 : 10 }
    let bins = TimeBins(Self.window, least: 1, most: 300)
    let series = TimelineSeries(rate: "c", column, of: lane, bins) { $0 }
    #expect(series.high.count { $0 == nil } == 1)
    #expect(series.high.allSatisfy { $0 == nil || $0 == 0 })
    #expect(!series.moves)
  }
}
