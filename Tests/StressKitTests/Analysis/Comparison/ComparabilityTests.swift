// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis
@testable import StressRecord

struct ComparabilityTests {
  private let directory: RecordFixture

  init() throws { directory = try RecordFixture() }

  private func facts(
    _ saved: String = RecordFixture.completed, _ replacing: KeyValuePairs<String, String> = [:],
    adding: [String] = []
  ) throws -> TrialFacts {
    try TrialSummary(
      try directory.record(from: saved, replacing: replacing, adding: adding)
    ).facts
  }

  private func compare(
    _ base: TrialFacts, _ new: TrialFacts, _ axis: ComparedAxis, allowed: Set<String> = []
  ) -> Comparability {
    Comparability([base, base], [new], along: axis, allowed: allowed)
  }

  private func value(_ key: String, _ facts: TrialFacts) -> String? {
    facts.all.first { $0.key == key }?.value
  }

  // MARK: Facts

  @Test func whatARecordTells() throws {
    let facts = try facts(adding: ["{\"type\":\"trace-start\",\"hz\":250}"])
    let keys = facts.all.map(\.key)
    #expect(Set(keys).count == keys.count)
    for (key, wanted) in [
      ("device.bandwidth", "4194304B/s"), ("streams.backup.engine", "io_uring"),
      ("limits.memory.max", "67108864"), ("pinned.db.size", "56623104"),
      ("filesystem.mount", "[]"), ("observe.rstat", "off"), ("vm.dirty_ratio", "20"),
      ("lru_gen", "0x0000"), ("transparent_hugepage/enabled", "always"), ("HZ", "250"),
      ("scheduler", "none"), ("accelerator", "tcg"),
    ] { #expect(value(key, facts) == wanted, "\(key)") }
    #expect(value("mount", facts)?.hasPrefix("xfs rw,") == true)
    #expect(value("zones", facts) == "0/DMA 0/DMA32")
    #expect(value("zone 0/DMA32 present", facts) == "258013")
    #expect(facts.all.first { $0.key == "zone 0/DMA32 managed" }?.quantity ?? 0 > 1000)
    // What changes nothing in a trial.
    for key in ["name", "summary", "expect.oom_kill"] { #expect(value(key, facts) == nil) }
  }

  // MARK: Rulings

  /// Kernels bring their own LRU and zone sizes along: said, and no reason to refuse.
  @Test func kernelsBringTheirDefaultsAlong() throws {
    let result = compare(
      try facts(),
      try facts(RecordFixture.killed, ["\"lru_gen\":true": "\"lru_gen\":false"]),
      ComparedAxis(CampaignFile.kernelKey))
    #expect(result.refusals == [])
    let keys = result.confounders.map(\.key)
    #expect(keys.contains("lru_gen") && keys.contains("MemTotal"), "\(keys)")
    // Which kernel it was is what is compared.
    #expect(!keys.contains("release") && !keys.contains("version"))
  }

  /// What is found between two kernels is not the file system's.
  @Test func kernelsAreRefusedAlongAnotherAxis() throws {
    let result = compare(try facts(), try facts(RecordFixture.killed), ComparedAxis("fs"))
    #expect(result.refusals.map(\.key).contains("release"))
    #expect(result.refusals.map(\.key).contains("lru_gen"))
  }

  /// Each difference that nobody may overlook, along an axis that cannot bring it about.
  @Test(arguments: [
    ("\"bandwidth\":\"4194304B/s\"", "\"bandwidth\":\"8388608B/s\"", "device.bandwidth"),
    ("\"rstat\":\"off\"", "\"rstat\":\"10000000ns\"", "observe.rstat"),
    ("\"accelerator\":\"tcg\"", "\"accelerator\":\"kvm\"", "accelerator"),
    ("\"wbstress\":\"0.1.0\"", "\"wbstress\":\"0.2.0\"", "wbstress"),
    ("\"mkfs\":\"mkfs.xfs", "\"mkfs\":\"mkfs.xfs -i size=1024", "mkfs"),
    ("/enabled\":\"0x0000\"", "/enabled\":\"0x0007\"", "lru_gen"),
    ("vm/dirty_ratio\":\"20\"", "vm/dirty_ratio\":\"40\"", "vm.dirty_ratio"),
    ("[always] madvise never", "always madvise [never]", "transparent_hugepage/enabled"),
    ("xfs rw,relatime", "xfs rw,noatime", "mount"),
    ("\"cpus\":2,\"settings\"", "\"cpus\":4,\"settings\"", "cpus"),
    ("zone DMA32; present 2", "zone DMA32; present 1", "zone 0/DMA32 present"),
    ("zone Normal; present 0", "zone Normal; present 9", "zones"),
    ("\"swap\":0", "\"swap\":1048576", "machine.swap"),
    ("\"size\":56623104", "\"size\":50331648", "pinned.db.size"),
  ])
  func refused(_ old: String, _ new: String, _ key: String) throws {
    let (base, changed) = (try facts(), try facts(RecordFixture.completed, [old: new]))
    let axis = ComparedAxis("memory.max")
    let result = compare(base, changed, axis)
    #expect(result.refusals.map(\.key) == [key])
    #expect(compare(base, changed, axis, allowed: ["other"]).refusals.count == 1)
    // Taken upon himself, it is said instead.
    let allowed = compare(base, changed, axis, allowed: [key])
    #expect(allowed.refusals == [] && allowed.confounders.map(\.key) == [key])
    #expect(allowed.confounders[0].isAllowed)
    #expect(compare(changed, changed, axis).refusals == [])
    #expect(compare(changed, changed, axis).confounders == [])
  }

  /// And each along the axis that it is of, or that brings it about.
  @Test(arguments: [
    ("\"bandwidth\":\"4194304B/s\"", "\"bandwidth\":\"8388608B/s\"", "bandwidth", false),
    ("\"size\":56623104", "\"size\":50331648", "pin", false),
    ("\"size\":56623104", "\"size\":50331648", "pinned.db.size", false),
    ("\"rstat\":\"off\"", "\"rstat\":\"10000000ns\"", "observe.rstat", false),
    ("/enabled\":\"0x0000\"", "/enabled\":\"0x0007\"", "lru_gen", true),
    ("vm/dirty_ratio\":\"20\"", "vm/dirty_ratio\":\"40\"", "vm.dirty_ratio", true),
    ("xfs rw,relatime", "xfs rw,noatime", "mount", true),
    ("\"mkfs\":\"mkfs.xfs", "\"mkfs\":\"mkfs.xfs -i size=1024", "mkfs", true),
    ("\"cpus\":2,\"settings\"", "\"cpus\":4,\"settings\"", "cpus", true),
    ("zone DMA32; present 2", "zone DMA32; present 1", "machine.memory", true),
    ("\"swap\":0", "\"swap\":1048576", "variant", true),
    ("xfs rw,relatime", "xfs rw,relatime,attr3", "kernel", true),
  ])
  func follows(_ old: String, _ new: String, _ axis: String, _ isSaid: Bool) throws {
    let result = compare(
      try facts(), try facts(RecordFixture.completed, [old: new]), ComparedAxis(axis))
    #expect(result.refusals == [])
    #expect(result.confounders.isEmpty == !isSaid)
  }

  /// HZ is chosen by who builds a kernel, and a trace that failed is another observer.
  @Test func whatIsNotTheKernels() throws {
    func traced(_ hz: Int, _ trace: String) throws -> TrialFacts {
      try facts(adding: [
        "{\"type\":\"trace-start\",\"hz\":\(hz)}", "{\"type\":\"trace\",\(trace)}",
      ])
    }
    let base = try traced(250, "\"events\":{}")
    for axis in [ComparedAxis("kernel"), ComparedAxis(nil, rebuilt: true)] {
      #expect(compare(base, try traced(1000, "\"events\":{}"), axis).refusals.map(\.key) == ["HZ"])
      let failed = try traced(250, "\"failed\":\"no tracefs\"")
      #expect(compare(base, failed, axis).refusals.map(\.key) == ["trace"])
    }
    // Only one arm's trials tell of it.
    let untold = compare(base, try facts(), ComparedAxis("kernel"))
    #expect(untold.refusals == [] && untold.unknown == ["HZ", "trace", "trace.missing"])
  }

  /// The same name and release, built anew: along another axis that is a second difference.
  @Test func kernelsOfOneName() throws {
    var (base, new) = (try facts(), try facts())
    base.addImage("6.12.1 aaaa")
    new.addImage("6.12.1 bbbb")
    #expect(compare(base, new, ComparedAxis("fs")).refusals.map(\.key) == ["kernel image"])
    for axis in [ComparedAxis("kernel"), ComparedAxis(nil, rebuilt: true)] {
      #expect(compare(base, new, axis) == compare(base, base, axis))
    }
  }

  /// What a kernel leaves of a zone is its own; a machine of another size is another machine.
  @Test func sizesWithinAKernelsShare() throws {
    let base = try facts()
    let managed = try #require(base.all.first { $0.key == "zone 0/DMA32 managed" }?.quantity)
    func smaller(by share: Double) throws -> TrialFacts {
      let pages = Int(managed * (1 - share))
      return try facts(
        RecordFixture.completed, ["managed \(Int(managed))": "managed \(pages)"])
    }
    let near = compare(base, try smaller(by: 0.01), ComparedAxis("kernel"))
    #expect(near.refusals == [] && near.confounders.map(\.key) == ["zone 0/DMA32 managed"])
    // So does what the kernel sizes by them.
    let reserve = try facts(
      RecordFixture.completed, ["vm/min_free_kbytes\":\"45056": "vm/min_free_kbytes\":\"45000"])
    #expect(compare(base, reserve, ComparedAxis("fs")).refusals == [])
    // 5.10 manages 3977 pages of ZONE_DMA where 6.18 has 3840: 3.4 %.
    let far = compare(base, try smaller(by: 0.05), ComparedAxis("kernel"))
    #expect(far.refusals == [] && far.confounders.map(\.key) == ["zone 0/DMA32 managed"])
    let elsewhere = compare(base, try smaller(by: 0.05), ComparedAxis("fs"))
    #expect(elsewhere.refusals.map(\.key) == ["zone 0/DMA32 managed"])
    let chosen = compare(
      base, try facts(RecordFixture.completed, ["zone DMA32; present 2": "zone DMA32; present 1"]),
      ComparedAxis("kernel"))
    #expect(chosen.refusals.map(\.key) == ["zone 0/DMA32 present"])
  }

  /// Arms that are the same mixture are comparable, but not of one kind.
  @Test func mixtures() throws {
    let (one, two) = (
      try facts(),
      try facts(
        RecordFixture.completed,
        ["\"host\":{\"kernel\":\"6.12.0\"": "\"host\":{\"kernel\":\"6.13.0\""])
    )
    let axis = ComparedAxis("kernel")
    let alike = Comparability([one, two], [two, one], along: axis, allowed: [])
    #expect(
      alike.refusals == []
        && alike.confounders.map(\.text) == ["host.kernel 6.12.0, 6.13.0 / 6.12.0, 6.13.0"])
    let unlike = Comparability([one, two], [one], along: axis, allowed: [])
    #expect(unlike.refusals.map(\.text) == ["host.kernel 6.12.0, 6.13.0 / 6.12.0"])
  }

  @Test func armsWithoutTrials() throws {
    let result = Comparability([], [try facts()], along: ComparedAxis("kernel"), allowed: [])
    #expect(result.refusals == [] && result.confounders == [] && result.keys.contains("lru_gen"))
  }

  /// A key that one arm's profile sets and the other leaves to the kernel.
  @Test func settingsOfOneArm() throws {
    let set = try facts(
      RecordFixture.completed, ["\"sysctl\":{}": "\"sysctl\":{\"vm.swappiness\":\"1\"}"])
    let result = compare(try facts(), set, ComparedAxis("kernel"))
    #expect(result.refusals.map(\.text) == ["kernel.sysctl.vm.swappiness none / 1"])
  }
}
