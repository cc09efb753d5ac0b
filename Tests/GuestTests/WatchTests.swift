// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import StressCore

/// `wbstress watch` on a machine that systemd runs: Debian 12's 252.
@Suite(.serialized, .enabled(if: GuestLab.binary != nil, "WBSTRESS_BINARY is not set; see ci/test"))
struct WatchTests {
  /// `victim SCRIPT`: a unit with a limit of 64 MiB, which an OOM kill does not end. `limits`: what it is given.
  private static let functions = #"""
    export NO_COLOR=1
    victim() {
      systemd-run --quiet --collect --unit=victim -p MemoryMax=64M -p MemorySwapMax=0 -p OOMPolicy=continue sh -c "$1"
      sleep 1
    }
    group=/sys/fs/cgroup/system.slice/victim.service
    limits() { (cd $group; grep . memory.m* memory.low memory.high memory.swap.max cgroup.controllers); }

    """#

  private func boot(_ script: String) throws -> [String] {
    try GuestLab.withDirectory { try SystemdTests.boot(Self.functions + script, in: $0) }
  }

  /// A unit writes, is killed for its own memory, and goes on.
  @Test func aUnitIsWatched() throws {
    let console = try boot(
      #"""
      victim 'while sleep 0.1; do dd if=/dev/zero of=/scratch/backup bs=1M count=48 conv=fsync; done 2>/dev/null &
        until [ -e /scratch/go ]; do sleep 0.1; done; tail /dev/zero; sleep 1000'
      state >/before; limits >/limits
      /init watch --unit victim --time 7s --output /scratch/watch >/text 2>&1 & run=$!
      until_file '"name":"stream"' $(record watch); sleep 2; touch /scratch/go; wait $run; echo STATUS $?; cat /text
      limits | diff /limits - && echo UNLIMITED
      tail -n1 $(record watch); same watch
      /init why /scratch/watch; echo WHY $?
      /init report /scratch/watch --format html >/page; echo PAGE $?; grep -o '<title>.*</title>' /page
      grep '"type":"task"' $(record watch)
      """#)
    let text = console.joined(separator: "\n")
    for line in [
      "wbstress: watching system.slice/victim.service for 7s, until ^C, or until it is gone; record in"
        + " /scratch/watch",
      "watch: system.slice/victim.service", "limits: memory.max 64MiB, memory.swap.max 0B",
      "STATUS 0", "UNLIMITED", "SAME watch", "WHY 0", "PAGE 0",
      "<title>watch: system.slice/victim.service</title>",
      #"{"type":"end","outcome":"oom","reason":null,"message":null}"#,
    ] { #expect(console.contains(line), "\(line)\n\(text)") }
    #expect(text.contains("after the watching began, memcg /system.slice/victim.service at"))
    #expect(text.contains("killed: tail, pid "), "\(text)")
    // What came and went within a second is in its cgroup, too.
    let writers = console.filter {
      $0.contains(#""comm":"dd","cgroup":"system.slice/victim.service""#)
    }
    #expect(writers.count >= 3, "\(text)")
  }

  /// It ends with what it watches, and when it is told to; killed, it leaves what clean removes.
  @Test func endsInEveryWay() throws {
    let console = try boot(
      #"""
      victim 'sleep 1000'; state >/before
      /init watch --unit victim --output /scratch/gone >/text 2>&1 & run=$!
      until_file '"name":"stream"' $(record gone); systemctl stop victim; wait $run; echo GONE $?; ended gone
      victim 'sleep 1000'; state >/before
      /init watch --pid $(head -n1 $group/cgroup.procs) --observe trace=off --output /scratch/term >/text 2>&1 & run=$!
      until_file '"name":"stream"' $(record term); kill $run; wait $run; echo TERM $?; ended term; same term
      /init watch --cgroup system.slice/victim.service --output /scratch/kill >/text 2>&1 & run=$!
      until_file '"name":"stream"' $(record kill)
      /init run /profiles/smoke.yaml --vary observe.trace=off --trials 1 --seed 1 --loop /scratch/images \
        --output /scratch/beside >/text 2>&1; echo BESIDE $?
      kill -KILL $run; wait $run; ls -d /sys/kernel/tracing/instances/*; /init clean; same clean
      /init watch --unit nobody; echo NOBODY $?
      /init watch --cgroup system.slice/script.service; echo OWN $?
      /init watch --cgroup /sys/fs/cgroup/system.slice/victim.service --output /scratch/term; echo FULL $?
      /init watch --unit victim --observe rstat=1s; echo RSTAT $?
      """#)
    let text = console.joined(separator: "\n")
    for line in [
      "GONE 0", "TERM 0", "BESIDE 0", "SAME term", "SAME clean",
      #"END gone {"type":"end","outcome":"completed","reason":"gone","message":"no cgroup is left to be watched"}"#,
      #"END term {"type":"end","outcome":"completed","reason":null,"message":null}"#,
      "--unit nobody: has no cgroup: it does not run; systemctl status nobody", "NOBODY 4",
      "/sys/fs/cgroup/system.slice/script.service: is the cgroup that wbstress itself runs in; start it"
        + " elsewhere: systemd-run --scope --slice=-.slice wbstress watch ...", "OWN 4",
      "/scratch/term: is not empty; name a new --output directory", "FULL 2",
      "--observe rstat: is no key that 'watch' knows; one of fast, interval, trace, trace_buffer, sched, slow",
      "RSTAT 2",
    ] { #expect(console.contains(line), "\(line)\n\(text)") }
    #expect(text.contains("/sys/kernel/tracing/instances/wbstress-"), "\(text)")
  }

  /// The unit as it is shipped, with shorter times: it survives the kill that it watches, and the restart after it.
  @Test func aFlightRecorderSurvivesTheKill() throws {
    let shipped = try File.text("\(GuestLab.profiles)/../share/systemd/wbstress-watch@.service")
    let unit = shipped.replacing("/usr/bin/wbstress", with: "/init")
      .replacing("--keep 5m", with: "--keep 10s --after 3s --every 5s")
      .replacing("[Service]", with: "[Service]\nStandardError=append:/scratch/flight")
    let console = try boot(
      """
      cat >/etc/systemd/system/wbstress-watch@.service <<'END'
      \(unit)
      END
      """
        + #"""

        systemctl daemon-reload; state >/before; ln -s /var/lib/wbstress/watch/victim /scratch/victim
        doomed() {
          systemd-run --quiet --collect --unit=victim -p MemoryMax=64M -p MemorySwapMax=0 sh -c "$1"
        }
        systemctl start wbstress-watch@victim; until_file 'does not run' /scratch/flight
        doomed 'sleep 15; tail /dev/zero'; until_file 'record 1 is whole' /scratch/flight
        doomed 'sleep 8; tail /dev/zero'; until_file 'record 2 is whole' /scratch/flight
        systemctl is-active wbstress-watch@victim; systemctl show -p NRestarts wbstress-watch@victim
        cat /sys/fs/cgroup/wbstress-watch@victim.service/memory.peak | sed 's/^/PEAK /'
        systemctl stop wbstress-watch@victim; rm /scratch/victim; same flight
        sed 's/^/SAID /' /scratch/flight
        cd /var/lib/wbstress/watch/victim/trials; ls -1
        for kill in 1 2; do
          grep '"type":"oom"' 1-$kill/record.jsonl | grep -o '"t":[0-9]*' | sed "s/^/KILL$kill /"
          grep -m1 '"lane":"fast","v"' 1-$kill/record.jsonl | grep -o '"t":[0-9]*' | sed "s/^/FIRST$kill /"
          tail -n1 1-$kill/record.jsonl
        done
        cd /; /init why /var/lib/wbstress/watch/victim; /init report /var/lib/wbstress/watch/victim
        """#)
    let text = console.joined(separator: "\n")
    for line in [
      "active", "NRestarts=0", "SAME flight", "1-1", "1-2",
      "SAID wbstress: --unit victim.service: has no cgroup: it does not run; systemctl status"
        + " victim.service",
      "SAID wbstress: watching system.slice/victim.service",
      "SAID wbstress: oom: the kernel's OOM killer ran; record 1",
      "SAID wbstress: record 1 is whole: oom",
      "SAID wbstress: the cgroup is gone; waiting for it", "SAID wbstress: record 2 is whole: oom",
      #"{"type":"end","outcome":"oom","reason":"oom","message":"the kernel's OOM killer ran"}"#,
    ] { #expect(console.contains(line), "\(line)\n\(text)") }
    func time(_ mark: String) throws -> Int {
      let line = try #require(console.first { $0.hasPrefix(mark + " ") }, "\(mark)\n\(text)")
      return try #require(Int(line.dropFirst(mark.count + #" "t":"#.count)))
    }
    // What was kept of the first, and all that there was of the second.
    let kept = try time("KILL1") - time("FIRST1")
    #expect((9_000_000_000...11_000_000_000).contains(kept), "\(kept)\n\(text)")
    let all = try time("KILL2") - time("FIRST2")
    #expect((3_000_000_000...9_000_000_000).contains(all), "\(all)\n\(text)")
    #expect(text.contains("memcg /system.slice/victim.service at"), "\(text)")
    #expect(!text.contains("record: "), "\(text)")
  }

  /// The machine is out of memory, and the disk of the records is full: the recorder lives, says where the lines are that
  /// it could not write there, and has the next record whole.
  @Test func theMachineIsOutOfMemoryAndItsDiskFull() throws {
    let console = try boot(
      #"""
      state >/before; mkdir /scratch/small; mount -t tmpfs -o size=96k small /scratch/small
      systemd-run --quiet --unit=recorder -p OOMScoreAdjust=-1000 -p StandardError=append:/scratch/said \
        /init watch --unit victim --keep 10s --after 2s --every 5s --on oom --output /scratch/small/watch
      hungry() {
        systemd-run --quiet --collect --unit=victim -p OOMPolicy=continue $1 sh -c 'sleep 6; tail /dev/zero; sleep 4'
      }
      records=/scratch/small/watch/trials
      hungry; until_file 'record 1 is not' /scratch/said; until_file 'does not run' /scratch/said
      ls /run/wbstress-*; mount -o remount,size=64m /scratch/small
      cat /run/wbstress-*.jsonl >>$records/1-1/record.jsonl; rm /run/wbstress-*.jsonl; grep '"type":"end"' $records/1-1/record.jsonl
      hungry '-p MemoryMax=64M'; until_file 'record 2 is' /scratch/said
      systemctl is-active recorder; systemctl show -p NRestarts recorder; systemctl stop recorder
      sed 's/^/SAID /' /scratch/said; /init why /scratch/small/watch; /init report /scratch/small/watch | grep '^record:'
      umount /scratch/small; rmdir /scratch/small; same full
      """#)
    let text = console.joined(separator: "\n")
    for line in [
      "SAID wbstress: oom: the kernel's OOM killer ran; record 1",
      "SAID wbstress: oom: the kernel's OOM killer ran; record 2",
      "SAID wbstress: record 2 is whole: oom", "active", "NRestarts=0", "SAME full",
      #"{"type":"end","outcome":"oom","reason":"oom","message":"the kernel's OOM killer ran"}"#,
    ] { #expect(console.contains(line), "\(line)\n\(text)") }
    #expect(
      text.contains(
        "SAID wbstress: record 1 is not whole: /scratch/small/watch/trials/1-1/record.jsonl: write: "
      ),
      "\(text)")
    #expect(text.contains("lines are not in it: ENOSPC"), "\(text)")
    // Both kills, the machine's own from a record of two pieces.
    #expect(text.contains("the machine"), "\(text)")
    #expect(text.contains("OOM kills: justified 2, of 2 kills."), "\(text)")
    #expect(!text.contains("record: "), "\(text)")
  }
}
