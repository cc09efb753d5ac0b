// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressMachine

/// This very program on another machine: below the user's cache there, named by its SHA-256, and used only while its
/// contents are of that.
struct RemoteProgram: Sendable {
  let host: RemoteHost
  private let hash: String
  /// Whether its user becomes root by sudo(8), without a password.
  private var hasSudo = false

  /// Time that the network may take to bring the program there, ns.
  private static let copyPatience: UInt64 = 1_800_000_000_000
  private static let patience: UInt64 = 60_000_000_000
  private static let mark = "wbstress-remote:"
  private static let remedy =
    "there must be sh, uname, id, mkdir, cat and sha256sum (coreutils or busybox)"

  /// Has it there.
  ///
  /// - Throws: what keeps it from being there, or from being of use there.
  static func install(
    _ host: RemoteHost, progress: (String) -> Void
  ) throws(HarnessError) -> RemoteProgram {
    // The file that was started, be it replaced since.
    let file = try Descriptor(open: "/proc/self/exe", code: .environment)
    let sum = try Tool.run(
      "sha256sum", ["/proc/self/fd/3"], package: "coreutils", passing: file.raw)
    let hash = String(decoding: sum.prefix { $0 != UInt8(ascii: " ") }, as: UTF8.self)
    guard hash.count == 64, hash.allSatisfy(\.isHexDigit) else {
      throw HarnessError(.environment, "sha256sum", "printed no hash")
    }
    var program = RemoteProgram(host: host, hash: hash)
    let (machine, isThere) = try program.look()
    let own =
      String(decoding: try Tool.run("uname", ["-m"], package: "coreutils"), as: UTF8.self)
      .split(separator: "\n").first ?? ""
    if machine != own {
      throw HarnessError(
        .environment, host.name,
        "is of another architecture: \(RemoteText.short(machine)), and this program is for \(own)",
        remedy: "run it from a machine of that architecture")
    }
    if !isThere {
      progress("copying this program to \(host.name)")
      try program.copy(file.raw)
    }
    return program
  }

  private init(host: RemoteHost, hash: String) {
    self.host = host
    self.hash = hash
  }

  private var directory: String { "$HOME/.cache/wbstress/remote/\(hash)" }

  /// Runs it, by the shell there.
  ///
  /// - Parameter asRoot: by sudo(8) where the user is not root and that asks nothing; else the program refuses.
  func script(_ arguments: String, asRoot: Bool) -> String {
    "exec \(asRoot && hasSudo ? "sudo -n -- " : "")\"\(directory)/wbstress\" \(arguments)"
  }

  private mutating func look() throws(HarnessError) -> (machine: String, isThere: Bool) {
    let connection = try RemoteConnection(
      host,
      "echo \"\(hash)  \(directory)/wbstress\" | sha256sum -c >/dev/null 2>&1 && there=yes || there=no; "
        + "[ \"$(id -u)\" != 0 ] && sudo -n true >/dev/null 2>&1 && sudo=yes || sudo=no; "
        + "echo \"\(Self.mark) $there $(uname -m) $sudo\"")
    let (exit, output) = try connection.finish(patience: Self.patience)
    // What a shell's start-up files print stands before it.
    let answer = output.split { $0 == "\n" }.last { $0.hasPrefix(Self.mark) }?
      .split(separator: " ")
    guard exit == .status(0), let answer, answer.count == 4 else {
      var error = connection.failure(exit)
      error.remedy = error.remedy ?? Self.remedy
      throw error
    }
    hasSudo = answer[3] == "yes"
    return (String(answer[2]), answer[1] == "yes")
  }

  /// Under another name until it is whole: what is cut off never has the right one.
  private func copy(_ file: Int32) throws(HarnessError) {
    let connection = try RemoteConnection(
      host,
      "umask 077; d=\"\(directory)\"; mkdir -p \"$d\" && cat >\"$d/.$$\" && "
        + "echo \"\(hash)  $d/.$$\" | sha256sum -c >/dev/null && chmod 700 \"$d/.$$\" && "
        + "mv \"$d/.$$\" \"$d/wbstress\" && echo \"\(Self.mark)\" || { rm -f \"$d/.$$\"; exit 1; }",
      sending: file)
    let (exit, output) = try connection.finish(patience: Self.copyPatience)
    if exit == .status(0), output.contains(Self.mark) { return }
    var error = connection.failure(exit)
    if exit != .status(255) {
      error.operation = "did not take this program" + (connection.complaint.map { ": \($0)" } ?? "")
      error.remedy = "there must be room in ~/.cache/wbstress/remote; " + Self.remedy
    }
    throw error
  }
}
