// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import StressAnalysis
import StressCore
import StressLab
import StressMachine
import StressReport

struct Watch: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Record what happens to a live service under memory pressure.",
    discussion: """
      Samples, traces and reads the kernel log as during a trial, as root, on this machine. Nothing \
      of the service is changed, limited or flushed; no file is read that flushes the statistics \
      that dirty throttling decides on. Ends after --time, by ^C or SIGTERM, or when no cgroup is \
      left. 'why' and 'report' read the directory. docs/watch.md has what it costs.
      """)

  @Option(
    help: ArgumentHelp(
      "A cgroup, as a directory or a path below /sys/fs/cgroup; may be repeated.",
      valueName: "path"),
    completion: .directory)
  var cgroup: [String] = []

  @Option(
    help: ArgumentHelp(
      "A unit of systemd, such as postgresql.service; may be repeated.", valueName: "name"))
  var unit: [String] = []

  @Option(
    help: ArgumentHelp("The cgroup of a process; may be repeated.", valueName: "pid"))
  var pid: [Int32] = []

  @Option(
    help: ArgumentHelp("End after this time, such as 10m (at most 24h).", valueName: "duration"))
  var time = "24h"

  @Option(
    help: ArgumentHelp(
      "A key of 'observe' and its value, such as fast=10ms or sched=off; may be repeated.",
      valueName: "key=value"))
  var observe: [String] = []

  @Option(
    help: ArgumentHelp(
      "Directory of the record, a new one (default: wbstress-watch-TIME).", valueName: "dir"),
    completion: .directory)
  var output: String?

  private var targets: [WatchTarget] {
    cgroup.map(WatchTarget.cgroup) + unit.map(WatchTarget.unit) + pid.map(WatchTarget.process)
  }

  func validate() throws {
    if targets.isEmpty {
      throw ValidationError("nothing to watch: give --cgroup, --unit or --pid")
    }
  }

  private static func setting(_ text: String) throws -> Profile.Setting {
    let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
    guard parts.count == 2 else {
      throw HarnessError(
        .usage, "--observe \(text)", "expected KEY=VALUE", remedy: "as in fast=10ms")
    }
    return Profile.Setting(parts[0], parts[1])
  }

  func run() throws {
    let watch = try LocalWatch.prepare(
      targets, observe: try observe.map(Self.setting), duration: time,
      directory: output.map(File.plain) ?? CampaignOptions.defaultDirectory("watch"))
    let interrupt = Interrupt.ofProcess
    try interrupt.takeSignals()
    let groups = watch.profile.watched.joined(separator: ", ")
    Output.progress(
      "wbstress: watching \(groups) for \(time), until ^C, or until it is gone; record in"
        + " \(watch.directory)\n")
    let ending = try watch.run(interrupt)
    let summary = try CampaignSummary(directory: watch.directory)
    Output.line(TerminalReport(summary, style: .forTerminal()).screen)
    if ending.outcome == .invalid {
      throw HarnessError(.harness, "watch", ending.message ?? ending.reason ?? "failed")
    }
  }
}
