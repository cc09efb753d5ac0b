// SPDX-License-Identifier: Apache-2.0
import StressCore

/// The commands of a profile in a script: each in its cgroup, with its environment, at its time.
extension ReproducerScript {
  /// Why a plain shell cannot run them as a trial does.
  static func untellableCommands(_ profile: Profile) -> [String] {
    let names = "commands (\(profile.commands.map(\.name).joined(separator: ", ")))"
    if profile.commands.isEmpty { return [] }
    if !profile.machine.prepare.isEmpty {
      return ["\(names) on a machine that is prepared for them (machine.prepare)"]
    }
    if !profile.machine.root.isEmpty, !profile.machine.root.hasPrefix("debian:") {
      return ["\(names) in a user land of their own (machine.root)"]
    }
    return []
  }

  /// Programs that the machine must have, but for its shell.
  var programs: [String] {
    let all = profile.commands.flatMap { [$0.run.first, $0.ready.first] }.compactMap(\.self)
    return Set(all.filter { $0 != "/bin/sh" }).sorted()
  }

  /// Where profiles have the scratch file system; commands name it.
  static let commandsMount = "/mnt/wbstress"

  /// The cgroups of those that are beside the limited one.
  var outsideGroups: [String] {
    profile.commands.filter(\.isOutside).map { group(of: $0) }
  }

  private func group(of command: Profile.Command) -> String {
    command.isOutside
      ? "$cg-\(command.name)"
      : (["$cg", command.cgroup].compactMap(\.self) + [command.name]).joined(separator: "/")
  }

  /// What the commands' lines call. What they print goes to the script's stderr.
  private static let functions = [
    "run() { # cgroup (-: none), NAME=VALUE ..., program, arguments",
    "  [ \"$1\" = - ] || echo 0 > \"$1/cgroup.procs\"; shift; cd /",
    "  exec env -i PATH=\"$PATH\" HOME=/root LC_ALL=C.UTF-8 \"$@\" < /dev/null >&2",
    "}",
    "lost() { echo \"no result: $1\"; exit 2; }",
    "may() { # command, the statuses that it may end with; if it has ended",
    "  [[ $over == *\" $1 \"* ]] || return 0; local rc=0; wait \"${pid[$1]}\" || rc=$?",
    "  [[ \" ${*:2} \" == *\" $rc \"* ]] || lost \"$1: exit status $rc\"", "}",
    "declare -A pid=(); over=\"\"",
  ]

  /// Those that come before the streams, in their order.
  var preparations: [String] {
    if profile.commands.isEmpty { return [] }
    return Self.functions
      + profile.commands.filter { !$0.isTimed }.flatMap { command -> [String] in
        let name = command.name
        if command.when == .before {
          return begin(command)
            + (command.exit == nil
              ? ["wait ${pid[\(name)]} || :"] : ["over+=\" \(name) \""] + may(command))
        }
        if command.ready.isEmpty { return begin(command) }
        let ready = call("until (run -", command, command.ready, end: ") &> /dev/null; do")
        return begin(command) + ready.lines + ["SECONDS=0"] + ready.call + [
          "  [ $SECONDS -lt \(Self.seconds(command.within)) ] || lost \"\(name) is not ready\"",
          "  sleep 0.1", "done",
        ]
      }
  }

  /// Whole ones that are at least as long.
  private static func seconds(_ time: UInt64) -> UInt64 { (time + 999_999_999) / 1_000_000_000 }

  /// Those that begin with the streams.
  var timed: [String] {
    profile.commands.filter(\.isTimed).flatMap { command in
      begin(command) + (command.when == .with ? ["writers+=($!)"] : [])
    }
  }

  /// Notes which have ended by themselves, and asks the others to end.
  var ends: [String] {
    let late = profile.commands.filter { $0.when != .before }
    if late.isEmpty { return [] }
    let notes = late.flatMap { command in
      command.when == .service
        // It may have gone on without its first process.
        ? [
          "read -r _ up < \(group(of: command))/cgroup.events",
          "[ $up = 1 ] || over+=\" \(command.name) \"",
        ] : ["kill -0 ${pid[\(command.name)]} 2> /dev/null || over+=\" \(command.name) \""]
    }
    let stops = late.map {
      "kill -\($0.stop.rawValue) ${pid[\($0.name)]} 2> /dev/null || :"
    }
    let grace = Self.seconds(late.map(\.grace).max() ?? 0)
    return notes + stops + [
      "SECONDS=0",
      "while kill -0 \"${pid[@]}\" 2> /dev/null && [ $SECONDS -lt \(grace) ]; do",
      "  sleep 0.1", "done",
    ]
  }

  /// Behind the answer to the script's question.
  var statuses: [String] { profile.commands.filter { $0.when != .before }.flatMap(may) }

  /// A service may end with none.
  private func may(_ command: Profile.Command) -> [String] {
    if command.when == .service { return ["may \(command.name)"] }
    guard let exit = command.exit else { return [] }
    return ["may \(command.name) " + exit.map(String.init).joined(separator: " ")]
  }

  private func begin(_ command: Profile.Command) -> [String] {
    let made = call("(run \(group(of: command))", command, command.run, end: ") &")
    return made.lines + made.call + ["pid[\(command.name)]=$!"]
  }

  /// A call of `run` in a subshell, and the lines that must stand before it.
  ///
  /// - Parameter lead: with the cgroup.
  private func call(
    _ lead: String, _ command: Profile.Command, _ arguments: [String], end: String
  ) -> (lines: [String], call: [String]) {
    var lines: [String] = []
    let all = command.environment.map { "\($0.key)=\($0.value)" } + arguments
    var words = all.enumerated().map { index, word in
      let quoted = ShellWord.quoted(word)
      let room = Self.longestWord - (index == all.count - 1 ? end.count : 0)
      if quoted.count <= room { return quoted }
      // Too long for a line: put together from parts, which a blank before a line does not hurt.
      lines += Self.parts(of: word).enumerated().map { part, text in
        "w\(index)\(part == 0 ? "" : "+")=\(text)"
      }
      return "\"$w\(index)\""
    }
    words[words.count - 1] += end
    return (lines, Self.command(lead, words))
  }

  private static let longestWord = 66

  /// As words of the shell that make it when they follow each other.
  private static func parts(of word: String) -> [String] {
    var parts: [String] = []
    var part = ""
    for scalar in word.unicodeScalars {
      let longer = part + String(scalar)
      if ShellWord.quoted(longer).count > longestWord {
        parts.append(ShellWord.quoted(part))
        part = String(scalar)
      } else {
        part = longer
      }
    }
    return parts + [ShellWord.quoted(part)]
  }
}
