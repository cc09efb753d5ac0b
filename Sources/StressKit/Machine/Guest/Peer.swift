// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore

/// A tool that the harness's own tests run beside a trial, in the guest: what it finds is what the record is
/// held against.
package final class Peer {
  /// The port that its findings leave through.
  package static let port = "wbstress.peer"
  private static let patience: UInt64 = 60_000_000_000

  private let commands: TrialPlan.Peer
  private var isStarted = false

  init(_ commands: TrialPlan.Peer) { self.commands = commands }

  /// Runs the command that sets the tool to work; once, however often it is called.
  func start() throws(HarnessError) {
    if isStarted { return }
    isStarted = true
    try run(commands.start, output: -1)
  }

  /// Runs the command that says what was found, on the port.
  func finish(to port: consuming Descriptor) throws(HarnessError) {
    if isStarted { try run(commands.finish, output: port.raw) }
  }

  private func run(_ command: [String], output: Int32) throws(HarnessError) {
    let process = try Process(
      command, environment: ["PATH=/usr/bin:/bin"], descriptors: [-1, output, 2])
    let exit = process.wait(timeout: Self.patience)
    guard exit == .status(0) else {
      throw HarnessError(
        .harness, command.joined(separator: " "), exit?.description ?? "did not end within 60 s")
    }
  }
}
