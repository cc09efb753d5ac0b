// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import StressAnalysis
@testable import StressCore
@testable import StressMachine
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

  /// In place of a compiler, which is too large for a guest: gives out what the host's has made of the same source.
  private static let compiler = """
    #!/bin/sh
    cat >/dev/null; cp /ring "$3"; chmod 755 "$3"

    """

  private static func ring(in directory: String) throws -> [UInt8] {
    let (source, program) = (directory + "/ring.c", directory + "/ring")
    try File.write(source, Array(ReproducerScript.ringSource.joined(separator: "\n").utf8))
    try Tool.run("gcc", ["-O2", "-static", "-o", program, source], package: "gcc")
    return try File.read(program)
  }

  /// Runs each script so many times; returns what each run said, and its exit code.
  private func runs(
    _ count: Int, of scripts: [String], on kernel: String, memory: UInt64 = 1 << 30,
    arguments: String = "/scratch"
  ) throws -> [(said: String, code: String)] {
    try GuestLab.withDirectory { directory in
      var guest = try ShellGuest(kernel, programs: Self.programs)
      guest.memory = memory
      guest.files["bin/bash"] = guest.files["/usr/bin/bash"]
      guest.files["ring"] = try Self.ring(in: directory)
      guest.files["bin/cc"] = Array(Self.compiler.utf8)
      for (number, script) in scripts.enumerated() {
        guest.files["repro-\(number).sh"] = Array(script.utf8)
      }
      let console = try guest.run(
        """
        state() {
          cut -d' ' -f1-3 /proc/mounts; find /sys/fs/cgroup -type d; ls /scratch /tmp
          cat /sys/block/loop*/loop/backing_file 2>/dev/null
        }
        mkdir -p /mnt; state > /before
        for script in /repro-*.sh; do for run in $(seq \(count)); do
          code=0; said=$($script \(arguments) 2>/errors) || code=$?
          echo "SAID $said"; echo "RUN $code"; cat /errors
        done; done
        state > /after; diff /before /after && echo SAME
        """, in: directory, patience: 60 + 40 * Double(count * scripts.count))
      func told(_ lead: String) -> [String] {
        console.filter { $0.hasPrefix(lead) }.map { String($0.dropFirst(lead.count)) }
      }
      let (said, codes) = (told("SAID "), told("RUN "))
      print("\(kernel): \(said.joined(separator: ", "))")
      #expect(
        codes.count == count * scripts.count && said.count == codes.count, "\(console.suffix(40))")
      #expect(console.contains("SAME"), "\(console.suffix(40))")
      return Array(zip(said, codes))
    }
  }

  /// How many runs of a profile's script ended in an OOM kill.
  private func killed(_ kernel: String, runs count: Int) throws -> Proportion {
    let script = try ReproducerScript(
      try GuestLab.profile("oracle-backup"), label: "oracle-backup",
      mkfs: "mkfs.ext4 -q -F -E lazy_itable_init=0,lazy_journal_init=0", seen: nil)
    let said = try runs(count, of: [script.text], on: kernel).map(\.said)
    for text in said { #expect(["OOM", "no OOM"].contains(text)) }
    return Proportion(said.count { $0 == "OOM" }, of: said.count)
  }

  /// Commands at each of their times, of which the last does not heed its signal; one that is killed; one that fails;
  /// and a service that ends. Each leaves nothing, whatever it has begun.
  @Test func commandsRunInAPlainShell() throws {
    let all = [
      """
      - {name: up, when: service, run: "sleep 1; touch /up; sleep 1000", ready: [test, -e, /up], within: 20s}
      - {name: made, when: before, run: "yes marked | head -c 1048576 > /mnt/wbstress/made"}
      - {name: work, run: "cd /mnt/wbstress && test $LEVEL = 9 && sleep 2 && dd if=made of=copy bs=64k && cmp made copy", environment: {LEVEL: "9"}}
      - {name: side, when: beside, outside: on, run: "trap '' TERM; while :; do sleep 0.1; done", grace: 300ms}
      """,
      "- {name: eater, run: [dd, if=/dev/zero, of=/dev/null, bs=64M, count=1]}",
      "- {name: wrong, run: \"sleep 1000 & exit 3\"}",
      """
      - {name: gone, when: service, run: "exit 0"}
      - {name: work, run: [sleep, "2"]}
      """,
    ]
    let scripts = try all.map { commands in
      let profile = try ProfileFile(
        text: """
          limits: {memory.max: 32MiB, memory.swap.max: 0}
          filesystem: {type: tmpfs}
          duration: 20s
          commands:
          \(commands)
          """, name: "test.yaml"
      ).profile()
      return try ReproducerScript(profile, label: "test", mkfs: "", seen: nil).text
    }
    let told = try runs(1, of: scripts, on: "debian:6.12")
    #expect(told.map(\.code) == ["0", "1", "2", "2"])
    #expect(
      told.map(\.said) == [
        "no OOM", "OOM", "no result: wrong: exit status 3", "no result: gone: exit status 0",
      ])
  }

  private static let environment = ProcessInfo.processInfo.environment

  /// The script of a mail, for figures: `WBSTRESS_REPRODUCER` is its file, `..._KERNEL` what it runs on, `..._RUNS` how
  /// often, `..._MEMORY` the machine's, and `..._ARGUMENTS` what it is called with.
  @Test(.enabled(if: environment["WBSTRESS_REPRODUCER"] != nil, "WBSTRESS_REPRODUCER is not set"))
  func ofAMail() throws {
    let text = try File.text(try #require(Self.environment["WBSTRESS_REPRODUCER"]))
    func given(_ name: String) -> String? { Self.environment["WBSTRESS_REPRODUCER_" + name] }
    let told = try runs(
      Self.runs ?? 4, of: [text], on: given("KERNEL") ?? "debian:6.12",
      memory: try given("MEMORY").map { text throws in try Units.size(text) } ?? 1 << 30,
      arguments: given("ARGUMENTS") ?? "/scratch")
    #expect(told.allSatisfy { $0.code != "2" && !$0.said.isEmpty }, "\(told)")
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
