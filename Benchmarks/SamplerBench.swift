import CLinux
import Glibc
import StressKit

/// What a tick of the sampler costs beside bare preads of the same files and beside cat(1), and what share of
/// one CPU the lanes and the record's writer take.
enum SamplerBench {
  private static let rounds = 41
  private static let ticks = 200
  private static let catTicks = 5
  private static let window: UInt64 = 4_000_000_000

  static func run() throws {
    // A cgroup2 hierarchy may be mounted beside cgroup v1's; there a cgroup has no memory files.
    let hierarchy =
      File.exists(CgroupTree.mount + "/unified/cgroup.controllers") ? "unified/" : ""
    let names = ["wbstress-bench", "wbstress-bench/db", "wbstress-bench/backup"]
    let groups = names.map { CgroupTree.Group(path: hierarchy + $0) }
    for group in groups { mkdir(group.directory, 0o755) }
    defer { for group in groups.reversed() { rmdir(group.directory) } }
    let disk = File.names(in: "/sys/block").first { name in
      !["loop", "ram", "zram", "sr"].contains { name.hasPrefix($0) }
    }
    let device = "/dev/" + (disk ?? "none")

    let fast = Lanes.fastFiles(groups)
    let slow = Lanes.slowFiles(device: device, .ext4, groups)
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

    let defaults = Profile.Observe()
    var shares = [["one CPU's share", "% of one CPU", "of it lanes"]]
    func share(_ name: String, _ fast: UInt64, _ slow: UInt64) throws -> [String] {
      var observe = defaults
      observe.fast = fast
      observe.interval = slow
      let record = RecordWriter(try Descriptor(open: "/dev/null", O_WRONLY))
      var lanes = Lanes(observe, record)
      try record.start()
      try lanes.startFast(groups)
      try lanes.startSlow(device: device, .ext4, groups)
      let start = cl_monotonic()
      let before = Measure.processTime
      cl_sleep_until(cl_boottime() + window)
      let used = Measure.processTime - before
      let wall = Double(cl_monotonic() - start)
      lanes.stop()
      record.finish()
      let sampling = lanes.health.reduce(0) { $0 + Double($1.cpu ?? 0) }
      return [
        name, Measure.fixed(100 * used / wall, 2), Measure.fixed(100 * sampling / wall, 2),
      ]
    }

    for hertz: UInt64 in [10, 100, 1000] {
      shares.append(
        try share("all files at \(hertz) Hz", 1_000_000_000 / hertz, 1_000_000_000 / hertz))
    }
    shares.append(try share("both lanes as by default", defaults.fast, defaults.interval))
    let used = try bareShare([
      (fast.flatMap(\.descriptors), defaults.fast),
      (slow.flatMap(\.descriptors), defaults.interval),
    ])
    shares.append(["bare preads and sleeps at these rates", Measure.fixed(used, 2), "-"])
    Measure.table(shares)
    print("Process CPU time by wall time, \(window / 1_000_000_000) s each, record to /dev/null.")
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
