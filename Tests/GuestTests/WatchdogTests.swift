// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import StressCore

/// The watchdog beside a trial on a real machine: what it kills, when, and that the machine lives.
@Suite(.serialized, .enabled(if: GuestLab.binary != nil, "WBSTRESS_BINARY is not set; see ci/test"))
struct WatchdogGuestTests {
  /// `begin NAME OPTIONS` starts a trial that never ends by itself, waits for its streams, and puts a process into
  /// its cgroup that does not die with the harness: $TRIAL and $GUEST. `age` prints /proc/uptime's seconds.
  private static let functions = """
    age() { cut -d' ' -f1 /proc/uptime; }
    since() { echo "$1 $(age)" | awk '{printf "%.2f", $2 - $1}'; }
    begin() {
      NAME=$1; shift
      /init run /profiles/smoke.yaml --loop /scratch/images --trials 1 --seed \(GuestLab.campaignSeed) \
        --vary streams.*.size=unlimited --vary duration=200s --vary device.bandwidth=1MiB/s \
        --vary observe.trace=off \
        --output /scratch/$NAME "$@" >/scratch/$NAME.txt 2>&1 & TRIAL=$!
      RECORD=/scratch/$NAME/trials/1-1/record.jsonl
      for i in $(seq 600); do
        grep -q '"name":"stream"' $RECORD 2>/dev/null && break; sleep 0.1
      done
      GROUP=$(ls -d /sys/fs/cgroup/wbstress/*/ | head -n 1)
      sh -c "echo \\$\\$ > $GROUP/cgroup.procs; exec sleep 1000" & GUEST=$!
      sleep 1
    }
    finish() {
      wait $TRIAL; echo "$NAME STATUS $?"; tail -n 1 $RECORD; cat /scratch/$NAME.txt
      grep '"type":"watchdog"' $RECORD
    }
    """

  @Test func killsForTheHarnessAndTheMachine() throws {
    try GuestLab.withDirectory { directory in
      var guest = try ShellGuest("debian:6.12", programs: ["mkfs.ext4"])
      guest.files["profiles/smoke.yaml"] = try File.read("\(GuestLab.profiles)/smoke.yaml")
      let console = try guest.run(
        """
        mkdir -p /scratch/images /hog
        \(Self.functions)
        begin stuck --abort-stuck 5s
        kill -STOP $TRIAL; from=$(age); wait $GUEST; echo "stuck GUEST $? $(since $from)"
        sleep 1; kill -CONT $TRIAL; finish

        available=$(awk '/MemAvailable/ {print int($2 / 1024)}' /proc/meminfo)
        mount -t tmpfs -o size=100% tmpfs /hog
        begin hog --abort-available $((available * 2 / 3))MiB
        dd if=/dev/zero of=/hog/x bs=1M count=$((available / 2)) 2>/dev/null & from=$(age)
        wait $GUEST; echo "hog GUEST $? $(since $from) of $available MiB"; finish; rm /hog/x

        begin killed
        kill -9 $TRIAL; from=$(age); wait $GUEST; echo "killed GUEST $? $(since $from)"
        sleep 2; echo "WATCHDOGS $(ps -o args | grep -c '[w]atchdog$')"
        /init clean; echo "CLEAN $?"
        """, in: directory, patience: 300)
      let text = console.joined(separator: "\n")
      /// Seconds until the cgroup was killed: SIGKILL is 137.
      func time(_ name: String) throws -> Double {
        let line = try #require(
          console.first { $0.hasPrefix("\(name) GUEST 137 ") }, "\(name): \(text)")
        return try #require(Double(line.split(separator: " ")[3]), "\(line)")
      }
      func ending(_ reason: String, _ outcome: String) -> Bool {
        console.contains {
          $0.contains(#""type":"end","outcome":"\#(outcome)","reason":"\#(reason)""#)
        }
      }
      #expect(try (4.0...9.0).contains(time("stuck")), "\(text)")
      #expect(ending("stuck", "harness-lost"), "\(text)")
      #expect(try time("hog") < 20)
      #expect(text.contains("hog STATUS 4") && text.contains("MemAvailable of this machine was"))
      #expect(ending("machine", "invalid"), "\(text)")
      #expect(try time("killed") < 2)
      // The watchdog has gone with it, and the machine lives: what the killed run left can be undone.
      #expect(console.contains("WATCHDOGS 0") && console.contains("CLEAN 0"), "\(text)")
      let cost = console.filter { $0.contains(#""type":"watchdog""#) }
      #expect(cost.count == 2)
      for name in ["stuck", "hog", "killed"] { print(name, try time(name), "s") }
      print(cost.first ?? "")
    }
  }
}
