// SPDX-License-Identifier: Apache-2.0

/// What a trial does, as pure values. Sizes are bytes, durations nanoseconds, rates bytes per
/// second.
package struct Profile: Equatable, Sendable {
  package var name: String
  package var summary = ""
  /// Where the situation was first told of.
  package var source: Source?
  /// What it is a control of, if it is one; mostly set by a variant.
  package var control: Control?
  package var limits: [Setting] = []
  /// Cgroups below the one that `limits` are set on, each after the one it is in.
  package var cgroups: [Group] = []
  package var pinned: [Pinned] = []
  package var streams: [Stream] = []
  package var tasks: [Task] = []
  /// What changes while the streams run, in the order of its times.
  package var timeline: [Moment] = []
  /// Clean page cache read in by the supervisor before the trial, outside the limits.
  package var cache: UInt64 = 0
  package var device = Device()
  package var filesystem = Filesystem()
  package var kernel = Kernel()
  package var machine = Machine()
  package var observe = Observe()
  /// The streams are stopped when they have run this long.
  package var duration: UInt64 = 60_000_000_000
  package var expect: [Expectation] = []

  package init(name: String) { self.name = name }

  /// Names of the pins, streams and tasks.
  package var workers: [String] {
    pinned.map(\.name) + streams.map(\.name) + tasks.map(\.name)
  }

  /// A kernel file's name and what is written to it, in the order of the profile.
  package struct Setting: Equatable, Sendable {
    package var key: String
    package var value: String
    package init(_ key: String, _ value: String) {
      self.key = key
      self.value = value
    }
  }

  /// The mail that a profile takes its situation from.
  package struct Source: Equatable, Sendable {
    /// The mailing list or tracker.
    package var list: String
    package var subject: String
    /// As the source gives it: a day, a month or a year.
    package var date: String
    package init(list: String, subject: String, date: String) {
      self.list = list
      self.subject = subject
      self.date = date
    }
  }

  /// What is known of a cell beforehand; where it does not come true, the experiment is in doubt.
  package enum Control: String, CaseIterable, Sendable {
    /// Every trial must end in an OOM kill.
    case positive
    /// None may.
    case negative
  }

  /// A cgroup of the tree below the limited one.
  package struct Group: Equatable, Sendable {
    /// `a`, or `a/b` for one in another.
    package var name: String
    package var limits: [Setting] = []
    package init(name: String) { self.name = name }
  }

  /// Memory held during the whole trial, as a database holds its buffer pool.
  package struct Pinned: Equatable, Sendable {
    package enum Mode: String, CaseIterable, Sendable {
      /// mlock(2): unevictable.
      case locked
      /// Written once; reclaim may swap it out.
      case touched
      /// Written once, and then touched again and again at `rate`, each touch timed.
      case hot
      /// As `touched`, of shared anonymous memory: pages of tmpfs.
      case shmem
    }
    /// Which page a touch of hot memory goes to.
    package enum Distribution: String, CaseIterable, Sendable {
      case uniform
      /// The nth page of a fixed random order as often as 1/n.
      case zipf
      /// From the first to the last, and again.
      case sequential
    }
    package var name: String
    /// The group that the worker's own cgroup is in; nil: the limited one.
    package var cgroup: String?
    /// Not 0: a profile that says 0 has no such pin.
    package var size: UInt64
    package var mode: Mode = .locked
    /// Bytes per second that it grows by from the streams' start; nil: all of it is there before.
    package var growth: UInt64?
    /// MADV_HUGEPAGE or MADV_NOHUGEPAGE; nil: as the kernel is set.
    package var huge: Bool?
    /// How long it may take until all is there, ns; what is not there then is given up and admitted.
    package var within: UInt64 = 60_000_000_000
    /// Touches of hot memory per second.
    package var rate: UInt64 = 1000
    package var distribution: Distribution = .uniform
    /// How much of hot memory is touched again, from its beginning, bytes; nil: all.
    package var workingSet: UInt64?
    package init(name: String, size: UInt64) {
      self.name = name
      self.size = size
    }
  }

  /// A buffered streaming writer.
  package struct Stream: Equatable, Sendable {
    package enum Engine: String, CaseIterable, Sendable {
      case ioUring = "io_uring"
      case pwrite
      case mmap
    }
    package enum Sync: Equatable, Sendable {
      case none
      /// One fsync(2) of each file after the stream's last write.
      case end
      /// An fsync(2) of each file whenever the stream has written so many bytes, with no write in flight.
      case every(UInt64)
    }
    /// The call that `fsync` asks for.
    package enum SyncCall: String, CaseIterable, Sendable {
      case fsync, fdatasync
      /// sync_file_range(2) that writes and waits: data alone, no metadata and no flush.
      case syncFileRange = "sync_file_range"
      /// None: the files are opened with O_DSYNC, and each write is as durable as fdatasync makes it.
      case dsync
    }
    package enum Access: String, CaseIterable, Sendable {
      case append
      /// Over files of the stream's size that the supervisor has written and synced before; from their
      /// beginning again at their end.
      case overwrite
    }
    /// What a latency begins with, where there is a rate.
    package enum Pace: String, CaseIterable, Sendable {
      /// The moment at which the schedule wanted the write: what queues behind a stall counts it.
      case open
      /// The moment at which it was submitted.
      case closed
    }
    package var name: String
    /// The group that the worker's own cgroup is in; nil: the limited one.
    package var cgroup: String?
    package var engine: Engine = .ioUring
    /// Processes that write side by side, each `files` of its own and its share of `size` and `rate`.
    package var jobs = 1
    package var files = 1
    package var block: UInt64 = 256 << 10
    /// Writes in flight; always 1 but for io_uring, since the other engines are synchronous.
    package var depth = 8
    /// Bytes in all, over all files; nil: until the profile's duration ends.
    package var size: UInt64?
    package var fsync: Sync = .none
    package var sync: SyncCall = .fsync
    package var access: Access = .append
    /// Whenever it has written so many bytes of a file, it reads them back; nil: never.
    package var readBack: UInt64?
    /// Percent of each page that are zeros.
    package var compressible = 0
    package var preallocate = false
    /// Bytes per second; nil: as fast as possible.
    package var rate: UInt64?
    package var pace: Pace = .open
    package init(name: String) { self.name = name }
  }

  /// Something done again and again beside the streams, each time timed.
  package struct Task: Equatable, Sendable {
    package enum Action: String, CaseIterable, Sendable {
      /// Drops a file's pages by ftruncate(2) to 0, by unlink(2) of its last name, by rename(2) of another
      /// over it.
      case truncate, unlink, rename
      /// One small buffered write and its fsync, and one page fault.
      case probe
      /// 1 to /proc/sys/vm/compact_memory, from outside the limits.
      case compact
      /// Maps memory that asks for huge pages, touches each once, and lets it go.
      case huge
    }
    /// What a file's pages are when they are dropped.
    package enum State: String, CaseIterable, Sendable {
      /// Dirty over blocks that they already have, not under I/O.
      case allocated
      /// Under I/O.
      case writeback
      /// Dirty, their blocks not yet chosen.
      case delayed
    }
    package var name: String
    package var cgroup: String?
    package var action: Action
    /// From one beginning to the next, ns; one that takes longer is followed at once.
    package var every: UInt64 = 1_000_000_000
    /// Of the file, the write or the mapping, bytes.
    package var size: UInt64
    package var state: State = .delayed
    /// How often; nil: until the streams end.
    package var rounds: Int?
    package init(name: String, action: Action) {
      self.name = name
      self.action = action
      size = Self.defaultSize(action)
      if action == .probe { every = 100_000_000 }
    }

    static func defaultSize(_ action: Action) -> UInt64 {
      switch action {
      case .truncate, .unlink, .rename: 8 << 20
      case .probe: 4096
      case .compact: 0
      case .huge: 16 << 20
      }
    }
  }

  /// What changes at one moment.
  package struct Moment: Equatable, Sendable {
    /// After the streams' start, ns.
    package var at: UInt64
    /// Streams and tasks that begin now and not with the others.
    package var start: [String] = []
    package var stop: [String] = []
    /// New throttles of the scratch device; nil: as before, `.some(nil)`: none.
    package var bandwidth: UInt64??
    package var iops: UInt64??
    package var delay: UInt64?
    /// Whose limits change; nil: the limited cgroup's.
    package var cgroup: String?
    package var limits: [Setting] = []
    package var sysctl: [Setting] = []
    package init(at: UInt64) { self.at = at }
  }

  /// Whether the scratch device ever holds requests back; tmpfs asks nothing of it.
  package var usesDelay: Bool {
    let delays = [device.delay] + timeline.compactMap(\.delay)
    return filesystem.kind.isOnDisk && delays.contains { $0 > 0 }
  }

  /// Whether the scratch device is ever made slower than it is, its delay aside.
  package var throttlesDevice: Bool {
    let moments = timeline.flatMap { [$0.bandwidth ?? nil, $0.iops ?? nil] }
    return ([device.bandwidth, device.iops] + moments).contains { $0 != nil }
  }

  /// The scratch device.
  package struct Device: Equatable, Sendable {
    package var size: UInt64 = 512 << 20
    /// Throttles of the virtual disk; nil: none.
    package var bandwidth: UInt64?
    package var iops: UInt64?
    /// By which each request is held back (dm-delay), ns.
    package var delay: UInt64 = 0
    package init() {}
  }

  package struct Filesystem: Equatable, Sendable {
    package var kind: Kind = .ext4
    package var mount: [String] = []
    package var mkfs: [String] = []
    package init() {}
  }

  package struct Kernel: Equatable, Sendable {
    package var sysctl: [Setting] = []
    /// Files below /sys, by their path after it.
    package var sysfs: [Setting] = []
    /// /sys/kernel/mm/lru_gen/enabled; nil: as the kernel boots.
    package var lruGen: Bool?
    /// The scratch device's bdi strict_limit (6.2 and later).
    package var strictLimit: Bool?
    package var boot: [String] = []
    package init() {}
  }

  /// The guest.
  package struct Machine: Equatable, Sendable {
    package var memory: UInt64 = 1 << 30
    package var cpus = 2
    /// NUMA nodes that memory and CPUs are divided over.
    package var nodes = 1
    /// Swap on a disk of its own, bytes.
    package var swap: UInt64 = 0
    /// Swap on a zram device, uncompressed bytes.
    package var zram: UInt64 = 0
    package init() {}
  }

  package struct Observe: Equatable, Sendable {
    package enum Level: String, CaseIterable, Sendable {
      case full
      /// Nothing is read while the streams run: a trial's outcome is then its workers' exits, and
      /// memory.events and the kernel log at the end. The other level of the observer as a factor.
      case bare
    }
    package var level: Level = .full
    /// Interval of the sampler's fast lane: pressure, memory.current, memory.events.
    package var fast: UInt64 = 10_000_000
    /// Interval of its slow lane: the rest.
    package var interval: UInt64 = 100_000_000
    /// Whether the kernel's tracepoints are recorded.
    package var trace = true
    /// The trace's ring buffer, for each CPU.
    package var traceBuffer: UInt64 = 4 << 20
    /// Whether it has where the trial's tasks are while they do not run.
    package var sched = true
    /// How often memory.stat of the stressed cgroup is read during the trial; nil: never. Reading
    /// it flushes rstat and so changes dirty throttling on 6.9 and later.
    package var rstat: UInt64?
    /// Single operations at least this slow are recorded one by one.
    package var slow: UInt64 = 10_000_000
    package init() {}
  }

  /// A bound on a trial's metric.
  package struct Expectation: Equatable, Sendable {
    package enum Relation: String, CaseIterable, Sendable {
      case less = "<"
      case atMost = "<="
      case equal = "=="
      case atLeast = ">="
      case greater = ">"
    }
    package var metric: Metric
    package var relation: Relation
    /// In the metric's unit: count, ns, bytes/s.
    package var value: Double
    package init(_ metric: Metric, _ relation: Relation, _ value: Double) {
      self.metric = metric
      self.relation = relation
      self.value = value
    }
  }
}

extension Profile {
  /// The cgroup controllers that it needs: memory, io, cpu, and those whose files it sets.
  package var controllers: [String] {
    let limits = limits + cgroups.flatMap(\.limits) + timeline.flatMap(\.limits)
    return limits.map { Cgroup.controller(of: $0.key) }
      .reduce(into: ["memory", "io", "cpu"]) { all, name in
        if !all.contains(name) { all.append(name) }
      }
  }
}
