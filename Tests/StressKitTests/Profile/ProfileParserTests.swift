// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressCore

struct ProfileParserTests: ProfileSuite {
  /// Every key with a value that is not its default.
  static let full = """
    name: every-key
    summary: >
      all of
      them
    source: {list: linux-mm, subject: "[PATCH] mm: a: b", date: 2026-02}
    control: negative
    limits:
      memory.max: 64MiB
      memory.high: max
      memory.swap.max: 0
      memory.oom.group: 1
      io.max: "253:0 wbps=4194304"
      cpu.max: 50000 100000
      cpuset.cpus: 0-1
      cpuset.mems: "0"
    cgroups:
      - {name: data, memory.min: 8MiB, memory.zswap.writeback: 0}
      - name: data/inner
        memory.high: 32MiB
        io.weight: default 50
      - name: empty
    pinned:
      - size: 54M
      - name: heap
        cgroup: data/inner
        size: 1.5MiB
        mode: touched
        growth: 64KiB/s
        huge: on
        within: 90s
      - {name: pool, size: 8MiB, mode: hot, huge: off, rate: 500, distribution: zipf, working_set: 4MiB}
      - {name: sequence, size: 8MiB, mode: hot, distribution: sequential}
      - {name: shared, size: 1MiB, mode: shmem}
    streams:
      - {}
      - name: backup
        cgroup: data
        engine: io_uring
        jobs: 3
        files: 4
        block: 1MiB
        depth: 32
        size: 24MiB
        fsync: 4MiB
        sync: fdatasync
        access: overwrite
        read_back: 2MiB
        compressible: 50
        preallocate: yes
        rate: 20MiB/s
        pace: closed
      - {name: sync, engine: mmap, depth: 16, fsync: end, size: unlimited, rate: unlimited}
      - {name: wal, engine: pwrite, sync: dsync}
      - {name: log, engine: pwrite, fsync: 64KiB, sync: sync_file_range}
    tasks:
      - {do: probe}
      - {name: drop, cgroup: data/inner, do: truncate, every: 2s, size: 4MiB, state: writeback, rounds: 5}
      - {name: cut, do: unlink, state: allocated}
      - {name: swap, do: rename}
      - {name: squeeze, do: compact, every: 500ms}
      - {name: thp, do: huge, size: 32MiB}
    timeline:
      - {at: 0s, start: backup}
      - {at: 1s, start: [drop, thp], stop: "sync,cut", bandwidth: 1MiB/s, iops: 50, delay: 20ms}
      - at: 1s
        cgroup: data
        limits: {memory.high: 16MiB, memory.max: max}
        sysctl: {vm.swappiness: 0}
      - {at: 2500ms, bandwidth: unlimited, iops: unlimited, delay: 0s, limits: {memory.max: 32MiB}}
    cache: 400MiB
    device: {size: 1GiB, bandwidth: 4MiB/s, iops: 100, delay: 5ms}
    filesystem:
      type: xfs
      mount: noatime,logbsize=64k
      mkfs: [-m, "rmapbt=1"]
    kernel:
      sysctl: {vm.dirty_ratio: 10, vm.dirty_background_ratio: 5}
      sysfs: {kernel/mm/lru_gen/min_ttl_ms: 1000}
      lru_gen: y
      strict_limit: off
      boot: [transparent_hugepage=never, "quiet"]
    machine: {memory: 2GiB, cpus: 4, nodes: 2, swap: 128MiB, zram: 64MiB}
    observe: {level: bare, fast: 5ms, interval: 20ms, trace: off, trace_buffer: 1MiB, sched: off, rstat: 1s, slow: 1ms}
    duration: 1.5m
    expect:
      oom_kill: 0
      stall.max: < 1s
      throughput: ">= 20MiB/s"
      psi.io.full: <=100ms
      psi.memory.some: < 2s
      stall.p50: "> 1us"
      read.p99: < 1s
      backup.fsync.p99: < 100ms
      vmstat.nr_vmscan_write: 0
      throttled.writeback: ">= 1"
      throttled.noprogress: 0
      kswapd.cpu: < 5s
    """

  @Test func readsEveryKey() throws {
    let profile = try profile(Self.full)
    var expected = Profile(name: "every-key")
    expected.summary = "all of them"
    expected.source = .init(list: "linux-mm", subject: "[PATCH] mm: a: b", date: "2026-02")
    expected.control = .negative
    expected.limits = [
      .init("memory.max", "67108864"), .init("memory.high", "max"), .init("memory.swap.max", "0"),
      .init("memory.oom.group", "1"), .init("io.max", "253:0 wbps=4194304"),
      .init("cpu.max", "50000 100000"), .init("cpuset.cpus", "0-1"), .init("cpuset.mems", "0"),
    ]
    expected.cgroups = [.init(name: "data"), .init(name: "data/inner"), .init(name: "empty")]
    expected.cgroups[0].limits = [
      .init("memory.min", "8388608"), .init("memory.zswap.writeback", "0"),
    ]
    expected.cgroups[1].limits = [
      .init("memory.high", "33554432"), .init("io.weight", "default 50"),
    ]
    expected.pinned = Self.pins
    var backup = Profile.Stream(name: "backup")
    backup.cgroup = "data"
    backup.jobs = 3
    backup.files = 4
    backup.block = 1 << 20
    backup.depth = 32
    backup.size = 24 << 20
    backup.fsync = .every(4 << 20)
    backup.sync = .fdatasync
    backup.access = .overwrite
    backup.readBack = 2 << 20
    backup.compressible = 50
    backup.preallocate = true
    backup.rate = 20 << 20
    backup.pace = .closed
    var sync = Profile.Stream(name: "sync")
    sync.engine = .mmap
    sync.depth = 1
    sync.fsync = .end
    var wal = Profile.Stream(name: "wal")
    wal.engine = .pwrite
    wal.depth = 1
    wal.sync = .dsync
    var log = Profile.Stream(name: "log")
    log.engine = .pwrite
    log.depth = 1
    log.fsync = .every(64 << 10)
    log.sync = .syncFileRange
    expected.streams = [.init(name: "stream0"), backup, sync, wal, log]
    expected.tasks = Self.tasks
    expected.timeline = Self.timeline
    expected.cache = 400 << 20
    expected.device.size = 1 << 30
    expected.device.bandwidth = 4 << 20
    expected.device.iops = 100
    expected.device.delay = 5_000_000
    expected.filesystem.kind = .xfs
    expected.filesystem.mount = ["noatime", "logbsize=64k"]
    expected.filesystem.mkfs = ["-m", "rmapbt=1"]
    expected.kernel.sysctl = [
      .init("vm.dirty_ratio", "10"), .init("vm.dirty_background_ratio", "5"),
    ]
    expected.kernel.sysfs = [.init("kernel/mm/lru_gen/min_ttl_ms", "1000")]
    expected.kernel.lruGen = true
    expected.kernel.strictLimit = false
    expected.kernel.boot = ["transparent_hugepage=never", "quiet"]
    expected.machine.memory = 2 << 30
    expected.machine.cpus = 4
    expected.machine.nodes = 2
    expected.machine.swap = 128 << 20
    expected.machine.zram = 64 << 20
    expected.observe.level = .bare
    expected.observe.fast = 5_000_000
    expected.observe.interval = 20_000_000
    expected.observe.trace = false
    expected.observe.traceBuffer = 1 << 20
    expected.observe.sched = false
    expected.observe.rstat = 1_000_000_000
    expected.observe.slow = 1_000_000
    expected.duration = 90_000_000_000
    expected.expect = [
      .init(.oomKill, .equal, 0), .init(.stall(.max), .less, 1e9),
      .init(.throughput, .atLeast, 20_971_520), .init(.ioPressure(full: true), .atMost, 1e8),
      .init(.memoryPressure(full: false), .less, 2e9), .init(.stall(.p50), .greater, 1000),
      .init(.latency(worker: nil, of: "read", .p99), .less, 1e9),
      .init(.latency(worker: "backup", of: "fsync", .p99), .less, 1e8),
      .init(.vmstat("nr_vmscan_write"), .equal, 0), .init(.throttled(.writeback), .atLeast, 1),
      .init(.throttled(.noprogress), .equal, 0), .init(.kswapd, .less, 5e9),
    ]
    #expect(profile == expected)
  }

  private static var pins: [Profile.Pinned] {
    var heap = Profile.Pinned(name: "heap", size: 1_572_864)
    heap.cgroup = "data/inner"
    heap.mode = .touched
    heap.growth = 65_536
    heap.huge = true
    heap.within = 90_000_000_000
    var pool = Profile.Pinned(name: "pool", size: 8 << 20)
    pool.mode = .hot
    pool.huge = false
    pool.rate = 500
    pool.distribution = .zipf
    pool.workingSet = 4 << 20
    var sequence = Profile.Pinned(name: "sequence", size: 8 << 20)
    sequence.mode = .hot
    sequence.distribution = .sequential
    var shared = Profile.Pinned(name: "shared", size: 1 << 20)
    shared.mode = .shmem
    return [.init(name: "pin0", size: 54 << 20), heap, pool, sequence, shared]
  }

  private static var tasks: [Profile.Task] {
    var drop = Profile.Task(name: "drop", action: .truncate)
    drop.cgroup = "data/inner"
    drop.every = 2_000_000_000
    drop.size = 4 << 20
    drop.state = .writeback
    drop.rounds = 5
    var cut = Profile.Task(name: "cut", action: .unlink)
    cut.state = .allocated
    var squeeze = Profile.Task(name: "squeeze", action: .compact)
    squeeze.every = 500_000_000
    var thp = Profile.Task(name: "thp", action: .huge)
    thp.size = 32 << 20
    return [
      .init(name: "task0", action: .probe), drop, cut, .init(name: "swap", action: .rename),
      squeeze, thp,
    ]
  }

  private static var timeline: [Profile.Moment] {
    var first = Profile.Moment(at: 0)
    first.start = ["backup"]
    var second = Profile.Moment(at: 1_000_000_000)
    second.start = ["drop", "thp"]
    second.stop = ["sync", "cut"]
    second.bandwidth = .some(1 << 20)
    second.iops = .some(50)
    second.delay = 20_000_000
    var third = Profile.Moment(at: 1_000_000_000)
    third.cgroup = "data"
    third.limits = [.init("memory.high", "16777216"), .init("memory.max", "max")]
    third.sysctl = [.init("vm.swappiness", "0")]
    var fourth = Profile.Moment(at: 2_500_000_000)
    fourth.bandwidth = .some(nil)
    fourth.iops = .some(nil)
    fourth.delay = 0
    fourth.limits = [.init("memory.max", "33554432")]
    return [first, second, third, fourth]
  }

  /// What a key is when it is left out depends on what the task does.
  @Test func tasksHaveDefaultsOfTheirOwn() throws {
    func task(_ action: String) throws -> (every: UInt64, size: UInt64) {
      let task = try profile("tasks: [{do: \(action)}]").tasks[0]
      return (task.every, task.size)
    }
    for action in ["truncate", "unlink", "rename"] {
      #expect(try task(action) == (1_000_000_000, 8 << 20))
    }
    #expect(try task("probe") == (100_000_000, 4096))
    #expect(try task("huge") == (1_000_000_000, 16 << 20))
    #expect(try task("compact") == (1_000_000_000, 0))
  }

  @Test func leavesOutWhatHasADefault() throws {
    var expected = Profile(name: "p")
    expected.pinned = [.init(name: "pin0", size: 1 << 20)]
    #expect(try profile(minimal) == expected)
    #expect(try ProfileFile(text: minimal, name: "/a/b.c/my_9.yaml").profile().name == "my_9")
  }

  @Test func depthIsOneWhereItMeansNothing() throws {
    func depth(_ engine: String) throws -> Int {
      try profile("streams: [{engine: \(engine), depth: 9}]").streams[0].depth
    }
    #expect(try depth("pwrite") == 1)
    #expect(try depth("mmap") == 1)
    #expect(try depth("io_uring") == 9)
  }

  @Test func aPinOfZeroIsNoPin() throws {
    #expect(try profile("pinned: [{size: 0}, {size: 4K}]").pinned.map(\.name) == ["pin1"])
    #expect(try profile("pinned: [{size: 0}]\nstreams: [{}]").pinned.isEmpty)
  }

  @Test(arguments: [
    ("on", true), ("true", true), ("yes", true), ("y", true), ("Y", true), ("off", false),
    ("false", false), ("no", false), ("n", false), ("N", false),
  ])
  func flags(_ text: String, _ value: Bool) throws {
    #expect(try profile("\(minimal)\nkernel: {lru_gen: \(text)}").kernel.lruGen == value)
  }

  // MARK: ProfileProblems

  @Test func tellsAllProblemsAtOnceInOrder() {
    let text = """
      name: broken
      summary: several things are wrong
      limts:
        memory.max: 64MiB
      # The order of the file, not of the sections.
      limits:
        memroy.max: 64MiB
        memory.high: 64Mib
      streams:
        - name: a
          engine: io-uring
          depth: many
          block: 1000
        - name: a
          files: 0
          block: 65MiB
        - engine: pwrite
          depth: 5000
          bandwith: 1
      pinned:
        - name: Db
        - 54MiB
      device:
        size: 512MiB
        size: 1GiB
      duration: 60
      variants:
        big:
          pin: 1x
          streems.a.depth: 2
      """
    let limits = """
      memory.max, memory.high, memory.low, memory.min, memory.swap.max, memory.swap.high, \
      memory.zswap.max, memory.zswap.writeback, memory.oom.group, io.max, io.weight, io.latency, \
      io.bfq.weight, io.prio.class, io.cost.qos, io.cost.model, cpu.max, cpu.max.burst, \
      cpu.weight, cpu.weight.nice, cpu.idle, cpu.uclamp.min, cpu.uclamp.max, cpuset.cpus, \
      cpuset.mems
      """
    #expect(
      problems(in: text) == [
        "p.yaml:3:1: unknown key 'limts'; known: limits, name, summary, source, control, files, cgroups, "
          + "pinned, streams, tasks, commands, watched, timeline, cache, device, filesystem, kernel, "
          + "machine, observe, duration, expect, variants",
        "p.yaml:7:3: unknown key 'memroy.max' in limits; known: \(limits)",
        "p.yaml:8:16: limits.memory.high: expected max or a size such as 64MiB; found '64Mib'",
        "p.yaml:11:13: streams[0].engine: expected one of io_uring, pwrite, mmap, pread, "
          + "copy_file_range, splice; found 'io-uring'",
        "p.yaml:12:12: streams[0].depth: expected a whole number; found 'many'",
        "p.yaml:13:12: streams[0].block: must be a multiple of 512",
        "p.yaml:14:11: streams[1].name: the name 'a' is taken; first at 10:11",
        "p.yaml:15:12: streams[1].files: 0 is less than 1",
        "p.yaml:16:12: streams[1].block: 65MiB is more than 64MiB",
        "p.yaml:18:12: streams[2].depth: 5000 is more than 4096",
        "p.yaml:19:5: unknown key 'bandwith' in streams[2]; known: name, cgroup, do, engine, "
          + "jobs, files, block, depth, size, fsync, sync, access, file_size, files_of, offset, "
          + "direct, dontcache, dontneed, read_back, compressible, preallocate, rate, pace",
        "p.yaml:21:5: pinned[0]: missing key 'size'",
        "p.yaml:21:11: pinned[0].name: 'Db' is not a name of a-z, 0-9 and '-'",
        "p.yaml:22:5: pinned[1]: expected a mapping; found '54MiB'",
        "p.yaml:25:3: duplicate key 'size'; first at 24:3",
        "p.yaml:26:11: duration: expected a duration such as 30s; found '60'",
        "p.yaml:29:10: pinned[0].size: expected a size such as 64MiB; found '1x' "
          + "(in variant 'big')",
        "p.yaml:30:5: variants.big: unknown key 'streems.a.depth'; nearest: streams.*.depth, "
          + "streams.*.do, streams.*.direct, streams.*.rate, streams.*.name",
      ])
  }

  /// All that `expect` knows.
  private static let metrics = """
    oom_kill, throughput, read_throughput, stall.p50, stall.p99, stall.max, psi.memory.some, \
    psi.memory.full, psi.io.some, psi.io.full, write.p50, write.p99, write.max, fsync.p50, fsync.p99, \
    fsync.max, read.p50, read.p99, read.max, touch.p50, touch.p99, touch.max, fault.p50, \
    fault.p99, fault.max, truncate.p50, truncate.p99, truncate.max, unlink.p50, unlink.p99, \
    unlink.max, rename.p50, rename.p99, rename.max, compact.p50, compact.p99, compact.max, \
    huge.p50, huge.p99, huge.max, copy.p50, copy.p99, copy.max, advise.p50, advise.p99, \
    advise.max, throttled.writeback, throttled.isolated, \
    throttled.noprogress, throttled.congested, kswapd.cpu, WORKER.fsync.p99 and the like, \
    vmstat.COUNTER, command.NAME.time, command.NAME.FIGURE
    """

  /// One fault a file, below `pinned: [{size: 1MiB}]`.
  @Test(arguments: [
    ("name: [a]", "2:7: name: expected text; found a list"),
    ("name: a b", "2:7: name: 'a b' is not a name of letters, digits, '.', '_' and '-'"),
    ("name:", "2:6: name: expected text; found nothing"),
    ("summary: \"a\\tb\"", "2:10: summary: has a control character"),
    ("summary: \"a\\Lb\"", "2:10: summary: has a control character"),
    ("limits: 64MiB", "2:9: limits: expected a mapping; found '64MiB'"),
    ("limits: {memory.reclaim: 1M}", "2:10: unknown key 'memory.reclaim' in limits; known: "),
    ("limits: {cgroup.freeze: 1}", "2:10: unknown key 'cgroup.freeze' in limits; known: "),
    ("limits: {memory.peak: 1}", "2:10: unknown key 'memory.peak' in limits; known: "),
    (
      "limits: {memory.oom.group: yes}",
      "2:28: limits.memory.oom.group: expected 0 or 1; found 'yes'"
    ),
    ("limits: {cpu.max: ''}", "2:19: limits.cpu.max: is empty"),
    ("limits: {cpu.weight: \"1\\n2\"}", "2:22: limits.cpu.weight: has more than one line"),
    ("limits: {cpu.weight: }", "2:22: limits.cpu.weight: expected text; found nothing"),
    ("streams: {}", "2:10: streams: expected a list; found a mapping"),
    (
      "streams: [{files: \"2\"}]",
      "2:19: streams[0].files: expected a whole number; found the string \"2\""
    ),
    ("streams: [{files: 1025}]", "2:19: streams[0].files: 1025 is more than 1024"),
    ("streams: [{files: 1.5}]", "2:19: streams[0].files: expected a whole number; found '1.5'"),
    ("streams: [{depth: 0}]", "2:19: streams[0].depth: 0 is less than 1"),
    ("streams: [{block: 0}]", "2:19: streams[0].block: 0 is less than 512B"),
    ("streams: [{size: 0}]", "2:18: streams[0].size: 0 is less than 1B"),
    ("streams: [{size: 64}]", "2:18: streams[0].size: 64 bytes is less than a page; 64MiB?"),
    ("streams: [{size: 1KiB}]", "2:18: streams[0].size: 1024 bytes is less than a page"),
    ("cache: 54", "2:8: cache: 54 bytes is less than a page; 54MiB?"),
    ("machine: {memory: 1}", "2:19: machine.memory: 1 byte is less than a page; 1MiB?"),
    (
      "limits: {memory.max: 256}",
      "2:22: limits.memory.max: 256 bytes is less than a page; 256MiB?"
    ),
    (
      "streams: [{size: lots}]",
      "2:18: streams[0].size: expected unlimited or a size such as 64MiB; found 'lots'"
    ),
    (
      "streams: [{fsync: never}]",
      "2:19: streams[0].fsync: expected none or end or a size such as 64MiB; found 'never'"
    ),
    ("streams: [{preallocate: 1}]", "2:25: streams[0].preallocate: expected on or off; found '1'"),
    (
      "streams: [{preallocate: \"on\"}]",
      "2:25: streams[0].preallocate: expected on or off; found the string \"on\""
    ),
    (
      "streams: [{rate: 20MiB}]",
      "2:18: streams[0].rate: expected unlimited or a rate such as 20MiB/s; found '20MiB'"
    ),
    (
      "streams: [{name: pin0}]",
      "2:18: streams[0].name: the name 'pin0' is taken; first at 1:10"
    ),
    (
      "streams: [{name: stream1}, {}]",
      "2:28: streams[1]: the name 'stream1' is taken; first at 2:18"
    ),
    ("streams: [{name: a.b}]", "2:18: streams[0].name: 'a.b' is not a name of a-z, 0-9 and '-'"),
    ("cache: 1.3", "2:8: cache: '1.3' is not a whole number of bytes"),
    ("device: {size: 1MiB}", "2:16: device.size: 1MiB is less than 16MiB"),
    ("device: {size: 20000001}", "2:16: device.size: must be a multiple of 512"),
    ("device: {bandwidth: 0B/s}", "2:21: device.bandwidth: 0B/s is less than 1B/s"),
    (
      "device: {iops: fast}",
      "2:16: device.iops: expected unlimited or a whole number; found 'fast'"
    ),
    (
      "device: {size: 299MiB}\nfilesystem: {type: xfs}",
      "2:16: device.size: xfs needs a device of at least 300MiB; it has 299MiB"
    ),
    (
      "filesystem: {type: btrfs}\ndevice: {size: 127MiB}",
      "3:16: device.size: btrfs needs a device of at least 128MiB; it has 127MiB"
    ),
    (
      "filesystem: {type: ntfs}",
      "2:20: filesystem.type: expected one of ext4, ext3, ext2, xfs, btrfs, f2fs, "
        + "nilfs2, gfs2, tmpfs, overlay, nfs; found 'ntfs'"
    ),
    (
      "filesystem: {type: xfs, below: ext4}",
      "2:32: filesystem.below: means nothing unless type is overlay or nfs"
    ),
    (
      "filesystem: {type: nfs, below: overlay}",
      "2:32: filesystem.below: overlay does not lie on the device; one of ext4, ext3, ext2, xfs, "
        + "btrfs, f2fs, nilfs2, gfs2 does"
    ),
    (
      "filesystem: {type: overlay, below: btrfs}\ndevice: {size: 127MiB}",
      "3:16: device.size: btrfs needs a device of at least 128MiB; it has 127MiB"
    ),
    ("filesystem: {mount: {}}", "2:21: filesystem.mount: expected a list; found a mapping"),
    ("filesystem: {mkfs: -F}", "2:20: filesystem.mkfs: expected a list; found '-F'"),
    ("filesystem: {mkfs: [[]]}", "2:21: filesystem.mkfs[0]: expected text; found a list"),
    (
      "kernel: {sysctl: {dirty_ratio: 1}}",
      "2:19: kernel.sysctl: 'dirty_ratio' is not a sysctl such as vm.dirty_ratio"
    ),
    (
      "kernel: {sysfs: {/sys/kernel/x: 1}}",
      "2:18: kernel.sysfs: '/sys/kernel/x' is not a path after /sys/, "
        + "such as kernel/mm/lru_gen/min_ttl_ms"
    ),
    (
      "kernel: {sysfs: {kernel/../../etc/passwd: 1}}",
      "2:18: kernel.sysfs: 'kernel/../../etc/passwd' is not a path after /sys/, "
        + "such as kernel/mm/lru_gen/min_ttl_ms"
    ),
    ("kernel: {lru_gen: 7}", "2:19: kernel.lru_gen: expected on or off; found '7'"),
    ("machine: {cpus: 256}", "2:17: machine.cpus: 256 is more than 255"),
    (
      "machine: {memory: 1MiB}",
      "1:17: pinned[0].size: the locked pins take 1MiB, not less than the 1MiB of machine.memory"
    ),
    (
      "observe: {rstat: never}",
      "2:18: observe.rstat: expected off or a duration such as 30s; found 'never'"
    ),
    ("observe: {fast: 10us}", "2:17: observe.fast: 10us is less than 1ms"),
    ("duration: 25h", "2:11: duration: 25h is more than 24h"),
    (
      "expect: {oom_kills: 0}",
      "2:10: unknown key 'oom_kills' in expect; known: \(ProfileParserTests.metrics)"
    ),
    (
      "expect: {oom_kill: 1s}",
      "2:20: expect.oom_kill: expected a bound such as 0; found '1s'"
    ),
    (
      "expect: {stall.max: < 1}",
      "2:21: expect.stall.max: expected a bound such as '< 1s'; found '< 1'"
    ),
    (
      "expect: {throughput: '=> 1MiB/s'}",
      "2:22: expect.throughput: expected a bound such as '>= 20MiB/s'; "
        + "found the string \"=> 1MiB/s\""
    ),
    ("variants: [a]", "2:11: variants: expected a mapping; found a list"),
    ("variants: {A: {}}", "2:12: variants: 'A' is not a name of a-z, 0-9 and '-'"),
    ("variants: {a: 1}", "2:15: variants.a: expected a mapping; found '1'"),
    (
      "variants: {a: {fs: xfs, filesystem.type: ext4}}",
      "2:25: variants.a: 'filesystem.type' sets filesystem.type again; first at 2:16"
    ),
    (
      "variants: {a: {streams.0.depth: 1}}",
      "2:16: streams.0.depth: no '0' in streams; streams is empty (in variant 'a')"
    ),
    (
      "variants: {a: {pinned: []}}",
      "1:1: nothing to run: 'pinned', 'streams', 'tasks' and 'commands' are all empty (in variant 'a')"
    ),
    ("variants: {a: {variants: {}}}", "2:16: variants.a: unknown key 'variants'; nearest: "),
  ])
  func refuses(_ text: String, _ message: String) throws { try expectRefusal(text, message) }

  /// The same, of what the threads' situations need.
  @Test(arguments: [
    // Source and control.
    ("source: linux-mm", "2:9: source: expected a mapping; found 'linux-mm'"),
    ("source: {list: l, date: 2026}", "2:9: source: missing key 'subject'"),
    (
      "source: {list: l, subject: s, date: d, url: u}",
      "2:40: unknown key 'url' in source; known: list, subject, date"
    ),
    (
      "source: {list: l, subject: \"a\\nb\", date: d}",
      "2:28: source.subject: has more than one line"
    ),
    ("control: maybe", "2:10: control: expected one of positive, negative; found 'maybe'"),
    ("control: []", "2:10: control: expected one of positive, negative; found a list"),
    // Groups.
    ("cgroups: {a: {}}", "2:10: cgroups: expected a list; found a mapping"),
    ("cgroups: [{memory.max: 1MiB}]", "2:11: cgroups[0]: missing key 'name'"),
    (
      "cgroups: [{name: A}]",
      "2:18: cgroups[0].name: 'A' is not a path of names of a-z, 0-9 and '-'"
    ),
    (
      "cgroups: [{name: /a}]",
      "2:18: cgroups[0].name: '/a' is not a path of names of a-z, 0-9 and '-'"
    ),
    (
      "cgroups: [{name: a/b}, {name: a}]", "2:18: cgroups[0].name: 'a' must come first in cgroups"
    ),
    (
      "cgroups: [{name: a}, {name: a}]",
      "2:29: cgroups[1].name: the name 'a' is taken; first at 2:18"
    ),
    (
      "cgroups: [{name: db}]\nstreams: [{name: db}]",
      "3:18: streams[0].name: the name 'db' is taken; first at 2:18"
    ),
    (
      "cgroups: [{name: pin0}]",
      "1:10: pinned[0]: the name 'pin0' is taken; first at 2:18"
    ),
    (
      "cgroups: [{name: a, memory.min: lots}]",
      "2:33: cgroups[0].memory.min: expected max or a size such as 64MiB; found 'lots'"
    ),
    ("cgroups: [{name: a, limits: {}}]", "2:21: unknown key 'limits' in cgroups[0]; known: "),
    (
      "streams: [{cgroup: db}]", "2:20: streams[0].cgroup: no 'db' in cgroups; there are none"
    ),
    (
      "cgroups: [{name: a}, {name: b}]\ntasks: [{do: probe, cgroup: c}]",
      "3:29: tasks[0].cgroup: no 'c' in cgroups; known: a, b"
    ),
    // Pinned memory.
    (
      "tasks: [{do: probe, name: pin0}]",
      "2:27: tasks[0].name: the name 'pin0' is taken; first at 1:10"
    ),
    // Streams.
    ("streams: [{jobs: 0}]", "2:18: streams[0].jobs: 0 is less than 1"),
    ("streams: [{jobs: 65}]", "2:18: streams[0].jobs: 65 is more than 64"),
    (
      "streams: [{sync: msync}]",
      "2:18: streams[0].sync: expected one of fsync, fdatasync, sync_file_range, dsync; "
        + "found 'msync'"
    ),
    (
      "streams: [{engine: pwrite, sync: dsync, fsync: end}]",
      "2:34: streams[0].sync: dsync makes each write durable: fsync must be none"
    ),
    (
      "streams: [{engine: mmap, sync: dsync}]",
      "2:32: streams[0].sync: O_DSYNC means nothing to a mapping: use fsync, or another engine"
    ),
    (
      "streams: [{access: randomly}]",
      "2:20: streams[0].access: expected one of append, overwrite, random, sequential; found 'randomly'"
    ),
    (
      "streams: [{access: overwrite}]",
      "2:20: streams[0].access: a stream without a size has no file to write over;"
        + " set size or file_size"
    ),
    (
      "streams: [{do: read}]",
      "2:16: streams[0].do: a stream without a size has no file to read; set size or file_size"
    ),
    (
      "streams: [{do: read, size: 1MiB, engine: pwrite}]",
      "2:42: streams[0].engine: pwrite does not read; engines that do: io_uring, pread, mmap"
    ),
    (
      "streams: [{do: copy, size: 1MiB, engine: io_uring}]",
      "2:42: streams[0].engine: io_uring does not copy; engines that do: copy_file_range, splice"
    ),
    (
      "streams: [{do: read, size: 1MiB, access: append}]",
      "2:42: streams[0].access: append is no way to read; it may be sequential, random"
    ),
    (
      "streams: [{do: copy, size: 1MiB, access: append}]",
      "2:42: streams[0].access: means nothing unless it writes or reads"
    ),
    (
      "streams: [{do: read, size: 1MiB, fsync: end}]",
      "2:41: streams[0].fsync: means nothing unless it writes or copies"
    ),
    (
      "streams: [{do: read, size: 1MiB, read_back: 4KiB}]",
      "2:45: streams[0].read_back: means nothing unless it writes, and not at random"
    ),
    (
      "streams: [{do: read, size: 1MiB, preallocate: on}]",
      "2:47: streams[0].preallocate: means nothing unless it writes"
    ),
    (
      "streams: [{file_size: 1MiB}]",
      "2:23: streams[0].file_size: means nothing unless its files are there before"
    ),
    (
      "streams: [{engine: mmap, direct: on}]",
      "2:34: streams[0].direct: means nothing unless the engine is io_uring, pwrite or pread"
    ),
    (
      "streams: [{direct: on, block: 512}]",
      "2:31: streams[0].block: must be a multiple of 4096 with O_DIRECT"
    ),
    (
      "streams: [{direct: on, dontcache: on}]",
      "2:35: streams[0].dontcache: O_DIRECT leaves nothing in the page cache"
    ),
    (
      "streams: [{direct: on, dontneed: 1MiB}]",
      "2:34: streams[0].dontneed: O_DIRECT leaves nothing in the page cache"
    ),
    (
      "streams: [{do: read, size: 1MiB, offset: 1MiB}]",
      "2:42: streams[0].offset: is not within the files, which have 1MiB each"
    ),
    (
      "streams: [{do: read, size: 1MiB, offset: 100}]",
      "2:42: streams[0].offset: must be a multiple of 4096"
    ),
    (
      "streams: [{do: read, size: 64KiB, access: random}]",
      "2:28: streams[0].size: a file has 64KiB, less than one block of 256KiB"
    ),
    (
      "streams: [{do: read, files_of: other}]",
      "2:32: streams[0].files_of: no stream 'other' above it; there are none"
    ),
    (
      "streams: [{name: a, size: 1MiB}, {access: overwrite, files_of: a}]",
      "2:64: streams[1].files_of: 'a' has no files before the streams start, takes another's, or has jobs"
    ),
    (
      "streams: [{name: a, do: read, size: 1MiB}, {do: read, files: 2, files_of: a}]",
      "2:75: streams[1].files_of: 'a' has 1 files, fewer than 2"
    ),
    (
      "streams: [{preallocate: on}]",
      "2:25: streams[0].preallocate: a stream without a size cannot be preallocated"
    ),
    ("streams: [{read_back: 0}]", "2:23: streams[0].read_back: 0 is less than 4KiB"),
    ("streams: [{compressible: 101}]", "2:26: streams[0].compressible: 101 is more than 100"),
    (
      "streams: [{compressible: 50%}]",
      "2:26: streams[0].compressible: expected a whole number; found '50%'"
    ),
    ("streams: [{pace: open}]", "2:18: streams[0].pace: means nothing unless there is a rate"),
    (
      "streams: [{rate: 1MiB/s, pace: slow}]",
      "2:32: streams[0].pace: expected one of open, closed; found 'slow'"
    ),
    // Tasks.
    ("tasks: [{}]", "2:9: tasks[0]: missing key 'do'"),
    (
      "tasks: [{do: fork}]",
      "2:14: tasks[0].do: expected one of truncate, unlink, rename, probe, compact, huge; "
        + "found 'fork'"
    ),
    (
      "tasks: [{do: probe, state: delayed}]",
      "2:28: tasks[0].state: means nothing unless a file is dropped"
    ),
    (
      "tasks: [{do: truncate, state: clean}]",
      "2:31: tasks[0].state: expected one of allocated, writeback, delayed; found 'clean'"
    ),
    (
      "cgroups: [{name: a}]\ntasks: [{do: compact, cgroup: a}]",
      "3:31: tasks[0].cgroup: means nothing unless the task has memory of its own"
    ),
    (
      "tasks: [{do: compact, size: 1MiB}]",
      "2:29: tasks[0].size: means nothing unless the task has memory of its own"
    ),
    ("tasks: [{do: probe, every: 0s}]", "2:28: tasks[0].every: 0s is less than 1ms"),
    ("tasks: [{do: probe, rounds: 0}]", "2:29: tasks[0].rounds: 0 is less than 1"),
    ("tasks: [{do: huge, size: 1}]", "2:26: tasks[0].size: 1 is less than 4KiB"),
    // The timeline.
    ("timeline: [{stop: []}]", "2:12: timeline[0]: missing key 'at'"),
    (
      "timeline: [{at: 1s}]",
      "2:12: timeline[0]: nothing happens; it may have start, stop, bandwidth, iops, delay, cgroup, "
        + "limits, files, reclaim, rmdir, sysctl"
    ),
    (
      "timeline: [{at: 1s, start: [], limits: {}}]",
      "2:12: timeline[0]: nothing happens; it may have start, stop, bandwidth, iops, delay, cgroup, "
        + "limits, files, reclaim, rmdir, sysctl"
    ),
    (
      "timeline: [{at: 2s, delay: 1s}, {at: 1s, delay: 0s}]",
      "2:38: timeline[1].at: is before the moment above it"
    ),
    (
      "timeline: [{at: 1s, start: backup}]",
      "2:28: timeline[0].start: no 'backup' in streams, tasks or commands; there are none"
    ),
    (
      "streams: [{name: backup}]\ntimeline: [{at: 1s, stop: [backup, pin0]}]",
      "3:27: timeline[0].stop: no 'pin0' in streams, tasks or commands; known: backup"
    ),
    (
      "streams: [{name: a}]\ntimeline: [{at: 1s, start: a}, {at: 2s, start: a}]",
      "3:48: timeline[1].start: 'a' starts twice"
    ),
    (
      "timeline: [{at: 1s, cgroup: a, limits: {memory.max: 1MiB}}]",
      "2:29: timeline[0].cgroup: no 'a' in cgroups; there are none"
    ),
    (
      "cgroups: [{name: a}]\ntimeline: [{at: 1s, delay: 1s, cgroup: a}]",
      "3:40: timeline[0].cgroup: means nothing unless it has limits, files or reclaim"
    ),
    (
      "timeline: [{at: 1s, limits: {memory.swapp: 1}}]",
      "2:30: unknown key 'memory.swapp' in timeline[0].limits; known: "
    ),
    (
      "timeline: [{at: 1s, sysctl: {swappiness: 1}}]",
      "2:30: timeline[0].sysctl: 'swappiness' is not a sysctl such as vm.dirty_ratio"
    ),
    (
      "timeline: [{at: 1s, bandwidth: none}]",
      "2:32: timeline[0].bandwidth: expected unlimited or a rate such as 20MiB/s; found 'none'"
    ),
    ("timeline: [{at: 1s, delay: 61s}]", "2:28: timeline[0].delay: 61s is more than 1m"),
    (
      "timeline: [{at: 1, delay: 1s}]",
      "2:17: timeline[0].at: expected a duration such as 30s; found '1'"
    ),
    // Machine and device.
    ("device: {delay: 2m}", "2:17: device.delay: 2m is more than 1m"),
    (
      "machine: {memory: 1GiB, nodes: 3}",
      "2:32: machine.nodes: machine.memory is not 3 equal nodes of whole MiB"
    ),
    ("machine: {nodes: 0}", "2:18: machine.nodes: 0 is less than 1"),
    (
      "machine: {zram: 50%}",
      "2:17: machine.zram: '50%' is a share of nothing; it may be N% of memory.max, memory.high,"
        + " machine.memory"
    ),
    (
      "machine: {zram: x% of machine.memory}",
      "2:17: machine.zram: expected a size such as 64MiB; found 'x% of machine.memory'"
    ),
    // Files.
    (
      "files: {memory: 1}",
      "2:9: files: 'memory' is not a file of a cgroup such as memory.dirty_min"
    ),
    (
      "files: {memory.max: 1MiB}", "2:21: files.memory.max: is a limit: set it in limits"
    ),
    (
      "files: {cgroup.freeze: 1}",
      "2:24: files.cgroup.freeze: the harness's own files are not to be written"
    ),
    (
      "cgroups: [{name: a, files: {../x.y: 1}}]",
      "2:29: cgroups[0].files: '../x.y' is not a file of a cgroup such as memory.dirty_min"
    ),
    ("timeline: [{at: 1s, reclaim: 0}]", "2:30: timeline[0].reclaim: 0 is less than 1B"),
    (
      "cgroups: [{name: a}]\ntimeline: [{at: 1s, rmdir: b}]",
      "3:28: timeline[0].rmdir: no 'b' in cgroups; known: a"
    ),
    (
      "cgroups: [{name: a}, {name: a/b}]\ntimeline: [{at: 1s, rmdir: a}, {at: 2s, rmdir: a/b}]",
      "3:48: timeline[1].rmdir: 'a/b' is gone: a moment above removes it"
    ),
    (
      "cgroups: [{name: a}]\ntimeline: [{at: 1s, rmdir: a}, {at: 2s, cgroup: a, reclaim: 1MiB}]",
      "3:49: timeline[1].cgroup: 'a' is gone: a moment above removes it"
    ),
    // Expectations.
    ("expect: {vmstat.: 0}", "2:10: unknown key 'vmstat.' in expect; known: "),
    ("expect: {vmstat.PGSCAN: 0}", "2:10: unknown key 'vmstat.PGSCAN' in expect; known: "),
    ("expect: {throttled.slow: 0}", "2:10: unknown key 'throttled.slow' in expect; known: "),
    ("expect: {fsync.p95: < 1s}", "2:10: unknown key 'fsync.p95' in expect; known: "),
    ("expect: {sleep.p99: < 1s}", "2:10: unknown key 'sleep.p99' in expect; known: "),
    ("expect: {a.b.fsync.p99: < 1s}", "2:10: unknown key 'a.b.fsync.p99' in expect; known: "),
    (
      "expect: {db.fsync.p99: < 1s}",
      "2:10: expect: no 'db' in pinned, streams or tasks; known: pin0"
    ),
    (
      "expect: {fsync.p99: 1}",
      "2:21: expect.fsync.p99: expected a bound such as '< 1s'; found '1'"
    ),
    (
      "expect: {vmstat.pgscan_kswapd: < 1s}",
      "2:32: expect.vmstat.pgscan_kswapd: expected a bound such as 0; found '< 1s'"
    ),
    (
      "expect: {kswapd.cpu: 5}",
      "2:22: expect.kswapd.cpu: expected a bound such as '< 1s'; found '5'"
    ),
  ])
  func refusesWhatTheSituationsCannotMean(_ text: String, _ message: String) throws {
    try expectRefusal(text, message)
  }

  /// One fault of a pin, which stands alone in its list.
  @Test(arguments: [
    (
      "mode: pinned",
      "29: pinned[0].mode: expected one of locked, touched, hot, shmem, churn; found 'pinned'"
    ),
    ("growth: 1MiB", "31: pinned[0].growth: expected a rate such as 20MiB/s; found '1MiB'"),
    ("huge: always", "29: pinned[0].huge: expected on or off; found 'always'"),
    ("within: 0s", "31: pinned[0].within: 0s is less than 1ms"),
    ("rate: 10", "29: pinned[0].rate: means nothing unless mode is hot"),
    ("distribution: zipf", "37: pinned[0].distribution: means nothing unless mode is hot"),
    ("working_set: 4KiB", "36: pinned[0].working_set: means nothing unless mode is hot"),
    ("mode: hot, working_set: 2MiB", "47: pinned[0].working_set: 2MiB is more than the pin's 1MiB"),
    ("mode: hot, working_set: 1", "47: pinned[0].working_set: 1 is less than 4KiB"),
    ("mode: hot, rate: 2000000", "40: pinned[0].rate: 2000000 is more than 1000000"),
    (
      "mode: hot, distribution: normal",
      "48: pinned[0].distribution: expected one of uniform, zipf, sequential; found 'normal'"
    ),
    (
      "mode: shmem, huge: on", "42: pinned[0].huge: means nothing unless the memory is anonymous"
    ),
    (
      "mode: locked, compressible: 5",
      "51: pinned[0].compressible: means nothing unless the memory is not locked"
    ),
    (
      "mode: churn, working_set: 8KiB",
      "49: pinned[0].working_set: means nothing unless mode is hot"
    ),
    (
      "mode: hot, passes: 2",
      "42: pinned[0].passes: means nothing unless mode is touched, shmem or churn"
    ),
    ("mode: churn, passes: 0", "44: pinned[0].passes: 0 is less than 1"),
    ("cgroup: a", "31: pinned[0].cgroup: no 'a' in cgroups; there are none"),
  ])
  func refusesPins(_ keys: String, _ message: String) {
    #expect(problems(in: "pinned: [{size: 1MiB, \(keys)}]") == ["p.yaml:1:\(message)"])
  }

  private func expectRefusal(_ text: String, _ message: String) throws {
    let found = problems(in: "\(minimal)\n\(text)\n")
    #expect(found.count == 1)
    let first = try #require(found.first)
    // A message that ends with a colon and a blank goes on with a list that other tests look at.
    if message.hasSuffix(": ") {
      #expect(first.hasPrefix("p.yaml:\(message)"))
    } else {
      #expect(first == "p.yaml:\(message)")
    }
  }

  @Test func refusesAnEmptyProfileAndABadFileName() {
    #expect(problems(in: "[]") == ["p.yaml:1:1: expected a mapping; found a list"])
    #expect(
      problems(in: "name: x") == [
        "p.yaml:1:1: nothing to run: 'pinned', 'streams', 'tasks' and 'commands' are all empty"
      ])
    #expect(
      problems { _ = try ProfileFile(text: minimal, name: "/tmp/my profile.yaml") } == [
        "/tmp/my profile.yaml:1:1: 'my profile' is not a name of letters, digits, '.', '_' and '-';"
          + " give a 'name'"
      ])
  }

  @Test func onlyLockedPinsMustFitTheMachine() throws {
    let text = "pinned: [{size: 1GiB, mode: touched}, {size: 1023MiB}]"
    #expect(try profile(text).pinned.count == 2)
    #expect(
      problems(in: "pinned: [{size: 512MiB}, {size: 1GiB, mode: touched}, {size: 512MiB}]") == [
        "p.yaml:1:62: pinned[2].size: the locked pins take 1GiB, not less than the 1GiB of"
          + " machine.memory"
      ])
  }
}
