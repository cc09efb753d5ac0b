// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressMachine

/// `wbstress clean` on another machine.
package enum RemoteClean {
  /// Between two lines of it, ns: a unit that does not stop takes systemd 90 s.
  private static let patience: UInt64 = 600_000_000_000

  /// Takes this program there and has it clean.
  ///
  /// - Parameter say: is told each line of what it prints.
  /// - Returns: its exit status.
  package static func run(
    _ host: RemoteHost, isDry: Bool, progress: (String) -> Void, say: (String) -> Void
  ) throws(HarnessError) -> Int32 {
    let program = try RemoteProgram.install(host, progress: progress)
    let connection = try RemoteConnection(
      host, program.script("clean" + (isDry ? " --dry-run" : "") + " 2>&1", asRoot: true))
    var pending: [UInt8] = []
    while true {
      switch try connection.next(timeout: patience) {
      case .silence:
        throw HarnessError(
          .environment, host.name, "said nothing for \(patience / 1_000_000_000) s while cleaning")
      case .bytes(let bytes):
        pending.append(contentsOf: bytes)
        while let end = pending.firstIndex(of: 0x0a) {
          say(RemoteText.short(String(decoding: pending[..<end], as: UTF8.self), 4000))
          pending.removeFirst(end + 1)
        }
        if pending.count > RemoteMessages.longest {
          throw HarnessError(
            .environment, host.name,
            "prints a line of more than \(RemoteMessages.longest >> 20) MiB, which is none of wbstress's"
          )
        }
      case .ended(.status(let code)) where HarnessError.Code(rawValue: code) != nil || code == 0:
        return code
      case .ended(let exit): throw connection.failure(exit)
      }
    }
  }
}
