// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis
@testable import StressCore

/// The commands of a profile.
struct CommandTests: ProfileSuite {
  @Test func aCommandIsReadWithItsDefaults() throws {
    let profile = try profile("commands: [{name: work, run: [dd, if=/dev/zero, \"\"]}]")
    var expected = Profile.Command(name: "work")
    expected.run = ["dd", "if=/dev/zero", ""]
    #expect(profile.commands == [expected])
    #expect(expected.when == .with && expected.exit == [0] && expected.stop == .term)
    #expect(expected.traced == ["dd"])
    #expect(profile.workers == ["work"])
  }

  /// The canonical form says the same again, whatever was given.
  @Test func theCanonicalFormIsReadTheSame() throws {
    let profile = try profile(
      """
      cgroups: [{name: a}]
      commands:
        - {name: one, cgroup: a, run: "echo 'x' | cat\\nexit 1", exit: [0, 1], environment: {A_B1: "x=y z"}}
        - {name: two, outside: on, run: [/bin/x], when: service, ready: "test -e /run/x", within: 5s, stop: QUIT}
        - {name: three, run: [a-b], when: beside, exit: any, grace: 0s, threads: "a,b-c"}
        - {name: four, run: [fio], when: before, figures: {iops: "iops=*,", lat: "*ms"}}
      timeline: [{at: 1s, start: three}]
      expect: {command.four.iops: ">= 10", command.one.time: "< 5s"}
      machine: {root: debian:trixie+fio, prepare: "true\\n", modules: [nfsd, nfs]}
      """)
    #expect(try Profile(json: profile.json, name: "again") == profile)
    #expect(profile.commands[0].run == ["/bin/sh", "-c", "echo 'x' | cat\nexit 1"])
    #expect(profile.commands[2].threads == ["a", "b-c"])
    #expect(profile.outside == ["two"])
  }

  @Test func callsAreTracedWhereItIsSaid() throws {
    let profile = try profile("commands: [{run: [dd]}]\nobserve: {syscalls: on}")
    #expect(profile.observe.syscalls)
    #expect(try Profile(json: profile.json, name: "again") == profile)
    // What is not asked for is not told: the canonical form is that of older profiles.
    #expect(try self.profile("commands: [{run: [dd]}]").json["observe"]?["syscalls"] == nil)
  }

  @Test(arguments: [
    (
      "commands: [{run: [a]}]\nobserve: {trace: off, syscalls: on}",
      "2:33: observe.syscalls: means nothing unless trace is on"
    ),
    (
      "streams: [{name: s}]\nobserve: {syscalls: on}",
      "2:21: observe.syscalls: means nothing without commands"
    ),
    ("commands: [{name: a}]", "1:12: commands[0]: missing key 'run'"),
    ("commands: [{run: []}]", "1:18: commands[0].run: is empty: there is no program"),
    ("commands: [{run: \"\"}]", "1:18: commands[0].run: is empty"),
    ("commands: [{run: [\"\"]}]", "1:19: commands[0].run[0]: is empty"),
    ("commands: [{run: {a: b}}]", "1:18: commands[0].run: expected a list; found a mapping"),
    (
      "commands: [{run: [a], when: after}]",
      "1:29: commands[0].when: expected one of with, beside, before, service; found 'after'"
    ),
    (
      "commands: [{run: [a], ready: [b]}]",
      "1:30: commands[0].ready: means nothing unless when is service"
    ),
    (
      "commands: [{run: [a], within: 5s}]",
      "1:31: commands[0].within: means nothing unless when is before or service"
    ),
    (
      "commands: [{run: [a], stop: SIGTERM}]",
      "1:29: commands[0].stop: expected one of TERM, INT, QUIT, HUP, KILL; found 'SIGTERM'"
    ),
    ("commands: [{run: [a], exit: 256}]", "1:29: commands[0].exit: 256 is more than 255"),
    ("commands: [{run: [a], exit: []}]", "1:29: commands[0].exit: is empty: use any"),
    (
      "commands: [{run: [a], exit: none}]",
      "1:29: commands[0].exit: expected any or a whole number; found 'none'"
    ),
    (
      "commands: [{run: [a], environment: {1A: b}}]",
      "1:37: commands[0].environment: '1A' is not the name of an environment variable"
    ),
    (
      "commands: [{run: [a], figures: {tps: \"tps =\"}}]",
      "1:38: commands[0].figures.tps: has not one * for the number"
    ),
    (
      "commands: [{run: [a], figures: {t: \"* or *\"}}]",
      "1:36: commands[0].figures.t: has not one * for the number"
    ),
    (
      "commands: [{run: [a], figures: {Tps: \"*\"}}]",
      "1:33: commands[0].figures: 'Tps' is not a name of a-z, 0-9 and '-'"
    ),
    (
      "commands: [{run: [a], figures: {time: \"*\"}}]",
      "1:39: commands[0].figures.time: is the time that the command takes: use another name"
    ),
    (
      "commands: [{run: [a], threads: [a-name-of-sixteen]}]",
      "1:32: commands[0].threads: 'a-name-of-sixteen' has more than the 15 bytes of a thread's name"
    ),
    (
      "commands: [{run: [a], threads: ['a\"b']}]",
      "1:32: commands[0].threads: 'a\"b' is not a name of letters, digits and . _ - + : / @"
    ),
    (
      "commands: [{run: [a], cgroup: b}]",
      "1:31: commands[0].cgroup: no 'b' in cgroups; there are none"
    ),
    (
      "{cgroups: [{name: b}], commands: [{run: [a], outside: on, cgroup: b}]}",
      "1:67: commands[0].cgroup: means nothing unless the command is inside the limits"
    ),
    (
      "{commands: [{name: b, run: [a]}], streams: [{name: b}]}",
      "1:20: commands[0].name: the name 'b' is taken; first at 1:52"
    ),
    (
      "{commands: [{name: b, run: [a], when: service}], timeline: [{at: 1s, start: b}]}",
      "1:77: timeline[0].start: no 'b' in streams, tasks or commands; there are none"
    ),
    (
      "{commands: [{name: b, run: [a]}], expect: {command.c.time: < 1s}}",
      "1:44: expect: no 'c' in commands; known: b"
    ),
    (
      "{commands: [{name: b, run: [a], figures: {tps: \"*\"}}], expect: {command.b.tp: 1}}",
      "1:65: expect: no figure 'tp'; did you mean tps? known: time, tps"
    ),
    (
      "{commands: [{run: [a]}], machine: {prepare: x}}",
      "1:45: machine.prepare: means nothing unless root is a Debian release"
    ),
    (
      "{commands: [{run: [a]}], machine: {root: ''}}",
      "1:42: machine.root: is empty"
    ),
    (
      "commands: []",
      "1:1: nothing to run: 'pinned', 'streams', 'tasks' and 'commands' are all empty"
    ),
    (
      "commands: [{run: [a], grace: -1s}]",
      "1:30: commands[0].grace: expected a duration such as 30s; found '-1s'"
    ),
    (
      "commands: [{run: [a], args: [b]}]",
      "1:23: unknown key 'args' in commands[0]; known: name, cgroup, outside, run, environment, when, ready, within, stop, grace, exit, threads, figures"
    ),
  ])
  func wrongCommandsAreToldExactly(_ text: String, _ problem: String) {
    #expect(problems(in: text) == ["p.yaml:\(problem)"])
  }

  @Test(
    arguments: [
      ("tps = * (", "x\ntps = 12.5 (without)\n", 12.5),
      ("* bytes", "4194304 bytes (4.2 MB) copied", 4_194_304),
      ("lat * ms", "progress: 1.0 s, 9 tps, lat 81.25 ms stddev", 81.25),
      // The last line counts, and in a line the first that fits.
      ("n=*", "n=1\nn=2 n=3", 2), ("n=*,", "n=1 n=3,", 3), ("n=*", "n=x n=-4.5e3", -4500),
      ("copied, * s", "dd: copied, 1.5 s, 2 MB/s", 1.5), ("at *extents", "at 3extents", 3),
    ] as [(String, String, Double)])
  func aFigureIsTheNumberInItsPlace(_ pattern: String, _ text: String, _ value: Double) {
    #expect(Profile.Command.Figure("x", pattern).value(in: text) == value)
  }

  @Test(arguments: [
    ("tps = *", "tps = nan"), ("n=*", ""), ("n=* ms", "n=5 s"), ("n=*", "n=inf"), ("n=*", "n=."),
  ])
  func whatIsNoNumberIsNone(_ pattern: String, _ text: String) {
    #expect(Profile.Command.Figure("x", pattern).value(in: text) == nil)
  }
}
