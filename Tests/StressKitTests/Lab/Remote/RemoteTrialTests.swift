// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import Testing

@testable import StressCore
@testable import StressLab
@testable import StressMachine
@testable import StressRecord

/// Connections to another machine, by a program in place of ssh(1): one that executes what it is given here, or says
/// what no wbstress would say.
struct RemoteTrialTests: ProfileSuite {
  private let directory: TemporaryDirectory
  private static let second: UInt64 = 1_000_000_000

  init() throws { directory = try TemporaryDirectory() }

  // MARK: The program

  /// By the shell here, in a home of the test's own; `programs` come before those of the distribution.
  private func here(_ programs: [String: String] = [:], first: String = "") throws -> RemoteHost {
    for (name, script) in programs {
      #expect(chmod(try directory.write("bin/" + name, "#!/bin/sh\n\(script)\n"), 0o755) == 0)
    }
    try File.makeDirectory(directory.path("home"))
    return try directory.host(
      "export HOME=\"$D/home\" PATH=\"$D/bin:$PATH\"\n\(first)\neval \"$script\"")
  }

  private func copies() -> [String] {
    let root = directory.path("home/.cache/wbstress/remote")
    return File.names(in: root).flatMap { hash in
      File.names(in: "\(root)/\(hash)").map { "\(root)/\(hash)/\($0)" }
    }
  }

  @Test func theProgramIsCopiedOnceAndUsedWhileItIsRight() throws {
    let host = try here()
    var told: [String] = []
    _ = try RemoteProgram.install(host) { told.append($0) }
    _ = try RemoteProgram.install(host) { told.append($0) }
    #expect(told == ["copying this program to ssh:root@box"])
    let path = try #require(copies().first)
    #expect(copies().count == 1 && path.hasSuffix("/wbstress"))
    let own = try #require(ProfileCatalog.executable())
    #expect(File.size(path) == File.size(own))
    try File.write(path, Array("another".utf8))
    _ = try RemoteProgram.install(host) { told.append($0) }
    #expect(told.count == 2 && File.size(path) == File.size(own))
  }

  /// Whatever keeps the program from being there is told with the machine's name, and leaves nothing half there.
  @Test(
    arguments: [
      ([:], "echo 'Host key verification failed.' >&2; exit 255", "cannot be reached: Host key"),
      ([:], "exit 3", "ended with exit status 3"),
      (["uname": "echo aarch64"], "", "is of another architecture: aarch64"),
      (["cat": "head -c 1000"], "", "did not take this program"),
      (["cat": "echo 'cat: No space left on device' >&2; exit 1"], "", "No space left on device"),
      ([:], "printf '\\033[2Jwbstress-remote: yes'; exit 0", "ended with exit status 0"),
    ] as [([String: String], String, String)])
  func theProgramCannotBeThere(
    _ programs: [String: String], _ first: String, _ words: String
  ) throws {
    let host = try here(programs, first: first)
    let error = try remoteError { () throws(HarnessError) in
      _ = try RemoteProgram.install(host) { _ in }
    }
    #expect(error.code == .environment && error.object == "ssh:root@box", "\(error)")
    #expect(error.what.contains(words) && error.remedy != nil, "\(error)")
    #expect(copies() == [])
  }

  // MARK: Trials

  /// A machine that has the program; `server` stands for that, with the request in `$request`.
  private func program(_ server: String) throws -> RemoteProgram {
    try RemoteProgram.install(try host(server)) { _ in }
  }

  private func host(_ server: String, _ name: String = "ssh:root@box") throws -> RemoteHost {
    try directory.host(
      """
      hello() { printf '{"hello":{"version":"\(Version.text)","schema":\(RecordFile.schema)}}\\n'; }
      piece() { printf '{"chunk":%d}\\n%s' $((${#1})) "$1"; }
      line() { piece "$1
      "; }
      forget() { read answer; printf '{"forgotten":true}\\n'; }
      case "$script" in
      *\(RemoteServer.command)*) read -r request; \(server) ;;
      *) echo "wbstress-remote: yes $(uname -m) no" ;;
      esac
      """, name)
  }

  private var recordPath: String { directory.path("campaign/1-1/record.jsonl") }

  private func run(
    _ server: String, patience: UInt64 = 60 * second, _ interrupt: Interrupt = Interrupt(),
    progress: (String) -> Void = { _ in }
  ) throws -> Ending {
    let trial = RemoteTrial(
      program: try program(server),
      plan: TrialPlan(profile: try profile(minimal), label: "p", axes: [], number: 1, seed: 1),
      place: RemotePlace(images: directory.path("nowhere"), device: nil, cgroup: nil),
      limits: MachineLimits(), directory: directory.path("campaign/1-1"), patience: patience)
    return try trial.run(interrupt, progress: progress)
  }

  private func record() throws -> [String] {
    try File.text(recordPath).split(separator: "\n").map(String.init)
  }

  private static let header = #"{"type":"header","schema":1}"#
  private static let end = #"{"type":"end","outcome":"completed"}"#
  private static let over = #"printf '{"end":{"ending":{"outcome":"completed"}}}\n'; forget"#

  @Test func aTrial() throws {
    let ending = try run("hello; line '\(Self.header)'; line '\(Self.end)'; \(Self.over)")
    #expect(ending == Ending(.completed))
    #expect(try record() == [Self.header, Self.end])
  }

  /// What follows a cut comes from where that was, even in the middle of a line, and nothing twice.
  @Test func aConnectionBreaks() throws {
    let ending = try run(
      """
      hello
      case "$request" in
      *'"offset":0,"begun":false'*) piece '\(Self.header.prefix(9))'; exit 255 ;;
      *'"offset":9,"begun":true'*)
        if [ -e "$D/twice" ]; then piece '\(Self.header.dropFirst(9))
      '; line '\(Self.end)'; \(Self.over); else touch "$D/twice"; exit 255; fi ;;
      esac
      """)
    #expect(ending == Ending(.completed))
    #expect(try record() == [Self.header, Self.end])
  }

  /// The trial is not asked for anew, and its record here says how far it came.
  @Test func aMachineIsNotHeardOfAgain() throws {
    let ending = try run(
      """
      if [ -e "$D/once" ]; then echo 'ssh: connect: No route to host' >&2; exit 255; fi
      touch "$D/once"; hello; line '\(Self.header)'; exit 255
      """, patience: 2 * Self.second)
    #expect(ending.outcome == .harnessLost && ending.reason == "connection" && ending.isRepeated)
    #expect(ending.message?.contains("No route to host") == true, "\(ending)")
    let lines = try record()
    #expect(lines.first == Self.header && RecordReader.ending(recordPath)?.reason == "connection")
  }

  @Test func aMachineRestarts() throws {
    let end = { (words: String) in
      "hello; line '\(Self.header)'; printf '%s\\n' '{\"end\":{\"rebooted\":[\(words)]}}'; forget"
    }
    let panic = try run(
      end(
        #"{"source":"/sys/fs/pstore/dmesg-0","lines":["Kernel panic - not syncing: x","\u001b[2J"]}"#
      ))
    #expect(panic.outcome == .panic && panic.reason == "panic", "\(panic)")
    #expect(panic.message?.contains("/sys/fs/pstore/dmesg-0") == true)
    #expect(panic.message?.contains("\u{1b}") == false)
    #expect(RecordReader.ending(recordPath)?.outcome == .panic)
    let restart = try run(end(#"{"source":"journalctl","lines":["reboot: Restarting system"]}"#))
    #expect(restart.outcome == .harnessLost && restart.reason == "restarted", "\(restart)")
    #expect(restart.message?.contains("reboot: Restarting system") == true)
    let silent = try run(end(""))
    #expect(silent.reason == "restarted" && silent.message?.contains("neither pstore") == true)
  }

  @Test func theProcessThereDies() throws {
    let ending = try run(
      "hello; line '\(Self.header)'; printf '{\"end\":{\"gone\":\"Killed\"}}\\n'; forget")
    #expect(ending.outcome == .harnessLost && ending.reason == "remote-gone", "\(ending)")
    let lost = try run(
      """
      hello; if [ -e "$D/once" ]; then printf '{"end":{"lost":true}}\\n'; forget
      else touch "$D/once"; line '\(Self.header)'; exit 255; fi
      """)
    #expect(lost.reason == "remote-gone" && lost.message?.contains("nothing of the trial") == true)
  }

  /// The trial there is asked to end in order, and what it then records comes, too.
  @Test func theUserInterrupts() throws {
    let interrupt = Interrupt()
    let ending = try run(
      """
      hello; line '{"type":"phase","t":1,"name":"stream"}'; read -r stop
      line '{"type":"note","message":'"$stop"'}'
      line '{"type":"end","outcome":"harness-lost","reason":"interrupted"}'
      printf '{"end":{"ending":{"outcome":"harness-lost","reason":"interrupted"}}}\\n'; forget
      """, interrupt
    ) { _ in interrupt.request() }
    #expect(ending.outcome == .harnessLost && ending.reason == "interrupted")
    let lines = try record()
    #expect(lines.dropFirst().first == #"{"type":"note","message":{"do":"stop"}}"#, "\(lines)")
  }

  /// Whatever another machine says, it is told by its name, and nothing is written but the trial's record.
  @Test(arguments: [
    ("echo 'Welcome to box'", "none of wbstress's: Welcome to box"),
    ("printf '\\033]0;pwned\\007\\n'", "none of wbstress's: \\u{1b}]0;pwned"),
    ("head -c 3000000 /dev/zero | tr '\\0' a", "a line of more than 1 MiB"),
    (
      "hello; printf '{\"chunk\":1000000}\\n'; head -c 1000000 /dev/zero | tr '\\0' a; "
        + "printf '{\"chunk\":1000000}\\n'; head -c 1000000 /dev/zero | tr '\\0' a",
      "a record with a line of more than 1 MiB"
    ),
    ("hello; printf '{\"chunk\":99999999999999999999}\\n'", "impossible length"),
    ("printf '{\"hello\":{\"version\":\"9.9\",\"schema\":1}}\\n'", "answers as wbstress 9.9"),
    ("printf '{\"hello\":{\"version\":\"\(Version.text)\",\"schema\":2}}\\n'", "record schema 2"),
    ("hello; printf '{\"end\":{\"ending\":{\"outcome\":\"../../x\"}}}\\n'", "an end that is none"),
    (
      "hello; printf '{\"end\":{\"errors\":[{\"code\":5,\"object\":\"../../../tmp/x\",\"what\":"
        + "\"write: ENOSPC (no space left on device)\"}]}}\\n'; forget", "ENOSPC"
    ),
    ("hello; printf '{\"errors\":[7]}\\n'", "failed without a word"),
    ("echo 'sh: 1: not found' >&2; exit 127", "exit status 127: sh: 1: not found"),
    ("hello; exit 1", "ended with exit status 1"),
  ])
  func hostileAnswers(_ server: String, _ words: String) throws {
    do {
      _ = try run(server)
      Issue.record("nothing was thrown")
    } catch let error as HarnessError {
      #expect(error.object.hasPrefix("ssh:root@box"), "\(error)")
      #expect(error.description.contains(words), "\(error)")
      #expect(!error.description.contains("\u{1b}"))
    }
    #expect(File.names(in: directory.path("campaign")) == ["1-1"])
    // What it may have of the trial is asked for again.
    #expect(
      [["record.jsonl"], ["record.jsonl", "remote.json"]]
        .contains(File.names(in: directory.path("campaign/1-1"))))
  }

  // MARK: What an earlier program began

  private func begun(_ run: String, on host: String = "ssh:root@box") throws {
    let note: JSON = ["host": .string(host), "run": .string(run)]
    try File.makeDirectory(directory.path("campaign/1-1.lost-1"))
    _ = try directory.write("campaign/1-1.lost-1/remote.json", note.text)
  }

  /// A program that was killed leaves the trial's name, by which the next one fetches the record.
  @Test func aTrialOfAKilledProgramIsFetched() throws {
    let name = RemoteRun.newName()
    try begun(name)
    let ending = try run(
      """
      case "$request" in
      *'"run":"\(name)"'*'"offset":0,"begun":true'*)
        hello; line '\(Self.header)'; line '\(Self.end)'; \(Self.over) ;;
      *) hello; exit 1 ;;
      esac
      """)
    #expect(ending == Ending(.completed))
    #expect(try record() == [Self.header, Self.end])
    #expect(File.names(in: directory.path("campaign/1-1")) == ["record.jsonl"])
    #expect(File.names(in: directory.path("campaign/1-1.lost-1")) == ["remote.json"])
  }

  /// It may be there no more, or be another machine's, or a name that is none.
  @Test(arguments: [
    ("ssh:root@box", String(repeating: "a", count: 32)),
    ("ssh:other", String(repeating: "a", count: 32)), ("ssh:root@box", "../../etc"),
  ])
  func whatIsNotThereAnyMoreIsRunAnew(_ host: String, _ name: String) throws {
    try begun(name, on: host)
    let ending = try run(
      """
      hello
      case "$request" in
      *'"begun":true'*) printf '{"end":{"lost":true}}\\n' ;;
      *'"run":"\(name)"'*) exit 1 ;;
      *) line '\(Self.header)'; line '\(Self.end)'; \(Self.over) ;;
      esac
      """)
    #expect(ending == Ending(.completed))
    #expect(try record() == [Self.header, Self.end])
  }

  /// While it is under way the name is beside the record.
  @Test func aTrialsNameIsKeptUntilItsRecordIsWhole() throws {
    let ending = try run(
      """
      if [ -e "$D/once" ]; then exit 255; fi
      touch "$D/once"; hello; line '\(Self.header)'; exit 255
      """, patience: 2 * Self.second)
    #expect(ending.reason == "connection")
    let note = try JSON(
      parsing: try File.read(directory.path("campaign/1-1/remote.json"), atMost: 4096))
    #expect(note["host"] == "ssh:root@box" && RemoteRun(note["run"]?.string ?? "") != nil)
  }

  // MARK: Several machines

  private static let findings =
    #"printf '{"findings":[],"device":null,"identity":[["kernel","6.12"]]}\n'"#

  /// Of a machine that carries its trials out with this, and writes down how many.
  private func machine(_ name: String, _ trial: String) throws -> RemoteHost {
    try host(
      """
      hello
      case "$request" in
      *'"do":"check"'*) \(Self.findings) ;;
      *) echo x >>"$D/\(name)"; \(trial) ;;
      esac
      """, "ssh:\(name)")
  }

  private func matrix(_ hosts: [RemoteHost], _ filesystems: [String] = []) throws -> Matrix {
    try Matrix(
      .init(file: try ProfileFile(text: minimal, name: "p.yaml"), variant: nil),
      kernels: [.running], hosts: hosts.map(\.name), filesystems: filesystems, vary: [])
  }

  private func campaign(_ hosts: [RemoteHost], trials: Int) throws -> (Campaign, RemoteVenue) {
    let matrix = try matrix(hosts, ["ext4", "xfs"])
    let place = RemotePlace(images: directory.path("nowhere"), device: nil, cgroup: nil)
    let venue = try RemoteVenue.prepare(matrix, hosts, .init(place)) { _ in }
    let campaign = try Campaign(
      directory: directory.path("several"), matrix: matrix, identity: venue.identity,
      trials: trials, seed: 1)
    return (campaign, venue)
  }

  /// Each carries its own cells out, at the same time.
  @Test func eachMachineHasItsCells() throws {
    let good = "line '\(Self.header)'; line '\(Self.end)'; \(Self.over)"
    let hosts = [try machine("one", good), try machine("two", good)]
    let (campaign, venue) = try campaign(hosts, trials: 3)
    #expect(venue.place == "on ssh:one, on ssh:two" && venue.jobs == 2)
    #expect(
      venue.identity.map { "\($0.key)=\($0.value)" } == [
        "kernel on ssh:one=6.12", "kernel on ssh:two=6.12",
      ])
    #expect(
      campaign.matrix.cells.map { $0.axes.map(\.value).joined(separator: " ") } == [
        "this machine ssh:one ext4", "this machine ssh:one xfs", "this machine ssh:two ext4",
        "this machine ssh:two xfs",
      ])
    let runner = try CampaignRunner(campaign, venue, interrupt: Interrupt())
    try runner.run { _ in }
    for name in ["one", "two"] {
      #expect(try File.text(directory.path(name)) == "x\nx\nx\nx\nx\nx\n")
    }
    #expect(campaign.order.allSatisfy { campaign.ending(of: $0) == Ending(.completed) })
  }

  /// What one of them lacks ends its own trials only, and is told when the others are done.
  @Test func oneMachineFails() throws {
    let good = "line '\(Self.header)'; line '\(Self.end)'; \(Self.over)"
    let hosts = [try machine("one", "echo 'no such thing' >&2; exit 1"), try machine("two", good)]
    let (campaign, venue) = try campaign(hosts, trials: 2)
    let runner = try CampaignRunner(campaign, venue, interrupt: Interrupt())
    let error = try remoteError { () throws(HarnessError) in try runner.run { _ in } }
    #expect(error.object == "ssh:one" && error.what.contains("no such thing"), "\(error)")
    #expect(try File.text(directory.path("one")) == "x\n")
    let done = campaign.order.filter { campaign.ending(of: $0) != nil }
    #expect(done.count == 4 && done.allSatisfy { campaign.matrix.cells[$0.cell].host == "ssh:two" })
  }

  /// All that is wrong, of all of them, before the first trial.
  @Test func allThatIsRefused() throws {
    let refusing = { (name: String) in
      try host(
        "hello; printf '{\"findings\":[{\"status\":\"refused\",\"guard\":\"room\",\"object\":\"/x\","
          + "\"found\":\"is full\"}]}\\n'", "ssh:\(name)")
    }
    do {
      _ = try campaign([try refusing("one"), try refusing("two")], trials: 1)
      Issue.record("nothing was thrown")
    } catch let errors as HarnessErrors {
      #expect(errors.errors.map(\.object) == ["ssh:one: /x", "ssh:two: /x"], "\(errors)")
    }
  }

  // MARK: Root

  /// Who is not root becomes it by sudo(8), for the machine itself, not for guests.
  @Test func sudo() throws {
    let host = try here([
      "id": "echo 1000", "sudo": "echo \"$*\" >>'\(directory.path("sudo"))'; shift; exec \"$@\"",
    ])
    let program = try RemoteProgram.install(host) { _ in }
    #expect(program.script("clean", asRoot: true).hasPrefix("exec sudo -n -- \"$HOME/"))
    #expect(program.script("clean", asRoot: false).hasPrefix("exec \"$HOME/"))
    #expect(try File.text(directory.path("sudo")) == "-n true\n")
    let refusing = try RemoteProgram.install(try here(["id": "echo 1000", "sudo": "exit 1"])) { _ in
    }
    #expect(refusing.script("clean", asRoot: true).hasPrefix("exec \"$HOME/"))
  }

  // MARK: The server

  /// The program itself at the other end: what its guards refuse is told here, and nothing of the trial stays there.
  @Test func theServerAnswers() throws {
    let tool = try BuiltTool.path()
    let server =
      "export WBSTRESS_STATE_DIR=\"$D/state\"; (printf '%s\\n' \"$request\"; exec cat) | "
      + "\(tool) \(RemoteServer.command)"
    let place = RemotePlace(images: directory.path("nowhere"), device: nil, cgroup: nil)
    let found = try RemoteFindings.ask(try program(server), place, try matrix([]).cells) { _ in }
    let room = try #require(found.guards.all.first { $0.origin == .room })
    #expect(room.status == .refused && room.object == directory.path("nowhere"))
    #expect(found.identity.first == Profile.Setting("wbstress", Version.text))
    do {
      _ = try run(server)
      Issue.record("nothing was thrown")
    } catch let error as HarnessError {
      #expect(error.object.hasPrefix("ssh:root@box: "), "\(error)")
      #expect(error.code == .refused || error.code == .environment)
      if geteuid() == 0 { #expect(error.description.contains("nowhere"), "\(error)") }
    }
    #expect(File.names(in: directory.path("state/remote")) == [])
  }
}
