// SPDX-License-Identifier: Apache-2.0
import StressAnalysis
import StressCore

/// What became of the commands, and what they say of themselves.
extension TerminalReport {
  var commands: [String] {
    var table = Table([
      ("#", .right), ("command", .left), ("trials", .right), ("ended", .text), ("time", .right),
      ("CPU", .right), ("written", .right), ("figures", .text),
    ])
    var isEmpty = true
    for (i, cell) in cells.enumerated() {
      for command in cell.profile.commands {
        let all = cell.counted.compactMap { $0.command(command.name) }
        if all.isEmpty { continue }
        isEmpty = false
        func median(_ value: (CommandResult) -> Double?) -> Double? {
          OrderedSample(all.compactMap(value)).median
        }
        let ended = all.map(Self.words).tally.map { "\($0.name) \($0.count)" }
        let figures = command.figures.compactMap { figure -> String? in
          median { $0.figures[figure.name] }.map { "\(figure.name) \(Format.significant($0))" }
        }
        table.add([
          "\(i + 1)", command.name, "\(all.count)",
          ended.map { $0.replacing(" ", with: "\u{a0}") }.joined(separator: ", "),
          Format.seconds(median(\.time)), Format.seconds(median(\.cpuTime)),
          Format.mebibytes(median { $0.writtenBytes.map(Double.init) }),
          figures.isEmpty
            ? "-"
            : figures.map { $0.replacing(" ", with: "\u{a0}") }.joined(separator: ", "),
        ])
      }
    }
    if isEmpty { return [] }
    var lines = table.lines(within: Self.width)
    lines[0] = style.bold(lines[0])
    return lines + [
      "time: seconds until its first process ended; CPU: seconds of its cgroup; written:",
      "MiB by its cgroup's io.stat; figures: what it printed. Medians over trials.",
    ]
  }

  private static func words(_ result: CommandResult) -> String {
    switch result.ended {
    case .itself: result.exit ?? "?"
    case .stopped: "stopped"
    case .killed: "killed after its grace"
    case .killedByOthers: "killed"
    case .unkillable: "unkillable"
    case nil: "?"
    }
  }
}

extension Profile.Command {
  /// What it runs and when, as in `backup (beside, in jobs): tar -cf /mnt/wbstress/a.tar /srv`.
  ///
  /// - Parameter length: the command is cut to so many characters; nil: it is not.
  func words(atMost length: Int? = nil) -> String {
    let isShell = run.count == 3 && run[0] == "/bin/sh" && run[1] == "-c"
    var line = (isShell ? run[2] : run.joined(separator: " "))
      .split(whereSeparator: \.isWhitespace).joined(separator: " ").visible
    if let length, line.count > length { line = line.prefix(length) + " ..." }
    let how = differences + (cgroup.map { ["in \($0)"] } ?? [])
    return "\(name)\(how.isEmpty ? "" : " (\(how.joined(separator: ", ")))"): \(line)"
  }
}
