// SPDX-License-Identifier: Apache-2.0
import StressAnalysis
import StressCore
import StressRecord

/// One trial.
extension JSONReport {
  static func trial(_ result: TrialResult, _ diagnosis: TrialDiagnosis?) -> JSON {
    let head: [(String, JSON)] = [
      ("trial", .number(result.number)), ("status", .string(result.status.rawValue)),
      ("why", .optional(result.reason)), ("checks", .array(result.checks.map(check))),
    ]
    guard let trial = result.trial else { return .object(head + [("measured", .null)]) }
    let measured =
      ran(trial) + kills(trial, diagnosis) + speeds(trial) + counters(trial)
      + harness(trial) + [("ledger", ledger(diagnosis))]
    return .object(head + [("measured", .object(measured.map { ($0.0, $0.1) }))])
  }

  private typealias Members = [(String, JSON)]

  // MARK: How it ran

  private static func ran(_ trial: TrialSummary) -> Members {
    [
      ("outcome", .string(trial.ending.outcome.rawValue)),
      ("reason", .optional(trial.ending.reason)), ("message", .optional(trial.ending.message)),
      ("kernel", .string(trial.kernel)), ("release", .string(trial.release)),
      ("accelerator", .string(trial.accelerator)), ("machine", .optional(trial.machine)),
      ("jobs", .number(trial.jobs)), ("lru_gen", .optional(trial.lruGen)),
      ("began", trial.began.map { .int($0) } ?? .null), ("duration", .number(trial.duration)),
      ("boot_time", .number(trial.bootTime)), ("set_up_time", .number(trial.setUpTime)),
      (
        "streaming",
        trial.streaming.map {
          ["start": .int($0.lowerBound), "end": .int($0.upperBound)]
        } ?? .null
      ),
      (
        "facts",
        .array(
          trial.facts.all.map { fact in
            ["key": .string(fact.key), "value": .string(fact.value)]
          })
      ),
    ]
  }

  // MARK: Kills

  private static func kills(_ trial: TrialSummary, _ diagnosis: TrialDiagnosis?) -> Members {
    let stamps = trial.killStamps.map { kill -> JSON in
      [
        "pid": .int(kill.pid), "worker": .optional(kill.worker),
        "times": .object(kill.stamps.map { ($0.source.rawValue, .int($0.time)) }),
      ]
    }
    let others = (diagnosis?.otherKills ?? []).map { kill -> JSON in
      [
        "worker": .string(kill.worker), "time": .int(kill.time), "certain": .bool(kill.isCertain),
      ]
    }
    let shortfalls = trial.shortfalls.map { one -> JSON in
      [
        "worker": .string(one.worker), "size": .uint(one.size), "reached": .uint(one.reached),
        "errno": .optional(one.errno),
      ]
    }
    let writes = trial.timelineWrites.map { one -> JSON in
      [
        "at": .int(one.at), "what": .string(one.what), "duration": .number(one.duration),
        "errno": .optional(one.errno),
      ]
    }
    return [
      ("killed", .bool(trial.hasKill)),
      (
        "kills",
        [
          "kernel_log": .number(trial.kills.kernelLog),
          "memory_events": .number(trial.kills.memoryEvents),
          "console": .number(trial.kills.console), "agree": .bool(trial.kills.agree),
        ]
      ),
      ("kill_findings", .array(trial.incidents.map { .string($0.finding.name) })),
      ("kill_stamps", .array(stamps)),
      ("autopsies", .array((diagnosis?.autopsies ?? []).map(autopsy))),
      ("other_kills", .array(others)), ("shortfalls", .array(shortfalls)),
      ("timeline_writes", .array(writes)), ("commands", .array(trial.commands.map(command))),
    ]
  }

  private static func command(_ one: CommandResult) -> JSON {
    [
      "name": .string(one.name), "exit": .optional(one.exit),
      "ended": .optional(one.ended?.rawValue), "time": .number(one.time),
      "cpu_time": .number(one.cpuTime), "bytes_read": one.readBytes.map { .int($0) } ?? .null,
      "bytes_written": one.writtenBytes.map { .int($0) } ?? .null,
      "figures": keyed(one.figures.keys) { .number(one.figures[$0]) },
      "left": .array(one.left.map(JSON.string)),
    ]
  }

  // MARK: Speeds and stalls

  private static func speeds(_ trial: TrialSummary) -> Members {
    func pressure(_ pressure: TrialSummary.Pressure?) -> JSON {
      pressure.map { ["some": .number($0.some), "full": .number($0.full)] } ?? .null
    }
    let stall = trial.stall.map { stall -> JSON in
      [
        "count": .number(stall.count), "p50": .number(stall.p50), "p99": .number(stall.p99),
        "max": .number(stall.max),
      ]
    }
    return [
      ("bytes", .uint(trial.bytes)), ("throughput", .number(trial.throughput)),
      ("read_throughput", .number(trial.readThroughput)),
      ("stall", stall ?? .null), ("longest_write", .number(trial.longestWrite)),
      ("longest_fsync", .number(trial.longestSync)),
      ("lost_latencies", .int(trial.lostLatencies)),
      ("memory_pressure", pressure(trial.memoryPressure)),
      ("io_pressure", pressure(trial.ioPressure)),
      ("latencies", distributions(trial.latencies)),
      (
        "worker_latencies",
        keyed(trial.workerLatencies.keys) { distributions(trial.workerLatencies[$0] ?? [:]) }
      ),
      ("throttle_reaction", reaction(trial.reaction)),
      ("fio", trial.streams.isEmpty ? .null : FioReport(trial).json),
    ]
  }

  private static func distributions(_ all: [String: Distribution]) -> JSON {
    keyed(all.keys) { name in
      let one = all[name] ?? Distribution([])
      let percentiles = LatencyPercentile.allCases.map {
        (key: $0.rawValue, value: JSON.number(one.percentile($0.share)))
      }
      return .object(
        [("count", .number(one.count)), ("mean", .number(one.mean))] + percentiles
          + [("max", .number(one.count > 0 ? one.max : nil))])
    }
  }

  private static func reaction(_ reaction: ThrottleReaction?) -> JSON {
    guard let reaction else { return .null }
    return switch reaction {
    case .after(let time): ["result": "after", "time": .number(time)]
    case .neverBeforeKill(let time): ["result": "never-before-kill", "time": .number(time)]
    case .never: ["result": "never", "time": .null]
    case .notCrossed: ["result": "not-crossed", "time": .null]
    }
  }

  // MARK: Counters

  private static func counters(_ trial: TrialSummary) -> Members {
    func growth(_ counters: [String: Int64]) -> JSON {
      keyed(counters.keys) { .int(counters[$0] ?? 0) }
    }
    let ops = VmstatNames.figures(trial.vmstat, seconds: trial.vmstatTime.map { $0 / 1e9 })
    return [
      ("vmstat", growth(trial.vmstat)), ("vmstat_time", .number(trial.vmstatTime)),
      ("memory_stat", growth(trial.memoryStat)),
      (
        "mmtests",
        trial.vmstat.isEmpty ? .null : .object(ops.map { ($0.name, .number($0.value)) })
      ),
      ("cpu_time", .number(trial.cpuTime)), ("kswapd_time", .number(trial.kswapd)),
    ]
  }

  // MARK: The harness

  private static func harness(_ trial: TrialSummary) -> Members {
    let trace = trial.trace.map { trace -> JSON in
      [
        "failure": .optional(trace.failure),
        "failures": .array(trace.failures.map { .string($0) }),
        "events": keyed(trace.events.keys) { .number(trace.events[$0]) },
        "lost": .number(trace.lostRecords), "dropped": .number(trace.dropped),
        "missing": .array(trace.missing.map { .string($0) }),
        "punted": keyed(trace.punted.keys) { .number(trace.punted[$0]) },
        "cpu_time": .number(trace.cpuTime),
      ]
    }
    let mirror = trial.mirror.map { mirror -> JSON in
      [
        "cpu_share": .number(mirror.cpuShare), "steal_share": .number(mirror.stealShare),
        "resident": .number(mirror.resident), "record_bytes": .number(mirror.recordBytes),
        "balloon_moved": .bool(mirror.balloonMoved),
        "agents": .array(mirror.agents.map { .string($0) }),
        "lateness_p99": .number(mirror.latenessP99), "lateness_max": .number(mirror.latenessMax),
        "memory_touched": .number(mirror.touched), "host_wait": .number(mirror.hostWait),
        "warnings": .array(
          mirror.warnings(accelerator: trial.accelerator).map { .string($0) }),
      ]
    }
    let lanes = keyed(trial.gaps.taken.keys) { lane in
      ["taken": .number(trial.gaps.taken[lane]), "missed": .number(trial.gaps.missed[lane])]
    }
    let defects = RecordDefects.Kind.allCases.filter { trial.defects[$0] > 0 }
      .map { ($0.rawValue, trial.defects[$0]) }
    return [
      ("trace", trace ?? .null), ("harness", mirror ?? .null), ("lanes", lanes),
      ("dropped_samples", .number(trial.droppedSamples)), ("defects", counts(defects)),
      ("notes", .array(trial.notes.map { .string($0) })),
      ("evidence", keyed(trial.evidence.keys) { .number(trial.evidence[$0]) }),
    ]
  }
}
