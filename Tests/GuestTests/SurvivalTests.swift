// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import StressCore

/// One process of the harness through many kills, on a machine that a shell has booted.
@Suite(.serialized, .enabled(if: GuestLab.binary != nil, "WBSTRESS_BINARY is not set; see ci/test"))
struct SurvivalTests {
  /// Trials in a row; a hundred by WBSTRESS_REPEAT=100.
  private static let trials =
    ProcessInfo.processInfo.environment["WBSTRESS_REPEAT"].flatMap { Int($0) } ?? 12

  /// What the harness's process is at the end of each trial: kB resident, threads, descriptors.
  private struct Reading {
    var trial: Int
    var resident: Int
    var threads: Int
    var descriptors: Int

    init?(_ line: String) {
      let words = line.split(separator: " ").dropFirst().compactMap { Int($0) }
      guard line.hasPrefix("READING "), words.count == 4 else { return nil }
      (trial, resident, threads, descriptors) = (words[0], words[1], words[2], words[3])
    }
  }

  /// A pin that is too large is killed each time. The harness is not, counts each kill once in the record,
  /// in memory.events and in the kernel log, as the console does, and does not grow.
  @Test func killsInARow() throws {
    try GuestLab.withDirectory { directory in
      var guest = try ShellGuest("debian:6.12", programs: ["mkfs.ext4"])
      guest.files["profiles/smoke.yaml"] = try File.read("\(GuestLab.profiles)/smoke.yaml")
      // The tracer is switched on and off with each trial (GuestTrial.isEmulatorFault).
      guest.cpus = 1
      let console = try guest.run(
        """
        mkdir -p /scratch/images
        /init run /profiles/smoke.yaml --vary pin=80MiB --vary device.size=16MiB \
          --loop /scratch/images --trials \(Self.trials) --seed 1 --output /scratch/kills \
          >/text 2>&1 &
        pid=$!; last=0
        while [ -d /proc/$pid/fd ]; do
          done=$(grep -c '^\\[' /text)
          if [ $done -gt $last ]; then
            last=$done
            echo READING $done $(awk '/^VmRSS|^Threads/ { print $2 }' /proc/$pid/status) \
              $(ls /proc/$pid/fd | wc -l)
          fi
          usleep 100000
        done
        wait $pid; echo STATUS $?
        for trial in /scratch/kills/trials/*; do
          record=$trial/record.jsonl
          echo TRIAL $(grep -c '"type":"oom",' $record) \
            $(grep -o '"oom_kill":[0-9]*' $record | tail -n1 | cut -d: -f2) \
            $(grep -o '"kill_lines":[0-9]*' $record | cut -d: -f2) \
            $(grep -c '"type":"end","outcome":"oom"' $record)
        done
        tail -n 3 /text
        """, in: directory, patience: 60 + 12 * Double(Self.trials))
      let text = console.suffix(60).joined(separator: "\n")
      #expect(console.contains("STATUS 1"), "\(text)")
      let counts = console.filter { $0.hasPrefix("TRIAL ") }
      #expect(counts.count == Self.trials, "\(text)")
      // In the record, memory.events and the kernel log; and that the trial ended so.
      #expect(counts.allSatisfy { $0 == "TRIAL 1 1 1 1" }, "\(counts)")
      let killed = console.filter { $0.contains("Killed process") }
      #expect(killed.count == Self.trials)
      #expect(killed.allSatisfy { $0.contains("(wb-pinned)") }, "\(killed)")

      let readings = console.compactMap(Reading.init)
      #expect(readings.count >= Self.trials / 2, "\(text)")
      // The first trials fill what is kept: buffers, the allocator's arenas.
      let settled = readings.filter { $0.trial > 2 }
      let quarter = max(1, settled.count / 4)
      func median(_ part: ArraySlice<Reading>, _ value: (Reading) -> Int) -> Int {
        let sorted = part.map(value).sorted()
        return sorted.isEmpty ? 0 : sorted[sorted.count / 2]
      }
      let (first, last) = (settled.prefix(quarter), settled.suffix(quarter))
      let resident = (median(first, \.resident), median(last, \.resident))
      print(
        "survival: \(Self.trials) trials, \(killed.count) kills; resident \(resident.0) kB in the"
          + " first quarter, \(resident.1) in the last")
      for reading in readings { print("  \(reading)") }
      #expect(resident.1 - resident.0 < 2048)
      // Between two trials; a reading may come when the next has begun.
      func least(_ part: ArraySlice<Reading>, _ value: (Reading) -> Int) -> Int {
        part.map(value).min() ?? 0
      }
      #expect(least(last, \.threads) <= least(first, \.threads))
      #expect(least(last, \.descriptors) <= least(first, \.descriptors))
    }
  }
}
