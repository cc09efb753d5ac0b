// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore
import StressRecord
import Synchronization

/// What the kernel says by itself, each thing stamped when its wake-up came: pressure above a threshold (PSI
/// triggers), counters of a cgroup that moved (memory.events, memory.events.local, cgroup.events) and processes
/// that ended (pidfds). One thread waits for all of them.
///
/// None of these files is backed by rstat, so that reading them cures nothing. A cgroup file is notified at most
/// once every 10 ms (CGROUP_FILE_NOTIFY_MIN_INTV, kernel/cgroup/cgroup.c); the first change after a pause at once.
/// kernfs_notify() wakes who polls the file for POLLPRI and leaves inotify to a workqueue, which in an emulated
/// guest came up to 30 ms later. Both are waited for, and the first one counts.
package final class Announcements: @unchecked Sendable {
  /// A threshold of stall in a window, in the words of Documentation/accounting/psi.rst: microseconds.
  ///
  /// A window of at least 500 ms, which is the least that kernels before 6.4 take.
  package static let triggers = ["some 50000 1000000", "full 100000 1000000"]
  static let eventFiles = ["memory.events", "memory.events.local", "cgroup.events"]
  static let pressureFiles = ["memory.pressure", "io.pressure"]

  package enum Event: Sendable, Equatable {
    /// Counters of a cgroup's file that moved, and by how much.
    case counters(cgroup: String, file: String, deltas: [Change])
    /// cgroup.events: what it says now.
    case state(cgroup: String, values: [Change])
    case pressure(file: String, trigger: String)
    case exit(name: String, pid: Int32)
  }

  package struct Change: Sendable, Equatable {
    package var key: String
    package var value: Int64
    package init(_ key: String, _ value: Int64) {
      self.key = key
      self.value = value
    }
  }

  private struct Counters {
    var cgroup: String
    var name: String
    var file: CounterFile
    /// inotify's number of the file.
    var watch: Int32
    var values: UnsafeMutableBufferPointer<Int64>
    var changed = false
    /// The wake-up in which it was read last.
    var read: UInt64 = 0
  }

  /// A descriptor that is polled, and what its becoming ready means.
  private enum Source {
    case control
    case inotify
    /// Of `counters`, by index; the descriptor is the CounterFile's.
    case counters(Int)
    case trigger(file: String, trigger: String)
    case process(name: String, pid: Int32)
  }

  private struct Newcomer {
    var descriptor: Int32
    var name: String
    var pid: Int32
  }

  /// What this kernel refuses to announce: for the record.
  package private(set) var refused: [HarnessError] = []
  private let handle: @Sendable (UInt64, Event) -> Void
  private let inotify: Int32
  /// A pipe, read by the thread and written by the owner: a byte for every newcomer, and closed at the end.
  private let control: Int32
  private var controlEnd: Int32
  private let newcomers = Mutex<[Newcomer]>([])
  private var thread: Thread?
  private var counters: [Counters] = []
  private var sources: [Source]
  private var entries: [pollfd]
  private let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 8 << 10, alignment: 8)
  private let fresh = UnsafeMutableBufferPointer<Int64>.allocate(capacity: 32)

  /// - Parameters:
  ///   - limited: the cgroup whose pressure is watched, beside the machine's.
  ///   - children: those below it, whose events are watched too.
  ///   - handle: called on the thread, with the wake-up's time (CLOCK_BOOTTIME, ns).
  package convenience init(
    _ limited: Cgroup, _ children: [Cgroup],
    _ handle: @escaping @Sendable (UInt64, Event) -> Void
  ) throws(HarnessError) {
    try self.init(
      cgroups: ([limited] + children).map { ($0.path, $0.directory) },
      pressure: Self.pressureFiles.map { limited.file($0) } + [
        "/proc/pressure/memory", "/proc/pressure/io",
      ], handle)
  }

  /// - Parameters:
  ///   - cgroups: name and directory of each whose events are watched.
  ///   - pressure: PSI files.
  init(
    cgroups: [(name: String, directory: String)], pressure: [String],
    _ handle: @escaping @Sendable (UInt64, Event) -> Void
  ) throws(HarnessError) {
    self.handle = handle
    var ends: [Int32] = [-1, -1]
    try check(cl_pipe(&ends), "announcements", "pipe2")
    control = ends[0]
    controlEnd = ends[1]
    let opened = attemptErrno(
      Int(inotify_init1(Int32(IN_NONBLOCK) | Int32(IN_CLOEXEC))), "announcements", "inotify_init1")
    inotify = Int32(opened)
    sources = [.control, .inotify]
    entries = [
      pollfd(fd: control, events: Int16(POLLIN), revents: 0),
      pollfd(fd: inotify, events: Int16(POLLIN), revents: 0),
    ]
    try accept(opened, "announcements", "inotify_init1")
    for cgroup in cgroups {
      for name in Self.eventFiles { watch(cgroup.name, cgroup.directory, name) }
    }
    for file in pressure {
      for trigger in Self.triggers { arm(file, trigger) }
    }
  }

  deinit {
    for (source, entry) in zip(sources, entries) {
      if case .counters = source { continue }
      close(entry.fd)
    }
    if controlEnd >= 0 { close(controlEnd) }
    for newcomer in newcomers.withLock({ $0 }) { close(newcomer.descriptor) }
    for entry in counters {
      entry.file.close()
      entry.values.deallocate()
    }
    scratch.deallocate()
    fresh.deallocate()
  }

  private func watch(_ cgroup: String, _ directory: String, _ name: String) {
    let path = directory + "/" + name
    let watch: Int32
    do throws(HarnessError) {
      watch = Int32(
        try checkErrno(
          Int(inotify_add_watch(inotify, path, UInt32(IN_MODIFY))), path, "inotify_add_watch",
          code: .environment, waiver: .announcement))
    } catch {
      refused.append(error)
      return
    }
    guard let file = CounterFile(path, .keyed), file.names.count <= fresh.count else {
      refused.append(HarnessError(.environment, path, "is not a file of counters"))
      return
    }
    let values = UnsafeMutableBufferPointer<Int64>.allocate(capacity: file.names.count)
    values.initialize(repeating: SampleLine.unknown)
    // After the watch is there: what changes from now on is announced.
    file.sample(into: values, scratch: scratch)
    entries.append(pollfd(fd: file.descriptor, events: Int16(POLLPRI), revents: 0))
    sources.append(.counters(counters.count))
    counters.append(
      Counters(cgroup: cgroup, name: name, file: file, watch: watch, values: values))
  }

  /// One trigger a descriptor, and with its final NUL (Documentation/accounting/psi.rst).
  private func arm(_ path: String, _ trigger: String) {
    do throws(HarnessError) {
      let fd = try Descriptor(open: path, O_RDWR | O_NONBLOCK, code: .environment)
      try checkErrno(
        write(fd.raw, trigger, trigger.utf8.count + 1), path, "write '\(trigger)'",
        code: .environment)
      entries.append(pollfd(fd: fd.release(), events: Int16(POLLPRI), revents: 0))
      sources.append(.trigger(file: path, trigger: trigger))
    } catch {
      refused.append(error)
    }
  }

  package func start() throws(HarnessError) {
    thread = try Thread("wb-announce") { [self] in loop() }
  }

  /// Waits for a process's end too.
  ///
  /// - Parameter pidfd: is kept; the process is its owner's to reap.
  package func add(
    _ name: String, pid: Int32, _ pidfd: consuming Descriptor
  ) throws(HarnessError) {
    let newcomer = Newcomer(descriptor: pidfd.release(), name: name, pid: pid)
    newcomers.withLock { $0.append(newcomer) }
    var byte: UInt8 = 0
    try checkErrno(write(controlEnd, &byte, 1), "announcements", "tell of a worker")
  }

  /// Takes what has been announced already, and ends the thread.
  package func stop() {
    guard let thread else { return }
    close(controlEnd)
    controlEnd = -1
    thread.join()
    self.thread = nil
  }

  private func loop() {
    // A stamp is worth its wake-up's delay, and the work behind it is short. Without the right to it the stamps
    // are only later.
    _ = cl_set_fifo(1)
    while true {
      let ready = poll(&entries, nfds_t(entries.count), -1)
      let now = cl_boottime()
      if ready < 0, cl_errno() != EINTR { return }
      if ready <= 0 { continue }
      var ending = false
      var at = entries.count - 1
      // Backwards, as one that has said all it will is removed.
      while at >= 0 {
        let revents = Int32(entries[at].revents)
        if revents != 0 {
          switch sources[at] {
          case .control:
            ending = revents & POLLHUP != 0
            takeNewcomers()
          case .inotify: readChanges(at: now)
          // With POLLERR always; a cgroup that is gone has no more to say.
          case .counters(let index):
            if revents & POLLPRI == 0 || !report(index, at: now) { drop(at) }
          case .trigger(let file, let trigger):
            if revents & POLLPRI != 0, revents & POLLERR == 0 {
              handle(now, .pressure(file: file, trigger: trigger))
            }
            // Its cgroup is gone.
            if revents & (POLLERR | POLLHUP | POLLNVAL) != 0 { drop(at) }
          case .process(let name, let pid):
            handle(now, .exit(name: name, pid: pid))
            drop(at)
          }
        }
        at -= 1
      }
      if ending { return }
    }
  }

  private func drop(_ at: Int) {
    if case .counters = sources[at] {
      // Closed with the others.
    } else {
      close(entries[at].fd)
    }
    entries.remove(at: at)
    sources.remove(at: at)
  }

  private func takeNewcomers() {
    // A byte each; what is read does not matter.
    attemptErrno(read(control, scratch.baseAddress, 1), "announcements", "hear of a worker", .again)
    let new = newcomers.withLock { list in
      let taken = list
      list.removeAll()
      return taken
    }
    for newcomer in new {
      entries.append(pollfd(fd: newcomer.descriptor, events: Int16(POLLIN), revents: 0))
      sources.append(.process(name: newcomer.name, pid: newcomer.pid))
    }
  }

  /// Reads the files that inotify names, each once however often it was named.
  private func readChanges(at now: UInt64) {
    while true {
      let got = attemptErrno(
        read(inotify, scratch.baseAddress, scratch.count), "announcements", "read inotify",
        .announcement)
      if got <= 0 { break }
      var at = 0
      while at + MemoryLayout<inotify_event>.size <= got {
        let event = scratch.loadUnaligned(fromByteOffset: at, as: inotify_event.self)
        for i in counters.indices
        where counters[i].watch == event.wd || event.mask & UInt32(IN_Q_OVERFLOW) != 0 {
          counters[i].changed = true
        }
        at += MemoryLayout<inotify_event>.size + Int(event.len)
      }
    }
    for i in counters.indices where counters[i].changed {
      counters[i].changed = false
      _ = report(i, at: now)
    }
  }

  /// Reads a file and tells what has moved since the last time; false when the file is gone.
  private func report(_ index: Int, at now: UInt64) -> Bool {
    // inotify and POLLPRI both tell of it: what has moved since the first reading of a wake-up came after that.
    let time = counters[index].read == now ? cl_boottime() : now
    counters[index].read = now
    let entry = counters[index]
    let count = entry.values.count
    entry.file.sample(
      into: UnsafeMutableBufferPointer(rebasing: fresh[..<count]), scratch: scratch)
    var changes: [Change] = []
    let isState = entry.name == "cgroup.events"
    for i in 0..<count where fresh[i] != entry.values[i] {
      if fresh[i] == SampleLine.unknown { return false }
      let known = entry.values[i] != SampleLine.unknown
      changes.append(
        Change(entry.file.names[i], isState || !known ? fresh[i] : fresh[i] - entry.values[i]))
      entry.values[i] = fresh[i]
    }
    if changes.isEmpty { return true }
    handle(
      time,
      isState
        ? .state(cgroup: entry.cgroup, values: changes)
        : .counters(cgroup: entry.cgroup, file: entry.name, deltas: changes))
    return true
  }
}
