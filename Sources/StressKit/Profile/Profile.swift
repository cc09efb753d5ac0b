/// What a trial does, as pure values. Sizes are bytes, durations nanoseconds, rates bytes per
/// second.
package struct Profile: Equatable, Sendable {
  package var name: String
  package var summary = ""
  package var limits: [Setting] = []
  package var pinned: [Pinned] = []
  package var streams: [Stream] = []
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

  /// A kernel file's name and what is written to it, in the order of the profile.
  package struct Setting: Equatable, Sendable {
    package var key: String
    package var value: String
    package init(_ key: String, _ value: String) {
      self.key = key
      self.value = value
    }
  }

  /// Anonymous memory held during the whole trial, as a database holds its buffer pool.
  package struct Pinned: Equatable, Sendable {
    package enum Mode: String, CaseIterable, Sendable {
      /// mlock(2): unevictable.
      case locked
      /// Written once; reclaim may swap it out.
      case touched
    }
    package var name: String
    /// Not 0: a profile that says 0 has no such pin.
    package var size: UInt64
    package var mode: Mode = .locked
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
    package var name: String
    package var engine: Engine = .ioUring
    package var files = 1
    package var block: UInt64 = 256 << 10
    /// Writes in flight; always 1 but for io_uring, since the other engines are synchronous.
    package var depth = 8
    /// Bytes in all, over all files; nil: until the profile's duration ends.
    package var size: UInt64?
    package var fsync: Sync = .none
    package var preallocate = false
    /// Bytes per second; nil: as fast as possible.
    package var rate: UInt64?
    package init(name: String) { self.name = name }
  }

  /// The scratch device.
  package struct Device: Equatable, Sendable {
    package var size: UInt64 = 512 << 20
    /// Throttles of the virtual disk; nil: none.
    package var bandwidth: UInt64?
    package var iops: UInt64?
    package init() {}
  }

  package struct Filesystem: Equatable, Sendable {
    package enum Kind: String, CaseIterable, Sendable {
      case ext4, ext3, xfs, btrfs
    }
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
    package var swap: UInt64 = 0
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
    package enum Metric: String, CaseIterable, Sendable {
      case oomKill = "oom_kill"
      case stallP50 = "stall.p50"
      case stallP99 = "stall.p99"
      case stallMax = "stall.max"
      case throughput = "throughput"
      case psiMemorySome = "psi.memory.some"
      case psiMemoryFull = "psi.memory.full"
      case psiIOSome = "psi.io.some"
      case psiIOFull = "psi.io.full"

      package enum Unit: Sendable { case count, duration, rate }

      /// What the metric counts in. PSI is the stalled time of the whole trial.
      package var unit: Unit {
        switch self {
        case .oomKill: .count
        case .throughput: .rate
        case .stallP50, .stallP99, .stallMax, .psiMemorySome, .psiMemoryFull, .psiIOSome,
          .psiIOFull:
          .duration
        }
      }
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
