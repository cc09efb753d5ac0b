// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore
import StressRecord

/// The trace of one trial: made before the machine is busy, aimed when its file system is there, ended with
/// it.
package final class Tracing {
  private let decoder = TraceDecoder()
  private let digest: TraceDigest
  private let threads: ThreadNames
  private let buffer: UInt64
  private var instance: TraceInstance?
  private var follower: TraceFollower?
  private var recorder: TraceRecorder?
  private var absent: [TraceEvent] = []
  private var unfiltered: [TraceEvent] = []
  private var failure: HarnessError?
  private var clock: JiffyClock?
  /// How long the kernel took to switch the events on, ns.
  private var enabling: UInt64 = 0
  private var began: UInt64 = 0

  /// Makes the instance and switches on what the kernel has without its modules.
  ///
  /// Static keys are flipped for that: in an emulated guest it must come before anything else is at work
  /// (GuestTrial.isEmulatorFault). A machine that cannot trace does without, and the record says why.
  ///
  /// - Parameters:
  ///   - threads: names of threads that are followed beside the workers'.
  ///   - hasProbes: whether probes of functions are made, beside the kernel's own tracepoints.
  package init(
    _ observe: Profile.Observe, threads names: [String], hasProbes: Bool = true,
    name: String = "wbstress-\(getpid())", _ journal: CleanupJournal
  ) {
    let threads = ThreadNames(names)
    self.threads = threads
    buffer = observe.traceBuffer
    digest = TraceDigest(threads: threads)
    // Without a name to filter by, the calls of the whole machine would be recorded.
    let wantsCalls = observe.syscalls && !names.isEmpty
    let wanted = TraceEvent.allCases.filter {
      (observe.sched || !TraceEvent.scheduling.contains($0))
        && (wantsCalls || !TraceEvent.calls.contains($0))
        && (hasProbes || !$0.definition.isProbe)
    }
    let start = cl_boottime()
    do throws(HarnessError) {
      // No instance may have a probe that is taken away: made first, undone last.
      if hasProbes { try journal.make(MadeProbes(group: TraceProbes.group)) {} }
      let instance = try journal.make(MadeTraceInstance(name)) { () throws(HarnessError) in
        try TraceInstance(name, buffer: buffer, threads: threads)
      }
      self.instance = instance
      journal.own { [weak self] in self?.follower?.closeBuffers() }
      absent = instance.enable(wanted, decoder, final: false)
    } catch {
      failure = error
    }
    enabling = cl_boottime() - start
  }

  /// Who has sent SIGKILL to a process of the trial, if the trace saw it and it was not the harness.
  func killer(of pid: Int32) -> String? { recorder?.killers[pid] }

  /// Whose events are taken.
  struct Subject {
    var workers: [WorkerProcess] = []
    /// Its tasks that have an io_uring; nil: any may be one.
    var submitters: Set<Int32>? = []
    /// Cgroups whose threads are introduced.
    var groups: [Cgroup]
    /// How often, ns. Where it is set, also those of cgroups that are made below them, and threads of new names are
    /// followed from then on; nil: they are the trial's own, and all of them are known.
    var newcomers: UInt64?
    var places: CallPlaces
  }

  /// Switches on the file systems' events, has the kernel leave out what is not the trial's, and begins.
  func start(
    _ target: TraceInstance.Target, record: RecordWriter, slow: UInt64, _ subject: Subject
  ) {
    guard let instance else { return }
    let start = cl_boottime()
    absent = instance.enable(absent, decoder, final: true)
    unfiltered = instance.filter(target)
    enabling += cl_boottime() - start
    clock = JiffyClock()
    do throws(HarnessError) {
      digest.tasks.submitters = subject.submitters
      digest.tasks.followsRequests = instance.events.contains(.ioWqBegin)
      let follower = try TraceFollower(instance, decoder, digest)
      let recorder = TraceRecorder(digest, record, slow: slow, jiffies: clock, subject)
      recorder.follow = { [threads] names in
        if names.map(threads.add).contains(true) { instance.filterAgain() }
      }
      record.add(recorder)
      self.recorder = recorder
      self.follower = follower
      try follower.start()
      began = cl_boottime()
      try instance.start()
      record.emit(TraceStartLine.self) {
        $0.clock = "boot"
        $0.hz = clock.map { Int64(clamping: $0.hz) }
        $0.failures = instance.failures.map(\.description)
        $0.buffer = Int64(clamping: buffer)
        $0.cpus = Int64(instance.cpus.count)
        $0.enabling = Int64(clamping: enabling)
        $0.events = instance.events.map(\.label)
        $0.missing = decoder.missing
        $0.unfiltered = unfiltered.map(\.label)
        $0.definitions = Keyed(TraceSpan.allCases.map { ($0.label, $0.definition) })
      }
    } catch {
      failure = error
    }
  }

  /// Tells the stacks so far with their functions.
  func tellStacks() { recorder?.tellStacks() }

  /// Ends the recording, takes what is left, and says what was seen and lost.
  ///
  /// - Parameter streams: names of the streams by the pid of their worker.
  func stop(_ record: RecordWriter, streams: [Int32: String]) {
    defer { follower?.closeBuffers() }
    guard failure == nil, let instance, let follower, let recorder else {
      if let failure { record.emit(TraceLine.self) { $0.failed = failure.description } }
      return
    }
    follower.stop()
    let ended = cl_boottime()
    record.remove(recorder)
    digest.visitOpen { span, a, b, start in
      record.emit(OpenLine.self) {
        $0.of = span.label
        $0.start = Int64(clamping: start)
        $0.key = [a, b]
      }
    }
    recorder.taskTimes.tellOpen()
    let resolving = resolve(recorder.taskTimes, record)
    let failuresBefore = instance.failures.count
    let losses = instance.losses()
    var failures = instance.failures.dropFirst(failuresBefore).map(\.description)
    if let errno = follower.failure {
      failures.append(
        HarnessError(.environment, TraceFollower.object, "read", errno: errno).description)
    }
    if follower.damagedPages > 0 {
      failures.append(
        "\(TraceFollower.object): \(follower.damagedPages) pages given up, for times that cannot be"
      )
    }
    let counts = TraceEvent.allCases.filter { instance.events.contains($0) }.map { event in
      (key: event.label, value: Int64(digest.counts[Int(event.rawValue)]))
    }
    let punted = digest.puntedWrites().compactMap { task in
      streams[task.pid].map { (key: $0, value: Int64(task.count)) }
    }
    record.emit(TraceLine.self) {
      $0.from = Int64(clamping: began)
      $0.until = Int64(clamping: ended)
      $0.failures = failures
      $0.events = Keyed(counts)
      $0.decoded = Int64(follower.decoded)
      $0.unknown = Int64(follower.unknown)
      $0.lost = losses.map { loss in
        var line = TraceLine.Loss()
        line.cpu = Int64(loss.cpu)
        line.overrun = loss.overrun
        line.commitOverrun = loss.commitOverrun
        line.dropped = loss.dropped
        return line
      }
      $0.lostInPages = Int64(clamping: follower.lostInPages)
      $0.droppedRows = Int64(digest.droppedRows)
      $0.unpaired = Int64(digest.unpaired)
      $0.tableOverflow = Int64(digest.overflowed)
      $0.resolving = Int64(clamping: resolving)
      $0.unlisted = Keyed(recorder.leftOut)
      $0.punted = Keyed(punted)
      $0.cpuTime = Int64(clamping: follower.cpuTime)
    }
  }

  /// Tells the stacks' functions. Returns how long that took, ns.
  private func resolve(_ times: TaskTimesRecorder, _ record: RecordWriter) -> UInt64 {
    let start = cl_boottime()
    do throws(HarnessError) {
      try times.resolve()
    } catch {
      record.emit(NoteLine(error.description))
    }
    return cl_boottime() - start
  }
}
