// SPDX-License-Identifier: Apache-2.0
import StressAnalysis
import StressCore
import StressRecord

/// Why trials ended and stalled as they did.
extension JSONReport {
  // MARK: Kills

  static func autopsy(_ kill: OOMAutopsy) -> JSON {
    let victims = kill.victims.map { victim -> JSON in
      [
        "task": task(victim.task), "anon_rss": victim.anonRSS.map { .uint($0) } ?? .null,
        "oom_score_adj": .number(victim.oomScoreAdj.map(Int.init)),
      ]
    }
    return .object([
      ("time", .int(kill.time)),
      ("since_start", kill.sinceStart.flatMap { $0 < 0 ? nil : .int($0) } ?? .null),
      ("scope", scope(kill.scope)), ("invoker", kill.invoker.map(task) ?? .null),
      ("order", .number(kill.report.order.map(Int.init))),
      ("gfp_flags", .optional(kill.report.gfpFlags)),
      ("constraint", .optional(kill.report.constraint)), ("victims", .array(victims)),
      ("group_kill", .bool(kill.isGroupKill)),
      ("composition", kill.memory.map(composition) ?? .null),
      ("finding", .string(kill.finding.name)), ("undecided_why", .optional(kill.finding.why)),
      ("before", lead(kill.lead)),
    ])
  }

  private static func task(_ task: OOMAutopsy.Task) -> JSON {
    [
      "comm": .string(task.comm), "pid": .number(task.pid.map(Int.init)),
      "worker": .optional(task.worker),
    ]
  }

  private static func scope(_ scope: OOMAutopsy.Scope) -> JSON {
    let (kind, of): (String, String?) =
      switch scope {
      case .memcg(let cgroup): ("memcg", cgroup)
      case .global: ("global", nil)
      case .constrained(let constraint): ("constrained", constraint)
      case .sysrq: ("sysrq", nil)
      case .unknown: ("unknown", nil)
      }
    return ["kind": .string(kind), "of": .optional(of)]
  }

  private static func composition(_ memory: OOMComposition) -> JSON {
    func bytes(_ bytes: Int64?) -> JSON { bytes.map { .int($0) } ?? .null }
    return .object([
      ("limit", bytes(memory.limit)), ("total", bytes(memory.total)),
      (
        "parts",
        .object(
          OOMComposition.Part.allCases.compactMap { part in
            memory.parts[part].map { (part.rawValue, .int($0)) }
          })
      ),
      ("unaccounted", bytes(memory.unaccounted)), ("unevictable", bytes(memory.unevictable)),
      ("clean_evictable", bytes(memory.cleanEvictable)),
      ("anon_evictable", bytes(memory.anonEvictable)),
      ("awaiting_writeback", bytes(memory.awaitingWriteback)),
      ("swap_left", bytes(memory.swapLeft)), ("watermark", bytes(memory.watermark)),
    ])
  }

  private static func lead(_ lead: OOMLead) -> JSON {
    func answer(_ answer: OOMLead.Answer) -> JSON {
      switch answer {
      case .unknown: .null
      case .never: ["count": 0, "first": .null, "last": .null]
      case .before(let first, let last, let count):
        ["count": .number(count), "first": .int(first), "last": .int(last)]
      }
    }
    return [
      "limit": answer(lead.limit), "reclaim_wake": answer(lead.reclaimWake),
      "background_wake": answer(lead.backgroundWake), "pause": answer(lead.pause),
      "throttled": answer(lead.throttled),
    ]
  }

  // MARK: Stalls

  static func ledger(_ diagnosis: TrialDiagnosis?) -> JSON {
    guard let diagnosis else { return .null }
    return ledger(CellLedger([(diagnosis.number, diagnosis.ledger)]))
  }

  static func ledger(_ ledger: CellLedger) -> JSON {
    func kinds(_ all: [String: CellLedger.Kind]) -> JSON {
      keyed(all.keys) { name in all[name].map(kind) ?? .null }
    }
    return [
      "operations": kinds(ledger.operations), "pressure": kinds(ledger.pressure),
      "unknown_stacks": .array(
        ledger.unknownStacks.map { stack in
          ["time": .int(stack.time), "frames": .array(stack.frames.map { .string($0) })]
        }),
    ]
  }

  private static func kind(_ kind: CellLedger.Kind) -> JSON {
    let causes = StallCause.allCases.filter { kind.time(of: $0) > 0 }
      .map { (key: $0.label, value: JSON.int(kind.time(of: $0))) }
    return [
      "count": .number(kind.count), "time": .int(kind.time),
      "behind": kind.behind.map { .int($0) } ?? .null,
      "unexplained": .int(kind.unexplained),
      "unexplained_share": .number(kind.share(kind.unexplained)), "causes": .object(causes),
    ]
  }

  // MARK: Counters around events

  static func around(_ around: CountersAround) -> JSON {
    let tally = around.tally
    return [
      "event": .string(around.kind.rawValue),
      "tally": [
        "trials": .number(tally.trials), "with_events": .number(tally.withEvents),
        "events": .number(tally.events), "early": .number(tally.early),
        "never_quiet": .number(tally.neverQuiet), "quiet_windows": .number(tally.quietWindows),
        "compared": .number(tally.compared),
      ],
      "smallest_p": .number(around.smallestP), "counters": .array(around.counters.map(counter)),
    ]
  }

  private static func counter(_ counter: CountersAround.Counter) -> JSON {
    .object([
      ("name", .string(counter.name)),
      ("unit", .string(CounterUnit(column: counter.name).rawValue)),
      ("kind", .string(counter.kind == .gauge ? "gauge" : "rate")),
      ("trials", .number(counter.trials)), ("before", .number(counter.before)),
      ("quiet", .number(counter.quiet)), ("deviations", .number(counter.deviations)),
      ("p", .number(counter.p)), ("q", .number(counter.q)), ("finding", .bool(counter.isFinding)),
      (
        "lag",
        counter.lag.map { ["seconds": .number($0.seconds), "r": .number($0.r)] } ?? .null
      ),
      // Of hundreds of counters the others' would be most of the document.
      (
        "path", counter.isFinding ? .array(counter.path.map { .number($0) }) : .null
      ),
    ])
  }
}
