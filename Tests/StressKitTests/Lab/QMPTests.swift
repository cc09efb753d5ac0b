import CLinux
import Glibc
import Testing

@testable import StressKit

struct QMPTests {
  /// Answers each command with the next of `replies`, sent as they stand; after the last it hangs up.
  private func peer(_ replies: [String]) throws -> (qmp: QMP, thread: Thread) {
    var ends: [Int32] = [0, 0]
    try checkErrno(
      Int(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends)), "qmp", "socketpair")
    let theirs = ends[1]
    let thread = try Thread("qmp-peer") {
      let socket = Descriptor(owning: theirs)
      _ = try? socket.writeAll(Array("{\"QMP\": {\"version\": {}}}\r\n".utf8), "greeting")
      var bytes = [UInt8](repeating: 0, count: 4096)
      for reply in replies where read(socket.raw, &bytes, bytes.count) > 0 {
        _ = try? socket.writeAll(Array(reply.utf8), "reply")
      }
    }
    return (QMP(Descriptor(owning: ends[0])), thread)
  }

  @Test func executesAndPassesEventsOver() throws {
    let (qmp, thread) = try peer([
      "{\"return\": {}}\r\n",
      "{\"event\": \"STOP\"}\r\n{\"return\": {\"status\": \"running\"}}\r\n",
      "{\"error\": {\"class\": \"CommandNotFound\"}}\r\n",
    ])
    #expect(qmp.execute("query-status")?["status"] == "running")
    #expect(qmp.execute("nonsense", ["a": 1])?["class"] == "CommandNotFound")
    thread.join()
    #expect(qmp.execute("query-status") == nil)
  }

  @Test func givesUp() throws {
    let (qmp, thread) = try peer(["{\"return\": {}}\r\n", ""])
    let started = cl_boottime()
    #expect(qmp.execute("quit", timeout: 20_000_000) == nil)
    #expect(cl_boottime() - started < 3_000_000_000)
    thread.join()
  }

  /// The monitor's lines end with "\r\n".
  @Test func saysWhereTheProcessorsAre() throws {
    let (qmp, thread) = try peer([
      "{\"return\": {}}\n", "{\"return\": {\"status\": \"running\", \"running\": true}}\n",
      "{\"return\": \"\\r\\nCPU#0\\r\\nRAX=0000 RBX=0001\\r\\nRIP=ffffffff81000010 RFL=00000246 [-]"
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
