// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressCore
import StressRecord
import SystemPackage

/// An instance of the kernel's tracer, with buffers, events, filters and a clock of its own, so that
/// nobody else's tracing is touched. It is a directory of tracefs, and all that is done to it are reads and
/// writes of its files.
///
/// Source: Documentation/trace/ftrace.rst ("Instances").
package final class TraceInstance {
  /// One CPU's losses, as its `stats` file says.
  package struct Losses: Equatable, Sendable {
    package var cpu: Int
    /// Records overwritten before they were read.
    package var overrun: Int64
    /// Records given up because an interrupt filled the buffer in the middle of another, and those that
    /// found no room.
    package var commitOverrun: Int64
    package var dropped: Int64
    package var read: Int64
    package var total: Int64 { overrun + commitOverrun + dropped }
  }

  /// What a trial's events are told from others by.
  package struct Target: Equatable, Sendable {
    /// `MAJ:MIN` of the block devices under test.
    package var devices: [String]
    /// `MAJ:MIN` of the mounted superblock; btrfs has an anonymous one.
    package var superblock: String
    /// Name of the backing device in /sys/class/bdi; nil: any.
    package var backing: String?
    package init(devices: [String], superblock: String, backing: String?) {
      self.devices = devices
      self.superblock = superblock
      self.backing = backing
    }
  }

  private static let remedy =
    "tracing needs root and a kernel with CONFIG_TRACING; observe.trace: off does without"

  package let name: String
  /// CPUs that have a buffer.
  package let cpus: [Int]
  private let directory: String
  private let threads: ThreadNames
  private var enabled: [TraceEvent] = []
  /// What went wrong with single events and buffers, apart from what this kernel does not have.
  package private(set) var failures: [HarnessError] = []
  private var probes = TraceProbes()

  /// Makes an instance that records nothing yet, with the clock of the samples and the workers.
  ///
  /// - Parameters:
  ///   - buffer: bytes for each CPU.
  ///   - threads: names of threads that are the trial's beside its workers'.
  package init(
    _ name: String, buffer: UInt64, threads: ThreadNames = ThreadNames()
  ) throws(HarnessError) {
    self.threads = threads
    let directory = Mount.tracefs + "/instances/" + name
    let made = attemptErrno(Int(mkdir(directory, 0o750)), "trace instance \(name)", "mkdir")
    if made != -Int(EEXIST) {
      try accept(
        made, "trace instance \(name)", "mkdir", remedy: Self.remedy, code: .environment)
    }
    self.directory = directory
    self.name = name
    // Numbers of possible CPUs need not be without a gap.
    cpus = try File.list(directory + "/per_cpu")
      .compactMap { $0.hasPrefix("cpu") ? Int($0.dropFirst(3)) : nil }.sorted()
    // Off first: an instance is born recording. A change of clock empties the buffers.
    try write("tracing_on", "0")
    try write("trace_clock", "boot")
    try write("buffer_size_kb", "\(max(1, buffer >> 10))")
  }

  private func write(_ file: String, _ value: String) throws(HarnessError) {
    try File.set(directory + "/" + file, value, remedy: Self.remedy, code: .environment)
  }

  /// Switches on the events that this kernel has now, and teaches their layouts. One that is not there yet
  /// may come with a module: call again.
  ///
  /// Returns those that it lacks.
  package func enable(
    _ events: [TraceEvent], _ decoder: TraceDecoder, final: Bool
  ) -> [TraceEvent] {
    var absent: [TraceEvent] = []
    for event in events {
      let definition = event.definition
      do throws(HarnessError) {
        try probes.make(definition)
      } catch {
        if error.errno?.isAbsence != true { failures.append(error) }
      }
      let system = system(definition)
      guard let text = text(system, definition.name, "format") else {
        if final { _ = decoder.learn(event, nil) }
        absent.append(event)
        continue
      }
      guard decoder.learn(event, TraceFormat(text, system: system)) else { continue }
      let isOn =
        switch definition.source {
        case .tracer: enableStacks()
        default: write(system, definition.name, "enable", "1")
        }
      if isOn { enabled.append(event) } else { _ = decoder.learn(event, nil) }
    }
    return absent
  }

  /// As this kernel knows it: a probe is in a group that nobody else has.
  private func system(_ definition: TraceEvent.Definition) -> String {
    switch definition.source {
    case .probe, .returnProbe: TraceProbes.group
    case .tracepoint, .tracer: definition.system
    }
  }

  /// Has the kernel record its own stack beside each switch from a task of the trial that goes to sleep.
  private func enableStacks() -> Bool {
    let switches = TraceEvent.schedSwitch.definition
    // TASK_INTERRUPTIBLE or TASK_UNINTERRUPTIBLE; one that can run is where it is by chance.
    let trigger =
      "stacktrace if (prev_state & 3) && (\(Self.isOfTrial(["prev_comm"], threads.all)))"
    return write(switches.system, switches.name, "trigger", trigger)
  }

  /// Writes a file of an event; false when the kernel refuses it.
  private func write(_ system: String, _ event: String, _ file: String, _ value: String) -> Bool {
    unlessFailed { () throws(HarnessError) in
      try write("events/\(system)/\(event)/\(file)", value)
    } != nil
  }

  /// What `body` returns; nil when it fails, which is among the failures unless this kernel has no such thing.
  private func unlessFailed<T>(_ body: () throws(HarnessError) -> T) -> T? {
    do throws(HarnessError) {
      return try body()
    } catch {
      if error.errno?.isAbsence != true { failures.append(error) }
      return nil
    }
  }

  private static func isOfTrial(_ fields: [String], _ threads: [String]) -> String {
    isNamed(TraceEvent.taskNames.map { $0 + "*" } + threads, by: fields)
  }

  /// A `?` stands for what a pattern or its quotes could not have: for any one character.
  private static func isNamed(_ names: [String], by fields: [String]) -> String {
    let patterns = names.map { name in
      String(
        decoding: name.utf8.map { (0x20..<0x7f ~= $0) && !special.contains($0) ? $0 : 0x3f },
        as: UTF8.self)
    }
    return fields.flatMap { field in patterns.map { "\(field) ~ \"\($0)\"" } }
      .joined(separator: " || ")
  }

  private static let special = Array("\"\\[]'".utf8)

  private func text(_ system: String, _ event: String, _ file: String) -> [UInt8]? {
    unlessFailed { () throws(HarnessError) in
      try File.read("\(directory)/events/\(system)/\(event)/\(file)", code: .environment)
    }
  }

  /// Has the kernel drop what does not concern the trial. Returns the events that it refused a filter for:
  /// they are recorded whole.
  package func filter(_ target: Target) -> [TraceEvent] {
    enabled.filter { event in
      let scope = event.definition.scope
      guard let filter = Self.filter(scope, target, threads.all) else { return false }
      let definition = event.definition
      return !write(system(definition), definition.name, "filter", filter)
    }
  }

  /// Has the kernel record what concerns threads whose names were added since.
  package func filterAgain() {
    let nowhere = Target(devices: [], superblock: "", backing: nil)
    for event in enabled {
      let definition = event.definition
      switch definition.scope {
      case .tasks, .calls:
        guard let filter = Self.filter(definition.scope, nowhere, threads.all) else { continue }
        _ = write(system(definition), definition.name, "filter", filter)
      default: continue
      }
    }
    guard enabled.contains(.kernelStack) else { return }
    let switches = TraceEvent.schedSwitch.definition
    // There is one of a kind (kernel/trace/trace_events_trigger.c); what its filter was does not matter.
    if write(switches.system, switches.name, "trigger", "!stacktrace") { _ = enableStacks() }
  }

  /// A filter in the kernel's language (Documentation/trace/events.rst, "Event filtering"); nil: none.
  static func filter(
    _ scope: TraceEvent.Scope, _ target: Target, _ threads: [String] = []
  ) -> String? {
    func equals(_ field: String, _ numbers: [String]) -> String? {
      let devices = numbers.compactMap(deviceNumber)
      return devices.isEmpty ? nil : devices.map { "\(field) == \($0)" }.joined(separator: " || ")
    }
    switch scope {
    case .all: return nil
    case .device(let field): return equals(field, target.devices)
    case .superblock(let field): return equals(field, [target.superblock])
    case .backing(let field): return target.backing.map { "\(field) == \"\($0)\"" }
    case .ioWorkers: return "newcomm ~ \"\(TraceEvent.ioWorker)*\""
    case .tasks(let fields): return isOfTrial(fields, threads)
    case .calls:
      // Of any event, `comm` is the name of the task that it happens in.
      let calls = SystemCall.allCases.map { "id == \($0.number)" }.joined(separator: " || ")
      return "(\(calls)) && (\(isNamed(threads, by: ["comm"])))"
    }
  }

  /// The kernel's own dev_t of a `MAJ:MIN` (include/linux/kdev_t.h): 12 bits and 20.
  static func deviceNumber(_ text: String) -> UInt32? {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, let major = UInt32(parts[0]), let minor = UInt32(parts[1]),
      major < 1 << 12, minor < 1 << 20
    else { return nil }
    return major << 20 | minor
  }

  package var events: [TraceEvent] { enabled }

  package func start() throws(HarnessError) { try write("tracing_on", "1") }

  /// Ends the recording; what is in the buffers can still be read.
  package func stop() { _ = try? write("tracing_on", "0") }

  /// The CPUs' raw buffers, non-blocking, in the order of `cpus`.
  package func openBuffers() throws(HarnessError) -> [Int32] {
    var descriptors: [Int32] = []
    for cpu in cpus {
      let file = "\(directory)/per_cpu/cpu\(cpu)/trace_pipe_raw"
      let opened = attemptErrno(
        Int(open(file, O_RDONLY | O_NONBLOCK | O_CLOEXEC)), file, "open")
      if opened < 0 { for open in descriptors { close(open) } }
      descriptors.append(
        Int32(try accept(opened, file, "open", remedy: Self.remedy, code: .environment)))
    }
    return descriptors
  }

  /// Of the CPUs whose account can be read; that of another is among the failures.
  package func losses() -> [Losses] {
    cpus.compactMap { cpu in
      unlessFailed { () throws(HarnessError) in
        try File.text("\(directory)/per_cpu/cpu\(cpu)/stats", code: .environment)
      }.map { Self.losses($0, cpu: cpu) }
    }
  }

  static func losses(_ text: String, cpu: Int) -> Losses {
    var values: [Substring: Int64] = [:]
    for line in text.split(separator: "\n") {
      let parts = line.split(separator: ":", maxSplits: 1)
      guard parts.count == 2 else { continue }
      values[parts[0]] = Int64(parts[1].drop { $0 == " " })
    }
    return Losses(
      cpu: cpu, overrun: values["overrun"] ?? 0, commitOverrun: values["commit overrun"] ?? 0,
      dropped: values["dropped events"] ?? 0, read: values["read events"] ?? 0)
  }
}
