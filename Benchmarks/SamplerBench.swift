// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressAnalysis
import StressCore
import StressMachine
import StressRecord

/// What a tick of the sampler costs beside bare preads of the same files and beside cat(1), and what share of
/// one CPU the lanes and the record's writer take.
enum SamplerBench {
  private static let rounds = 41
  private static let ticks = 200
  private static let catTicks = 5
  private static let turns = 5
  private static let window: UInt64 = 4_000_000_000
  private static let settling: UInt64 = 200_000_000

  static func run() throws {
    // A cgroup2 hierarchy may be mounted beside cgroup v1's; there a cgroup has no memory files.
    let hierarchy =
      File.exists(Cgroup.mount + "/unified/cgroup.controllers") ? "unified/" : ""
    let names = ["wbstress-bench", "wbstress-bench/db", "wbstress-bench/backup"]
    let groups = names.map { Cgroup(path: hierarchy + $0) }
    for group in groups { mkdir(group.directory, 0o755) }
    defer { for group in groups.reversed() { rmdir(group.directory) } }
    let disk = File.names(in: "/sys/block").first { name in
      !["loop", "ram", "zram", "sr"].contains { name.hasPrefix($0) }
    }
    let device = "/dev/" + (disk ?? "none")

    let fast = Lanes.fastFiles(groups)
    let slow = Lanes.slowFiles(disk: device, backing: BlockDevice.number(device), groups)
    print("fast lane: \(fast.map(\.path).joined(separator: " "))")
    print("slow lane: \(slow.map(\.path).joined(separator: " ")), and unbound kworkers")
    print("")
    var rows = [["a tick", "values", "us", "preads us", "ratio", "cat us", "ratio"]]
    rows.append(try cost("fast lane", fast, fast.map(\.path)))
    let flushers = FlusherTime()
    rows.append(
      try cost("slow lane", slow + (flushers.map { [$0] } ?? []), slow.map(\.path)))
    Measure.table(rows)
    print(
      "Medians of \(rounds) rounds in turns; ratio: of the tick to the preads, of cat to the tick.")
    print("")

    try shares(groups, device)
  }

  /// What share of one CPU each thread takes, with everything at one rate and at the default ones, beside
  /// threads that only sleep and read.
  private static func shares(_ groups: [Cgroup], _ device: String) throws {
    // Files of its own: a sampler closes those that it had.
    let fast = Lanes.fastFiles(groups).flatMap(\.descriptors)
    let flushers = FlusherTime()
    let slow =
      Lanes.slowFiles(disk: device, backing: BlockDevice.number(device), groups).flatMap(
        \.descriptors)
      + (flushers?.descriptors ?? [])
    defer {
      for descriptor in fast + slow { close(descriptor) }
    }
    // Reads that fail cost next to nothing, and would be no floor. (A kworker may still end later.)
    var byte: UInt8 = 0
    for descriptor in fast + slow {
      try checkErrno(pread(descriptor, &byte, 1, 0), "bare preads", "pread")
    }
    let defaults = Profile.Observe()
    var rows = [["% of one CPU", "all", "fast", "slow", "record", "kworkers", "bare"]]
    func measure(_ name: String, _ fastest: UInt64, _ slowest: UInt64, turns: Int) throws {
      var observe = defaults
      observe.fast = fastest
      observe.interval = slowest
      var used: [[Double]] = []
      for _ in 0..<turns {
        used.append(
          try share(observe, groups, device)
            + [try bareShare([(fast, fastest), (slow, slowest)])])
      }
      rows.append(
        [name]
          + used[0].indices.map { i in Measure.fixed(Measure.median(used.map { $0[i] }), 2) })
    }
    for hertz: UInt64 in [10, 100, 1000] {
      let interval = 1_000_000_000 / hertz
      try measure("all files at \(hertz) Hz", interval, interval, turns: 1)
    }
    try measure("both lanes as by default", defaults.fast, defaults.interval, turns: turns)
    Measure.table(rows)
    print(
      """
      CPU time by wall time, \(window / 1_000_000_000) s each, the default rates \(turns) times in turns \
      with the bare threads (median); record to /dev/null. bare: two threads that only sleep and pread.
      """)
  }

  /// Percent of one CPU: the process, and its threads by their names.
  private static func share(
    _ observe: Profile.Observe, _ groups: [Cgroup], _ device: String
  ) throws -> [Double] {
    let record = RecordWriter(try Descriptor(open: "/dev/null", O_WRONLY))
    var lanes = Lanes(observe, record)
    try record.start()
    try lanes.startFast(groups)
    try lanes.startSlow(disk: device, backing: BlockDevice.number(device), groups)
    // From when the threads have named themselves.
    cl_sleep_until(cl_boottime() + settling)
    let start = cl_monotonic()
    let before = Measure.processTime
    let threadsBefore = Measure.threadTimes
    cl_sleep_until(cl_boottime() + window)
    let used = Measure.processTime - before
    let threads = Measure.threadTimes
    let wall = Double(cl_monotonic() - start)
    lanes.stop()
    record.finish()
    return [100 * used / wall]
      + ["wb-fast", "wb-slow", "wb-record", "wb-kworkers"].map { name in
        100 * ((threads[name] ?? 0) - (threadsBefore[name] ?? 0)) / wall
      }
  }

  /// Percent of one CPU that two threads take which do nothing but sleep and read: waking up, with what they
  /// read no longer in the CPU's caches, costs more than a loop of reads shows.
  private static func bareShare(
    _ lanes: [(descriptors: [Int32], interval: UInt64)]
  ) throws -> Double {
    let end = cl_boottime() + window
    let start = cl_monotonic()
    let before = Measure.processTime
    let threads = try lanes.map { lane in
      try Thread("floor") {
        _ = cl_set_fifo(1)
        var bytes = [UInt8](repeating: 0, count: 64 << 10)
        var due = cl_boottime()
        while due < end {
          for fd in lane.descriptors { pread(fd, &bytes, bytes.count, 0) }
          due += lane.interval
          cl_sleep_until(due)
        }
      }
    }
    for thread in threads { thread.join() }
    return 100 * (Measure.processTime - before) / Double(cl_monotonic() - start)
  }

  /// A row: a tick of a lane with these sources, the preads it cannot do without, and cat.
  private static func cost(
    _ name: String, _ sources: [any CounterSource], _ paths: [String]
  ) throws -> [String] {
    let sampler = Sampler(lane: "bench", interval: 1, files: sources, capacity: ticks)
    let descriptors = sources.flatMap(\.descriptors)
    let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 4096)
    scratch.initializeMemory(as: UInt8.self, repeating: 0)
    defer { scratch.deallocate() }
    var tick: [Double] = []
    var bare: [Double] = []
    var cat: [Double] = []
    for _ in 0..<rounds {
      tick.append(
        Measure.time { for i in 0..<ticks { sampler.sample(at: UInt64(i)) } } / Double(ticks))
      sampler.drain { _ in }
      bare.append(
        Measure.time {
          for _ in 0..<ticks {
            for fd in descriptors { pread(fd, scratch.baseAddress, scratch.count, 0) }
          }
        } / Double(ticks))
      cat.append(
        try Measure.time {
          for _ in 0..<catTicks { _ = try Process(["/bin/cat"] + paths).wait(timeout: window) }
        } / Double(catTicks))
    }
    let ratio = Measure.median(zip(tick, bare).map { $0 / $1 })
    let times = Measure.median(zip(cat, tick).map { $0 / $1 })
    return [
      name, "\(sampler.names.count)", Measure.fixed(Measure.median(tick) / 1000, 1),
      Measure.fixed(Measure.median(bare) / 1000, 1), Measure.fixed(ratio, 2),
      Measure.fixed(Measure.median(cat) / 1000, 0), Measure.fixed(times, 0),
    ]
  }
}
