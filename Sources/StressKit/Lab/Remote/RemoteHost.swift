// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressMachine

/// A machine that is reached by OpenSSH, as `--on` names it.
package struct RemoteHost: Sendable, Equatable {
  package static let form = "ssh:[USER@]HOST[:PORT]"

  /// As ssh(1) takes it.
  let destination: String
  let port: UInt16?
  /// What is executed to reach it.
  let program: String

  /// - Parameter program: in place of ssh(1).
  /// - Throws: when the text is not of that form (usage), and where there is no ssh(1) (environment).
  package static func parse(
    _ text: String, program: String? = Tool.path("ssh")
  ) throws(HarnessError) -> RemoteHost {
    guard let (destination, port) = parts(text) else {
      throw HarnessError(
        .usage, "--on \(text)", "is not of the form \(form)", remedy: "as in ssh:root@testbox")
    }
    guard let program else { throw Tool.missing("ssh", package: "openssh-client") }
    return RemoteHost(destination: destination, port: port, program: program)
  }

  private init(destination: String, port: UInt16?, program: String) {
    self.destination = destination
    self.port = port
    self.program = program
  }

  private static func parts(_ text: String) -> (String, UInt16?)? {
    guard text.hasPrefix("ssh:") else { return nil }
    var rest = text.dropFirst("ssh:".count)
    var user = ""
    if let at = rest.lastIndex(of: "@") {
      user = String(rest[...at])
      rest = rest[rest.index(after: at)...]
      if !isName(user.dropLast()) { return nil }
    }
    var host = rest
    var tail = Substring()
    if rest.hasPrefix("[") {
      guard let end = rest.firstIndex(of: "]") else { return nil }
      host = rest[rest.index(after: rest.startIndex)..<end]
      tail = rest[rest.index(after: end)...]
      if host.isEmpty || !host.allSatisfy({ $0.isHexDigit || ":.".contains($0) }) { return nil }
    } else {
      let colon = rest.firstIndex(of: ":") ?? rest.endIndex
      (host, tail) = (rest[..<colon], rest[colon...])
      if !isName(host) { return nil }
    }
    if tail.isEmpty { return (user + host, nil) }
    guard tail.hasPrefix(":"), let port = UInt16(tail.dropFirst()), port > 0 else { return nil }
    return (user + host, port)
  }

  /// Of a user or a host: what neither ssh(1) nor a shell takes for anything else.
  private static func isName(_ text: Substring) -> Bool {
    !text.isEmpty && !text.hasPrefix("-")
      && text.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
          UInt8(ascii: "-"):
          true
        default: false
        }
      }
  }

  /// For people.
  package var name: String { "ssh:" + destination + (port.map { ":\($0)" } ?? "") }

  /// ssh(1) with the user's own configuration: it asks nothing, tells within 20 s that the network or the machine is
  /// gone, and forwards nothing.
  func arguments(_ script: String) -> [String] {
    let options = [
      "BatchMode=yes", "ConnectTimeout=15", "ServerAliveInterval=5", "ServerAliveCountMax=3",
      "ClearAllForwardings=yes",
    ]
    return [program, "-T"] + options.flatMap { ["-o", $0] }
      + (port.map { ["-p", "\($0)"] } ?? []) + ["--", destination, "exec sh -c '\(script)'"]
  }

  /// An error of the machine's own, told here.
  func told(_ error: HarnessError) -> HarnessError {
    HarnessError(
      error.code, "\(name): \(error.object)", error.operation, errno: error.errno,
      remedy: error.remedy)
  }
}
