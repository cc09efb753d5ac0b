import Testing

@testable import StressKit

struct ProfileParserTests: ProfileSuite {
  /// Every key with a value that is not its default.
  static let full = """
    name: every-key
    summary: >
      all of
      them
    limits:
      memory.max: 64MiB
      memory.high: max
      memory.swap.max: 0
      memory.oom.group: 1
      io.max: "253:0 wbps=4194304"
      cpu.max: 50000 100000
    pinned:
      - size: 54M
      - {name: heap, size: 1.5MiB, mode: touched}
    streams:
      - {}
      - name: backup
        engine: io_uring
        files: 4
        block: 1MiB
        depth: 32
        size: 24MiB
        fsync: 4MiB
        preallocate: yes
        rate: 20MiB/s
      - {name: sync, engine: mmap, depth: 16, fsync: end, size: unlimited, rate: unlimited}
    cache: 400MiB
    device: {size: 1GiB, bandwidth: 4MiB/s, iops: 100}
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
    machine: {memory: 2GiB, cpus: 4, swap: 128MiB}
    observe: {level: bare, fast: 5ms, interval: 20ms, trace: off, trace_buffer: 1MiB, rstat: 1s, slow: 1ms}
    duration: 1.5m
    expect:
      oom_kill: 0
      stall.max: < 1s
      throughput: ">= 20MiB/s"
      psi.io.full: <=100ms
      stall.p50: "> 1us"
    """

  @Test func readsEveryKey() throws {
    let profile = try profile(Self.full)
    var expected = Profile(name: "every-key")
    expected.summary = "all of them"
    expected.limits = [
      .init("memory.max", "67108864"), .init("memory.high", "max"), .init("memory.swap.max", "0"),
      .init("memory.oom.group", "1"), .init("io.max", "253:0 wbps=4194304"),
      .init("cpu.max", "50000 100000"),
    ]
    var heap = Profile.Pinned(name: "heap", size: 1_572_864)
    heap.mode = .touched
    expected.pinned = [.init(name: "pin0", size: 54 << 20), heap]
    var backup = Profile.Stream(name: "backup")
    backup.files = 4
    backup.block = 1 << 20
    backup.depth = 32
    backup.size = 24 << 20
    backup.fsync = .every(4 << 20)
    backup.preallocate = true
    backup.rate = 20 << 20
    var sync = Profile.Stream(name: "sync")
    sync.engine = .mmap
    sync.depth = 1
    sync.fsync = .end
    expected.streams = [.init(name: "stream0"), backup, sync]
    expected.cache = 400 << 20
    expected.device.size = 1 << 30
    expected.device.bandwidth = 4 << 20
    expected.device.iops = 100
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
    expected.machine.swap = 128 << 20
    expected.observe.level = .bare
    expected.observe.fast = 5_000_000
    expected.observe.interval = 20_000_000
    expected.observe.trace = false
    expected.observe.traceBuffer = 1 << 20
    expected.observe.rstat = 1_000_000_000
    expected.observe.slow = 1_000_000
    expected.duration = 90_000_000_000
    expected.expect = [
      .init(.oomKill, .equal, 0), .init(.stallMax, .less, 1e9),
      .init(.throughput, .atLeast, 20_971_520), .init(.psiIOFull, .atMost, 1e8),
      .init(.stallP50, .greater, 1000),
    ]
    #expect(profile == expected)
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
      cpu.weight, cpu.weight.nice, cpu.idle, cpu.uclamp.min, cpu.uclamp.max
      """
    #expect(
      problems(in: text) == [
        "p.yaml:3:1: unknown key 'limts'; known: limits, name, summary, pinned, streams, cache, "
          + "device, filesystem, kernel, machine, observe, duration, expect, variants",
        "p.yaml:7:3: unknown key 'memroy.max' in limits; known: \(limits)",
        "p.yaml:8:16: limits.memory.high: expected max or a size such as 64MiB; found '64Mib'",
        "p.yaml:11:13: streams[0].engine: expected one of io_uring, pwrite, mmap; found 'io-uring'",
        "p.yaml:12:12: streams[0].depth: expected a whole number; found 'many'",
        "p.yaml:13:12: streams[0].block: must be a multiple of 512",
        "p.yaml:14:11: streams[1].name: the name 'a' is taken; first at 10:11",
        "p.yaml:15:12: streams[1].files: 0 is less than 1",
        "p.yaml:16:12: streams[1].block: 65MiB is more than 64MiB",
        "p.yaml:18:12: streams[2].depth: 5000 is more than 4096",
        "p.yaml:19:5: unknown key 'bandwith' in streams[2]; known: name, engine, files, block, "
          + "depth, size, fsync, preallocate, rate",
        "p.yaml:21:5: pinned[0]: missing key 'size'",
        "p.yaml:21:11: pinned[0].name: 'Db' is not a name of a-z, 0-9 and '-'",
        "p.yaml:22:5: pinned[1]: expected a mapping; found '54MiB'",
        "p.yaml:25:3: duplicate key 'size'; first at 24:3",
        "p.yaml:26:11: duration: expected a duration such as 30s; found '60'",
        "p.yaml:29:10: pinned[0].size: expected a size such as 64MiB; found '1x' "
          + "(in variant 'big')",
        "p.yaml:30:5: variants.big: unknown key 'streems.a.depth'; nearest: streams.*.depth, "
          + "streams.*.rate, streams.*.name, streams.*.files, streams.*.block",
      ])
  }

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
      "2:20: filesystem.type: expected one of ext4, ext3, xfs, btrfs; found 'ntfs'"
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
      "2:10: unknown key 'oom_kills' in expect; known: oom_kill, stall.p50, stall.p99, stall.max, "
        + "throughput, psi.memory.some, psi.memory.full, psi.io.some, psi.io.full"
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
      "1:1: nothing to run: 'pinned' and 'streams' are both empty (in variant 'a')"
    ),
    ("variants: {a: {variants: {}}}", "2:16: variants.a: unknown key 'variants'; nearest: "),
  ])
  func refuses(_ text: String, _ message: String) throws {
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
        "p.yaml:1:1: nothing to run: 'pinned' and 'streams' are both empty"
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
