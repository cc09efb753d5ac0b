// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import StressCore

/// `wbstress run --loop` on a real machine: one that a shell has booted, with nothing of the guests' own.
@Suite(.serialized, .enabled(if: GuestLab.binary != nil, "WBSTRESS_BINARY is not set; see ci/test"))
struct LocalTests {
  /// What a trial must leave as it found it, as text.
  static let state = """
    cut -d' ' -f1-3 /proc/mounts; find /sys/fs/cgroup -type d; cat /proc/swaps
    cat /sys/block/loop*/loop/backing_file; ls -R /scratch/images /sys/kernel/tracing/instances
    cat /sys/kernel/tracing/kprobe_events
    cat /proc/sys/vm/dirty_ratio /sys/kernel/mm/lru_gen/enabled /proc/self/cgroup
    cat /sys/fs/cgroup/*/io.max; ls /dev/mapper; ps -o comm | grep wb- | grep -v grep
    """

  private func boot(
    _ kernel: String, in directory: String, _ script: String, patience: Double = 240
  ) throws -> [String] {
    var guest = try ShellGuest(kernel, programs: ["mkfs.ext4", "mkfs.xfs", "mkfs.btrfs"])
    // The tracer is switched on and off with each trial (GuestTrial.isEmulatorFault).
    guest.cpus = 1
    for profile in File.names(in: GuestLab.profiles) {
      guest.files["profiles/\(profile)"] = try File.read("\(GuestLab.profiles)/\(profile)")
    }
    return try guest.run(
      """
      mkdir -p /scratch/images
      state() { ( \(Self.state) ) 2>/dev/null; }
      """ + "\n" + script, in: directory, patience: patience)
  }

  /// The same end as in a guest, and a machine as it was before.
  @Test func runsOnALoopDeviceAndLeavesNothing() throws {
    try GuestLab.withDirectory { directory in
      let console = try boot(
        "debian:6.12", in: directory,
        """
        state > /before
        /init run /profiles/oracle-backup.yaml --loop /scratch/images --trials 1 --seed 1 \
          --vary vm.dirty_ratio=20 --vary lru_gen=off --output /scratch/oom; echo STATUS-1 $?
        tail -n1 /scratch/oom/trials/1-1/record.jsonl
        /init run /profiles/slow-device.yaml:changing-delay --loop /scratch/images --trials 1 \
          --seed 1 --vary observe.rstat=10ms --output /scratch/delay; echo STATUS-2 $?
        tail -n1 /scratch/delay/trials/1-1/record.jsonl
        /init run /profiles/oracle-backup.yaml --loop /scratch/images --trials 1 --seed 1 \
          --vary observe.rstat=10ms --output /scratch/stopped & sleep 6; kill -INT $!; wait $!
        echo STATUS-3 $?
        tail -n1 /scratch/stopped/trials/1-1/record.jsonl
        state > /after; diff /before /after && echo SAME
        """)
      let text = console.joined(separator: "\n")
      // Killed there too, and with io.max for the slow disk.
      #expect(text.contains("STATUS-1 1"), "\(text)")
      #expect(console.contains { $0.contains(#""type":"end","outcome":"oom""#) })
      #expect(text.contains("STATUS-2 0"))
      #expect(console.contains { $0.contains(#""type":"end","outcome":"completed""#) })
      #expect(text.contains("STATUS-3 130"))
      #expect(console.contains { $0.contains(#""reason":"interrupted""#) })
      #expect(console.contains("SAME"))
    }
  }

  /// A cgroup of somebody else's that meets its limit again and again, in the same kernel log.
  @Test func killsOfOthersAreNotTheTrials() throws {
    try GuestLab.withDirectory { directory in
      let console = try boot(
        "debian:6.12", in: directory,
        """
        echo +memory > /sys/fs/cgroup/cgroup.subtree_control
        mkdir /sys/fs/cgroup/other; echo 8M > /sys/fs/cgroup/other/memory.max
        while sleep 1; do
          sh -c 'echo $$ > /sys/fs/cgroup/other/cgroup.procs; exec dd if=/dev/zero of=/dev/null bs=32M count=1'
        done 2>/dev/null &
        /init run /profiles/oracle-backup.yaml:nothing-pinned --loop /scratch/images --trials 1 --seed 1 \
          --output /scratch/others >/text; echo STATUS $?
        grep -o 'note.*' /text
        grep -e '"type":"note"' -e '"type":"kills"' -e '"type":"end"' /scratch/others/trials/1-1/record.jsonl
        echo KILLED $(dmesg | grep -c 'Killed process'), OTHERS $(grep -c '^oom_kill [1-9]' \
          /sys/fs/cgroup/other/memory.events)
        """)
      let text = console.joined(separator: "\n")
      #expect(text.contains("STATUS 0"), "\(text)")
      #expect(text.contains(#""type":"end","outcome":"completed""#), "\(text)")
      #expect(text.contains(#""kill_lines":0"#), "\(text)")
      #expect(text.contains(#""other_kill_lines":"#), "\(text)")
      // There were some.
      #expect(text.contains("OTHERS 1") && !text.contains("KILLED 0,"), "\(text)")
    }
  }

  /// Every profile but those that need a machine of their own, cut short; by the halves of the alphabet, as together
  /// they take too long for one guest.
  @Test(arguments: ["[a-m]", "[n-z]"]) func everyProfileRuns(_ letters: String) throws {
    try GuestLab.withDirectory { directory in
      let console = try boot(
        "debian:6.12", in: directory,
        """
        \(ShellGuest.withoutSymbols)
        state > /before
        for path in /profiles/\(letters)*.yaml; do
          name=$(basename $path .yaml)
          /init run $path --loop /scratch/images --whole-machine --trials 1 \
            --seed \(GuestLab.campaignSeed) --vary duration=1s --output /scratch/$name >/text 2>&1; code=$?
          echo "PROFILE $name $code $(tail -n1 /scratch/$name/trials/1-1/record.jsonl 2>/dev/null)"
          [ $code -lt 2 ] || cat /text
          rm -rf /scratch/$name
        done
        state > /after; diff /before /after && echo SAME
        """, patience: 420)
      let ends = console.filter { $0.hasPrefix("PROFILE ") }
      let isFirst = letters == "[a-m]"
      let names = File.names(in: GuestLab.profiles).filter {
        ("a"..."m").contains($0.prefix(1)) == isFirst
      }
      #expect(ends.count == names.count && names.count > 10, "\(console)")
      for end in ends {
        let words = end.split(separator: " ", maxSplits: 3)
        if words[1] == "small-zones" {
          #expect(words[2] == "4", "\(end)")
        } else if words[1] == "postgres-backup" {
          // The other commands' program is the shell.
          #expect(words[2] == "4", "\(end)")
          #expect(
            console.contains { $0.hasPrefix("command pgbench: this machine has no pgbench; ") },
            "\(console)")
        } else if words[1] == "qemu-img-600m" {
          #expect(words[2] == "4", "\(end)")
          #expect(
            console.contains {
              $0.hasPrefix("command convert: this machine has no qemu-img; ")
            }, "\(console)")
        } else if words[1] == "tar-restore" {
          // The archive is made with the guests' user land.
          #expect(end.contains("command restore: exit status 1: tar: "), "\(end)")
        } else if words[1] == "nfs-dirty" {
          #expect(words[2] == "4", "\(end)")
          #expect(
            console.contains { $0.hasPrefix("nfs-dirty: starts the kernel's NFS server, ") },
            "\(console)")
        } else if words[1] == "zswap-exit" {
          // The cloud kernel has no zswap.
          #expect(end.contains("/sys/module/zswap/parameters/enabled: write 1: ENOENT"), "\(end)")
        } else {
          #expect(["0", "1"].contains(words[2]), "\(end)\n\(console)")
          let outcomes = [#""outcome":"completed""#, #""outcome":"oom""#]
          #expect(outcomes.contains { end.contains($0) }, "\(end)")
        }
      }
      #expect(console.contains("SAME"), "\(console.suffix(20))")
    }
  }

  /// Nothing is touched where a guard says no, and all of them are heard.
  @Test func refusesWhatItCannotUndo() throws {
    try GuestLab.withDirectory { directory in
      let console = try boot(
        "debian:6.1", in: directory,
        """
        state > /before
        mkdir /sys/fs/cgroup/wbstress
        /init run /profiles/small-vm.yaml --loop /scratch/nowhere --trials 1; echo STATUS-1 $?
        rmdir /sys/fs/cgroup/wbstress
        /init run /profiles/smoke.yaml --vary device.size=4GiB --loop /scratch/images --trials 1
        echo STATUS-2 $?
        /init run /profiles/smoke.yaml --vary memory.max=2GiB --loop /scratch/images --trials 1
        echo STATUS-3 $?
        /init run /profiles/smoke.yaml --vary machine.nodes=2 --loop /scratch/images --trials 1
        echo STATUS-4 $?
        /init run /profiles/smoke.yaml --fs ext4,xfs,btrfs --loop /scratch/images --trials 1 \
          --output /scratch/smoke >/smoke.txt; echo STATUS-5 $?
        state > /after; diff /before /after && echo SAME
        """)
      let text = console.joined(separator: "\n")
      #expect(
        text.contains("small-vm: has no memory.max, and so puts the whole machine"), "\(text)")
      #expect(text.contains("/sys/fs/cgroup/wbstress: exists already"))
      #expect(text.contains("/scratch/nowhere: statfs: ENOENT"))
      #expect(text.contains("STATUS-1 4"))
      #expect(text.contains("the images take up to 4096 MiB"))
      #expect(text.contains("STATUS-2 4"))
      // The limit, and what the harness itself needs.
      #expect(text.contains("smoke: takes 2097 MiB, of it the harness itself 49 MiB"))
      #expect(text.contains("; more than 80 % of the "))
      #expect(text.contains("STATUS-3 4"))
      #expect(text.contains("needs boot parameters or a machine of its own"))
      #expect(text.contains("STATUS-4 4"))
      #expect(text.contains("STATUS-5 0"))
      #expect(console.contains("SAME"))
    }
  }
}
