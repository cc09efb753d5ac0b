// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import Testing

@testable import StressCore
@testable import StressLab
@testable import StressMachine
@testable import StressRecord

/// Trials on another machine, without one: what is ssh(1) here is a shell that executes what it is given, or that says
/// what no wbstress would say.
struct RemoteTests: ProfileSuite {
  private let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  // MARK: Names

  @Test(
    arguments: [
      ("ssh:box", "box", nil), ("ssh:root@box", "root@box", nil),
      ("ssh:root@box.example:2222", "root@box.example", 2222),
      ("ssh:root@[fe80::1]:22", "root@fe80::1", 22), ("ssh:root@127.0.0.1", "root@127.0.0.1", nil),
    ] as [(String, String, UInt16?)])
  func names(_ text: String, _ destination: String, _ port: UInt16?) throws {
    let host = try RemoteHost.parse(text, program: "/ssh")
    #expect(host.destination == destination && host.port == port)
    let arguments = host.arguments("true")
    #expect(arguments[arguments.count - 2] == destination)
    #expect(arguments[arguments.count - 3] == "--")
    #expect(arguments.contains("BatchMode=yes"))
  }

  @Test(arguments: [
    "box", "ssh:", "ssh:@box", "ssh:-oProxyCommand=x", "ssh:root@-x", "ssh:a b", "ssh:box:",
    "ssh:box:0", "ssh:box:65536", "ssh:box:2x", "ssh:$(x)", "ssh:a;b", "ssh:root@[box]", "ssh:[::1",
    "ssh:box'", "ssh:../x", "ssh:\u{1b}[2J", "ssh:-l@box",
  ])
  func isNoName(_ text: String) throws {
    let error = try remoteError { () throws(HarnessError) in
      _ = try RemoteHost.parse(text, program: "/ssh")
    }
    #expect(error.code == .usage && error.remedy == "as in ssh:root@testbox")
  }

  @Test(arguments: [
    "../../../../etc/passwd", "", "0", String(repeating: "0", count: 31) + "/",
    String(repeating: "0", count: 31) + "G", String(repeating: "0", count: 33),
    String(repeating: "\u{661}", count: 16), "0123456789abcdef0123456789abcdeF",
  ])
  func isNoRun(_ name: String) { #expect(RemoteRun(name) == nil) }

  @Test func newRuns() {
    let names = (0..<100).map { _ in RemoteRun.newName() }
    #expect(Set(names).count == 100 && names.allSatisfy { RemoteRun($0) != nil })
  }

  // MARK: Messages

  @Test func requestsSurviveTheWay() throws {
    var request = RemoteRequest(.trial, RemotePlace(images: "/srv/x", device: nil, cgroup: "a/b"))
    request.place.confirmation = "S1"
    request.place.allowsDaemons = true
    request.run = RemoteRun.newName()
    request.plan = TrialPlan(
      profile: try profile(minimal), label: "p", axes: [.init("fs", "xfs")], number: 3, seed: 9)
    request.profiles = [try profile(minimal)]
    request.limits.pressure = 7
    request.limits.stuck = 5_000_000_000
    request.offset = 1 << 40
    request.isBegun = true
    request.patience = 10_000_000_000
    request.kernels = ["debian:6.12"]
    request.place.guests = RemoteGuests(
      accelerator: .tcg, bootTimeout: 5_000_000_000, mirror: "http://mirror")
    let read = try RemoteRequest.parse(Array(request.json.text.utf8))
    #expect(read.place == request.place && read.limits == request.limits)
    #expect(read.kernels == ["debian:6.12"])
    #expect(read.run == request.run && read.offset == 1 << 40 && read.isBegun)
    #expect(read.patience == request.patience && read.profiles == request.profiles)
    #expect(read.plan?.line.json == request.plan?.line.json)
  }

  @Test func requestsOfOtherVersionsAreRefused() throws {
    let request = RemoteRequest(.check, RemotePlace(images: nil, device: nil, cgroup: nil))
    for (key, value) in [("version", JSON.string("9.9\u{1b}[31m")), ("schema", 99)] {
      let members = (request.json.members ?? []).map { ($0.key, $0.key == key ? value : $0.value) }
      let bytes = Array(JSON.object(members.map { (key: $0.0, value: $0.1) }).text.utf8)
      let error = try remoteError { () throws(HarnessError) in _ = try RemoteRequest.parse(bytes) }
      #expect(error.code == .environment && !error.description.contains("\u{1b}"))
    }
    let error = try remoteError { () throws(HarnessError) in
      _ = try RemoteRequest.parse(Array("{\"do\":\"format\"}".utf8))
    }
    #expect(error.code == .usage)
  }

  @Test func piecesAndMessages() throws {
    var stream = RemoteStream("box")
    let all = Array("{\"hello\":1}\n{\"chunk\":5}\na\nb{}{\"alive\":true}\n".utf8)
    var items: [RemoteStream.Item] = []
    // However it is cut up.
    for byte in all {
      stream.add([byte])
      while let item = try stream.next() { items.append(item) }
    }
    let pieces = items.compactMap { item -> [UInt8]? in
      if case .piece(let bytes) = item { bytes } else { nil }
    }
    #expect(pieces.flatMap(\.self) == Array("a\nb{}".utf8))
    #expect(items.first == .message(["hello": 1]) && items.last == .message(["alive": true]))
  }

  @Test(arguments: [
    "Welcome to box!\n", "\u{1b}[2J\n", "[1]\n", "{\"chunk\":0}\n", "{\"chunk\":-1}\n",
    "{\"chunk\":1048577}\n", "{\"chunk\":\"../x\"}\n", "{\"a\":\n",
  ])
  func whatIsNoMessage(_ text: String) throws {
    var stream = RemoteStream("ssh:box")
    stream.add(Array(text.utf8))
    let error = try remoteError { () throws(HarnessError) in _ = try stream.next() }
    #expect(error.code == .environment && error.object == "ssh:box")
    #expect(!error.description.contains("\u{1b}"))
  }

  @Test func aMessageOfAMegabyte() throws {
    var stream = RemoteStream("ssh:box")
    let error = try remoteError { () throws(HarnessError) in
      for _ in 0..<40 {
        stream.add([UInt8](repeating: 0x61, count: 64 << 10))
        _ = try stream.next()
      }
    }
    #expect(error.what.contains("a line of more than 1 MiB"))
  }

  /// Anything at all is taken apart or refused.
  @Test func anyBytes() throws {
    let record = "{\"type\":\"phase\",\"t\":1,\"name\":\"pin\"}\n"
    let whole = Array(
      "{\"hello\":{\"version\":\"1\"}}\n{\"chunk\":\(record.utf8.count)}\n\(record){\"end\":{}}\n"
        .utf8)
    let sink = try RecordSink(directory.path("any.jsonl"))
    var random = SplitMix64(seed: 1)
    var refused = 0
    for _ in 0..<2000 {
      var bytes = whole
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(
          in: .min ... .max, using: &random)
      }
      var stream = RemoteStream("box")
      var into = RemoteRecord("box", into: sink)
      do {
        for start in stride(from: 0, to: bytes.count, by: 7) {
          stream.add(Array(bytes[start...].prefix(7)))
          while let item = try stream.next() {
            if case .piece(let piece) = item { try into.take(piece) { _ in } }
          }
        }
      } catch {
        refused += 1
      }
    }
    try sink.finish()
    #expect(refused > 0 && refused < 2000)
    let lines = try File.text(directory.path("any.jsonl")).split(separator: "\n")
    #expect(lines.allSatisfy { (try? JSON(parsing: Array($0.utf8))) != nil })
  }

  // MARK: Records

  private func record(_ pieces: [String]) throws -> (lines: [String], RemoteRecord, [String]) {
    let path = directory.path("record.jsonl")
    File.remove(path)
    let sink = try RecordSink(path)
    var record = RemoteRecord("ssh:box", into: sink)
    var phases: [String] = []
    for piece in pieces { try record.take(Array(piece.utf8)) { phases.append($0) } }
    record.finish()
    try sink.finish()
    return (try File.text(path).split(separator: "\n").map(String.init), record, phases)
  }

  @Test func aRecordComesInPieces() throws {
    let text =
      "{\"type\":\"phase\",\"t\":1,\"name\":\"ready\"}\n{\"type\":\"end\",\"outcome\":\"oom\"}\n"
    let (lines, record, phases) = try record(text.map { String($0) })
    #expect(lines.joined(separator: "\n") + "\n" == text)
    #expect(record.offset == text.utf8.count && record.strange == 0)
    #expect(record.ending == Ending(.oom) && phases == ["ready"])
  }

  /// What is none of a record's lines is not taken into one, and is counted.
  @Test func whatIsNoLine() throws {
    let escape = "{\"type\":\"note\",\"message\":\"\u{1b}]0;x\u{7}\"}\n"
    let (lines, record, _) = try record([
      "\u{1b}[2J\n", "../../x\n", "[]\n", "{\"no\":1}\n", escape, "\0\0\0\0\n\n",
      "{\"type\":\"future\",\"x\":[1]}\n", "{\"type\":\"torn\"",
    ])
    #expect(lines == ["{\"type\":\"future\",\"x\":[1]}"] && record.strange == 7)
  }

  @Test func aRecordsLineOfAMegabyte() throws {
    let long =
      "{\"type\":\"note\",\"message\":\"" + String(repeating: "x", count: 1 << 20) + "\"}\n"
    for text in [long, String(long.dropLast())] {
      do {
        _ = try record([text])
        Issue.record("it was taken")
      } catch let error as HarnessError {
        #expect(error.object == "ssh:box" && error.what.contains("more than 1 MiB"))
      }
    }
  }

  // MARK: Last words

  @Test func lastWords() {
    let panic = [
      "a", "Kernel panic - not syncing: sysrq triggered crash", "CPU: 0 \u{1b}[1m", "x",
    ]
    let words = LastWords.choose(panic, source: "s")
    #expect(words?.lines.first == panic[1] && words?.lines.count == 3)
    #expect(words?.lines[1] == "CPU: 0 \\u{1b}[1m")
    let many = LastWords.choose((0..<100).map { "line \($0)" }, source: "s")
    #expect(many?.lines.count == 16 && many?.lines.last == "line 99")
    #expect(LastWords.choose([], source: "s") == nil)
    #expect(LastWords.tellsOfPanic("Oops: 0002 [#1] PREEMPT SMP"))
    #expect(!LastWords.tellsOfPanic("systemd-shutdown: Rebooting."))
  }
}
