// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import StressCore

/// `wbstress run --loop` on a machine that systemd runs: Debian 12's 252, whose scopes know no OOMPolicy.
@Suite(.serialized, .enabled(if: GuestLab.binary != nil, "WBSTRESS_BINARY is not set; see ci/test"))
struct SystemdTests {
  /// `state`: what a trial must leave as it found it. `slow N`: a trial N in the background that takes its time, in
  /// `$run`, until its streams run; its unit's cgroup in `$unit`, and the record's last line by `ended N`.
  static let functions = #"""
    export PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb SYSTEMD_COLORS=0
    mkdir -p /scratch/images
    state() { (
      for group in "" init.scope/ system.slice/ user.slice/; do
        for file in cgroup.subtree_control memory.min memory.low memory.high memory.max memory.swap.max \
          memory.oom.group io.weight cpu.weight cpuset.cpus pids.max; do
          echo "$group$file $(cat /sys/fs/cgroup/$group$file)"
        done
      done
      ls -d /sys/fs/cgroup/*/ /sys/kernel/tracing/instances/*; cut -d' ' -f1-3 /proc/mounts
      cat /sys/block/loop*/loop/backing_file; ls /scratch/images; cat /proc/self/cgroup
      systemctl --failed --no-legend; systemctl list-units --all --no-legend 'wbstress*'
      cat /proc/[0-9]*/comm | grep wb-
    ) 2>/dev/null; }
    same() { state >/after; diff /before /after && echo "SAME $1"; }
    until_file() { n=0; until grep -q "$1" $2 2>/dev/null || [ $n -gt 600 ]; do n=$((n+1)); sleep 0.5; done; }
    until_gone() { n=0; while [ -e $1 ] && [ $n -lt 120 ]; do n=$((n+1)); sleep 0.5; done; }
    record() { echo /scratch/$1/trials/1-1/record.jsonl; }
    ended() { echo "END $1 $(tail -n1 $(record $1))"; [ -s $(record $1) ] || cat /text; }
    slow() {
      name=$1; shift
      /init run /profiles/smoke.yaml --vary device.bandwidth=256KiB/s --trials 1 --seed \#(GuestLab.campaignSeed) \
        --output /scratch/$name --loop /scratch/images "$@" >/text 2>&1 & run=$!
      until_file '"name":"stream"' $(record $name)
      grep -q '"name":"stream"' $(record $name) || { cat /text $(record $name); timeout 30 systemctl list-jobs; wchans; }
      unit=$(echo /sys/fs/cgroup/wbstress-*.service)
    }
    wchans() { for task in /proc/[0-9]*/task/*; do
      echo "$(cat $task/comm): $(head -n 4 $task/stack | tr '\n' ' ')"; done | grep -v '^kworker'; }
    state >/before

    """#

  static func boot(_ script: String, in directory: String) throws -> [String] {
    var guest = try ShellGuest("debian:6.12")
    guest.system = try SystemImage.path()
    for profile in ["smoke.yaml", "oracle-backup.yaml"] {
      guest.files["profiles/" + profile] = try File.read("\(GuestLab.profiles)/\(profile)")
    }
    let console = try guest.run(functions + script, in: directory, patience: 600)
    if let booted = console.first(where: { $0.hasPrefix("BOOTED ") }) {
      print("systemd's guest: \(booted) s")
    }
    return console
  }

  /// The last line of trial `name`'s record.
  private func ending(_ name: String, _ console: [String]) throws -> JSON {
    let line = try #require(
      console.first { $0.hasPrefix("END \(name) ") }, "\(console.joined(separator: "\n"))")
    return try JSON(parsing: Array(line.dropFirst("END \(name) ".count).utf8))
  }

  /// An OOM kill ends the trial, and neither the session that it was started from nor a unit of systemd's.
  @Test func livesInAUnitOfItsOwn() throws {
    try GuestLab.withDirectory { directory in
      let console = try Self.boot(
        #"""
        systemd-run --quiet --scope --unit=session --slice=user.slice sh -c '
          /init run /profiles/oracle-backup.yaml:tmpfs --loop /scratch/images --trials 1 --seed 1 \
            --output /scratch/oom >/text 2>&1
          echo STATUS $?; echo "SESSION $(cat /proc/self/cgroup)"' & session=$!
        until_file '"name":"ready"' $(record oom)
        unit=$(basename /sys/fs/cgroup/wbstress-*.service)
        (cd /sys/fs/cgroup/$unit; find . -type d; cat cgroup.subtree_control memory.max
          echo "SUPERVISOR $(cat wbstress-supervisor/memory.min)")
        systemctl daemon-reload
        systemctl show $unit -p OOMPolicy -p Delegate -p DelegateControllers -p ManagedOOMPreference -p MemoryMin \
          -p Slice -p ActiveState
        cd /; wait $session; ended oom
        echo "BASE $(grep -o '"cgroup_base":"[^"]*"' $(record oom)) $unit"
        /init why /scratch/oom | head -n 30 | tr -s '\n ' ' '; echo
        systemctl stop session.scope; same oom
        """#, in: directory)
      let text = console.joined(separator: "\n")
      #expect(text.contains("STATUS 0"), "\(text)")
      #expect(console.contains("SESSION 0::/user.slice/session.scope"))
      #expect(try ending("oom", console)["outcome"] == "oom")
      for property in [
        "OOMPolicy=continue", "Delegate=yes", "DelegateControllers=cpu io memory",
        "ManagedOOMPreference=omit", "MemoryMin=67108864", "Slice=-.slice", "ActiveState=active",
        "SUPERVISOR 67108864",
      ] { #expect(console.contains(property), "\(property)\n\(text)") }
      #expect(console.contains("./wbstress/db") && console.contains("./wbstress-supervisor"))
      let base = try #require(console.first { $0.hasPrefix("BASE ") }).split(separator: " ")
      #expect(base[1] == "\"cgroup_base\":\"\(base[2])\"")
      #expect(text.contains("memcg /\(base[2])/wbstress at its limit"))
      #expect(console.contains("SAME oom"), "\(text)")
    }
  }

  /// Everything that ends a trial from outside ends it once, says what it was, and leaves the machine as before.
  @Test func isEndedFromOutside() throws {
    try GuestLab.withDirectory { directory in
      let console = try Self.boot(
        #"""
        slow int --vary observe.trace=off; kill -INT $run; wait $run; echo STATUS-int $?; ended int; same int
        slow stop --vary observe.trace=off; systemctl stop $(basename $unit); wait $run; echo STATUS-stop $?; ended stop; same stop
        slow other; sh -c "echo KILLER \$\$; kill -KILL $(echo $(cat $unit/wbstress/*/cgroup.procs)); sleep 1"
        wait $run; echo STATUS-other $?; ended other; same other
        slow harness --vary observe.trace=off; kill -KILL $run; wait $run; until_gone $unit; [ -e $unit ] || echo GONE
        """#, in: directory)
      let text = console.joined(separator: "\n")
      for name in ["int", "stop"] {
        #expect(console.contains("STATUS-\(name) 130"), "\(text)")
        let ending = try ending(name, console)
        #expect(ending["outcome"] == "harness-lost" && ending["reason"] == "interrupted")
      }
      #expect(
        try ending("stop", console)["message"]?.string?.contains("was stopped: systemctl stop")
          == true)
      let other = try ending("other", console)
      #expect(other["outcome"] == "invalid" && other["reason"] == "killed-by-other", "\(other)")
      let killer = try #require(console.first { $0.hasPrefix("KILLER ") }).dropFirst(7)
      let message = try #require(other["message"]?.string)
      #expect(
        message.contains(" by sh (pid \(killer)); daemons alive that kill: none"), "\(message)")
      for name in ["int", "stop", "other"] { #expect(console.contains("SAME \(name)"), "\(text)") }
      #expect(console.contains("GONE"))
    }
  }

  /// Where systemd does not delegate, a cgroup that somebody else has delegated will do; what is wrong with one is
  /// said before anything is touched.
  @Test func takesADelegatedCgroup() throws {
    try GuestLab.withDirectory { directory in
      let console = try Self.boot(
        #"""
        smoke() { /init run /profiles/smoke.yaml --loop /scratch/images --trials 1 \
          --seed \#(GuestLab.campaignSeed) "$@" 2>&1; echo "STATUS $?"; }
        unshare --mount sh -c 'mount --bind /dev/null /run/systemd/private
          mount --bind /dev/null /run/dbus/system_bus_socket
          /init run /profiles/smoke.yaml --loop /scratch/images --trials 1 2>&1; echo STATUS-bus $?'
        systemd-run --quiet --unit=mine -p Delegate=yes sleep infinity; mine=/sys/fs/cgroup/system.slice/mine.service
        smoke --cgroup system.slice/nowhere
        smoke --cgroup $mine
        mkdir $mine/rest $mine/here; cat $mine/cgroup.procs >$mine/rest/cgroup.procs
        smoke --cgroup $mine/here
        echo "+memory +io +cpu" >$mine/cgroup.subtree_control
        smoke --cgroup $mine/here --output /scratch/here; ended here; find $mine -type d
        grep -o '"cgroup_ancestors":.*' $(record here) | cut -c1-4000
        systemctl stop mine; same cgroup
        """#, in: directory)
      let text = console.joined(separator: "\n")
      #expect(text.contains("STATUS-bus 5"), "\(text)")
      #expect(text.contains("name a cgroup that is delegated to you: --cgroup PATH"))
      #expect(text.contains("/sys/fs/cgroup/system.slice/nowhere: is no cgroup: ENOENT"))
      #expect(text.contains("system.slice/mine.service: has processes of its own (pid "))
      #expect(text.contains("mine.service/here/cgroup.controllers: lacks cpu, io, memory"))
      #expect(
        console.filter { $0.hasPrefix("STATUS ") } == [
          "STATUS 4", "STATUS 4", "STATUS 5", "STATUS 0",
        ])
      #expect(try ending("here", console)["outcome"] == "completed")
      #expect(console.filter { $0.contains("mine.service/here/wbstress") } == [])
      #expect(text.contains(#""system.slice/mine.service/here":{"#))
      #expect(console.contains("SAME cgroup"), "\(text)")
    }
  }

  /// systemd-oomd takes a child of a unit that it is told to omit, and leaves the trial's alone, which say so
  /// themselves.
  @Test func isSparedBySystemdOOMD() throws {
    try GuestLab.withDirectory { directory in
      let console = try Self.boot(
        #"""
        mkdir -p /run/systemd/oomd.conf.d
        printf '[OOM]\nDefaultMemoryPressureDurationSec=1s\n' >/run/systemd/oomd.conf.d/test.conf
        systemctl start systemd-oomd.socket systemd-oomd
        watch() { systemctl set-property --runtime $1 ManagedOOMMemoryPressure=kill ManagedOOMMemoryPressureLimit=1%; }
        systemd-run --quiet --unit=bait -p Delegate=yes -p ManagedOOMPreference=omit sleep infinity
        bait=/sys/fs/cgroup/system.slice/bait.service; mkdir $bait/rest $bait/leaf
        cat $bait/cgroup.procs >$bait/rest/cgroup.procs; echo +memory >$bait/cgroup.subtree_control
        echo 8M >$bait/leaf/memory.high; watch bait.service
        sh -c "echo 0 >$bait/leaf/cgroup.procs; exec dd if=/dev/zero of=/dev/null bs=64M" 2>/dev/null; echo BAIT $?
        slow oomd --vary streams.*.size=unlimited --vary streams.*.fsync=64KiB --vary duration=20s
        echo 1M >$unit/wbstress/memory.high; watch $(basename $unit)
        sleep 8; oomctl | grep -A3 "$(basename $unit)"; wait $run; ended oomd
        journalctl -u systemd-oomd --no-pager -o cat | grep Killed
        systemctl stop bait systemd-oomd systemd-oomd.socket
        """#, in: directory)
      let text = console.joined(separator: "\n")
      #expect(console.contains("BAIT 137"), "\(text)")
      #expect(text.contains("Killed /system.slice/bait.service/leaf"), "\(text)")
      // Above what systemd-oomd was told to act on; the kernel holds back whoever is above memory.high.
      let told = try #require(console.firstIndex { $0.contains("Path: /wbstress-") }, "\(text)")
      let pressure = try #require(console[told...].first { $0.contains("Avg10: ") })
      let words = pressure.split(whereSeparator: \.isWhitespace)
      #expect(words.count > 2 && Double(words[2]) ?? 0 > 1, "\(pressure)")
      #expect(try ending("oomd", console)["outcome"] == "completed", "\(text)")
    }
  }
}
