// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import StressCore
@testable import StressLab

/// `wbstress run --device`: what it refuses, and what it does, on a real machine with real tools.
@Suite(.serialized, .enabled(if: GuestLab.binary != nil, "WBSTRESS_BINARY is not set; see ci/test"))
struct DeviceGuardTests {
  private static let tools = [
    "mkfs.ext4", "mke2fs", "mkfs.xfs", "mkfs.btrfs", "btrfs", "blkid", "losetup", "sfdisk", "partx",
    "blockdev", "mkswap", "perl", "lvm", "mdadm", "dmsetup", "cryptsetup", "unshare", "wipefs",
  ]

  private static func guest() throws -> ShellGuest {
    var guest = try ShellGuest("debian:6.12", programs: tools)
    guest.modules = ["raid1", "zram", "brd", "dm_mod"]
    for name in ["smoke", "oracle-backup"] {
      guest.files["profiles/\(name).yaml"] = try File.read("\(GuestLab.profiles)/\(name).yaml")
    }
    return guest
  }

  /// Every target, one after the other, in one guest.
  private static let console = Result { () throws -> [String] in
    let script =
      [real, DangerousTarget.functions]
      + (DangerousTarget.inUse + DangerousTarget.unused).map(\.script)
    return try GuestLab.withDirectory { directory in
      try guest().run(script.joined(separator: "\n"), in: directory, patience: 900)
    }
  }

  /// Shell: Debian's busybox takes its own programs for those in PATH, but functions before either. It has no mkfs of
  /// ours, and a function's name has no dot.
  private static let real =
    (tools.filter { !$0.contains(".") }.map { "\($0)() { /usr/bin/\($0) \"$@\"; }" }
    + ["pvcreate", "vgcreate", "lvcreate", "lvchange"].map {
      "\($0)() { /usr/bin/lvm \($0) \"$@\"; }"
    })
    .joined(separator: "\n")

  @Test(arguments: DangerousTarget.inUse + DangerousTarget.unused)
  func refuses(_ target: DangerousTarget) throws {
    let console = try Self.console.get()
    let all = console.filter { line in
      ["TARGET", "SAID", "MADE", "UNCHANGED"].contains { word in
        line == "\(word) \(target.name)" || line.hasPrefix("\(word) \(target.name) ")
      }
    }
    let text = all.joined(separator: "\n")
    let isRefused = all.contains("TARGET \(target.name) 4")
    let isSaid = all.contains { $0.hasPrefix("SAID") && $0.contains(target.reason) }
    #expect(isRefused && isSaid && all.contains("UNCHANGED \(target.name)"), "\(text)")
  }

  @Test func countOfRefused() throws {
    let targets = DangerousTarget.inUse + DangerousTarget.unused
    let console = try Self.console.get()
    #expect(console.contains { $0.hasPrefix("TARGET") }, "\(console.suffix(20))")
    let refused = targets.filter { target in
      console.contains("TARGET \(target.name) 4") && console.contains("UNCHANGED \(target.name)")
    }
    print("dangerous targets refused and unchanged: \(refused.count) of \(targets.count)")
    #expect(targets.count >= 25 && refused.count == targets.count)
  }

  /// Twice on one disk, and once on a partition. Behind device.size nothing is written, but at a disk's very end, where
  /// mkfs.xfs looks for the superblocks of md.
  @Test func runsOnADeviceThatIsNamed() throws {
    try GuestLab.withDirectory { directory in
      var guest = try Self.guest()
      let disk = directory + "/named"
      try Scratch.sparse(disk, size: 640 << 20)
      guest.disks = [.init(path: disk, serial: "WB-7")]
      // The tracer is switched on and off with each trial (GuestTrial.isEmulatorFault).
      guest.cpus = 1
      let state = """
        state() { ( cut -d' ' -f1-3 /proc/mounts; find /sys/fs/cgroup -type d; cat /proc/swaps
          losetup -a; ls -R /scratch/images /sys/kernel/tracing/instances; ls /dev/mapper
          cat /proc/self/cgroup ) 2>/dev/null; }
        rest() { dd if=/dev/vdb bs=1M skip=512 count=120 2>/dev/null | md5sum; }
        ends() { for i in /scratch/$1/trials/*-1; do tail -n1 $i/record.jsonl; done; }
        """
      let console = try guest.run(
        """
        \(Self.real)
        \(DangerousTarget.functions)
        \(state)
        mkdir /scratch/images; \(ShellGuest.withoutSymbols)
        dd if=/dev/urandom of=/dev/vdb bs=1M seek=512 2>/dev/null; rest >/tmp/rest; state >/before
        run() { /init run /profiles/smoke.yaml --trials 1 --seed \(GuestLab.campaignSeed) --no-live "$@" 2>&1; }
        /init check /profiles/smoke.yaml --device /dev/vdb --output /scratch/a --yes-wipe WB-7
        echo CHECK $?
        run --device /dev/vdb --yes-wipe WB-7 --fs ext4,xfs,btrfs --output /scratch/serial
        echo SERIAL $?; ends serial; head -n1 /scratch/serial/trials/1-1/record.jsonl
        run --device /dev/vdb --yes-wipe 671088640 --output /scratch/size; echo SIZE $?; ends size
        blkid -p -o export /dev/vdb
        state >/after; diff /before /after && echo SAME; rest | cmp - /tmp/rest && echo REST
        run --device /dev/vdb --yes-wipe WB-7 --vary machine.swap=64MiB; echo NODIR $?
        wipefs -q -a /dev/vdb; printf ',600M\\n' | sfdisk -q --label gpt /dev/vdb
        waits '[ -b /dev/vdb1 ]'
        run --device /dev/vdb1 --yes-wipe WB-7 --vary device.bandwidth=2MiB/s --output /scratch/part
        echo PART $?; tail -n1 /scratch/part/trials/1-1/record.jsonl
        state >/after; diff /before /after && echo SAME-AGAIN
        """, in: directory, patience: 420)
      let text = console.joined(separator: "\n")
      #expect(text.contains("CHECK 0"), "\(text)")
      #expect(text.contains("SERIAL 0") && text.contains("SIZE 0"), "\(text)")
      let ends = console.filter { $0.contains(#""type":"end","outcome":"completed""#) }
      #expect(ends.count == 5, "\(text)")
      #expect(
        text.contains(#""disk":{"path":"/dev/vdb","model":null,"size":671088640,"used":536870912}"#)
      )
      #expect(console.contains("LABEL=wbstress") && console.contains("TYPE=ext4"))
      #expect(console.contains("SAME") && console.contains("REST"), "\(text)")
      #expect(text.contains("NODIR 4") && text.contains("needs image files for its cache or swap"))
      #expect(text.contains("PART 0") && console.contains("SAME-AGAIN"), "\(text)")
    }
  }

  /// The guards of the machine, each for itself.
  @Test func refusesMachines() throws {
    try GuestLab.withDirectory { directory in
      let console = try Self.guest().run(
        """
        run() { /init run /profiles/smoke.yaml --loop /scratch --trials 1 --seed \(GuestLab.campaignSeed) "$@" 2>&1; }
        program() { printf '#!/bin/sh\\nsleep 10000\\n' >/tmp/$1; chmod +x /tmp/$1; /tmp/$1 & }
        program earlyoom; sleep 1; run --output /scratch/w --whole-machine --vary memory.max=max
        echo DAEMON $?
        run --output /scratch/o; echo BESIDE $?
        head -n1 /scratch/o/trials/1-1/record.jsonl; kill $!
        program weston; sleep 1; run; echo DESKTOP $?; kill $!
        echo 1 >/proc/sys/vm/panic_on_oom; run; echo PANIC $?; echo 0 >/proc/sys/vm/panic_on_oom
        unshare -m sh -c 'mount -o remount,bind,ro /sys/fs/cgroup; \
          /init run /profiles/smoke.yaml --loop /scratch --trials 1 2>&1'; echo READONLY $?
        unshare -r /init run /profiles/smoke.yaml --loop /scratch --trials 1 2>&1; echo USER $?
        /init check --loop /scratch; echo CHECK $?
        run --output /tmp/results; echo MEMORY $?
        """, in: directory)
      let text = console.joined(separator: "\n")
      #expect(text.contains("DAEMON 4") && text.contains("earlyoom (pid"), "\(text)")
      #expect(
        text.contains("BESIDE 0") && text.contains(#""oom_daemons":["earlyoom"]"#), "\(text)")
      #expect(text.contains("DESKTOP 4") && text.contains("is a graphical session"), "\(text)")
      #expect(text.contains("PANIC 4") && text.contains("vm.panic_on_oom: is 1"), "\(text)")
      #expect(text.contains("READONLY 4") && text.contains("is mounted read-only"), "\(text)")
      #expect(
        text.contains("USER 4") && text.contains("is root of a user namespace only"), "\(text)")
      #expect(text.contains("CHECK 0") && text.contains("nothing is in the way"), "\(text)")
      #expect(text.contains("MEMORY 0"), "\(text)")
    }
  }
}
