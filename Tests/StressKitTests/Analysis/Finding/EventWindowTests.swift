// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis

struct EventWindowTests {
  private let directory: RecordFixture

  init() throws { directory = try RecordFixture() }

  private let second: Int64 = 1_000_000_000

  /// A gauge's mean and a total's rate, each in rows of half a second from 5 s before to 2 s after.
  @Test func meansAndRates() throws {
    var trial = MadeTrial()
    trial.counters = [
      ("vmstat:nr_dirty", { $0 < 10_000_000_000 ? 100 : 300 }),
      ("vmstat:nr_written", { $0 / 10_000_000 }),
      ("vmstat:nr_writeback", { $0 < 10_000_000_000 ? nil : 7 }),
    ]
    let record = try trial.record(in: directory)
    let window = EventWindow(
      record, at: MadeTrial.start + 10 * second, start: MadeTrial.start,
      ["vmstat:nr_dirty", "vmstat:nr_written", "vmstat:nr_writeback", "vmstat:none"].map {
        .init($0)
      })
    #expect(
      window.counters.map(\.column) == [
        "vmstat:nr_dirty", "vmstat:nr_written", "vmstat:nr_writeback",
      ])
    #expect(window.rows.count == 14)
    #expect(window.rows.first?.from == -5 * second && window.rows.last?.from == 3 * second / 2)
    for row in window.rows {
      #expect(row.values[0] == (row.from < 0 ? 100 : 300), "\(row)")
      #expect(abs((row.values[1] ?? 0) - 100) < 1e-6, "\(row)")
      #expect(row.values[2] == (row.from < 0 ? nil : 7), "\(row)")
    }
  }

  /// Rows before the streams tell nothing; a counter that falls has no rate.
  @Test func edges() throws {
    var trial = MadeTrial()
    trial.counters = [
      ("vmstat:nr_written", { $0 < 1_500_000_000 ? 50 : 0 }), ("vmstat:nr_dirty", { _ in 1 }),
    ]
    let record = try trial.record(in: directory)
    let window = EventWindow(
      record, at: MadeTrial.start + second, start: MadeTrial.start,
      [.init("vmstat:nr_written"), .init("vmstat:nr_dirty")])
    #expect(
      window.rows.map(\.from) == stride(from: -second, to: 2 * second, by: 500_000_000).map { $0 })
    #expect(window.rows.map { $0.values[0] } == [0, 0, 0, nil, 0, 0])
  }
}
