// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import StressAnalysis
@testable import StressReport

/// The script of a cell on a machine that has nothing of this program.
@Suite(.serialized, .enabled(if: GuestLab.binary != nil, "WBSTRESS_BINARY is not set; see ci/test"))
struct ReproducerTests {
  /// All that the script may need: bash, coreutils, util-linux and the file system's mkfs.
  private static let programs = [
    "bash", "mktemp", "truncate", "head", "tail", "dd", "sleep", "mkdir", "rmdir", "rm", "mount",
    "umount", "losetup", "mkfs.ext4",
  ]

  /// More runs, for figures: docs/findings.md.
  private static let runs = ProcessInfo.processInfo.environment["WBSTRESS_REPRODUCER_RUNS"]
    .flatMap { Int($0) }

  /// Runs the script again and again; returns how many of its runs ended in an OOM kill.
  private func killed(_ kernel: String, runs: Int) throws -> Proportion {
    try GuestLab.withDirectory { directory in
      let script = try ReproducerScript(
        try GuestLab.profile("oracle-backup"), label: "oracle-backup",
        mkfs: "mkfs.ext4 -q -F -E lazy_itable_init=0,lazy_journal_init=0", seen: nil)
      var guest = try ShellGuest(kernel, programs: Self.programs)
      guest.files["bin/bash"] = guest.files["/usr/bin/bash"]
      guest.files["repro.sh"] = Array(script.text.utf8)
      let console = try guest.run(
        """
        state() {
          cut -d' ' -f1-3 /proc/mounts; find /sys/fs/cgroup -type d; ls /scratch /tmp
          cat /sys/block/loop*/loop/backing_file 2>/dev/null
        }
        state > /before
        for run in $(seq \(runs)); do
          echo "SAID $(/repro.sh /scratch 2>/errors)"; echo "RUN $?"; cat /errors
        done
        state > /after; diff /before /after && echo SAME
        """, in: directory, patience: 60 + 40 * Double(runs))
      let codes = console.filter { $0.hasPrefix("RUN ") }
      let said = console.filter { $0.hasPrefix("SAID ") }.map { $0.dropFirst(5) }
      print("\(kernel): \(said.joined(separator: ", "))")
      #expect(codes.count == runs, "\(console.suffix(40))")
      for text in said { #expect(["OOM", "no OOM"].contains(text), "\(console.suffix(40))") }
      #expect(console.contains("SAME"), "\(console.suffix(20))")
      return Proportion(said.count { $0 == "OOM" }, of: said.count)
    }
  }

  @Test func killsWhereTheHarnessKills() throws {
    let killed = try killed("debian:6.12", runs: Self.runs ?? 4)
    // Of the harness's own trials 8 in 10 are killed; none of four would come once in 600 times.
    #expect(killed.events > 0)
  }

  @Test func sparesWhereTheHarnessSpares() throws {
    #expect(try killed("debian:6.1", runs: Self.runs ?? 2).events == 0)
  }
}
