// SPDX-License-Identifier: Apache-2.0
import StressRecord

/// Which of a record's columns the charts are made of. docs/record.md has their units.
struct TimelineSource {
  private let record: RecordReader
  private let window: ClosedRange<Int64>
  private let points: Int

  init(_ record: RecordReader, _ window: ClosedRange<Int64>, points: Int) {
    self.record = record
    self.window = window
    self.points = points
  }

  /// Of a disk's stat, whatever its blocks are: Documentation/block/stat.rst.
  private static let sector = 512.0

  // MARK: Charts

  /// memory.current of the limited cgroup and those below it; of a machine without a limit also what is free.
  func memory(isLimited: Bool) -> [TimelineSeries] {
    let all = groups.flatMap { group in
      columns { $0 == group + Self.current }.map { gauge(group, $0) { $0 >> 10 } }
    }
    let free =
      isLimited
      ? [] : pages("free, machine", "vmstat:nr_free_pages")
    return (all + free).filter(\.isTold)
  }

  /// Of the machine, and of each cgroup that has a writeback of its own (wb_stats, 6.10 and later).
  var dirty: [TimelineSeries] {
    let machine =
      pages("dirty, machine", "vmstat:nr_dirty")
      + pages("writeback, machine", "vmstat:nr_writeback")
    let own = groups.flatMap { group in
      Self.writeback.flatMap { part in
        columns { $0 == "\(group)/wb_stats:\(part.key)" }.map { found in
          gauge("\(part.word), \(group)", found) { $0 }
        }
      }
    }
    // A cgroup that never dirtied a page is no news.
    return machine.filter(\.isTold) + own.filter(\.moves)
  }

  private static let writeback = [
    (key: "WbReclaimable", word: "dirty"), (key: "WbWriteback", word: "writeback"),
  ]

  /// PSI of the limited cgroup; of the machine where a record has no other.
  var pressure: [TimelineSeries] {
    let resources = ["memory", "io"]
    func all(_ file: (String) -> String) -> [TimelineSeries] {
      resources.flatMap { resource in
        ["some", "full"].flatMap { part -> [TimelineSeries] in
          let name = "\(file(resource)):\(part)"
          // us per second to a tenth of a percent.
          return columns { $0 == name }.map { rate("\(resource) \(part)", $0) { $0 / 1000 } }
        }
      }
    }
    let own = all { "\(record.limitedGroup)/\($0).pressure" }
    return (own.isEmpty ? all { "pressure/\($0)" } : own).filter(\.isTold)
  }

  /// What each stream had written by its own account, once a second, and what reached the disk.
  ///
  /// - Parameter start: of the streams, CLOCK_BOOTTIME in ns.
  func throughput(from start: Int64) -> [TimelineSeries] {
    var names: [String] = []
    var readings: [String: [(time: Int64, value: Int64?)]] = [:]
    func add(_ name: String?, _ time: Int64?, _ bytes: Int64?) {
      guard let name, let time, let bytes else { return }
      if readings[name] == nil {
        names.append(name)
        readings[name] = [(start, 0)]
      }
      readings[name]?.append((time, bytes))
    }
    let (stream, written) = (ProgressLine.name(\.stream), ProgressLine.name(\.bytes))
    record.forEach(ProgressLine.self) { add($0.string(stream), $0.time, $0.int(written)) }
    let bins = TimeBins(window, least: Self.progress, most: points)
    let streams = names.map { name in
      TimelineSeries(rate: name, readings[name] ?? [], bins) { $0 / 1024 }
    }
    let disk = columns { $0 == "disk:write_sectors" }.map {
      rate("disk writes", $0) { $0 * Self.sector / 1024 }
    }
    return (streams + disk).filter(\.isTold)
  }

  /// Bins of what comes once a second, ns: its moments differ from stream to stream.
  private static let progress: Int64 = 100_000_000

  // MARK: Columns

  private static let current = "/memory.current"

  /// The cgroups that are sampled, by their paths.
  private var groups: [String] {
    columns { $0.hasSuffix(Self.current) }.map { String($0.name.dropLast(Self.current.count)) }
  }

  private typealias Found = (lane: Lane, name: String, column: LaneColumn)

  /// Columns by their name, each name once.
  private func columns(_ isWanted: (String) -> Bool) -> [Found] {
    var seen: Set<String> = []
    return record.lanes.flatMap { lane in
      lane.names.filter { isWanted($0) && seen.insert($0).inserted }.compactMap { name in
        lane.column(name).map { (lane, name, $0) }
      }
    }
  }

  private func pages(_ name: String, _ column: String) -> [TimelineSeries] {
    let size = record.pageSize
    return columns { $0 == column }.map { found in
      gauge(name, found) { pages in
        let (bytes, isBeyond) = pages.multipliedReportingOverflow(by: size)
        return isBeyond ? .max : bytes / 1024
      }
    }
  }

  private func gauge(
    _ name: String, _ found: Found, _ scale: (Int64) -> Int64
  ) -> TimelineSeries {
    TimelineSeries(gauge: name, found.column, of: found.lane, bins(found.lane), scale: scale)
  }

  private func rate(
    _ name: String, _ found: Found, _ scale: (Double) -> Double
  ) -> TimelineSeries {
    TimelineSeries(rate: name, found.column, of: found.lane, bins(found.lane), scale: scale)
  }

  private func bins(_ lane: Lane) -> TimeBins {
    TimeBins(window, least: lane.interval ?? 1, most: points)
  }
}
