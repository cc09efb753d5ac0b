// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import StressCore

/// What is left of runs that were killed or interrupted, on a real machine: one that a shell has booted.
///
/// WBSTRESS_REPEAT says how many runs are ended, at moments drawn from the length of a whole one;
/// WBSTRESS_SEED draws others.
@Suite(.serialized, .enabled(if: GuestLab.binary != nil, "WBSTRESS_BINARY is not set; see ci/test"))
struct CleanupTests {
  private static let environment = ProcessInfo.processInfo.environment
  private static let repeats = environment["WBSTRESS_REPEAT"].flatMap { Int($0) } ?? 8
  private static let seed =
    environment["WBSTRESS_SEED"].flatMap { Int($0) } ?? Int.random(in: 1...99999)

  /// As much as a trial can make and change, and a few seconds long.
  private static let profile = """
    limits: {memory.max: 48MiB, memory.swap.max: 8MiB}
    pinned: [{name: db, size: 2MiB, mode: locked}]
    streams: [{name: backup, size: 1MiB, access: overwrite, fsync: end}]
    device: {size: 64MiB, delay: 5ms}
    timeline:
      - {at: 200ms, delay: 50ms, sysctl: {vm.dirty_ratio: 11}}
      - {at: 600ms, delay: 5ms}
    machine: {swap: 16MiB}
    kernel:
      lru_gen: off
      sysctl: {vm.dirty_bytes: 8388608, vm.dirty_background_ratio: 5, vm.swappiness: 33}
      sysfs: {kernel/mm/transparent_hugepage/enabled: never}
    duration: 1s
    """

  /// What must be as it was, as text; and how a run is ended and looked at afterwards.
  private static let functions = """
    mkdir -p /scratch/images
    \(ShellGuest.withoutSymbols)
    state() { (
      cut -d' ' -f1-3 /proc/mounts; ls /mnt; find /sys/fs/cgroup -type d
      cat /sys/fs/cgroup/cgroup.subtree_control; cat /proc/swaps
      cat /sys/block/loop*/loop/backing_file; ls -d /sys/block/dm-*; ls /dev/mapper
      ls /sys/kernel/tracing/instances; cat /sys/kernel/tracing/kprobe_events
      ls -AR /scratch/images; ls -A /var/lib/wbstress
      grep -s . /proc/sys/vm/*; cat /sys/kernel/mm/lru_gen/enabled
      cat /sys/kernel/mm/transparent_hugepage/enabled /proc/self/cgroup
      ps -o comm | grep wb | grep -v grep
    ) 2>/dev/null; }
    now() { cut -d' ' -f1 /proc/uptime; }
    start() { rm -rf /scratch/out; /init run /kill.yaml --loop /scratch/images --trials 1 \
      --seed \(GuestLab.campaignSeed) --output /scratch/out >/dev/null 2>/text & run=$!; }
    reach() { for i in $(seq 200); do
      grep -qs "\\"name\\":\\"$1\\"" /scratch/out/trials/1-1/record.jsonl && return; sleep 0.05; done; }
    phase() { p=$(grep -o '"type":"phase".*"name":"[a-z]*"' /scratch/out/trials/1-1/record.jsonl \
      2>/dev/null | tail -n1 | sed 's/.*:"//; s/"//'); echo ${p:-none}; }
    """

  private func boot(
    _ script: String, in directory: String, patience: Double = 400
  ) throws -> [String] {
    var guest = try ShellGuest("debian:6.12", programs: ["mkfs.ext4", "mkswap"])
    guest.files["kill.yaml"] = Array(Self.profile.utf8)
    // The tracer is switched on and off again and again, and an emulated processor may be caught in code that
    // another changes (GuestTrial.isEmulatorFault).
    guest.cpus = 1
    return try guest.run(
      Self.functions + "\n" + script, in: directory, patience: patience)
  }

  /// Ends runs at random moments; each must leave the machine as it was. Prints how many did, and where they
  /// were.
  private func endRuns(with signal: String, thenClean: Bool) throws {
    print("SIG\(signal): seed \(Self.seed)")
    try GuestLab.withDirectory { directory in
      let console = try boot(
        """
        echo 20 > /proc/sys/vm/dirty_ratio
        state > /before
        begin=$(now); start; wait $run; echo WHOLE $begin $(now) $? $(phase)
        state > /after; diff /before /after && echo SAME-WHOLE
        awk -v seed=\(Self.seed) -v n=\(Self.repeats) -v a=$begin -v b=$(now) \
          'BEGIN { srand(seed); for (i = 0; i < n; i++) printf "%.2f\\n", rand() * (b - a) }' > /delays
        for delay in $(cat /delays); do
          start; sleep $delay; kill -\(signal) $run 2>/dev/null; wait $run; ended=$?
          \(thenClean ? "/init clean > /said 2>&1; cleaned=$?" : "cleaned=0")
          state > /after
          if diff /before /after > /difference; then same=SAME; else same=DIFFERENT; fi
          echo "ENDED $delay $(phase) $ended $cleaned $same"
          [ $same = SAME ] || cat /difference /said /text
        done
        """, in: directory, patience: 240 + 45 * Double(Self.repeats))
      #expect(console.contains("SAME-WHOLE"), "\(console)")
      let ends = console.filter { $0.hasPrefix("ENDED ") }.map { $0.split(separator: " ") }
      let same = ends.filter { $0.last == "SAME" && $0[4] == "0" }
      let phases = Dictionary(grouping: ends) { $0[2] }
        .map { "\($0.key) \($0.value.count)" }.sorted().joined(separator: ", ")
      print("SIG\(signal): as before in \(same.count) of \(ends.count); phases: \(phases)")
      #expect(ends.count == Self.repeats, "\(console)")
      #expect(same.count == ends.count, "\(console)")
    }
  }

  @Test func cleanUndoesWhatAKilledRunLeft() throws {
    try endRuns(with: "KILL", thenClean: true)
  }

  @Test func anInterruptedRunLeavesNothing() throws {
    try endRuns(with: "INT", thenClean: false)
  }

  /// All that is nobody's but others', or has become theirs, survives; and the rest goes.
  @Test func leavesAloneWhatIsNotTheRuns() throws {
    try GuestLab.withDirectory { directory in
      let console = try boot(
        """
        truncate -s 1M /scratch/wbstress-scratch.img
        # A run that lives.
        start; reach stream; /init clean; echo LIVE $?; wait $run; echo LIVED $?
        # One that is hurried: the waits are short, and here nothing takes long.
        state > /before
        start; reach stream; kill -INT $run; sleep 0.1; kill -INT $run; wait $run; echo TWICE $?
        state > /after; diff /before /after && echo SAME-TWICE
        # One that was killed, and aliens beside what it left.
        start; reach stream; kill -KILL $run; wait $run
        start; wait $run; echo REFUSED $?; cat /text
        mkdir /sys/fs/cgroup/wbstress-mine /sys/kernel/tracing/instances/wbstress-mine
        mkdir -p /mnt/wbstress-mine; mount -t tmpfs mine /mnt/wbstress-mine
        losetup /dev/loop7 /scratch/wbstress-scratch.img
        echo 44 > /proc/sys/vm/swappiness
        rmdir /sys/fs/cgroup/wbstress-supervisor; mkdir /sys/fs/cgroup/wbstress-supervisor
        /init clean --dry-run; echo DRY $?
        grep -c /mnt/wbstress /proc/mounts
        /init clean; echo CLEANED $?
        ls -1d /sys/fs/cgroup/wbstress*; ls /sys/kernel/tracing/instances
        grep /mnt /proc/mounts | cut -d' ' -f1-3
        cat /sys/block/loop*/loop/backing_file; echo SWAPPINESS $(cat /proc/sys/vm/swappiness)
        echo DIRTY $(cat /proc/sys/vm/dirty_ratio /proc/sys/vm/dirty_bytes)
        /init clean; echo AGAIN $?
        rmdir /sys/fs/cgroup/wbstress*; umount /mnt/wbstress-mine; losetup -d /dev/loop7
        # One that a reboot ended: what is there now is another's.
        echo 60 > /proc/sys/vm/swappiness
        start; reach stream; kill -KILL $run; wait $run
        sed -i 's/"boot_id":"[^"]*"/"boot_id":"another"/' /var/lib/wbstress/*.jsonl
        /init clean; echo REBOOTED $?
        echo SWAPPINESS $(cat /proc/sys/vm/swappiness)
        grep -c ' /mnt/wbstress ' /proc/mounts; ls -d /sys/fs/cgroup/wbstress; ls -A /scratch/images
        """, in: directory)
      let text = console.joined(separator: "\n")
      func part(_ from: String, _ to: String) -> String {
        let tail = text.components(separatedBy: from).dropFirst().joined(separator: from)
        return tail.components(separatedBy: to)[0]
      }
      #expect(text.contains("left alone: in use by a run"), "\(text)")
      #expect(text.contains("LIVE 4\n") && text.contains("LIVED 0\n"))
      #expect(text.contains("TWICE 130\n") && console.contains("SAME-TWICE"), "\(text)")
      #expect(text.contains("REFUSED 4\n"))
      #expect(part("REFUSED", "DRY").contains("a run has not undone what it made"))
      #expect(part("REFUSED", "DRY").contains("; wbstress clean"))
      #expect(part("REFUSED", "DRY").contains("would undo: mount of /dev/dm-0 at /mnt/wbstress"))
      #expect(text.contains("DRY 0\n2\n"))
      let cleaned = part("DRY 0", "CLEANED")
      #expect(cleaned.contains("undone: mount of /dev/dm-0 at /mnt/wbstress"))
      #expect(
        cleaned.contains("left alone: cgroup wbstress-supervisor: another of that name"))
      #expect(cleaned.contains("/proc/sys/vm/swappiness says 44, neither 60 as before"))
      #expect(text.contains("CLEANED 0\n"))
      #expect(
        part("CLEANED 0\n", "DIRTY") == """
          /sys/fs/cgroup/wbstress-mine
          /sys/fs/cgroup/wbstress-supervisor
          wbstress-mine
          mine /mnt/wbstress-mine tmpfs
          /scratch/wbstress-scratch.img
          SWAPPINESS 44

          """)
      #expect(text.contains("DIRTY 20 0\n"))
      #expect(part("DIRTY 20 0\n", "AGAIN 0").contains("nothing to clean"))
      // Neither settings nor kernel objects are touched; the images are gone.
      #expect(text.contains("REBOOTED 0\nSWAPPINESS 33\n1\n/sys/fs/cgroup/wbstress\n"))
      #expect(!part("REBOOTED", "\u{0}").contains("wbstress-scratch"))
    }
  }
}
