// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressCore

struct ProfileFileTests: ProfileSuite {
  static let text = """
    limits: {memory.max: 64MiB}
    pinned:
      - {name: db, size: 54MiB}
      - {size: 1MiB}
    streams:
      - {name: backup}
      - {engine: mmap}
    cgroups: [{name: data, memory.low: 1MiB}, {name: data/inner}]
    timeline: [{at: 1s, iops: unlimited}, {at: 2s, limits: {memory.max: 32MiB}}]
    filesystem: {type: xfs}
    variants:
      nothing-pinned: {pinned: []}
      data-journal:
        fs: ext4
        filesystem.mount: data=journal
      deep:
        streams.backup.depth: 64
        vm.dirty_ratio: 5
        memory.high: 60MiB
    """

  private func vary(_ key: String, _ value: String, variant: String? = nil) throws -> Profile {
    try profile(
      Self.text, variant: variant, overrides: [(key, value, "--vary \(key)=\(value)")])
  }

  private func refused(_ key: String, _ value: String, variant: String? = nil) -> [String] {
    problems { _ = try vary(key, value, variant: variant) }
  }

  @Test func variantsChangeWhatTheyName() throws {
    let file = try ProfileFile(text: Self.text, name: "x/p.yaml")
    #expect(file.variants == ["nothing-pinned", "data-journal", "deep"])
    #expect(file.name == "p" && file.source == "x/p.yaml")
    let base = try file.profile()

    var expected = base
    expected.pinned = []
    #expect(try file.profile(variant: "nothing-pinned") == expected)

    expected = base
    expected.filesystem.kind = .ext4
    expected.filesystem.mount = ["data=journal"]
    #expect(try file.profile(variant: "data-journal") == expected)

    expected = base
    expected.streams[0].depth = 64
    expected.kernel.sysctl = [.init("vm.dirty_ratio", "5")]
    expected.limits.append(.init("memory.high", "62914560"))
    #expect(try file.profile(variant: "deep") == expected)

    #expect(
      problems { _ = try file.profile(variant: "deeper") } == [
        "x/p.yaml: no variant 'deeper'; did you mean deep? known: nothing-pinned, data-journal, deep"
      ])
    #expect(
      problems { _ = try profile(minimal, variant: "x") } == [
        "p.yaml: no variant 'x'; it has none"
      ])
  }

  @Test func overridesReachEveryPlace() throws {
    #expect(try vary("memory.max", "128M").limits == [.init("memory.max", "134217728")])
    #expect(try vary("cpu.weight", "50").limits.last == .init("cpu.weight", "50"))
    #expect(try vary("fs", "btrfs").filesystem.kind == .btrfs)
    #expect(
      try vary("filesystem.mount", "[noatime, data=ordered]").filesystem.mount
        == ["noatime", "data=ordered"])
    #expect(try vary("filesystem.mount", "data=journal").filesystem.mount == ["data=journal"])
    #expect(try vary("lru_gen", "off").kernel.lruGen == false)
    #expect(try vary("observe.rstat", "10ms").observe.rstat == 10_000_000)
    #expect(try vary("engine", "pwrite").streams.map(\.engine) == [.pwrite, .pwrite])
    #expect(try vary("streams.engine", "pwrite").streams.map(\.engine) == [.pwrite, .pwrite])
    #expect(try vary("streams.backup.engine", "mmap").streams.map(\.engine) == [.mmap, .mmap])
    #expect(try vary("streams.1.engine", "pwrite").streams.map(\.engine) == [.ioUring, .pwrite])
    #expect(try vary("streams.stream1.files", "3").streams.map(\.files) == [1, 3])
    #expect(try vary("pin", "2MiB").pinned.map(\.size) == [2 << 20, 2 << 20])
    #expect(try vary("pinned.db.size", "2MiB").pinned.map(\.size) == [2 << 20, 1 << 20])
    #expect(try vary("pin", "0").pinned.isEmpty)
    #expect(
      try vary("kernel.sysctl.vm.dirty_ratio", "7").kernel.sysctl
        == [.init("vm.dirty_ratio", "7")])
    #expect(
      try vary("kernel.sysctl", "{vm.swappiness: 0}").kernel.sysctl
        == [.init("vm.swappiness", "0")])
    #expect(
      try vary("sysfs.kernel/mm/lru_gen/min_ttl_ms", "9").kernel.sysfs
        == [.init("kernel/mm/lru_gen/min_ttl_ms", "9")])
    #expect(
      try vary("throughput", ">= 1MiB/s").expect == [.init(.throughput, .atLeast, 1_048_576)])
    #expect(try vary("streams", "[{name: only}]").streams == [.init(name: "only")])
    #expect(
      try vary("cgroups.data.memory.min", "2MiB").cgroups.map(\.limits) == [
        [.init("memory.low", "1048576"), .init("memory.min", "2097152")], [],
      ])
    #expect(
      try vary("cgroups.data/inner.cpu.weight", "7").cgroups[1].limits == [.init("cpu.weight", "7")]
    )
    #expect(
      try vary("cgroups.memory.low", "0").cgroups.map(\.limits) == [
        [.init("memory.low", "0")], [.init("memory.low", "0")],
      ])
    // Moments have no names.
    #expect(try vary("timeline.0.at", "500ms").timeline.map(\.at) == [500_000_000, 2_000_000_000])
    #expect(try vary("timeline.1.stop", "stream1").timeline[1].stop == ["stream1"])
    #expect(
      try vary("timeline.1.limits.memory.max", "16MiB").timeline[1].limits
        == [.init("memory.max", "16777216")])
    #expect(
      try vary("timeline.0.sysctl.vm.swappiness", "0").timeline[0].sysctl
        == [.init("vm.swappiness", "0")])
    #expect(
      try vary("timeline.*.bandwidth", "unlimited").timeline.map(\.bandwidth) == [
        .some(nil), .some(nil),
      ])
    #expect(try vary("tasks", "[{do: compact}]").tasks == [.init(name: "task0", action: .compact)])
    #expect(try vary("control", "positive").control == .positive)
    #expect(try vary("control", "none").control == nil)
    #expect(try vary("pinned.db.mode", "hot").pinned.map(\.mode) == [.hot, .locked])
    #expect(try vary("nodes", "2").machine.nodes == 2)
    #expect(try vary("delay", "20ms").device.delay == 20_000_000)
    #expect(try vary("expect.db.touch.p99", "< 1ms").expect.map(\.metric.name) == ["db.touch.p99"])
    #expect(try vary("summary", "a: b # c").summary == "a: b # c")
    #expect(try vary("summary", "'quoted'").summary == "quoted")
  }

  @Test func overridesComeAfterTheVariantAndTheLastWins() throws {
    let profile = try profile(
      Self.text, variant: "deep",
      overrides: [
        ("streams.backup.depth", "2", "a"), ("depth", "3", "b"), ("vm.dirty_ratio", "6", "c"),
      ])
    #expect(profile.streams[0].depth == 3)
    #expect(profile.kernel.sysctl == [.init("vm.dirty_ratio", "6")])
  }

  @Test func errorsNameTheOption() {
    #expect(
      refused("engine", "foo") == [
        "--vary engine=foo: streams[0].engine: expected one of io_uring, pwrite, mmap, pread, "
          + "copy_file_range, splice; found 'foo'",
        "--vary engine=foo: streams[1].engine: expected one of io_uring, pwrite, mmap, pread, "
          + "copy_file_range, splice; found 'foo'",
      ])
    #expect(
      refused("device", "{sise: 1GiB}") == [
        "--vary device={sise: 1GiB}: unknown key 'sise' in device; known: size, bandwidth, iops,"
          + " delay"
      ])
    #expect(
      refused("pinned.db.size", "2GiB") == [
        "--vary pinned.db.size=2GiB: pinned[0].size: the locked pins take 2049MiB, not less than"
          + " the 1GiB of machine.memory"
      ])
    #expect(
      refused("machine.memory", "50MiB") == [
        "--vary machine.memory=50MiB: machine.memory: the locked pins take 55MiB, not less than the"
          + " 50MiB of machine.memory"
      ])
    #expect(
      refused("device.size", "100MiB") == [
        "--vary device.size=100MiB: device.size: xfs needs a device of at least 300MiB; it has"
          + " 100MiB"
      ])
    #expect(
      refused("streams.1.name", "backup") == [
        "--vary streams.1.name=backup: streams[1].name: the name 'backup' is taken; first at 6:12"
      ])
    #expect(
      refused("streams.bakup.depth", "1") == [
        "--vary streams.bakup.depth=1: streams.bakup.depth: no 'bakup' in streams; did you mean backup? known: backup,"
          + " stream1"
      ])
    #expect(
      refused("streams.2.depth", "1") == [
        "--vary streams.2.depth=1: streams.2.depth: no '2' in streams; known: backup, stream1"
      ])
    #expect(
      refused("timeline.2.at", "1s") == [
        "--vary timeline.2.at=1s: timeline.2.at: no '2' in timeline; known: moment0, moment1"
      ])
    #expect(
      refused("timeline.0.at", "3s") == [
        "p.yaml:9:44: timeline[1].at: is before the moment above it"
      ])
    #expect(
      refused("cgroups.batch.memory.min", "0") == [
        "--vary cgroups.batch.memory.min=0: cgroups.batch.memory.min: no 'batch' in cgroups; known:"
          + " data, data/inner"
      ])
    #expect(
      refused("streams.backup.cgroup", "batch") == [
        "--vary streams.backup.cgroup=batch: streams[0].cgroup: no 'batch' in cgroups; known: data,"
          + " data/inner"
      ])
    #expect(
      refused("pin", "1MiB", variant: "nothing-pinned") == [
        "--vary pin=1MiB: pinned.*.size: nothing to set; pinned is empty"
      ])
    #expect(
      refused("filesystem.mount", "[a") == [
        "--vary filesystem.mount=[a: did not find expected ',' or ']' while parsing a flow sequence"
          + " that begins at 1:1"
      ])
    #expect(
      refused("duration", "") == [
        "--vary duration=: duration: expected a duration such as 30s; found nothing"
      ])
  }

  @Test func badKeysAreToldTogetherWithBadValues() {
    let found = problems {
      _ = try profile(
        Self.text,
        overrides: [
          ("memory.mix", "1", "--vary memory.mix=1"), ("size", "1", "--vary size=1"),
          ("cpus", "0", "--vary cpus=0"),
        ])
    }
    #expect(
      found == [
        "--vary memory.mix=1: unknown key 'memory.mix'; nearest: limits.memory.max, "
          + "limits.memory.min, cgroups.*.memory.max, cgroups.*.memory.min, limits.memory.high",
        "--vary size=1: ambiguous key 'size'; it may be pinned.*.size, streams.*.size,"
          + " tasks.*.size, device.size",
        "--vary cpus=0: machine.cpus: 0 is less than 1",
      ])
  }

  @Test(arguments: [
    ("memory.max", "limits.memory.max"), ("limits.memory.max", "limits.memory.max"),
    ("io.max", "limits.io.max"), ("cpu.weight.nice", "limits.cpu.weight.nice"),
    ("fs", "filesystem.type"), ("type", "filesystem.type"), ("lru_gen", "kernel.lru_gen"),
    ("engine", "streams.*.engine"), ("streams.engine", "streams.*.engine"),
    ("streams.*.engine", "streams.*.engine"), ("streams.backup.engine", "streams.backup.engine"),
    ("streams.0.engine", "streams.0.engine"), ("pin", "pinned.*.size"), ("mode", "pinned.*.mode"),
    ("rstat", "observe.rstat"), ("vm.dirty_ratio", "kernel.sysctl.vm.dirty_ratio"),
    ("fs.aio-max-nr", "kernel.sysctl.fs.aio-max-nr"),
    ("kernel.sysctl.kernel.panic", "kernel.sysctl.kernel.panic"),
    ("sysctl.kernel.panic", "kernel.sysctl.kernel.panic"), ("memory", "machine.memory"),
    ("name", "name"), ("duration", "duration"), ("pinned", "pinned"), ("sysctl", "kernel.sysctl"),
    ("stall.p99", "expect.stall.p99"), ("oom_kill", "expect.oom_kill"),
    ("bandwidth", "device.bandwidth"), ("device", "device"), ("delay", "device.delay"),
    ("cpuset.cpus", "limits.cpuset.cpus"), ("cpus", "machine.cpus"), ("zram", "machine.zram"),
    ("growth", "pinned.*.growth"), ("huge", "pinned.*.huge"), ("fsync", "streams.*.fsync"),
    ("sync", "streams.*.sync"), ("pace", "streams.*.pace"), ("jobs", "streams.*.jobs"),
    ("every", "tasks.*.every"), ("state", "tasks.*.state"),
    ("control", "control"), ("source", "source"), ("cgroups", "cgroups"), ("timeline", "timeline"),
    ("cgroups.db.memory.min", "cgroups.db.memory.min"),
    ("cgroups.a/b.memory.min", "cgroups.a/b.memory.min"),
    ("cgroups.memory.min", "cgroups.*.memory.min"), ("timeline.0.at", "timeline.0.at"),
    ("timeline.at", "timeline.*.at"), ("timeline.0.limits", "timeline.0.limits"),
    ("timeline.0.limits.memory.max", "timeline.0.limits.memory.max"),
    ("timeline.limits.memory.max", "timeline.*.limits.memory.max"),
    ("timeline.1.sysctl.vm.swappiness", "timeline.1.sysctl.vm.swappiness"),
    ("fsync.p99", "expect.fsync.p99"), ("kswapd.cpu", "expect.kswapd.cpu"),
    ("expect.db.fsync.p99", "expect.db.fsync.p99"), ("source.date", "source.date"),
    ("expect.vmstat.pswpout", "expect.vmstat.pswpout"),
  ])
  func shorthandsHaveOneFullPath(_ key: String, _ path: String) throws {
    #expect(try ProfileFile.canonicalKey(key) == path)
    #expect(try ProfileFile.canonicalKey(path) == path)
  }

  /// A word that several keys end in names them.
  @Test(arguments: [
    ("size", "pinned.*.size, streams.*.size, tasks.*.size, device.size"),
    ("rate", "pinned.*.rate, streams.*.rate"), ("do", "streams.*.do, tasks.*.do"),
    ("cgroup", "pinned.*.cgroup, streams.*.cgroup, tasks.*.cgroup"),
  ])
  func ambiguousKeysNameTheirCandidates(_ key: String, _ candidates: String) {
    let error = #expect(throws: HarnessError.self) { try ProfileFile.canonicalKey(key) }
    #expect(error?.description == "\(key): ambiguous key '\(key)'; it may be \(candidates)")
  }

  @Test(arguments: [
    "list", "subject", "at", "start", "timeline.0", "timeline.0.memory.max", "timeline.0.sysctl.",
    "timeline.0.limits.x", "cgroups.a", "cgroups.a.limits.memory.max", "db.fsync.p99",
    "expect.vmstat.", "p99",
    "", ".", "x", "variants", "streams.", "streams.a", "streams.a.b", "streams..engine", "device.x",
    "kernel.sysctl.", "kernel.panic", "memory.reclaim", "cgroup.kill", "max", "high", "limits.x",
    "expect.x", "device.", ".size", "name.x",
  ])
  func otherKeysAreRefused(_ key: String) {
    #expect(throws: HarnessError.self) { try ProfileFile.canonicalKey(key) }
  }

  @Test func distanceIsLevenshteins() {
    #expect(EditDistance.bytes("", "abc") == 3)
    #expect(EditDistance.bytes("kitten", "sitting") == 3)
    #expect(EditDistance.bytes("same", "same") == 0)
  }

  // MARK: Canonical form

  private func roundTrips(_ profile: Profile) throws(HarnessErrors) {
    let text = profile.json.text
    let again = try ProfileFile(text: text, name: "profile.json").profile()
    #expect(again == profile)
    #expect(again.json.text == text)
  }

  @Test func canonicalFormIsReadBackEqual() throws {
    try roundTrips(try profile(ProfileParserTests.full))
    try roundTrips(try profile(minimal))
    var odd = try profile(minimal)
    odd.summary = "a \"quote\", a \\, # no comment: é €😀\nand a second line"
    odd.limits = [.init("io.max", "[8:0] {wbps}=1 # x")]
    odd.kernel.sysctl = [.init("kernel.core_pattern", "'null'"), .init("vm.x", "null")]
    odd.kernel.lruGen = false
    odd.cache = Units.largest
    odd.expect = [.init(.stall(.max), .greater, 1)]
    odd.source = .init(list: "#linux-mm", subject: "Re: [PATCH 1/2] {a}: 'b'", date: "2026")
    odd.control = .positive
    odd.pinned[0].growth = 1
    odd.timeline = [.init(at: 1)]
    odd.timeline[0].iops = .some(nil)
    try roundTrips(odd)
  }

  /// Damaged files either say what is wrong or are profiles like any other; nothing traps.
  @Test func damagedFilesAreRefusedOrRoundTrip() throws {
    var random = SplitMix64(seed: 1)
    let alphabet = Array("019aMs-:.,#[]{}<>=\"'\\&*!|~ \n\t\u{1}é".utf8)
    let original = Array((ProfileParserTests.full + "\nvariants: {a: {pin: 16MiB}}\n").utf8)
    var outcomes = (refused: 0, read: 0)
    for _ in 0..<1500 {
      var bytes = original
      for _ in 0...Int.random(in: 0..<3, using: &random) {
        let at = Int.random(in: bytes.indices, using: &random)
        let byte = alphabet.randomElement(using: &random) ?? 0
        switch Int.random(in: 0..<3, using: &random) {
        case 0: bytes[at] = byte
        case 1: bytes.insert(byte, at: at)
        default: bytes.remove(at: at)
        }
      }
      do throws(HarnessErrors) {
        let profile = try ProfileFile(bytes: bytes, name: "p.yaml").profile()
        try roundTrips(profile)
        outcomes.read += 1
      } catch {
        #expect(error.errors.allSatisfy { $0.object.hasPrefix("p.yaml:") && $0.code == .usage })
        outcomes.refused += 1
      }
    }
    #expect(outcomes.refused > 500 && outcomes.read > 50, "\(outcomes)")
  }

  @Test func canonicalFormIsWrittenInFull() throws {
    #expect(
      try profile(minimal).json.text == """
        {"name":"p","summary":"","limits":{},"cgroups":[],\
        "pinned":[{"name":"pin0","size":1048576,"mode":"locked","within":"60000000000ns"}],\
        "streams":[],"tasks":[],"timeline":[],"cache":0,\
        "device":{"size":536870912,"bandwidth":"unlimited","iops":"unlimited","delay":"0ns"},\
        "filesystem":{"type":"ext4","mount":[],"mkfs":[]},\
        "kernel":{"sysctl":{},"sysfs":{},"boot":[]},\
        "machine":{"memory":1073741824,"cpus":2,"nodes":1,"swap":0,"zram":0},\
        "observe":{"level":"full","fast":"10000000ns","interval":"100000000ns","trace":true,\
        "trace_buffer":4194304,"sched":true,"rstat":"off","slow":"10000000ns"},\
        "duration":"60000000000ns","expect":{}}
        """)
  }
}
