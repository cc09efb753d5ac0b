// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import Testing

@testable import StressCore
@testable import StressLab

struct QMPTests {
  /// Answers each command with the next of `replies`, sent as they stand but for `ID`, which becomes the command's
  /// own; after the last it hangs up.
  private func peer(_ replies: [String]) throws -> (qmp: QMP, thread: Thread) {
    var ends: [Int32] = [0, 0]
    try checkErrno(
      Int(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends)), "qmp", "socketpair")
    let theirs = ends[1]
    let thread = try Thread("qmp-peer") {
      let socket = Descriptor(owning: theirs)
      _ = try? socket.writeAll(Array("{\"QMP\": {\"version\": {}}}\r\n".utf8), "greeting")
      var bytes = [UInt8](repeating: 0, count: 4096)
      for reply in replies {
        let got = read(socket.raw, &bytes, bytes.count)
        guard got > 0, let command = try? JSON(parsing: Array(bytes[..<(got - 1)])) else { break }
        let text = reply.replacing("ID", with: command["id"]?.text ?? "null")
        _ = try? socket.writeAll(Array(text.utf8), "reply")
      }
    }
    return (QMP(Descriptor(owning: ends[0])), thread)
  }

  @Test func executesAndPassesEventsOver() throws {
    let (qmp, thread) = try peer([
      "{\"id\": ID, \"return\": {}}\r\n",
      "{\"event\": \"STOP\"}\r\n{\"id\": ID, \"return\": {\"status\": \"running\"}}\r\n",
      "{\"id\": ID, \"error\": {\"class\": \"CommandNotFound\"}}\r\n",
    ])
    #expect(qmp.execute("query-status")?["status"] == "running")
    #expect(qmp.execute("nonsense", ["a": 1])?["class"] == "CommandNotFound")
    thread.join()
    #expect(qmp.execute("query-status") == nil)
  }

  @Test func givesUp() throws {
    let (qmp, thread) = try peer(["{\"id\": ID, \"return\": {}}\r\n", ""])
    let started = cl_boottime()
    #expect(qmp.execute("quit", timeout: 20_000_000) == nil)
    #expect(cl_boottime() - started < 3_000_000_000)
    thread.join()
  }

  /// An answer that comes too late is not the next command's, nor is one to the greeting.
  @Test func aLateAnswerIsNobodys() throws {
    var ends: [Int32] = [0, 0]
    try checkErrno(
      Int(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends)), "qmp", "socketpair")
    let peer = LatePeer(socket: Descriptor(owning: ends[1]))
    let qmp = QMP(Descriptor(owning: ends[0]))
    let short: UInt64 = 5_000_000
    // Neither the greeting nor the first command is answered in time.
    #expect(qmp.execute("query-status", timeout: short) == nil)
    let first = try #require(peer.commands().first)
    #expect(first["execute"] == "qmp_capabilities")
    try peer.socket.writeAll(Array("{\"QMP\": {\"version\": {}}}\r\n".utf8), "greeting")
    try peer.reply(first, ["late": 0])
    // Capabilities are negotiated once: asked for again, QEMU says so.
    var thread = try peer.answers([
      "qmp_capabilities": ["class": "CommandNotFound"], "query-status": ["status": "running"],
    ])
    #expect(qmp.execute("query-status", timeout: Self.long) == ["status": "running"])
    thread.join()

    #expect(qmp.execute("query-blockstats", timeout: short) == nil)
    let stats = try #require(peer.commands().first { $0["execute"] == "query-blockstats" })
    try peer.reply(stats, ["late": 1])
    // The late answer is there when the next command is asked, and its own comes behind it.
    thread = try peer.answers(["query-status": ["status": "paused"]])
    #expect(qmp.execute("query-status", timeout: Self.long) == ["status": "paused"])
    thread.join()
  }

  fileprivate static let long: UInt64 = 10_000_000_000

  /// The monitor's lines end with "\r\n".
  @Test func saysWhereTheProcessorsAre() throws {
    let (qmp, thread) = try peer([
      "{\"id\": ID, \"return\": {}}\n",
      "{\"id\": ID, \"return\": {\"status\": \"running\", \"running\": true}}\n",
      "{\"id\": ID, \"return\": \"\\r\\nCPU#0\\r\\nRAX=0000 RBX=0001\\r\\nRIP=ffffffff81000010 RFL=00000246 [-]"
        + "\\r\\nES =0000\\r\\n\\r\\nCPU#1\\r\\nRAX=0000\\r\\nRIP=ffffffff81000020 RFL=0\\r\\n\"}\n",
    ])
    #expect(qmp.describe() == "QEMU says running; RIP=ffffffff81000010, RIP=ffffffff81000020")
    thread.join()
  }

  @Test func saysThatQEMUIsSilent() throws {
    let (qmp, thread) = try peer([])
    thread.join()
    #expect(qmp.describe() == "QEMU does not answer")
  }
}

/// QEMU's end of a socket, which answers when the test says.
private final class LatePeer: Sendable {
  let socket: Descriptor
  init(socket: consuming Descriptor) { self.socket = socket }

  /// What has been asked since the last call, with the identifiers as they came.
  func commands() throws -> [JSON] {
    var bytes = [UInt8](repeating: 0, count: 4096)
    let got = recv(socket.raw, &bytes, bytes.count, Int32(MSG_DONTWAIT))
    return try bytes.prefix(max(got, 0)).split(separator: 0x0a).map {
      try JSON(parsing: Array($0))
    }
  }

  func reply(_ command: JSON, _ value: JSON) throws {
    var members: [(key: String, value: JSON)] = [("return", value)]
    if let id = command["id"] { members.append(("id", id)) }
    try socket.writeAll(Array((JSON.object(members).text + "\r\n").utf8), "reply")
  }

  /// Answers what is asked until all of these have been.
  func answers(_ replies: [String: JSON]) throws -> Thread {
    try Thread("qmp-late") { [self] in
      var left = replies
      let deadline = cl_boottime() + QMPTests.long
      while !left.isEmpty, cl_boottime() < deadline {
        for command in (try? commands()) ?? [] {
          guard let value = command["execute"]?.string.flatMap({ left.removeValue(forKey: $0) })
          else { continue }
          _ = try? reply(command, value)
        }
        cl_sleep_until(cl_boottime() + 1_000_000)
      }
    }
  }
}
