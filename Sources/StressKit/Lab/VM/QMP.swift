// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore
import SystemPackage

/// The QEMU Machine Protocol over an inherited socket, so that no path is left behind.
///
/// docs/interop/qmp-spec.txt of QEMU.
package final class QMP {
  private let socket: Int32
  private var unread: [UInt8] = []
  private var greeted = false
  /// Commands sent so far: each goes by its number, and so does its answer ("id" of the specification).
  private var sent: Int64 = 0

  /// - Parameter socket: one end of a socket pair; QEMU has the other.
  init(_ socket: consuming Descriptor) {
    self.socket = socket.release()
    _ = fcntl(self.socket, F_SETFL, O_NONBLOCK)
  }

  deinit { close(socket) }

  /// Runs a command and returns what it returned; nil when QEMU does not answer within `timeout` ns. What it
  /// answers later is passed over.
  package func execute(
    _ command: String, _ arguments: JSON? = nil, timeout: UInt64 = 3_000_000_000
  ) -> JSON? {
    let deadline = cl_boottime() + timeout
    if !greeted {
      // Asked for again after a time-out: should the first have been heard, the answer is an error, and as good.
      guard send("qmp_capabilities", nil), answer(deadline) != nil else { return nil }
      greeted = true
    }
    guard send(command, arguments) else { return nil }
    return answer(deadline)
  }

  private func send(_ command: String, _ arguments: JSON?) -> Bool {
    sent += 1
    var members: [(key: String, value: JSON)] = [
      ("execute", .string(command)), ("id", .int(sent)),
    ]
    if let arguments { members.append(("arguments", arguments)) }
    let bytes = Array((JSON.object(members).text + "\n").utf8)
    return Glibc.send(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count
  }

  /// The reply to the command sent last; events, the greeting and replies to commands before it are passed over.
  private func answer(_ deadline: UInt64) -> JSON? {
    while true {
      while let end = unread.firstIndex(of: 0x0a) {
        let line = Array(unread[..<end])
        unread.removeFirst(end + 1)
        guard let message = try? JSON(parsing: line), message["id"]?.int == sent else { continue }
        if let value = message["return"] ?? message["error"] { return value }
      }
      let now = cl_boottime()
      if now >= deadline { return nil }
      var entry = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
      guard poll(&entry, 1, Int32((deadline - now) / 1_000_000) + 1) > 0 else { continue }
      var chunk = [UInt8](repeating: 0, count: 4096)
      let got = read(socket, &chunk, chunk.count)
      if got <= 0 { return nil }
      unread.append(contentsOf: chunk[..<got])
    }
  }

  /// A line or two on what the processors do: for the message of a hang.
  package func describe() -> String {
    guard let status = execute("query-status")?["status"]?.string else {
      return "QEMU does not answer"
    }
    let registers =
      execute(
        "human-monitor-command", ["command-line": "info registers -a"])?.string ?? ""
    let counter = Architecture.own.counter
    // The monitor ends lines with \r\n, which is one character, but white space all the same.
    let pointers = registers.split(whereSeparator: \.isWhitespace).filter { $0.hasPrefix(counter) }
    return "QEMU says \(status); \(pointers.joined(separator: ", "))"
  }
}
