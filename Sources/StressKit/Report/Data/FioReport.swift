// SPDX-License-Identifier: Apache-2.0
import StressAnalysis
import StressCore

/// A trial's streams as fio's `--output-format=json+` has its jobs, for scripts that read that: names and
/// units are fio's (HOWTO, "Interpreting the output"; stat.c, add_clat_percentiles_to_json).
///
/// Bins are the lowest values of their intervals, where fio gives the middles; and there are more of them,
/// ten bits of precision for fio's six.
struct FioReport {
  private let trial: TrialSummary

  init(_ trial: TrialSummary) { self.trial = trial }

  /// Those that fio tells unless it is asked for others.
  private static let percentiles = [
    1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 99, 99.5, 99.9, 99.95, 99.99,
  ]

  /// The value of fio's last bin, ns: what took longer is counted in it. Its scripts look no further.
  static let longestBin = 17_112_760_320.0

  var json: JSON {
    [
      "fio version": .string("wbstress-\(Version.text)"),
      "timestamp": trial.began.map { .int($0) } ?? .null,
      "jobs": .array(trial.streams.map(job)),
    ]
  }

  private func job(_ stream: StreamTotals) -> JSON {
    let latencies = trial.workerLatencies[stream.name] ?? [:]
    let reads = stream.action == "read"
    return [
      "jobname": .string(stream.name), "groupid": 0, "error": 0,
      "read": Self.direction(reads ? stream : nil, latencies["read"]),
      "write": Self.direction(reads ? nil : stream, latencies[reads ? "write" : stream.action]),
      "trim": Self.direction(nil, nil),
      "sync": [
        "total_ios": .number(latencies["fsync"]?.count ?? 0),
        "lat_ns": Self.latency(latencies["fsync"]),
      ],
    ]
  }

  /// - Parameter totals: nil: nobody counts bytes in that direction.
  private static func direction(_ totals: StreamTotals?, _ latencies: Distribution?) -> JSON {
    let count = totals?.operations ?? latencies?.count ?? 0
    func unlessUnused(_ value: JSON) -> JSON { count == 0 && totals == nil ? 0 : value }
    return [
      "io_bytes": unlessUnused(totals.map { .uint($0.bytes) } ?? .null),
      "bw_bytes": unlessUnused(.number(totals?.throughput)),
      "iops": unlessUnused(.number(totals?.rate)),
      "runtime": unlessUnused(.number(totals?.time.map { ($0 / 1e6).rounded() })),
      "total_ios": .number(count), "clat_ns": latency(latencies),
    ]
  }

  /// Of nothing fio says 0 and leaves percentiles and bins out, on which its scripts rely.
  private static func latency(_ all: Distribution?) -> JSON {
    guard let all, let shortest = all.buckets.first?.value else {
      return ["min": 0, "max": 0, "mean": 0, "stddev": 0, "N": 0]
    }
    let percentiles = percentiles.map { percent in
      (key: Format.fixed(percent, 6), value: JSON.number(all.percentile(percent / 100)))
    }
    var bins: [(key: String, value: JSON)] = []
    var beyond = 0
    for bucket in all.buckets {
      if bucket.value >= longestBin {
        beyond += bucket.count
      } else {
        bins.append((Format.fixed(bucket.value, 0), .number(bucket.count)))
      }
    }
    if beyond > 0 { bins.append((Format.fixed(longestBin, 0), .number(beyond))) }
    return [
      "min": .number(shortest), "max": .number(all.max),
      "mean": .number(all.mean), "stddev": .number(all.deviation), "N": .number(all.count),
      "percentile": .object(percentiles), "bins": .object(bins),
    ]
  }
}
