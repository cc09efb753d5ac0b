// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressCore
import StressMachine

/// A record as a long trial would leave it: lines of the types, sizes and rates that were counted in some
/// hundred records of trials under Debian's 6.1 and 6.12, and the scheduler's spans as of a busy disk.
struct SyntheticRecord: ~Copyable {
  private static let second: UInt64 = 1_000_000_000
  private static let fast: UInt64 = 10_000_000
  private static let groups = ["wbstress", "wbstress/db", "wbstress/backup", "wbstress/heap"]
  /// Columns that move from one tick to the next; most do not.
  private static let moving = (fast: 8, slow: 45)

  /// So many lines a second; each # becomes a number.
  private static let rates: [(rate: Double, type: String, members: String)] = [
    (150, "span", "\"of\":\"off-cpu\",$,\"state\":\"D\",\"woken\":#,\"stack\":17"),
    (75, "span", "\"of\":\"io-wq-queue\",$,\"owner\":157,\"op\":7"),
    (75, "span", "\"of\":\"io-wq-run\",$,\"owner\":157,\"op\":7"),
    (21.5, "span", "\"of\":\"dirty-throttle\",$," + throttle),
    (8, "span", "\"of\":\"memcg-reclaim\",$,\"nr_reclaimed\":#,\"order\":0,\"gfp_flags\":1051850"),
    (8.5, "span", "\"of\":\"block-write\",$,\"dev\":266338304,\"sector\":#,\"bytes\":524288"),
    (4, "span", "\"of\":\"direct-reclaim\",$,\"nr_reclaimed\":#,\"order\":0"),
    (4, "span", "\"of\":\"inode-dirty-age\",$,\"dev\":266338304,\"ino\":12"),
    (53, "event", "\"of\":\"writeback_wake_background\",\"pid\":157,\"cpu\":1,\"cgroup_ino\":156"),
    (5, "event", "\"of\":\"bdi_dirty_ratelimit\",\"pid\":29,\"cpu\":0," + throttle),
    (22, "event", "\"of\":\"folio_wait_writeback\",\"pid\":157,\"cpu\":0,\"ino\":12,\"index\":#"),
    (16, "slow", slow + ",\"latency\":12000000"),
    (0.2, "slow", slow + ",\"latency\":250000000"),
    (
      8.5, "memcg-event",
      "\"cgroup\":\"wbstress\",\"file\":\"memory.events\",\"deltas\":{\"max\":#}"
    ),
    (6, "kmsg", "\"seq\":#,\"level\":6,\"text\":\"EXT4-fs (vda): mounting ext3 file system\""),
    (4.5, "psi", "\"file\":\"/sys/fs/cgroup/wbstress/io.pressure\",\"trigger\":\"some 50000\""),
    (2, "progress", "\"stream\":\"backup\",\"bytes\":#,\"oldest\":#"),
    (1, "unlisted", "\"pid\":157,\"off_cpu\":#,\"count\":#"),
    (0.5, "clock", "\"log\":%,\"before\":%,\"after\":%"),
  ]
  private static let slow =
    "\"stream\":\"backup\",\"pid\":157,\"kind\":\"write\",\"start\":%,\"bytes\":262144,"
    + "\"file\":0,\"offset\":#,\"ahead\":3,\"in_flight\":4,\"op\":7"
  private static let throttle =
    "\"pause\":12,\"cgroup_ino\":156,\"limit\":38114,\"dirty\":1,\"bdi_dirty\":#,\"dirtied\":1,"
    + "\"task_ratelimit\":0,\"dirty_ratelimit\":102400"
  /// Latency lines of each second, and how many values they have.
  private static let latencies = [
    ("write", 30), ("touch", 60), ("block-write", 10), ("memcg-reclaim", 12), ("dirty-throttle", 5),
    ("direct-reclaim", 10), ("inode-writeback", 3), ("off-cpu", 40), ("io-wq-queue", 20),
    ("io-wq-run", 20),
  ]

  private let descriptor: Descriptor
  private let path: String
  private var buffer: [UInt8] = []
  private var random = SplitMix64(seed: 5)
  private var values: [String: [UInt64]] = [:]

  /// Writes a record of so many hours of streams.
  static func write(_ path: String, _ plan: TrialPlan, hours: Int) throws {
    var record = SyntheticRecord(
      descriptor: try Descriptor(open: path, O_WRONLY | O_CREAT | O_TRUNC), path: path)
    record.head(plan)
    let start = 10 * second
    let stop = start + UInt64(hours) * 3600 * second
    record.line("phase", start, "\"name\":\"stream\"")
    var due = rates.map { _ in 0.0 }
    for t in stride(from: start, to: stop, by: Int(fast)) {
      record.tick(t, &due)
      try record.flush()
    }
    record.tail(stop)
    try record.flush(all: true)
  }

  private mutating func head(_ plan: TrialPlan) {
    let header: JSON = [
      "type": "header", "schema": 1, "plan": plan.line.json, "kernel": "debian:6.12",
      "release": "6.12.0", "accelerator": "kvm", "host": ["jobs": 1],
    ]
    text(header.text + "\n")
    line("guest", Self.second, "\"pid\":1")
    line("phase", 2 * Self.second, "\"name\":\"set-up\"")
    columns("fast", Self.fast, Self.fastNames)
    columns("slow", 10 * Self.fast, Self.slowNames)
    for id in 0..<200 {
      line("stack", 3 * Self.second, "\"id\":\(id),\"frames\":[\"io_schedule\",\"frame_\(id)\"]")
    }
  }

  private static let fastNames: [String] = {
    var names = ["memory", "io"].flatMap { ["pressure/\($0):some", "pressure/\($0):full"] }
    for group in groups {
      names.append("\(group)/memory.current")
      for file in ["memory.events", "memory.events.local"] {
        for key in ["low", "high", "max", "oom", "oom_kill", "oom_group_kill"] {
          names.append("\(group)/\(file):\(key)")
        }
      }
      for kind in ["memory", "io"] {
        names += ["\(group)/\(kind).pressure:some", "\(group)/\(kind).pressure:full"]
      }
    }
    return names
  }()

  private static let slowNames: [String] = {
    var names = (0..<60).map { "vmstat:nr_gauge_\($0)" }
    names += (0..<150).map { "vmstat:counter_\($0)" }
    names += ["kswapd0:run", "kswapd0:wait", "disk:in_flight", "disk:io_ticks"]
    names += ["cpu:user", "cpu:system", "cpu:idle", "cpu:iowait"]
    for group in groups {
      for key in ["WbWriteback", "WbReclaimable", "WbDirtied", "WbWritten"] {
        names.append("\(group)/wb_stats:\(key)")
      }
    }
    return names
  }()

  private mutating func columns(_ lane: String, _ interval: UInt64, _ names: [String]) {
    let list = JSON.array(names.map { .string($0) }).text
    line(
      "columns", 2 * Self.second, "\"lane\":\"\(lane)\",\"interval\":\(interval),\"names\":\(list)")
    values[lane] = names.map { _ in random.next() % 4 == 0 ? random.next() % 100_000 : 0 }
  }

  private mutating func tick(_ t: UInt64, _ due: inout [Double]) {
    sample("fast", t, moving: Self.moving.fast)
    if t % (10 * Self.fast) == 0 { sample("slow", t + 40_000, moving: Self.moving.slow) }
    for (i, rate) in Self.rates.enumerated() {
      due[i] += rate.rate * Double(Self.fast) / Double(Self.second)
      while due[i] >= 1 {
        due[i] -= 1
        line(rate.type, t + random.next() % Self.fast, rate.members)
      }
    }
    if t % Self.second == 0 {
      for (of, count) in Self.latencies { latency(of, count, t) }
    }
  }

  private mutating func tail(_ t: UInt64) {
    line("phase", t, "\"name\":\"stop\"")
    let pairs = (1...2000).map { "[\($0 * 1000),40]" }.joined(separator: ",")
    line(
      "stream", t,
      "\"stream\":\"backup\",\"ended\":\"time\",\"bytes\":1000000000,\"first_start\":\(10 * Self.second),"
        + "\"last_end\":\(t),\"writes\":80000,\"write_max\":2000000,\"log_lost\":0,"
        + "\"write_latency\":[\(pairs)]")
    line("trace", t, "\"events\":{},\"lost\":[]")
    text("{\"type\":\"end\",\"outcome\":\"completed\",\"reason\":null,\"message\":null}\n")
  }

  // MARK: Lines

  private mutating func sample(_ lane: String, _ t: UInt64, moving: Int) {
    guard var now = values[lane] else { return }
    for i in 0..<moving { now[i * now.count / moving] += random.next() % 5000 }
    values[lane] = now
    text("{\"type\":\"sample\",\"t\":\(t),\"lane\":\"\(lane)\",\"v\":[")
    for (i, value) in now.enumerated() { text(i == 0 ? "\(value)" : ",\(value)") }
    text("]}\n")
  }

  private mutating func latency(_ of: String, _ count: Int, _ t: UInt64) {
    let pairs = (0..<count).map { _ in "[\(random.next() % 2000 * 1000),1]" }
    line(
      "latency", t + Self.second,
      "\"from\":\(t),\"of\":\"\(of)\",\"count\":\(count),\"sum\":#,\"max\":2000000,"
        + "\"v\":[\(pairs.joined(separator: ","))]")
  }

  /// - Parameter members: # becomes a number, % a time just before `t`, $ the members of a span.
  private mutating func line(_ type: String, _ t: UInt64, _ members: String) {
    text("{\"type\":\"\(type)\",\"t\":\(t),")
    for byte in members.utf8 {
      switch byte {
      case UInt8(ascii: "#"): text("\(random.next() % 1_000_000)")
      case UInt8(ascii: "%"): text("\(t - random.next() % 90_000_000)")
      case UInt8(ascii: "$"):
        let length = 100_000 + random.next() % 20_000_000
        text("\"start\":\(t - length),\"ns\":\(length),\"pid\":157,\"cpu\":0")
      default: buffer.append(byte)
      }
    }
    text("}\n")
  }

  private mutating func text(_ text: String) { buffer.append(contentsOf: text.utf8) }

  private mutating func flush(all: Bool = false) throws {
    if !all, buffer.count < 1 << 20 { return }
    try descriptor.writeAll(buffer, path)
    buffer.removeAll(keepingCapacity: true)
  }
}
