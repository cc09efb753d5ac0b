// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressCore
import StressRecord

/// A trial's samplers and what they read: a fast lane, a slow one, and at `observe.rstat` what nothing else
/// reads during a trial.
///
/// The fast lane has what tells a stall as it happens and costs microseconds to read; the slow one the long
/// files, whose counters are folded once a second or are gauges of the device. None of either is backed by
/// rstat (docs/method.md); wb_stats is not: it asks for a cgroup's statistics the way dirty
/// throttling itself does (`mem_cgroup_wb_stats`), whose flush is rate limited.
package struct Lanes {
  /// How long a reader of the record may be away before samples are dropped, ns.
  private static let fastRing: UInt64 = 10_000_000_000
  private static let slowRing: UInt64 = 30_000_000_000

  /// Columns of a lane at most: of the machine, and of each cgroup.
  static let fastColumns = (machine: 16, group: 48)
  static let slowColumns = (machine: 512, group: 48)
  /// Of memory.stat, at `observe.rstat`.
  private static let statColumns = 128

  /// What the lanes of a trial take at most, bytes.
  package static func memory(_ observe: Profile.Observe, groups: Int) -> UInt64 {
    if observe.level == .bare { return 0 }
    func lane(_ interval: UInt64, _ ring: UInt64, _ columns: Int) -> UInt64 {
      UInt64(capacity(interval, ring)) * UInt64(columns + 1) * 8 + Sampler.memory
    }
    return lane(observe.fast, fastRing, fastColumns.machine + groups * fastColumns.group)
      + lane(observe.interval, slowRing, slowColumns.machine + groups * slowColumns.group)
      + (observe.rstat.map { lane($0, fastRing, statColumns) } ?? 0)
  }

  /// Readings that find room.
  private static func capacity(_ interval: UInt64, _ ring: UInt64) -> Int {
    max(64, Int(clamping: ring / interval))
  }

  private let observe: Profile.Observe
  private let record: RecordWriter
  private var samplers: [Sampler] = []
  private var flushers: FlusherTime?

  package init(_ observe: Profile.Observe, _ record: RecordWriter) {
    self.observe = observe
    self.record = record
  }

  /// The other level of the observer: nothing is read while the streams run.
  private var isBare: Bool { observe.level == .bare }

  /// Starts the fast lane: memory and io pressure, of the machine too, memory.current and memory.events.
  package mutating func startFast(_ groups: [Cgroup]) throws(HarnessError) {
    if isBare { return }
    try start("fast", observe.fast, Self.fastFiles(groups), ring: Self.fastRing)
  }

  package static func fastFiles(_ groups: [Cgroup]) -> [CounterFile] {
    var files = [
      CounterFile("/proc/pressure/memory", .pressure, prefix: "pressure/memory:"),
      CounterFile("/proc/pressure/io", .pressure, prefix: "pressure/io:"),
    ]
    for group in groups {
      let name = group.path
      files.append(
        CounterFile(group.file("memory.current"), .single, prefix: "\(name)/memory.current"))
      for file in ["memory.events", "memory.events.local"] {
        files.append(CounterFile(group.file(file), .keyed, prefix: "\(name)/\(file):"))
      }
      for file in ["memory.pressure", "io.pressure"] {
        files.append(CounterFile(group.file(file), .pressure, prefix: "\(name)/\(file):"))
      }
    }
    return files.compactMap { $0 }
  }

  /// Starts the slow lane: /proc/vmstat, the CPUs and their pressure, the device and its writeback, kswapd and
  /// the flushers.
  ///
  /// - Parameters:
  ///   - disk: the scratch disk.
  ///   - backing: name of the mounted file system's backing device; nil: it has none.
  ///   - groups: the cgroups whose writeback to it is looked at.
  package mutating func startSlow(
    disk: String, backing: String?, _ groups: [Cgroup]
  ) throws(HarnessError) {
    if isBare { return }
    var sources: [any CounterSource] = Self.slowFiles(disk: disk, backing: backing, groups)
    flushers = FlusherTime()
    if let flushers {
      try flushers.start()
      sources.append(flushers)
    }
    try start("slow", observe.interval, sources, ring: Self.slowRing)
  }

  package static func slowFiles(
    disk: String, backing: String?, _ groups: [Cgroup]
  ) -> [CounterFile] {
    var files = [
      CounterFile("/proc/vmstat", .keyed, prefix: "vmstat:"),
      CounterFile("/proc/stat", .processors, prefix: "cpu:"),
      CounterFile("/proc/pressure/cpu", .pressure, prefix: "pressure/cpu:"),
    ]
    for group in groups {
      files.append(
        CounterFile(
          group.file("cpu.pressure"), .pressure, prefix: "\(group.path)/cpu.pressure:"))
    }
    if let number = BlockDevice.number(disk) {
      files.append(
        CounterFile("/sys/dev/block/\(number)/stat", .disk, prefix: "disk:"))
    }
    if let backing {
      let directory = Mount.debugfs + "/bdi/" + backing
      // The root cgroup's directory is inode 1.
      let owners =
        [CounterFile.Format.Owner(prefix: "wb_stats:", inode: 1)]
        + groups.compactMap { group in
          File.inode(group.directory).map { .init(prefix: "\(group.path)/wb_stats:", inode: $0) }
        }
      files.append(CounterFile(directory + "/stats", .labelled, prefix: "bdi:"))
      files.append(CounterFile(directory + "/wb_stats", .blocks(owners)))
    }
    return files.compactMap { $0 } + KernelThreads.kswapd()
  }

  /// Starts the lane that a profile asks for as an experiment: it flushes rstat with every reading.
  mutating func startRstat(_ group: Cgroup) throws(HarnessError) {
    guard !isBare, let interval = observe.rstat,
      let stat = CounterFile(
        group.file("memory.stat"), .keyed, prefix: "\(group.path)/memory.stat:")
    else { return }
    try start("rstat", interval, [stat], ring: Self.fastRing)
  }

  private mutating func start(
    _ name: String, _ interval: UInt64, _ sources: [any CounterSource], ring: UInt64
  ) throws(HarnessError) {
    let lane = Sampler(
      lane: name, interval: interval, files: sources,
      capacity: Self.capacity(interval, ring))
    record.add(lane)
    samplers.append(lane)
    try lane.start()
  }

  /// Stops what runs, after one last reading each. Can be called again.
  package func stop() {
    for lane in samplers { lane.stop() }
    flushers?.stop()
  }

  /// How each lane fares, in the order of their starts.
  package var health: [Sampler.Health] { samplers.map(\.health) }

  /// Stops, and tells the record how each lane fared.
  func finish() {
    stop()
    for lane in samplers { record.emit(lane.health.line(lane.lane)) }
  }
}

extension Sampler.Health {
  /// For the record.
  fileprivate func line(_ lane: String) -> LaneLine {
    var line = LaneLine()
    line.lane = lane
    line.samples = Int64(samples)
    line.late = Int64(late)
    line.missed = Int64(missed)
    line.dropped = Int64(dropped)
    line.lateness = lateness.map {
      var told = LaneLine.Lateness()
      told.p50 = Int64(clamping: $0.p50)
      told.p99 = Int64(clamping: $0.p99)
      told.p999 = Int64(clamping: $0.p999)
      told.max = Int64(clamping: $0.max)
      return told
    }
    line.cpu = cpu.map { Int64(clamping: $0) }
    return line
  }
}
