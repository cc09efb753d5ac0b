// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressCore
@testable import StressMachine
@testable import StressReport

struct ReproducerScriptTests: ProfileSuite {
  private func backup() throws -> Profile {
    try ProfileFile(path: shipped + "/oracle-backup.yaml").profile()
  }

  private func script(_ profile: Profile) throws -> ReproducerScript {
    try ReproducerScript(profile, label: "test", mkfs: "mkfs.ext4 -q", seen: nil)
  }

  @Test func ofACell() throws {
    let fixture = try MailFixture(trials: 1)
    let text = try ReproducerReport.script(fixture.analysis, cell: 1).text
    try expectGolden(String(text.dropLast()), "reproducer.txt")
  }

  /// The writer by io_uring is what a compiler with all warnings takes, and writes what dd would.
  @Test(arguments: [["fsync"], ["direct", "dsync"], []])
  func theRing(_ flags: [String]) throws {
    let directory = try RecordFixture()
    let (source, program, file) = (
      directory.path("ring.c"), directory.path("ring"), directory.path("file")
    )
    try File.write(source, Array(ReproducerScript.ringSource.joined(separator: "\n").utf8))
    try Tool.run(
      "gcc", ["-O2", "-Wall", "-Wextra", "-Werror", "-o", program, source], package: "gcc")
    try Tool.run(program, [file, "65536", "21", "8"] + flags, package: "ring")
    let written = try File.read(file, atMost: 1 << 21)
    #expect(written.count == 21 * 65536 && written.allSatisfy { $0 == 0x5a })
    #expect(
      try Tool.output(program, ["/nowhere/x", "4096", "1", "1"], package: "ring").0 == .status(2))
  }

  /// Every profile either has a script that bash can read, of 62 lines at most, or says why not.
  @Test func everyProfile() throws {
    let directory = try RecordFixture()
    var told = 0
    for name in File.names(in: shipped) {
      let file = try ProfileFile(path: shipped + "/" + name)
      for variant in [nil] + file.variants.map(Optional.some) {
        let profile = try file.profile(variant: variant)
        let made = Result { () throws(HarnessError) in
          try ReproducerScript(profile, label: name, mkfs: "mkfs.ext4", seen: nil)
        }
        switch made {
        case .success(let script):
          let ring = script.usesRing ? ReproducerScript.ringSource.count + 2 : 0
          let count = script.lines.count - ring
          #expect(count <= 62, "\(name) \(variant ?? ""): \(count) lines")
          for line in script.lines { #expect(line.count <= 78, "\(name): \(line)") }
          let path = directory.path("script")
          try File.write(path, Array(script.text.utf8))
          try Tool.run("bash", ["-n", path], package: "bash")
          told += 1
        case .failure(let error):
          #expect(error.code == .usage && error.operation.hasPrefix("cannot have "), "\(error)")
        }
      }
    }
    #expect(told > 10)
  }

  @Test func refusals() throws {
    var profile = try backup()
    profile.limits = []
    #expect(throws: HarnessError.self) { try script(profile) }
    profile = try backup()
    profile.device.delay = 1
    let error = #expect(throws: HarnessError.self) { try script(profile) }
    #expect(error?.operation == "cannot have device.delay")
    profile = try backup()
    profile.machine.swap = 1 << 20
    profile.pinned[0].growth = 1 << 20
    profile.filesystem.kind = .nfs
    let others = #expect(throws: HarnessError.self) { try script(profile) }
    #expect(
      others?.operation
        == "cannot have nfs above ext4, swap, a pin that is filled while the streams run")
  }

  /// One that has a command at each of its times, beside and in the limits.
  private static let commands = """
    limits: {memory.max: 64MiB}
    cgroups: [{name: servers}]
    filesystem: {type: tmpfs}
    duration: 20s
    commands:
      - name: db
        when: service
        cgroup: servers
        run: [postgres, -D, /var/lib/pg data]
        ready: [pg_isready]
        within: 29500ms
        stop: QUIT
      - {name: made, when: before, run: "head -c 4M /dev/zero > /mnt/wbstress/made", exit: [0, 1]}
      - name: work
        run: [dd, if=/mnt/wbstress/made, of=/mnt/wbstress/copy]
        environment: {LEVEL: 9 x}
      - name: side
        when: beside
        outside: on
        run: >-
          while :; do cp -r /srv/data/of/the/application /mnt/wbstress/copies; rm -r /mnt/wbstress/copies; done
        stop: KILL
        exit: any
        grace: 300ms
    machine: {root: debian:trixie+postgresql, modules: [nfsd]}
    """

  @Test func commands() throws {
    let lines = try script(try profile(Self.commands)).lines
    let from = try #require(lines.firstIndex(of: "declare -A pid=(); over=\"\""))
    let expected = #"""
      (run $cg/servers/db postgres -D '/var/lib/pg data') &
      pid[db]=$!
      SECONDS=0
      until (run - pg_isready) &> /dev/null; do
        [ $SECONDS -lt 30 ] || lost "db is not ready"
        sleep 0.1
      done
      (run $cg/made /bin/sh -c 'head -c 4M /dev/zero > /mnt/wbstress/made') &
      pid[made]=$!
      over+=" made "
      may made 0 1
      # Whether the kill comes depends on the phase of a timer of 2 s.
      sleep $((RANDOM % 2)).$((RANDOM % 10))$((RANDOM % 10))
      (run $cg/work 'LEVEL=9 x' dd if=/mnt/wbstress/made \
        of=/mnt/wbstress/copy) &
      pid[work]=$!
      writers+=($!)
      w2='while :; do cp -r /srv/data/of/the/application /mnt/wbstress/cop'
      w2+='ies; rm -r /mnt/wbstress/copies; done'
      (run $cg-side /bin/sh -c "$w2") &
      pid[side]=$!
      SECONDS=0
      while kill -0 "${writers[@]}" 2> /dev/null && [ $SECONDS -lt 20 ]; do
        sleep 0.1
      done
      read -r _ up < $cg/servers/db/cgroup.events
      [ $up = 1 ] || over+=" db "
      kill -0 ${pid[work]} 2> /dev/null || over+=" work "
      kill -0 ${pid[side]} 2> /dev/null || over+=" side "
      kill -QUIT ${pid[db]} 2> /dev/null || :
      kill -TERM ${pid[work]} 2> /dev/null || :
      kill -KILL ${pid[side]} 2> /dev/null || :
      SECONDS=0
      while kill -0 "${pid[@]}" 2> /dev/null && [ $SECONDS -lt 5 ]; do
        sleep 0.1
      done
      while read -r key kills; do
        [ "$key" != oom_kill ] || break
      done < $cg/memory.events
      if [ "$kills" -gt 0 ]; then echo OOM; exit 1; fi
      may db
      may work 0
      echo "no OOM"
      """#
    #expect(lines[(from + 1)...].joined(separator: "\n") == expected)
    #expect(lines.contains("mnt=/mnt/wbstress; mkdir \"$mnt\""))
    #expect(lines.contains("  set +e; for g in $cg $cg-side"))
    #expect(lines.contains("mkdir $cg/servers $cg/servers/db $cg/made $cg/work $cg-side"))
    #expect(lines.contains("  rmdir $cg/work $cg/made $cg/servers/db $cg/servers $cg $cg-side"))
    let heading = lines.prefix { $0.hasPrefix("#") }.map { $0.dropFirst(2) }.joined(separator: " ")
    #expect(heading.contains("util-linux, dd, pg_isready, postgres, cgroup v2"))
    #expect(
      heading.contains("- the commands are this machine's own (there: debian:trixie+postgresql);"))
    #expect(heading.contains("- load these modules first: nfsd.") && !heading.contains("write(2)"))
    for line in lines { #expect(line.count <= 78, "\(line)") }
    let directory = try RecordFixture()
    try File.write(directory.path("script"), Array((lines.joined(separator: "\n") + "\n").utf8))
    try Tool.run("bash", ["-n", directory.path("script")], package: "bash")
  }

  /// A word too long for a line is the same word again: the lines are carried out.
  @Test func longWordsAreWhole() throws {
    let text =
      "printf '%s' \"it's $((40 + 2)) \\\"é\\\"\tand \" "
      + String(repeating: "a b;'c'\n", count: 30)
    var made = try profile("limits: {memory.max: 1MiB}\ncommands: [{name: work, run: [x]}]")
    made.commands[0].run = [text, "", "plain", String(repeating: "x", count: 90)]
    let lines = try script(made).lines
    let end = try #require(lines.firstIndex { $0.hasPrefix("(run $cg/work") })
    let begin = try #require(lines.firstIndex { $0.hasPrefix("w0=") })
    let calls = lines[begin..<(lines.firstIndex(of: "pid[work]=$!") ?? end)]
      // As it stands in a mail, and in the foreground.
      .map { "  " + ($0.hasSuffix(") &") ? String($0.dropLast(2)) : $0) }
    let shell = "cg=c; run() { shift; printf '<%s>' \"$@\"; }\n" + calls.joined(separator: "\n")
    let output = try Tool.run("bash", ["-c", shell], package: "bash")
    #expect(
      String(decoding: output, as: UTF8.self)
        == made.commands[0].run.map { "<\($0)>" }.joined())
  }

  @Test(arguments: [
    (
      "{root: debian:trixie, prepare: \"true\"}",
      "commands (a, b) on a machine that is prepared for them (machine.prepare)"
    ), ("{root: /srv/root}", "commands (a, b) in a user land of their own (machine.root)"),
    ("{}", "no streams, and no commands in their place"),
  ])
  func refusedCommands(_ machine: String, _ reason: String) throws {
    let profile = try profile(
      """
      limits: {memory.max: 1MiB}
      commands: [{name: a, run: [x], when: \(machine == "{}" ? "beside" : "with")}, {name: b, run: [y], when: before}]
      machine: \(machine)
      """)
    let error = #expect(throws: HarnessError.self) { try script(profile) }
    #expect(error?.operation == "cannot have \(reason)")
  }

  /// What is set is put back.
  @Test func settings() throws {
    var profile = try backup()
    profile.kernel.lruGen = false
    profile.kernel.sysctl = [.init("vm.dirty_ratio", "5")]
    let lines = try script(profile).lines
    #expect(lines.contains("put /proc/sys/vm/dirty_ratio \"5\""))
    #expect(lines.contains("put /sys/kernel/mm/lru_gen/enabled \"n\""))
    #expect(lines.contains { $0.contains("> \"${undo[i]}\"") })
  }
}
