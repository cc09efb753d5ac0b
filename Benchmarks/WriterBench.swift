// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressAnalysis
import StressCore
import StressLab
import StressMachine
import StressRecord
import StressReport

/// The stream writer against fio: the same blocks, depth and bytes through io_uring and the page cache onto
/// a new file of a new file system, on a loop device whose image is in memory.
///
/// Both are measured alike. Throughput is from the first write submitted to the last completed: fio's own
/// `runtime`, and the worker's first start and last end. CPU is that of all threads of the processes, io-wq
/// workers too, by the cgroup that they are born in; fio's own figure is RUSAGE_THREAD, which misses those.
/// wbstress's is its worker's and its supervisor's, which drains the log, keeps the histograms and writes
/// the record meanwhile. Of both is taken off what a single block takes them: start-up, and filling buffers.
enum WriterBench {
  private struct Cell {
    var kind: Profile.Filesystem.Kind
    var block: UInt64
    var depth: Int
    var size: UInt64
  }

  /// One run: seconds, and CPU seconds.
  private struct Run {
    var seconds: Double
    var cpu: Double
    var wall: Double
    /// CPU of the process by getrusage, as a check of the cgroup's account.
    var usage: Double
    /// The supervisor's part of the CPU, and the part of the writes that were done inline; 0 of fio.
    var supervisor = 0.0
    var inline = 0.0
  }

  private struct Pair {
    var fio: Run
    var own: Run
  }

  private static let usage = """
    usage: wbstress-bench writer [--fs ext4,xfs,btrfs] [--block 4KiB,64KiB,1MiB] [--depth 8]
                                 [--rounds 8] [--dir /dev/shm] [--fio OPTION]...
    Needs root, cgroup v2 and 6 GiB of free memory. Interrupted, it leaves a mount and a loop device.
    Exit status 1: a goal was missed.

    """

  static func main(_ arguments: [String]) -> Int32 {
    var options = Options()
    guard options.parse(arguments) else {
      Output.error(usage)
      return 2
    }
    do throws(HarnessError) {
      return try run(options) ? 0 : 1
    } catch {
      Output.error("wbstress-bench: \(error)\n")
      return 70
    }
  }

  private struct Options {
    var kinds = Profile.Filesystem.Kind.common
    var blocks: [UInt64] = [4 << 10, 64 << 10, 1 << 20]
    var depths = [8]
    var rounds = 8
    var directory = "/dev/shm"
    /// Further options of fio, for comparisons other than with its defaults.
    var fio: [String] = []

    mutating func parse(_ arguments: [String]) -> Bool {
      var rest = arguments[...]
      while let key = rest.popFirst() {
        guard let value = rest.popFirst() else { return false }
        let parts = value.split(separator: ",").map(String.init)
        switch key {
        case "--fs": kinds = parts.compactMap(Profile.Filesystem.Kind.init(rawValue:))
        case "--block": blocks = parts.compactMap(Self.bytes)
        case "--depth": depths = parts.compactMap { Int($0) }
        case "--rounds": rounds = Int(value) ?? 0
        case "--dir": directory = value
        case "--fio": fio.append(value)
        default: return false
        }
      }
      return !kinds.isEmpty && !blocks.isEmpty && !depths.isEmpty && rounds > 0
    }

    private static func bytes(_ text: String) -> UInt64? {
      for (suffix, shift) in [("KiB", 10), ("MiB", 20)] where text.hasSuffix(suffix) {
        return UInt64(text.dropLast(3)).map { $0 << UInt64(shift) }
      }
      return nil
    }
  }

  // MARK: Rounds

  private static func run(_ options: Options) throws(HarnessError) -> Bool {
    guard Tool.path("fio") != nil else { throw Tool.missing("fio", package: "fio") }
    let bench = try Scratch(in: options.directory)
    var cells: [Cell] = []
    for depth in options.depths {
      for kind in options.kinds {
        for block in options.blocks {
          // Less than what makes the kernel write back while the writers run.
          let size: UInt64 = block < 64 << 10 ? 256 << 20 : 512 << 20
          cells.append(Cell(kind: kind, block: block, depth: depth, size: size))
        }
      }
    }
    var startUps: [(fio: Double, own: Double)] = []
    for cell in cells { startUps.append(try startUp(cell, bench, options)) }
    var pairs = [[Pair]](repeating: [], count: cells.count)
    for round in 0..<options.rounds {
      for (i, cell) in cells.enumerated() {
        Output.error(
          "round \(round + 1)/\(options.rounds) \(cell.kind) \(cell.block >> 10) KiB, "
            + "depth \(cell.depth)\n")
        // Not counted: the first to use large blocks of memory waits for the host to give them.
        _ = try own(cell, bench)
        // By turns, and each first as often as the other; each on a file system of its own.
        let before: Run? = round % 2 == 0 ? try fio(cell, bench, options) : nil
        let own = try own(cell, bench)
        let fio: Run
        if let before { fio = before } else { fio = try self.fio(cell, bench, options) }
        pairs[i].append(Pair(fio: fio, own: own))
      }
    }
    return report(cells, pairs, startUps, options)
  }

  /// CPU that fio and wbstress take for a single block, s: with buffers as for all of them.
  private static func startUp(
    _ cell: Cell, _ bench: borrowing Scratch, _ options: Options
  ) throws(HarnessError) -> (fio: Double, own: Double) {
    var cell = cell
    cell.size = cell.block
    var fio: [Double] = []
    var own: [Double] = []
    for _ in 0..<3 {
      fio.append(try self.fio(cell, bench, options).cpu)
      own.append(try self.own(cell, bench).cpu)
    }
    return (OrderedSample(fio).median ?? 0, OrderedSample(own).median ?? 0)
  }

  private static func fio(
    _ cell: Cell, _ bench: borrowing Scratch, _ options: Options
  ) throws(HarnessError) -> Run {
    try bench.mount(cell.kind)
    let output = bench.directory + "/fio.json"
    let group = try bench.group("fio")
    let directory = try Descriptor(open: group.directory, O_RDONLY | O_DIRECTORY)
    let usage = childrenCPU()
    let began = cl_boottime()
    let process = try Process(
      [
        Tool.path("fio") ?? "fio", "--name=stream", "--filename=\(bench.mountPoint)/stream.0",
        "--ioengine=io_uring", "--rw=write", "--bs=\(cell.block)", "--size=\(cell.size)",
        "--iodepth=\(cell.depth)", "--fallocate=none", "--buffered=1", "--invalidate=1",
        "--output-format=json", "--output=\(output)",
      ] + options.fio, descriptors: [-1, 2, 2], cgroup: directory.raw)
    let exit = process.wait(timeout: 600_000_000_000)
    let wall = cl_boottime() - began
    let used = childrenCPU() - usage
    let cpu = try bench.cpu(of: group)
    try bench.unmount()
    guard exit == .status(0), let json = try? JSON(parsing: File.read(output)),
      let write = json["jobs"]?.array?.first?["write"], write["io_bytes"]?.int == Int64(cell.size),
      let runtime = write["runtime"]?.double
    else { throw HarnessError(.environment, "fio", exit?.description ?? "did not end") }
    return Run(seconds: runtime / 1e3, cpu: cpu, wall: Double(wall) / 1e9, usage: used)
  }

  private static func own(
    _ cell: Cell, _ bench: borrowing Scratch
  ) throws(HarnessError) -> Run {
    try bench.mount(cell.kind)
    let group = try bench.group("wbstress")
    var stream = Profile.Stream(name: "stream")
    stream.block = cell.block
    stream.depth = cell.depth
    stream.size = cell.size
    let record = RecordWriter(
      try Descriptor(open: bench.directory + "/record.jsonl", O_WRONLY | O_CREAT | O_TRUNC))
    try record.start()
    let self0 = ownCPU()
    let usage = childrenCPU()
    let began = cl_boottime()
    let worker = try WorkerProcess.streaming(
      stream, in: bench.mountPoint, cgroup: group, seed: 1)
    let recorder = OperationRecorder(worker, slow: 10_000_000, record)
    while !worker.isReady, !worker.hasEnded() { cl_sleep_until(cl_boottime() + 1_000_000) }
    try worker.start(at: 0)
    // As a trial does it.
    while !worker.hasEnded() {
      recorder.collect()
      cl_sleep_until(cl_boottime() + 20_000_000)
    }
    let wall = cl_boottime() - began
    recorder.recordInFlight(at: cl_boottime())
    recorder.collect()
    recorder.finish()
    record.finish()
    let supervisor = ownCPU() - self0
    let used = childrenCPU() - usage
    let cpu = try bench.cpu(of: group)
    try bench.unmount()
    if let failure = worker.failure { throw failure }
    let totals = worker.totals
    guard totals.bytes == cell.size, totals.logLost == 0 else {
      throw HarnessError(
        .harness, "worker",
        "wrote \(totals.bytes) of \(cell.size) bytes, \(totals.logLost) latencies lost")
    }
    return Run(
      seconds: Double(totals.lastEnd - totals.firstStart) / 1e9, cpu: cpu + supervisor,
      wall: Double(wall) / 1e9, usage: used + supervisor, supervisor: supervisor,
      inline: Double(totals.inline) / Double(max(1, totals.inline + totals.punted)))
  }

  private static func ownCPU() -> Double { cpu(RUSAGE_SELF) }
  private static func childrenCPU() -> Double { cpu(RUSAGE_CHILDREN) }

  /// User and system time, s. The corresponding C function is `getrusage`.
  private static func cpu(_ who: __rusage_who) -> Double {
    var usage = rusage()
    getrusage(Int32(who.rawValue), &usage)
    func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
    return seconds(usage.ru_utime) + seconds(usage.ru_stime)
  }

  // MARK: Report

  private static func report(
    _ cells: [Cell], _ pairs: [[Pair]], _ startUps: [(fio: Double, own: Double)],
    _ options: Options
  ) -> Bool {
    var table = Table([
      ("fs", .left), ("block", .right), ("depth", .right), ("fio MiB/s", .right),
      ("wbstress", .right), ("ratio", .right), ("range", .right), ("fio s/GiB", .right),
      ("wbstress", .right), ("ratio", .right), ("range", .right), ("inline", .right),
    ])
    var missed: [String] = []
    var supervisor: [Double] = []
    var deviation: [Double] = []
    var wall = ""
    for ((cell, startUp), all) in zip(zip(cells, startUps), pairs) {
      let pairs = all.map { pair in
        var pair = pair
        pair.fio.cpu -= startUp.fio
        pair.own.cpu -= startUp.own
        return pair
      }
      let mebibytes = Double(cell.size) / 1_048_576
      let gibibytes = mebibytes / 1024
      func median(_ value: (Pair) -> Double) -> Double {
        OrderedSample(pairs.map(value)).median ?? .nan
      }
      func ratio(_ value: (Pair) -> Double) -> (median: Double, range: String) {
        let sample = OrderedSample(pairs.map(value))
        return (
          sample.median ?? .nan,
          "\(Format.fixed(sample.min ?? .nan, 2))-\(Format.fixed(sample.max ?? .nan, 2))"
        )
      }
      let speed = ratio { $0.fio.seconds / $0.own.seconds }
      let cpu = ratio { $0.own.cpu / $0.fio.cpu }
      table.add([
        cell.kind.rawValue, "\(cell.block >> 10) KiB", "\(cell.depth)",
        Format.fixed(median { mebibytes / $0.fio.seconds }, 0),
        Format.fixed(median { mebibytes / $0.own.seconds }, 0),
        Format.fixed(speed.median, 2), speed.range,
        Format.fixed(median { $0.fio.cpu / gibibytes }, 3),
        Format.fixed(median { $0.own.cpu / gibibytes }, 3),
        Format.fixed(cpu.median, 2), cpu.range,
        Format.fixed(100 * median { $0.own.inline }, 0) + " %",
      ])
      let name = "\(cell.kind.rawValue) \(cell.block >> 10) KiB depth \(cell.depth)"
      if speed.median < 1 { missed.append("\(name): throughput") }
      if cpu.median > 1 { missed.append("\(name): CPU") }
      supervisor += all.map { $0.own.supervisor / $0.own.cpu }
      deviation += all.flatMap { pair in
        [
          abs(pair.own.usage / pair.own.cpu - 1),
          abs(pair.fio.usage / pair.fio.cpu - 1),
        ]
      }
      wall += "\(name): start to exit \(Format.fixed(median(\.fio.wall), 2)) s fio, "
      wall += "\(Format.fixed(median(\.own.wall), 2)) s wbstress\n"
    }
    var text = table.lines().joined(separator: "\n") + "\n"
    text +=
      "\n" + wall
      + "\n\(options.rounds) rounds, fio and wbstress by turns; medians, and medians of the rounds' ratios "
    text += "with their range.\nCPU is the whole processes' (cgroup cpu.stat); "
    text += "getrusage differs by \(percent(deviation)) at the median.\n"
    text += "What a single block takes is off: \(seconds(startUps.map(\.fio))) s of fio, "
    text += "\(seconds(startUps.map(\.own))) s of wbstress;\n"
    text += "its supervisor's share (\(percent(supervisor))) is in.\n"
    text += "fio scrambles each 512 bytes of a buffer by default, wbstress stamps each page.\n"
    text += missed.isEmpty ? "All goals are met.\n" : "Missed: \(missed.joined(separator: ", "))\n"
    Output.print(text)
    return missed.isEmpty
  }

  private static func seconds(_ values: [Double]) -> String {
    Format.fixed(OrderedSample(values).median ?? .nan, 3)
  }

  private static func percent(_ values: [Double]) -> String {
    Format.fixed(100 * (OrderedSample(values).median ?? .nan), 1) + " %"
  }

  // MARK: The file system

  /// A loop device on an image in `directory`, and where it is mounted. Gone with its owner.
  private struct Scratch: ~Copyable {
    let directory: String
    let mountPoint: String
    private let device: String
    private let cgroups: String

    init(in parent: String) throws(HarnessError) {
      directory = "\(parent)/wbstress-bench.\(getpid())"
      mountPoint = directory + "/mnt"
      // cgroup v2 may be beside v1, which has the controllers: cpu.stat needs none.
      cgroups = File.exists(Cgroup.mount + "/unified/cgroup.procs") ? "unified/" : ""
      try File.makeDirectory(mountPoint)
      let image = directory + "/image"
      let file = try Descriptor(open: image, O_RDWR | O_CREAT)
      try checkErrno(Int(ftruncate(file.raw, 4 << 30)), image, "ftruncate")
      let said = try Tool.run("losetup", ["--find", "--show", image], package: "mount")
      Self.warm()
      device = String(decoding: said.filter { $0 > 0x20 }, as: UTF8.self)
    }

    deinit {
      umount2(mountPoint, 0)
      _ = try? Tool.run("losetup", ["--detach", device], package: "mount")
      for name in ["fio", "wbstress"] {
        rmdir(Cgroup(path: cgroups + Self.name(name)).directory)
      }
      File.remove(directory)
    }

    private static func name(_ name: String) -> String { "wbstress-bench-\(name)" }

    borrowing func mount(_ kind: Profile.Filesystem.Kind) throws(HarnessError) {
      if let mkfs = kind.traits.mkfs {
        try Tool.run(mkfs.program, mkfs.arguments + [device], package: mkfs.package)
      }
      _ = try Mount(device, at: mountPoint, type: kind.rawValue)
      sync()
    }

    /// Takes memory and gives all back but a page in every 2 MiB. In a virtual machine a large block that
    /// has been free for a while is the host's (free page reporting), and whoever has it next waits for
    /// the host. What cannot become a large block again stays with the machine, and is used first.
    private static func warm() {
      let size = 3 << 30
      let memory = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
      guard let memory, memory != MAP_FAILED else { return }
      madvise(memory, size, Int32(MADV_NOHUGEPAGE))
      for page in stride(from: 0, to: size, by: 4096) {
        memory.storeBytes(of: 1, toByteOffset: page, as: UInt8.self)
      }
      for block in stride(from: 0, to: size, by: 2 << 20) {
        madvise(memory + block + 4096, 2 << 20 - 4096, Int32(MADV_DONTNEED))
      }
    }

    borrowing func unmount() throws(HarnessError) {
      let deadline = cl_boottime() + 60_000_000_000
      while umount2(mountPoint, 0) < 0 {
        if cl_boottime() > deadline { throw HarnessError(.harness, mountPoint, "umount") }
        cl_sleep_until(cl_boottime() + 10_000_000)
      }
    }

    /// A new cgroup.
    borrowing func group(_ name: String) throws(HarnessError) -> Cgroup {
      let group = Cgroup(path: cgroups + Self.name(name))
      rmdir(group.directory)
      try File.makeDirectory(group.directory)
      return group
    }

    /// CPU seconds of all tasks that a cgroup has had.
    borrowing func cpu(of group: Cgroup) throws(HarnessError) -> Double {
      let stat = CounterFile.snapshot(try File.text(group.file("cpu.stat")))
      guard let usage = stat.first(where: { $0.0 == "usage_usec" })?.1 else {
        throw HarnessError(.environment, group.file("cpu.stat"), "has no usage_usec")
      }
      return Double(usage) / 1e6
    }
  }
}
