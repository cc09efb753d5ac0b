// SPDX-License-Identifier: Apache-2.0
import StressAnalysis

/// The OOM kills of a cell taken apart: what its kills have in common first, then one after the other.
package struct AutopsySection {
  private typealias Case = (trial: Int, autopsy: OOMAutopsy)

  private let cases: [Case]
  private let others: [(trial: Int, kill: OtherKill)]
  /// Kills that are told in full; of the others the finding must do.
  private let told: Int
  /// What the trials' time began with.
  private let began: String

  /// - Parameter trials: each trial's number and kills, in order.
  package init(
    _ trials: [(number: Int, autopsies: [OOMAutopsy], others: [OtherKill])], told: Int = .max,
    isWatch: Bool = false
  ) {
    began = isWatch ? "the watching" : "the streams"
    cases = trials.flatMap { trial in trial.autopsies.map { (trial.number, $0) } }
    others = trials.flatMap { trial in trial.others.map { (trial.number, $0) } }
    self.told = told
  }

  /// Nothing for a cell in which nobody was killed.
  package func lines(width: Int, _ paint: (String) -> String) -> [String] {
    var lines: [String] = []
    if !cases.isEmpty {
      lines += summary(width: width, paint)
      for (trial, autopsy) in cases.prefix(told) {
        lines += [""] + story(trial, autopsy, width: width, paint)
      }
      if cases.count > told {
        lines += [
          "", "... and \(TerminalReport.count(cases.count - told, "more kill")): see --kills",
        ]
      }
    }
    for (trial, kill) in others {
      lines += Format.broken(
        "trial \(trial): \(kill.worker) was killed, but not by the OOM killer: SIGKILL from user space"
          + (kill.isCertain ? "" : ", or the kernel log lost its lines"),
        width: width, indent: 2)
    }
    return lines
  }

  // MARK: All of them

  private func summary(width: Int, _ paint: (String) -> String) -> [String] {
    let findings = cases.map(\.autopsy.finding.name).tally.map { "\($0.name) \($0.count)" }
    let rest =
      ": \(findings.joined(separator: ", ")), of \(TerminalReport.count(cases.count, "kill"))."
    var lines = Format.broken("OOM kills" + rest, width: width)
    lines[0] = paint("OOM kills") + lines[0].dropFirst("OOM kills".count)
    return lines
  }

  // MARK: One of them

  private func story(
    _ trial: Int, _ autopsy: OOMAutopsy, width: Int, _ paint: (String) -> String
  ) -> [String] {
    let when =
      switch autopsy.sinceStart {
      case nil: "unknown how long after \(began) began"
      case let time? where time < 0: "before \(began)"
      case let time?: "\(Self.seconds(time)) after \(began) began"
      }
    return Self.story(
      "trial \(trial)", "\(when), \(Self.scope(autopsy))", autopsy, width: width, paint)
      + Self.lead(autopsy.lead).flatMap { Self.part($0, width: width) }
  }

  static func part(_ text: String, width: Int) -> [String] {
    Format.broken(text, width: width - 2, indent: 2).map { "  " + $0 }
  }

  /// One kill, as far as the kernel's own report tells.
  ///
  /// - Parameter finding: in words, where they are not the finding's own.
  static func story(
    _ title: String, _ summary: String, _ autopsy: OOMAutopsy, finding: String? = nil, width: Int,
    _ paint: (String) -> String
  ) -> [String] {
    var lines = Format.broken("\(title): \(summary)", width: width, indent: 2)
    lines[0] = paint(title) + lines[0].dropFirst(title.count)
    func add(_ text: String) { lines += part(text, width: width) }
    if !autopsy.victims.isEmpty {
      add("killed: " + autopsy.victims.map(victim).joined(separator: "; "))
    }
    if let invoker = autopsy.invoker {
      let flags = autopsy.report.gfpFlags.map { ", \($0)" } ?? ""
      let order = autopsy.report.order.map { ", order \($0)" } ?? ""
      add("invoked by: " + task(invoker) + order + flags)
    }
    if let memory = autopsy.memory {
      let figures = figures(memory)
      add("KiB: " + figures.parts)
      add("other figures: " + figures.others)
    }
    add("finding: " + (finding ?? autopsy.finding.text))
    return lines
  }

  static func scope(_ autopsy: OOMAutopsy) -> String {
    let scope: String =
      switch autopsy.scope {
      case .memcg("?"): "a memcg that the log does not name, at its limit"
      case .memcg(let path): "memcg \(path) at its limit"
      case .global: "global: the machine was out of memory"
      case .constrained(let name): name
      case .sysrq: "sysrq-f"
      case .unknown: "scope unknown"
      }
    return autopsy.isGroupKill ? scope + ", memory.oom.group" : scope
  }

  private static func task(_ task: OOMAutopsy.Task) -> String {
    let comm = task.pid.map { "\(task.comm), pid \($0)" } ?? task.comm
    return task.worker.map { "\($0) (\(comm))" } ?? comm
  }

  private static func victim(_ victim: OOMAutopsy.Victim) -> String {
    let anon = victim.anonRSS.map { ", anon-rss \($0 >> 10) KiB" } ?? ""
    let adj = victim.oomScoreAdj.flatMap { $0 == 0 ? nil : ", oom_score_adj \($0)" } ?? ""
    return task(victim.task) + anon + adj
  }

  private static func seconds(_ time: Int64) -> String { Format.seconds(Double(time)) + " s" }

  /// The parts that are not zero, and other views of the same memory, in KiB as in the kernel's own dump.
  static func figures(_ memory: OOMComposition) -> (parts: String, others: String) {
    // A name and its figure stay on one line.
    func text(_ name: String, _ bytes: Int64) -> String {
      "\(name) \(bytes / 1024)".map { $0 == " " ? "\u{a0}" : String($0) }.joined()
    }
    var items: [String] = []
    if let limit = memory.limit { items.append(text("limit", limit)) }
    if memory.total != memory.limit { items.append(text("usage", memory.total)) }
    items += OOMComposition.Part.allCases.compactMap { part in
      memory.parts[part].flatMap { bytes in
        let isShown = bytes != 0 || [.fileClean, .fileDirty, .fileWriteback].contains(part)
        return isShown ? text(part.rawValue, bytes) : nil
      }
    }
    items.append(text("unaccounted", memory.unaccounted))
    var extra = [text("unevictable", memory.unevictable)]
    extra.append(text("clean evictable file", memory.cleanEvictable))
    if let swap = memory.swapLeft { extra.append(text("swap left", swap)) }
    return (items.joined(separator: ", "), extra.joined(separator: ", "))
  }

  static func lead(_ lead: OOMLead) -> [String] {
    var unknown: [String] = []
    func told(_ what: String, _ answer: OOMLead.Answer) -> String? {
      switch answer {
      case .unknown:
        unknown.append(what)
        return nil
      case .never: return "\(what): never before the kill"
      case .before(let first, _, 1): return "\(what): \(seconds(first)) before the kill"
      case .before(let first, let last, let count):
        return "\(what): first \(seconds(first)) before the kill, last \(seconds(last)), "
          + "\(count) times"
      }
    }
    let lines = [
      told("limit met (memory.events max)", lead.limit),
      told("dirty throttle paused a task", lead.pause),
      told("flusher woken by reclaim", lead.reclaimWake),
      told("flusher woken for background writeback", lead.backgroundWake),
      told("reclaim put a task to sleep", lead.throttled),
    ].compactMap { $0 }
    if unknown.isEmpty { return lines }
    return lines + ["not recorded: \(unknown.joined(separator: ", "))"]
  }
}
