// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressAnalysis
import StressCore
import StressMachine
import StressRecord
import Synchronization

/// What an event of the trace costs its consumer, beside `trace-cmd record` of the same events, and whether
/// 200,000 a second are followed without loss.
///
/// The events are task:task_rename of a thread that renames itself: one system call each, the same in every
/// kernel. Each becomes a row on its way to the record, which is the dearest that an event can become.
enum TraceBench {
  private static let seconds: UInt64 = 5
  private static let rates: [Int] = [20_000, 200_000]
  private static let event = TraceEvent.taskRename
  /// Of a record of the event: its header and 48 bytes.
  private static let bytesAtLeast = 48
  private static let filter = "newcomm ~ \"iou-wrk-*\""
  private static let target = TraceInstance.Target(devices: [], superblock: "", backing: "")

  static func run() throws {
    var rows = [
      ["events/s", "wbstress ns each", "trace-cmd ns each", "ratio", "seen", "lost", "of"]
    ]
    for rate in rates {
      let ours = try follow(rate: rate, buffer: Profile.Observe().traceBuffer, attentive: true)
      let idle = try traceCommand(rate: 0)
      let theirs = try traceCommand(rate: rate)
      let their = (theirs.cpu - min(idle.cpu, theirs.cpu)) / Double(max(1, theirs.made))
      rows.append([
        "\(ours.made / Int(seconds))", Measure.fixed(ours.cost, 0), Measure.fixed(their, 0),
        Measure.fixed(ours.cost / their, 2), "\(ours.seen)", "\(ours.lost)", "\(ours.made)",
      ])
      guard ours.seen + ours.lost == ours.made else {
        throw HarnessError(.harness, "trace", "seen and lost do not add up to \(ours.made)")
      }
    }
    // A consumer that comes too late: what it says it lost must be what is missing.
    let late = try follow(rate: 200_000, buffer: 256 << 10, attentive: false)
    Measure.table(rows)
    print(
      "CPU time of all that consumes, by event, \(seconds) s each. trace-cmd writes the raw pages to a"
    )
    print("file in memory and decodes nothing; what it takes for no events at all is not counted.")
    print("")
    print(
      "A buffer of 256 KiB read only at the end: \(late.made) events, \(late.seen) seen, "
        + "\(late.lost) said lost, \(late.made - late.seen - late.lost) unaccounted for.")
    if late.lost == 0 || late.seen + late.lost != late.made {
      throw HarnessError(.harness, "trace", "lost events are not what is missing")
    }
  }

  private struct Result {
    var made = 0
    var seen = 0
    var lost = 0
    var cpu: Double = 0
    var cost: Double { cpu / Double(max(1, seen)) }
  }

  /// Renames its thread, `rate` times a second. Returns how often, and the CPU time that it took.
  private static func generate(rate: Int) -> (made: Int, cpu: Double) {
    let start = cl_boottime()
    let before = Measure.threadTime
    var made = 0
    while made < rate * Int(seconds) {
      // Each millisecond's share at once: a consumer must take bursts.
      for _ in 0..<max(1, rate / 1000) {
        cl_set_thread_name("iou-wrk-1")
        made += 1
      }
      cl_sleep_until(start + UInt64(made) * 1_000_000_000 / UInt64(max(1, rate)))
    }
    let used = Measure.threadTime - before
    cl_set_thread_name("wbstress-bench")
    return (made, used)
  }

  private static func follow(rate: Int, buffer: UInt64, attentive: Bool) throws -> Result {
    let journal = CleanupJournal()
    defer { journal.undo() }
    let name = "wbstress-bench"
    let instance = try journal.make(MadeTraceInstance(name)) { () throws(HarnessError) in
      try TraceInstance(name, buffer: buffer)
    }
    let decoder = TraceDecoder()
    guard instance.enable([event], decoder, final: true).isEmpty,
      instance.filter(target).isEmpty
    else { throw HarnessError(.environment, event.label, "is not in this kernel") }
    let digest = TraceDigest()
    let follower = try TraceFollower(instance, decoder, digest)
    let before = Measure.processTime
    try instance.start()
    if attentive { try follower.start() }
    // As the record's thread does.
    let drainer = try Drainer(digest)
    let made = generate(rate: rate)
    if !attentive {
      instance.stop()
      try follower.start()
    }
    follower.stop()
    drainer.stop()
    var result = Result(made: made.made, seen: digest.counts[Int(event.rawValue)])
    result.cpu = Measure.processTime - before - made.cpu
    result.lost = Int(instance.losses().reduce(0) { $0 + $1.total })
    follower.closeBuffers()
    return result
  }

  private final class Drainer: Sendable {
    private let isDone = Atomic<Bool>(false)
    private let thread: Mutex<Thread?>

    init(_ digest: TraceDigest) throws {
      thread = Mutex(nil)
      let made = try Thread("wb-drain") { [self] in
        while !isDone.load(ordering: .acquiring) {
          digest.drain { _ in }
          cl_sleep_until(cl_boottime() + 20_000_000)
        }
        digest.drain { _ in }
      }
      thread.withLock { $0 = made }
    }

    func stop() {
      isDone.store(true, ordering: .releasing)
      thread.withLock { thread in
        thread?.join()
        thread = nil
      }
    }
  }

  /// CPU time of `trace-cmd record` with all its processes, and what was made meanwhile.
  private static func traceCommand(rate: Int) throws -> Result {
    let file = "/dev/shm/wbstress-bench.dat"
    defer { unlink(file) }
    let before = Measure.childrenTime
    let process = try Process(
      [
        // It insists on files of the function tracer, which a kernel may refuse: they are hidden from it.
        "/usr/bin/unshare", "--mount", "/bin/sh", "-c",
        """
        i=/sys/kernel/tracing/instances/wbstress-peer; mkdir -p $i
        for f in /proc/sys/kernel/ftrace_enabled $i/set_ftrace_*; do mount --bind /dev/null $f; done
        exec "$@"
        """, "sh",
        "trace-cmd", "record", "-q", "-B", "wbstress-peer", "-C", "boot", "-b",
        "\(Profile.Observe().traceBuffer >> 10)", "-e", event.label, "-f", filter,
        "--compression", "none", "-o", file,
      ], environment: ["PATH=/usr/bin:/bin:/usr/sbin:/sbin"], descriptors: [-1, -1, -1])
    // It has its events on by then.
    cl_sleep_until(cl_boottime() + 2_500_000_000)
    let made = rate > 0 ? generate(rate: rate).made : 0
    process.signal(SIGINT)
    // What tells that it worked is the file: it exits with an error where it may not reset function tracing.
    _ = process.wait(timeout: 60_000_000_000)
    let least = UInt64(made * bytesAtLeast)
    guard let size = File.size(file), size > least else {
      throw HarnessError(
        .environment, "trace-cmd", "recorded less than \(least) bytes of \(made) events",
        remedy: "install trace-cmd, and be root")
    }
    return Result(made: made, cpu: Measure.childrenTime - before)
  }
}
