// SPDX-License-Identifier: Apache-2.0
import StressAnalysis
import StressCore

/// A trial's timeline as the page's data has it. Times are microseconds from the streams' start.
struct PageTimeline {
  private let timeline: TrialTimeline
  private let diagnosis: TrialDiagnosis

  /// Stalls that are drawn, the longest of a trial.
  private static let stalls = 300

  init(_ timeline: TrialTimeline, _ diagnosis: TrialDiagnosis) {
    self.timeline = timeline
    self.diagnosis = diagnosis
  }

  private func time(_ time: Int64) -> JSON { .int((time - timeline.origin) / 1000) }

  private static func name(_ text: String) -> JSON { .string(text.visible) }

  var data: JSON {
    [
      "from": time(timeline.window.lowerBound),
      "until": time(timeline.window.upperBound),
      "bands": .array(timeline.bands.map { [.string($0.name), time($0.start), time($0.end)] }),
      "moments": .array(timeline.moments.map { [time($0.time), Self.name($0.what)] }),
      "limits": .array(
        timeline.limits.map { limit in
          [Self.name(limit.group), time(limit.from), limit.bytes.map { .int($0 >> 10) } ?? .null]
        }),
      "kills": .array(kills),
      "charts": .object(
        TrialTimeline.Chart.allCases.map { chart in
          (chart.rawValue, .array((timeline.series[chart] ?? []).map(series)))
        }),
      "heat": .array(timeline.heatMaps.map(heat)),
      "open": .array(
        timeline.unfinished.map { one in
          [
            Self.name(one.kind), one.worker.map(Self.name) ?? .null, time(one.time),
            .int(one.age / 1000), .int(Int64(LatencyHeatMap.exponent(Double(one.age)))),
          ]
        }),
      "stalls": stalls,
    ]
  }

  // MARK: Parts

  private var kills: [JSON] {
    diagnosis.autopsies.map { autopsy in
      let victim = autopsy.victims.first?.task
      let name = victim.map { $0.worker ?? $0.comm } ?? "a task"
      return [time(autopsy.time), Self.name("OOM kill of \(name): \(autopsy.finding.name)")]
    }
      + diagnosis.otherKills.map {
        [time($0.time), Self.name("\($0.worker) killed, not by the OOM killer")]
      }
  }

  private func series(_ series: TimelineSeries) -> JSON {
    var members: [(key: String, value: JSON)] = [
      ("name", Self.name(series.name)), ("from", time(series.bins.start)),
      ("step", .double(Double(series.bins.width) / 1000)), ("low", Self.deltas(series.low)),
    ]
    let heights = zip(series.low, series.high).map { low, high in
      low.flatMap { low in high.map { $0 - low } }
    }
    if heights.contains(where: { $0 ?? 0 != 0 }) {
      members.append(("height", .array(heights.map { $0.map { .int($0) } ?? 0 })))
    }
    return .object(members)
  }

  /// Each value less the last known one before it.
  private static func deltas(_ values: [Int64?]) -> JSON {
    var last: Int64 = 0
    return .array(
      values.map { value in
        guard let value else { return .null }
        defer { last = value }
        return .int(value - last)
      })
  }

  private func heat(_ map: LatencyHeatMap) -> JSON {
    [
      "of": Self.name(map.of), "from": time(map.start), "step": .int(map.width / 1000),
      "tiles": .array(
        map.tiles.flatMap { tile -> [JSON] in
          [.int(Int64(tile.column)), .int(Int64(tile.exponent)), .int(Int64(tile.count))]
        }),
    ]
  }

  /// Each as start, length, kind, victim, main cause, its share and the unexplained share in thousandths, and
  /// whether it was in flight at the end.
  private var stalls: JSON {
    let all = diagnosis.ledger.operations
    let shown = all.sorted { ($1.time, $0.start) < ($0.time, $1.start) }.prefix(Self.stalls)
      .sorted { $0.start < $1.start }
    let names = Set(shown.flatMap { [$0.kind, $0.victim ?? "?"] }).sorted()
    let index = Dictionary(uniqueKeysWithValues: zip(names, names.indices))
    func place(_ name: String) -> JSON { .int(Int64(index[name] ?? 0)) }
    return [
      "count": .int(Int64(all.count)),
      "names": .array(names.map(Self.name)),
      "rows": .array(
        shown.flatMap { stall -> [JSON] in
          let main = stall.parts.first
          return [
            time(stall.start), .int(stall.time / 1000), place(stall.kind),
            place(stall.victim ?? "?"), .int(Int64(main?.cause.rawValue ?? 0)),
            Self.thousandths(main.map { stall.share($0.time) } ?? 0),
            Self.thousandths(stall.unexplainedShare), stall.isInFlight ? 1 : 0,
          ]
        }),
    ]
  }

  private static func thousandths(_ share: Double) -> JSON { .int(Int64((share * 1000).rounded())) }
}
