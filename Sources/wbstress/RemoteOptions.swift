// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import StressCore
import StressLab

/// Which other machines are meant instead of this one.
struct RemoteOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      The other machine that is meant instead of this one: \(RemoteHost.form), by OpenSSH with \
      your own configuration and keys. May be repeated.
      """,
      valueName: "host"))
  var on: [String] = []

  /// Empty: this machine is meant.
  func hosts() throws(HarnessError) -> [RemoteHost] {
    var hosts: [RemoteHost] = []
    for text in on { hosts.append(try RemoteHost.parse(text)) }
    return hosts
  }
}

/// How trials on another machine are followed.
struct RemoteRunOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      With --on: how long a lost connection is tried again, and how long a record that nobody \
      fetches is kept there (default: 10m).
      """,
      valueName: "duration"))
  var reconnect: String?

  @Option(
    help: ArgumentHelp(
      """
      With --on: a shell command that prints the machine's console from now on (ipmitool, virsh, \
      tail), run here during each trial, for the kernel's last words. With several machines, one for \
      each in their order.
      """,
      valueName: "command"))
  var console: [String] = []

  /// The first option that was given; nil: none was.
  var given: String? {
    reconnect != nil ? "--reconnect" : console.isEmpty ? nil : "--console"
  }

  func validate() throws {
    if try patience() < 1_000_000_000 { throw ValidationError("--reconnect: at least 1s") }
  }

  func patience() throws -> UInt64 {
    guard let reconnect else { return RemoteVenue.Options.usualPatience }
    do throws(UnitError) {
      return try Units.duration(reconnect)
    } catch {
      throw ValidationError("--reconnect: \(error)")
    }
  }
}
