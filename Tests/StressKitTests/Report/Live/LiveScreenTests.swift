// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis
@testable import StressCore
@testable import StressRecord
@testable import StressReport

struct LiveScreenTests {
  private static let second: UInt64 = 1_000_000_000

  /// Six cells of four trials, two guests at a time: one that was killed, one that boots.
  private static func campaign() throws -> CampaignProgress {
    let cells = ["6.1", "6.12"].flatMap { kernel in
      ["ext4", "xfs", "btrfs"].map { "debian:\(kernel) \($0)" }
    }
    var campaign = CampaignProgress(
      "oracle-backup", cells: cells, trials: 4, jobs: 2, started: 0, done: [(5, 1, .invalid)])
    for (cell, outcome) in [Outcome.completed, .completed, .hang, .oom].enumerated() {
      campaign.start(cell: cell, number: 1, at: 0)
      campaign.end(cell: cell, number: 1, outcome, seconds: 21)
    }
    campaign.start(cell: 3, number: 2, at: 60 * second)
    campaign.update(cell: 3, number: 2) { running in
      running.phase = "stream"
      running.lastLine = 71 * second
    }
    // As in a record of such a trial; its profile is a saved one's.
    let lines =
      try RecordFixture.lines(RecordFixture.killed).prefix(1) + [
        #"{"type":"worker","t":1,"name":"db","event":"start","pid":95}"#,
        #"{"type":"pin","t":1,"pinned":"db","reached":41943040}"#,
        #"{"type":"columns","t":1,"lane":"fast","names":["wbstress/memory.current","#
          + #""wbstress/memory.events:max","wbstress/memory.events:oom_kill","#
          + #""wbstress/memory.pressure:some","wbstress/io.pressure:some"]}"#,
        #"{"type":"columns","t":1,"lane":"slow","names":["vmstat:nr_dirty","vmstat:nr_writeback"]}"#,
        #"{"type":"sample","t":9000000000,"lane":"fast","v":[66060288,0,0,0,0]}"#,
      ]
    let more = [
      #"{"type":"sample","t":10000000000,"lane":"fast","v":[66060288,39,1,120000,880000]}"#,
      #"{"type":"sample","t":10000000000,"lane":"slow","v":[512,3584]}"#,
      #"{"type":"progress","t":9000000000,"stream":"backup","bytes":4194304,"oldest":0}"#,
      #"{"type":"progress","t":10000000000,"stream":"backup","bytes":8493466,"oldest":743969940}"#,
      #"{"type":"oom","t":8800000000,"report":{"invoker":"iou-wrk-101","#
        + #""victims":[{"pid":96,"comm":"wb-pinned"}]}}"#,
    ]
    campaign.update(cell: 3, number: 2) { running in
      running.trial.take(lines.map { Array($0.utf8) })
      running.trial.take(more.map { Array($0.utf8) })
    }
    campaign.start(cell: 4, number: 1, at: 70 * second)
    campaign.update(cell: 4, number: 1) { $0.phase = "boot" }
    return campaign
  }

  private static func screen(
    _ campaign: CampaignProgress, _ width: Int, _ height: Int, colour: Bool = false
  ) -> [String] {
    LiveScreen(campaign, now: 71 * second + second / 2, width: width, style: .init(colour: colour))
      .lines(height: height)
  }

  @Test(arguments: [(80, 24), (120, 40), (40, 24), (80, 10), (60, 6), (20, 3)])
  func looks(_ width: Int, _ height: Int) throws {
    let lines = Self.screen(try Self.campaign(), width, height)
    try expectGolden(lines.joined(separator: "\n"), "live-\(width)x\(height).txt")
  }

  /// Whatever the size, nothing is wider or higher than it.
  @Test func fitsEverySize() throws {
    let campaign = try Self.campaign()
    for width in 1...90 {
      for height in [1, 2, 3, 5, 8, 13, 21, 34] {
        let lines = Self.screen(campaign, width, height)
        #expect(!lines.isEmpty && lines.count <= height, "\(width)x\(height)")
        #expect(lines.allSatisfy { $0.count <= max(1, width - 1) }, "\(width)x\(height)")
      }
    }
  }

  /// Colour adds nothing that is not in the text.
  @Test func readsTheSameWithoutColour() throws {
    let campaign = try Self.campaign()
    let plain = Self.screen(campaign, 80, 24)
    let painted = Self.screen(campaign, 80, 24, colour: true)
    #expect(painted != plain)
    #expect(painted.map { $0.replacing(#/\x1b\[[0-9;]*m/#, with: "") } == plain)
  }

  /// Of many trials a cell their counts, of many cells those around what runs.
  @Test func manyTrialsAndCells() {
    var campaign = CampaignProgress(
      "p", cells: (1...30).map { "cell \($0)" }, trials: 200, jobs: 1, started: 0,
      done: (1...150).map { (19, $0, $0 % 3 == 0 ? .oom : .completed) })
    campaign.start(cell: 19, number: 151, at: 0)
    let lines = Self.screen(campaign, 60, 12)
    #expect(lines.contains("20 cell 20 150/200 c100 O50"))
    #expect(lines.last == "   ... and 21 more cells" && lines.count == 12)
  }

  /// A task's name is no command to the terminal.
  @Test func namesHaveNoControlCharacters() throws {
    var campaign = try Self.campaign()
    let kill =
      #"{"type":"oom","t":10,"report":{"invoker":"a\nb","victims":[{"comm":"x\u001b[2Jy\u009b\r"}]}}"#
    campaign.update(cell: 3, number: 2) { $0.trial.take([Array(kill.utf8)]) }
    let lines = Self.screen(campaign, 80, 24)
    #expect(lines.contains { $0.hasPrefix("  OOM kill: x?[2Jy??, ") && $0.hasSuffix(" by a?b") })
    for scalar in lines.joined().unicodeScalars {
      #expect(scalar.properties.generalCategory != .control)
    }
  }

  /// Damage of any kind may be shown, but never stops the display.
  @Test func survivesDamagedRecords() throws {
    let record = Array(try RecordFixture.text(RecordFixture.killed).utf8)
    var random = SplitMix64(seed: 6)
    for _ in 0..<40 {
      var bytes = record
      for _ in 0..<200 {
        bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(
          in: .min ... .max, using: &random)
      }
      var campaign = CampaignProgress("p", cells: ["a"], trials: 1, jobs: 1, started: 0)
      campaign.start(cell: 0, number: 1, at: 0)
      campaign.update(cell: 0, number: 1) { running in
        running.trial.take(bytes.split(separator: 0x0a).map { Array($0) })
      }
      #expect(Self.screen(campaign, 80, 24).count <= 24)
    }
  }

  @Test func tellsOfAGuestThatIsSilent() throws {
    var campaign = try Self.campaign()
    campaign.update(cell: 3, number: 2) { $0.lastLine = 60 * Self.second }
    #expect(Self.screen(campaign, 80, 24)[1].hasSuffix("11.5 s: stream, silent for 12 s"))
  }

  @Test(arguments: [(0.4, "0:00"), (59.6, "1:00"), (3599, "59:59"), (3661, "1:01:01")])
  func clock(_ seconds: Double, _ text: String) { #expect(LiveScreen.clock(seconds) == text) }
}
