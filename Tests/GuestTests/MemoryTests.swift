// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import StressAnalysis
@testable import StressCore
@testable import StressMachine
@testable import StressRecord

/// Memory that nothing can write back, or that has no room: what becomes of it, not how fast.
@Suite(.serialized, .enabled(if: GuestLab.binary != nil, "WBSTRESS_BINARY is not set; see ci/test"))
struct MemoryTests {
  private func run(
    _ kernel: String, _ profile: String, ends outcome: Outcome = .completed
  ) throws -> RecordReader {
    try GuestLab.withDirectory { directory in
      let record = try GuestLab.record(
        of: profile, kernel: kernel, in: directory, seed: 3, ends: outcome)
      GuestLab.expectNothingLeft(of: directory)
      return record
    }
  }

  /// More than the limit is pinned on one of four nodes, and what is beyond is in compressed memory.
  @Test(arguments: [("debian:6.1", "32MiB"), ("debian:6.12", "0")])
  func zramTakesWhatIsBeyondTheLimitOnANode(_ kernel: String, _ disk: String) throws {
    let record = try run(
      kernel,
      """
      limits: {memory.max: 64MiB, memory.swap.max: 96MiB, cpuset.mems: 2}
      pinned: [{size: 80MiB, mode: touched}]
      streams: [{engine: pwrite, size: 1MiB, fsync: end}]
      machine: {zram: 128MiB, swap: \(disk), nodes: 4, cpus: 4}
      """)
    let vmstat = try #require(
      record.lines("snapshot").first { $0["file"] == "/proc/vmstat" }?["values"])
    #expect(try #require(vmstat["pswpout"]?.int) * 4096 > 16 << 20)
    let swaps = record.lines("kmsg").compactMap { $0["text"]?.string }
      .filter { $0.hasPrefix("Adding ") }
    print("\(kernel): \(swaps)")
    #expect(swaps.first?.contains("Adding 131068k swap on /dev/zram0.") == true)
    #expect(swaps.count == (disk == "0" ? 1 : 2))
    let zones = try #require(record.first("environment")?["zones"]?.string)
    let nodes = Set(
      zones.split(separator: "; ").filter { $0.hasPrefix("Node ") }
        .compactMap { $0.split { " ,".contains($0) }.dropFirst().first })
    #expect(nodes == ["0", "1", "2", "3"], "\(zones)")
    let columns = record.lines("columns").flatMap { $0["names"]?.array ?? [] }.compactMap(\.string)
    #expect(columns.contains("kswapd3:run"))
  }

  /// Positive control: nothing is written back from tmpfs, and there is no swap.
  @Test func tmpfsStreamIsKilled() throws {
    let record = try run(
      "debian:6.12",
      """
      limits: {memory.max: 64MiB, memory.swap.max: 0}
      streams: [{engine: pwrite, size: 128MiB}]
      filesystem: {type: tmpfs, mount: size=90%}
      """, ends: .oom)
    #expect(record.lines("oom").count >= 1)
    #expect(record.first("header")?["mkfs"] == "")
    #expect(record.first("environment")?["mount"]?.string?.contains(" tmpfs ") == true)
    let columns = record.lines("columns").flatMap { $0["names"]?.array ?? [] }.compactMap(\.string)
    #expect(columns.contains("disk:write_ios") && !columns.contains { $0.hasPrefix("bdi:") })
    #expect(record.lines("note").isEmpty)
  }

  @Test func tmpfsHasNoStrictLimit() throws {
    let record = try run(
      "debian:6.12",
      """
      streams: [{size: 1MiB}]
      filesystem: {type: tmpfs}
      kernel: {strict_limit: on}
      """, ends: .invalid)
    #expect(record.ending?.message?.contains("tmpfs: has no backing device") == true)
  }

  /// A pin that cannot be says how far it came, whether it is killed or only slow; nothing waits for ever.
  @Test func aPinThatIsTooLargeSaysHowFarItCame() throws {
    try GuestLab.withDirectory { directory in
      let killed = try GuestLab.record(
        of: """
          limits: {memory.max: 40MiB, memory.swap.max: 0}
          pinned: [{name: db, size: 60MiB}]
          streams: [{engine: pwrite, size: 1MiB}]
          """, kernel: "debian:6.12", in: directory, ends: .oom)
      let message = try #require(killed.ending?.message)
      let reach = try #require(message.firstMatch(of: #/killed at (\d+\.\d) MiB of 60MiB/#))
      #expect((30...40).contains(Double(reach.1) ?? 0), "\(message)")
      let told = try #require(killed.lines("pin").first?["reached"]?.int)
      #expect(told > 30 << 20 && told < 40 << 20)
    }
    try GuestLab.withDirectory { directory in
      // Beyond memory.high each page is a sleep.
      let slow = try GuestLab.record(
        of: """
          limits: {memory.high: 24MiB, memory.swap.max: 0}
          pinned: [{name: db, size: 96MiB, mode: touched, huge: off, within: 3s}]
          streams: [{engine: pwrite, size: 1MiB}]
          duration: 20s
          """, kernel: "debian:6.12", in: directory)
      let pin = try #require(slow.lines("pin").first)
      let reached = try #require(pin["reached"]?.int)
      #expect(reached > 16 << 20 && reached < 96 << 20, "\(pin)")
      #expect(try TrialSummary(directory + "/record.jsonl").shortfalls.count == 1)
    }
  }
}
