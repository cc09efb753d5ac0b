// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import CLinux
import StressAnalysis
import StressCore
import StressLab
import StressMachine
import StressRecord
import StressReport

struct Watch: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Record what happens to a live service under memory pressure.",
    discussion: """
      Samples, traces and reads the kernel log as during a trial, as root, on this machine. Nothing \
      of the service is changed, limited or flushed; no file is read that flushes the statistics \
      that dirty throttling decides on. Ends after --time, by ^C or SIGTERM, or when no cgroup is \
      left. 'why' and 'report' read the directory.

      With --keep it is a flight recorder: all stays in memory until something of --on happens; \
      then what was before and what comes after is a record. It waits for a unit that is restarted, \
      and adds to a directory of earlier records. docs/watch.md has both.
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
    help: ArgumentHelp(
      "End after this time, such as 10m (default: 24h, with --keep none).", valueName: "duration"))
  var time: String?

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

  @OptionGroup(title: "Flight recorder") var flight: FlightOptions

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
    let directory = output.map(File.plain) ?? CampaignOptions.defaultDirectory("watch")
    let settings = try observe.map(Self.setting)
    let rules = try flight.rules()
    let interrupt = Interrupt.ofProcess
    if let rules {
      let recorder = try LocalFlight.prepare(
        targets, observe: settings, rules, directory: directory)
      try interrupt.takeSignals()
      let time = try time.map { try FlightOptions.duration("--time", $0) }
      try recorder.run(interrupt, until: time.map { cl_boottime() + $0 }) {
        Output.progress("wbstress: \($0)\n")
      }
      return
    }
    let watch = try LocalWatch.prepare(
      targets, observe: settings, duration: time ?? LocalWatch.longest, directory: directory)
    try interrupt.takeSignals()
    let groups = watch.profile.watched.joined(separator: ", ")
    Output.progress(
      "wbstress: watching \(groups) for \(time ?? LocalWatch.longest), until ^C, or until it is gone;"
        + " record in \(watch.directory)\n")
    let ending = try watch.run(interrupt)
    let summary = try CampaignSummary(directory: watch.directory)
    Output.line(TerminalReport(summary, style: .forTerminal()).screen)
    if ending.outcome == .invalid {
      throw HarnessError(.harness, "watch", ending.message ?? ending.reason ?? "failed")
    }
  }
}

/// When a flight recorder makes a record, and of how much.
struct FlightOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Keep the last of this long in memory, such as 5m.", valueName: "duration"))
  var keep: String?

  @Option(
    help: ArgumentHelp(
      """
      What makes a record: oom (a kill in the cgroup), stall=2s (a thread held up in the kernel), \
      psi=60% (full of memory or io pressure, of a second); several with commas (default: oom).
      """, valueName: "list"))
  var on: String?

  @Option(
    help: ArgumentHelp("Record for as long afterwards (default: 1m).", valueName: "duration"))
  var after: String?

  @Option(
    help: ArgumentHelp(
      "Begin no record sooner than this after the one before (default: 10m).",
      valueName: "duration"))
  var every: String?

  @Option(
    help: ArgumentHelp(
      "Memory for what is kept (default: 64MiB); the oldest makes room.", valueName: "size"))
  var memory: String?

  @Option(
    help: ArgumentHelp(
      "Begin no record when all take this much (default: 1GiB).", valueName: "size"))
  var disk: String?

  func validate() throws {
    guard keep == nil else { return }
    let others = [
      ("--on", on), ("--after", after), ("--every", every), ("--memory", memory), ("--disk", disk),
    ]
    if let other = others.first(where: { $0.1 != nil }) {
      throw ValidationError("\(other.0): needs --keep")
    }
  }

  /// nil: it is none.
  func rules() throws -> LocalFlight.Rules? {
    guard let keep else { return nil }
    let triggers = try Triggers(on ?? "oom")
    return LocalFlight.Rules(
      ring: .init(
        before: try Self.duration("--keep", keep),
        after: try Self.duration("--after", after ?? "1m"),
        memory: Int(try Self.memory(memory ?? "64MiB")), stall: triggers.stall,
        oom: triggers.oom),
      psi: triggers.psi, every: try Self.duration("--every", every ?? "10m"),
      disk: try Self.size("--disk", disk ?? "1GiB"))
  }

  /// - Parameter option: what the text is of.
  static func duration(_ option: String, _ text: String) throws -> UInt64 {
    do throws(UnitError) {
      return try Units.duration(text)
    } catch {
      throw HarnessError(.usage, "\(option) \(text)", error.description)
    }
  }

  private static func size(_ option: String, _ text: String) throws -> UInt64 {
    do throws(UnitError) {
      return try Units.size(text)
    } catch {
      throw HarnessError(.usage, "\(option) \(text)", error.description)
    }
  }

  private static func memory(_ text: String) throws -> UInt64 {
    let size = try size("--memory", text)
    guard 1 << 20...1 << 32 ~= size else {
      throw HarnessError(.usage, "--memory \(text)", "is not from 1MiB to 4GiB")
    }
    return size
  }

  private struct Triggers {
    var oom = false
    var stall: UInt64?
    var psi: Double?

    init(_ text: String) throws {
      for word in text.split(separator: ",", omittingEmptySubsequences: false).map(String.init) {
        let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
        switch parts.first {
        case "oom"? where parts.count == 1: oom = true
        case "stall"? where parts.count == 2:
          stall = try FlightOptions.duration("--on \(word):", parts[1])
        case "psi"? where parts.count == 2:
          guard parts[1].hasSuffix("%"), let percent = Double(parts[1].dropLast()),
            0 < percent, percent <= 100
          else { throw HarnessError(.usage, "--on \(word)", "expected a share such as 60%") }
          psi = percent / 100
        default:
          throw HarnessError(
            .usage, "--on \(word)", "is no trigger", remedy: "oom, stall=DURATION, psi=SHARE%")
        }
      }
    }
  }
}
