// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressCore
import StressMachine

/// A command of the user's that prints another machine's console, for the time of one trial: what its kernel says
/// when nothing else of it speaks any more.
final class RemoteConsole {
  private let process: Process
  private let path: String

  /// How long the command has to end in order, ns.
  private static let grace: UInt64 = 2_000_000_000

  /// - Parameters:
  ///   - command: for sh(1).
  ///   - path: of the file that gets what it prints.
  init(_ command: String, into path: String) throws(HarnessError) {
    self.path = path
    let file = try Descriptor(
      open: path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, code: .environment)
    process = try Process(
      ["/bin/sh", "-c", command], environment: Tool.wholeEnvironment,
      descriptors: [-1, file.raw, file.raw])
  }

  /// How the command ended, where it should not have.
  func exit() -> Exit? { process.poll() }

  /// What it has printed: from a panic on, or else the last lines; nil: nothing.
  var words: LastWords? { LastWords.choose(File.consoleLines(path), source: "--console") }

  /// Ends the command and what it has started.
  func end() {
    process.signalGroup(SIGTERM)
    _ = process.wait(timeout: Self.grace)
    process.signalGroup(SIGKILL)
  }
}
