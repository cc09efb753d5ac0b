// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis
@testable import StressCore
@testable import StressRecord

/// OOM reports of public lists and trackers: kernels of 3.10 to 6.19, four architectures, logs that were cut,
/// wrapped and woven into each other. What is expected was read from each file by hand; sizes are bytes.
struct OOMCasesTests {
  /// What a log says of one incident; nil and absent keys are what it does not say.
  struct Expected: Sendable {
    var invoker: String?
    var invokerPID: Int32?
    var invokerScoreAdj: Int32?
    var order: Int32?
    var gfp: UInt64?
    var constraint: String?
    var global: Bool?
    var oomCgroup: String?
    var taskCgroup: String?
    var chosen: Int32?
    var victims: [Int32] = []
    var comm: String?
    var anonRSS: UInt64?
    var fileRSS: UInt64?
    var usage: UInt64?
    var limit: UInt64?
    var failcnt: UInt64?
    var swapUsage: UInt64?
    var swapLimit: UInt64?
    var pageSize: Int64?
    var rows = 0
    var figureCount = 0
    var figures: [String: UInt64] = [:]
    /// limit, usage, clean evictable, awaiting writeback
    var composition: [Int64]?
    var unaccounted: Int64?
    var finding: String
    /// Of an undecided one: how its reason begins.
    var reason: String?
    /// Why no kill followed; nil: one did, or the log ends before.
    var withoutKill: String?
  }

  private static let unlimited: UInt64 = 9_007_199_254_740_988 << 10
  private static let noFigures = "the log lacks"
  private static let pod =
    "/kubepods.slice/kubepods-burstable.slice/"
    + "kubepods-burstable-pod94eb36cd_29e1_478b_b365_4cb5dfc7d6fb.slice"
  private static let container =
    "/cri-containerd-46b3e0a4df44b752b841aecca454e6e78995d567912a84950390bae6f6777a63.scope"
  private static let otherPod =
    "/kubepods.slice/kubepods-podf9411888_a753_41f4_9520_afc45712f5b5.slice"
  private static let otherContainer =
    "/cri-containerd-85d3a7f5db9b92df4f5930b5bf062cff540084aacfc05310acc6c5cc963023ad.scope"
  private static let docker =
    "/lxc/39004/ns/system.slice/"
    + "docker-a59e4e7d3090c04c6ce5a4b7a8bc85228eb9b96ac00b1284643a8c7c11dda661.scope"
  private static let unit =
    "/user.slice/user-1000.slice/user@1000.service/app.slice/run-u640.service"

  static let expected: [String: [Expected]] = [
    // Free memory was all CMA's. Nobody was killed: the machine panics.
    "arm64-64k-cma-panic-on-oom-5.4": [
      Expected(
        invoker: "oncealloc2", invokerPID: 1440, invokerScoreAdj: 0, order: 0, gfp: 0x100cca,
        global: true, swapUsage: 0, swapLimit: 0, pageSize: 65536, rows: 3, figureCount: 22,
        figures: [
          "active_anon": 20533 << 16, "free": 9580 << 16, "free_cma": 8184 << 16,
          "kernel_stack": 5760 << 10, "min": 91584 << 10, "managed": 1_996_672 << 10,
        ],
        composition: [1_996_672 << 10, 1_996_672 << 10, 0, 0], finding: "undecided",
        reason: "free memory was left", withoutKill: "panic")
    ],
    // The header of the task list and the oom-kill line were broken by the mail; the pid behind it was not.
    "arm64-min-low-line-6.19": [
      Expected(
        invoker: "stress", invokerPID: 1122, invokerScoreAdj: 0, order: 0, gfp: 0x100cca,
        constraint: "CONSTRAINT_MEMCG", global: false, oomCgroup: "/test512mb", chosen: 1122,
        victims: [1122], comm: "stress", anonRSS: 522_880 << 10, usage: 524_288 << 10,
        limit: 524_288 << 10, failcnt: 69, swapUsage: 0, swapLimit: 0, figureCount: 70,
        figures: [
          "anon": 535_658_496, "file": 0, "kernel": 1_212_416, "numa_hint_faults": 0,
          "slab_reclaimable": 2544,
        ],
        composition: [524_288 << 10, 524_288 << 10, 0, 0], unaccounted: 0, finding: "justified")
    ],
    "bpf-adj-1000-5.11-journal": [
      Expected(
        invoker: "oci-seccomp-bpf", invokerPID: 13284, invokerScoreAdj: -1000, order: 0,
        gfp: 0x100cca, finding: "undecided", reason: noFigures)
    ],
    "eks-memoryqos-oom-group-6.12": [
      Expected(
        invoker: "Thread-2", invokerScoreAdj: 969, order: 0, gfp: 0xcc0,
        constraint: "CONSTRAINT_MEMCG", global: false, oomCgroup: pod, taskCgroup: pod + container,
        chosen: 22609, victims: [22609, 22609], comm: "node", anonRSS: 4_116_684 << 10,
        fileRSS: 23132 << 10, usage: 4_194_304 << 10, limit: 4_194_304 << 10, failcnt: 1_273_284,
        finding: "undecided", reason: noFigures)
    ],
    // Zones without a node. Memory was free in the zone that the allocation may not use.
    "i386-next-5.7-highmem": [
      Expected(
        invoker: "mkfs.ext4", invokerPID: 393, invokerScoreAdj: 0, order: 0, gfp: 0x101cc0,
        constraint: "CONSTRAINT_NONE", global: true, taskCgroup: "/", chosen: 350, victims: [350],
        comm: "polkitd", anonRSS: 2976 << 10, fileRSS: 8288 << 10, swapUsage: 0, swapLimit: 0,
        pageSize: 4096, rows: 32, figureCount: 22,
        figures: [
          "inactive_file": 212_494 << 12, "dirty": 16505 << 12, "writeback": 6520 << 12,
          "kernel_stack": 1112 << 10, "min": (68 + 7732 + 512) << 10,
          "managed": (15876 + 845_576 + 1_149_540) << 10,
        ],
        composition: [
          2_010_992 << 10, 2_010_992 << 10, (4151 + 212_494 - 16505 - 6520) << 12,
          (16505 + 6520) << 12,
        ],
        finding: "premature")
    ],
    // Three of the group were exiting already.
    "k8s-oom-group-already-exiting-2025": [
      Expected(
        constraint: "CONSTRAINT_MEMCG", global: false, oomCgroup: otherPod,
        taskCgroup: otherPod + otherContainer, chosen: 3_804_874,
        victims: [
          3_804_874, 3_803_554, 3_803_846, 3_804_873, 3_804_874, 3_804_875, 3_804_876, 3_804_879,
          3_804_880, 3_804_881, 3_804_883,
        ],
        comm: "stress", anonRSS: 1_489_488 << 10, fileRSS: 264 << 10, finding: "undecided",
        reason: noFigures)
    ],
    // Of the zones the mail has the beginnings, and it ends with them: there may be more.
    "ltp-64k-global-5.14": [
      Expected(
        invoker: "ioctl_sg01", invokerScoreAdj: 0, order: 0, gfp: 0x100dca, global: true,
        pageSize: 65536, figureCount: 18,
        figures: [
          "active_anon": 309 << 16, "inactive_anon": 1_964_781 << 16, "free": 112_043 << 16,
        ],
        finding: "undecided", reason: "the dump names no limit")
    ],
    // Two incidents: that of a memcg, and, for its sake, one of the machine, which panics.
    "lxc-v1-false-global-5.15": [
      Expected(
        invoker: "syz-executor", invokerPID: 15307, invokerScoreAdj: 1000, order: 0, gfp: 0xcc0,
        constraint: "CONSTRAINT_MEMCG", global: false, oomCgroup: "/lxc.payload.test",
        taskCgroup: "/lxc.payload.test", chosen: 15307, victims: [15307], comm: "syz-executor",
        anonRSS: 0, fileRSS: 0, usage: 524_268 << 10, limit: 524_288 << 10, failcnt: 28608,
        pageSize: 4096, rows: 61, figureCount: 40,
        figures: ["file": 122_880, "swapcached": 49_008_640, "slab_unreclaimable": 14_117_008],
        composition: [524_288 << 10, 524_268 << 10, 110_592, 0], finding: "justified"),
      Expected(
        invoker: "syz-executor", invokerPID: 15307, invokerScoreAdj: 1000, order: 0, gfp: 0,
        global: true, swapUsage: (8_388_604 - 8_357_116) << 10, swapLimit: 8_388_604 << 10,
        pageSize: 4096, rows: 108, figureCount: 22,
        figures: [
          "active_file": 395_743 << 12, "inactive_file": 848_017 << 12, "free": 2_376_272 << 12,
          "kernel_stack": 5488 << 10, "min": (64 + 11968 + 55544) << 10,
          "managed": (15360 + 2_801_520 + 12_871_060) << 10,
        ],
        composition: [
          15_687_940 << 10, 15_687_940 << 10, (395_743 + 848_017 - 159 - 21) << 12,
          (159 + 21) << 12,
        ],
        finding: "premature", withoutKill: "panic"),
    ],
    // cgroup v1 with no account of swap.
    "memcg-5.3-rc3": [
      Expected(
        invoker: "leaker", invokerPID: 6736, invokerScoreAdj: 0, order: 0, gfp: 0x100cca,
        constraint: "CONSTRAINT_MEMCG", global: false, oomCgroup: "/leaker", taskCgroup: "/leaker",
        chosen: 6736, victims: [6736], comm: "leaker", anonRSS: 521_704 << 10, fileRSS: 1180 << 10,
        usage: 524_288 << 10, limit: 524_288 << 10, failcnt: 660_235, figureCount: 25,
        figures: ["anon": 534_147_072, "file": 212_992, "pgsteal": 180_103],
        composition: [524_288 << 10, 524_288 << 10, 151_552, 0],
        unaccounted: 536_870_912 - 534_147_072 - 212_992 - 36864 - 933_888, finding: "undecided",
        reason: "anonymous memory was left, and the log does not say")
    ],
    // The first victim's dump is not in the log.
    "mglru-rsync-6.7": [
      Expected(
        global: false, victims: [128_824], comm: "rsync", anonRSS: 256 << 10, fileRSS: 5504 << 10,
        finding: "undecided", reason: "the kernel printed no dump"),
      Expected(
        invoker: "rsync", invokerPID: 128_826, invokerScoreAdj: 200, order: 0, gfp: 0x408d40,
        constraint: "CONSTRAINT_MEMCG", global: false, oomCgroup: unit, taskCgroup: unit,
        chosen: 128_825, victims: [128_825], comm: "rsync", anonRSS: 0, fileRSS: 3456 << 10,
        usage: 32768 << 10, limit: 32768 << 10, failcnt: 21239, swapUsage: 2112 << 10,
        swapLimit: unlimited, pageSize: 4096, rows: 2, figureCount: 55,
        figures: ["file": 26_927_104, "file_dirty": 26_923_008, "zswapped": 1_458_176],
        composition: [32768 << 10, 32768 << 10, 0, 26_923_008],
        unaccounted: 33_554_432 - 26_927_104 - 6_615_040 - 12288, finding: "writeback-bound"),
    ],
    // CONFIG_MEMCG=n: the oom-kill line names no cgroup. The second incident finds nobody to kill.
    "nomemcg-nonuma-arm-6.8": [
      Expected(
        constraint: "CONSTRAINT_NONE", global: true, chosen: 454, victims: [454],
        comm: "dbus-daemon", anonRSS: 128 << 10, fileRSS: 1408 << 10, finding: "undecided",
        reason: noFigures),
      Expected(
        invoker: "nfsd", invokerPID: 537, invokerScoreAdj: 0, order: 0, gfp: 0xcc0, global: true,
        swapUsage: (102_396 - 93424) << 10, swapLimit: 102_396 << 10, pageSize: 4096, rows: 41,
        figureCount: 23,
        figures: [
          "active_file": 1200 << 12, "slab_reclaimable": 13680 << 12, "kernel_stack": 1088 << 10,
          "min": 26624 << 10, "managed": 1_011_988 << 10,
        ],
        composition: [
          1_011_988 << 10, 1_011_988 << 10, (1200 + 1204 - 296 - 17) << 12, (296 + 17) << 12,
        ],
        finding: "justified", withoutKill: "noKillableProcess"),
    ],
    "nonuma-caller-5.3": [
      Expected(
        invoker: "oom-torture", invokerPID: 5241, invokerScoreAdj: 0, order: 0, gfp: 0x100dca,
        constraint: "CONSTRAINT_NONE", global: true, taskCgroup: "/", chosen: 5701,
        victims: [5701], comm: "oom-torture", anonRSS: 84 << 10, fileRSS: 0, swapUsage: 0,
        swapLimit: 0, pageSize: 4096, figureCount: 22,
        figures: [
          "active_anon": 808_378 << 12, "kernel_stack": (2064 + 17396) << 10,
          "min": (296 + 51572 + 15712) << 10, "managed": (15904 + 2_743_640 + 835_884) << 10,
        ],
        composition: [
          3_595_428 << 10, 3_595_428 << 10, (434 + 583 - 85 - 108) << 12, (85 + 108) << 12,
        ],
        finding: "justified")
    ],
    // Of the memcg's figures the mail has none; 571 pages are 36544 kB.
    "ppc64le-el10-6.12": [
      Expected(
        invoker: "test_zswap", invokerPID: 177_372, invokerScoreAdj: 0, order: 0, gfp: 0xcc0,
        constraint: "CONSTRAINT_MEMCG", global: false, oomCgroup: "/no_zswap_test",
        taskCgroup: "/no_zswap_test", chosen: 177_372, victims: [177_372], comm: "test_zswap",
        anonRSS: 0, fileRSS: 0, pageSize: 65536, rows: 1, finding: "undecided", reason: noFigures)
    ],
    "proxmox-lxc-dmesgT-german-5.15": [
      Expected(
        invoker: "php-fpm", invokerPID: 3_923_954, invokerScoreAdj: 0, order: 0, gfp: 0x1100cca,
        constraint: "CONSTRAINT_MEMCG", global: false, oomCgroup: "/lxc/39004", taskCgroup: docker,
        chosen: 3_902_942, victims: [3_902_942], comm: "php-fpm", anonRSS: 12_625_252 << 10,
        fileRSS: 0, usage: 31_211_520 << 10, limit: 31_211_520 << 10, failcnt: 83420, swapUsage: 0,
        swapLimit: 0, pageSize: 4096, rows: 73, figureCount: 40,
        figures: ["anon": 31_154_200_576, "shmem": 687_980_544, "thp_collapse_alloc": 0],
        composition: [31_211_520 << 10, 31_211_520 << 10, 0, 0], finding: "justified")
    ],
    // Before 5.0 no line names the constraint, and this machine has two nodes.
    "rhel7-3.10": [
      Expected(
        invoker: "sed", invokerPID: 29481, invokerScoreAdj: 0, order: 0, gfp: 0x201da,
        global: true, victims: [6576], comm: "mysqld", anonRSS: 20_629_004 << 10, fileRSS: 0,
        swapUsage: 8_388_604 << 10, swapLimit: 8_388_604 << 10, pageSize: 4096, rows: 85,
        figureCount: 22,
        figures: [
          "active_anon": 7_355_653 << 12, "kernel_stack": (1040 + 6624 + 6176) << 10,
          "min": (40 + 7832 + 36784 + 45444) << 10,
          "managed": (15908 + 2_848_912 + 13_368_348 + 16_514_220) << 10,
        ],
        composition: [
          32_747_388 << 10, 32_747_388 << 10, (1263 + 1167 - 4) << 12, 4 << 12,
        ],
        finding: "undecided", reason: "the log does not say whether all nodes")
    ],
    // The mail cut the last two lines at its right edge: `pid=10` is no pid, and the victim's uid is gone. Of the
    // machine's swap a memcg's dump says nothing.
    "swapcache-6.5": [
      Expected(
        invoker: "alloc_anon", invokerPID: 116_849, invokerScoreAdj: 0, order: 0, gfp: 0xcc0,
        constraint: "CONSTRAINT_MEMCG", global: false, oomCgroup: "/a", taskCgroup: "/a",
        victims: [116_849], comm: "alloc_anon", anonRSS: 6888 << 10, fileRSS: 0,
        usage: 10240 << 10, limit: 10240 << 10, failcnt: 4_480_498, swapUsage: 6140 << 10,
        swapLimit: unlimited, pageSize: 4096, rows: 1, figureCount: 53,
        figures: ["anon": 5_222_400, "file_writeback": 122_880, "swapcached": 5_156_864],
        composition: [10240 << 10, 10240 << 10, 0, 0],
        unaccounted: 5_156_864 - (9_396_224 + 925_696 - 5_222_400), finding: "swap-cached")
    ],
    "x32-next-5.18": [
      Expected(
        invoker: "systemd", invokerPID: 1, invokerScoreAdj: 0, order: 0, gfp: 0x140cca,
        constraint: "CONSTRAINT_NONE", global: true, taskCgroup: "/", chosen: 20972,
        victims: [20972], comm: "min_free_kbytes", anonRSS: 2_902_972 << 10, fileRSS: 0,
        swapUsage: 0, swapLimit: 0, pageSize: 4096, rows: 35, figureCount: 22,
        figures: [
          "inactive_anon": 732_341 << 12, "kernel_stack": 1016 << 10,
          "min": (760 + 40952 + 512) << 10, "managed": (15360 + 825_372 + 2_244_480) << 10,
        ],
        composition: [3_085_212 << 10, 3_085_212 << 10, (71 + 14 - 25 - 10) << 12, 35 << 12],
        finding: "justified")
    ],
    // 42 % of the machine were slab that counts as reclaimable, and was not: inodes of open files.
    "xfs-531-alloc-tags-6.10-journal": [
      Expected(
        invoker: "t_open_tmpfiles", invokerPID: 2336, invokerScoreAdj: 250, order: 1, gfp: 0x40cc0,
        constraint: "CONSTRAINT_NONE", global: true,
        taskCgroup: "/system.slice/fstests-generic-531.scope", chosen: 2102, victims: [2102],
        comm: "531", anonRSS: 3840 << 10, fileRSS: 160 << 10, swapUsage: 0, swapLimit: 0,
        pageSize: 4096, rows: 44, figureCount: 23,
        figures: [
          "slab_reclaimable": 355_621 << 12, "kernel_stack": 10144 << 10,
          "min": (316 + 39032 + 28232) << 10, "managed": (15360 + 2_015_088 + 1_374_772) << 10,
        ],
        composition: [3_405_220 << 10, 3_405_220 << 10, (106 + 41) << 12, 0], finding: "justified")
    ],
    // The mail broke the name of the cgroup in one of two places, so that neither can be relied on. Just below
    // 5 % of the limit was clean.
    "zram-build-memcg-6.11": [
      Expected(
        invoker: "cc1", invokerPID: 5646, invokerScoreAdj: 0, order: 0, gfp: 0xcc0,
        constraint: "CONSTRAINT_MEMCG", global: false, taskCgroup: "/build-kernel-tmpfs",
        chosen: 5646, victims: [5646, 2025, 4734], comm: "cc1", anonRSS: 21852 << 10,
        usage: 481_280 << 10, limit: 481_280 << 10, failcnt: 9260, swapUsage: 171_812 << 10,
        swapLimit: unlimited, pageSize: 4096, rows: 153, figureCount: 62,
        figures: ["file": 25_722_880, "swapcached": 2_109_440, "shmem": 1_302_528],
        composition: [481_280 << 10, 481_280 << 10, 25_722_880 - 1_302_528, 0],
        unaccounted: 492_830_720 - 443_244_544 - 25_722_880 - 23_789_568, finding: "undecided",
        reason: "file pages were left")
    ],
  ]

  @Test(arguments: expected.keys.sorted())
  func aLogOfThePublics(_ name: String) throws {
    let records = try SavedLog.records("cases/oom/\(name).txt")
    var parser = OOMReportParser()
    var reports: [(report: OOMReport, withoutKill: String?)] = []
    for record in records {
      switch parser.feed(record) {
      case .incident(let report): reports.append((report, nil))
      case .withoutKill(let report, let reason): reports.append((report, reason.rawValue))
      case .groupKill(let victim, let incident):
        let at = try #require(reports.lastIndex { $0.report.victims.first?.sequence == incident })
        reports[at].report.victims.append(victim)
      case nil: break
      }
    }
    reports += parser.finish().map { ($0, nil) }
    let expected = try #require(Self.expected[name])
    #expect(parser.killLines == expected.reduce(0) { $0 + $1.victims.count })
    #expect(reports.count == expected.count)
    for ((report, withoutKill), expected) in zip(reports, expected) {
      #expect(withoutKill == expected.withoutKill)
      expect(report, expected)
    }
  }

  private func expect(_ report: OOMReport, _ expected: Expected) {
    #expect(report.invoker == expected.invoker)
    #expect(report.invokerPID == expected.invokerPID)
    #expect(report.invokerScoreAdj == expected.invokerScoreAdj)
    #expect(report.order == expected.order && report.gfpMask == expected.gfp)
    #expect(report.constraint == expected.constraint)
    #expect(report.global == expected.global)
    #expect(report.oomCgroup == expected.oomCgroup)
    #expect(report.taskCgroup == expected.taskCgroup)
    #expect(report.chosenPID == expected.chosen)
    #expect(report.victims.map(\.pid) == expected.victims)
    #expect(report.victims.first?.comm == expected.comm)
    #expect(report.victims.first?.anonRSS == expected.anonRSS)
    #expect(report.victims.first?.fileRSS == expected.fileRSS)
    #expect(report.usage == expected.usage && report.limit == expected.limit)
    #expect(report.failcnt == expected.failcnt)
    #expect(report.swapUsage == expected.swapUsage && report.swapLimit == expected.swapLimit)
    #expect(report.json["page_size"]?.int == expected.pageSize)
    #expect(report.tasks.count == expected.rows)
    #expect(report.memory.count == expected.figureCount)
    for (key, value) in expected.figures { #expect(report[key] == value, "\(key)") }
    let memory = OOMComposition(report)
    #expect(
      memory.map { [$0.limit ?? -1, $0.total, $0.cleanEvictable, $0.awaitingWriteback] }
        == expected.composition)
    if let unaccounted = expected.unaccounted { #expect(memory?.unaccounted == unaccounted) }
    let finding = OOMFinding(report, memory, journalledData: false)
    #expect(finding.name == expected.finding)
    if let why = finding.why { #expect(why.hasPrefix(expected.reason ?? "a finding"), "\(why)") }
    #expect(OOMReport(json: report.json) == report)
  }

  /// A table of pages is a table of bytes only where the size of a page is known.
  @Test func pagesOfUnknownSizeAreNotBytes() throws {
    let records = try SavedLog.records("cases/oom/arm64-64k-cma-panic-on-oom-5.4.txt")
    // Only the counts of Mem-Info and the task list: nothing else tells the size of a page.
    let kept = records.filter {
      !["Node ", "lowmem"].contains(where: $0.text.hasPrefix) && !$0.text.hasSuffix("pages RAM")
    }
    let report = try #require(OOMReportParser.reports(in: kept).first)
    #expect(report["active_anon"] == nil && report.tasks.count == 3)
    #expect(report.tasks[1].rss == nil && report.tasks[1].pageTables == 327_680)
    let finding = OOMFinding(
      report, OOMComposition(report, machine: 2 << 30), journalledData: false)
    #expect(finding == .undecided(.pageSize))
    // Whose kernel it is knows.
    let known = try #require(OOMReportParser.reports(in: kept, pageSize: 65536).first)
    #expect(known["active_anon"] == 20533 << 16 && known.tasks[1].rss == 2053 << 16)
  }

  /// Each line that tells the size of a page does so alone.
  @Test(arguments: [
    ("Node 0 active_anon:", 65536), ("Node 0 DMA32: ", 65536), ("Node 0 DMA32 free:", nil),
    ("31744 pages RAM", nil), ("Node 0 DMA32 free:|31744 pages RAM", 65536),
  ])
  func whatTellsTheSizeOfAPage(_ lines: String, _ size: Int?) throws {
    let told = lines.split(separator: "|")
    let kept = try SavedLog.records("cases/oom/arm64-64k-cma-panic-on-oom-5.4.txt").filter {
      record in
      told.contains { record.text.hasPrefix($0) }
        || !["Node "].contains(where: record.text.hasPrefix) && !record.text.hasSuffix("pages RAM")
    }
    let report = try #require(OOMReportParser.reports(in: kept).first)
    #expect(report.json["page_size"]?.int == size.map(Int64.init))
  }

  /// Where zones' lines were lost, their sum is none; the machine's totals are.
  @Test func aLostZoneIsNotLeftOutOfASum() throws {
    let records = try SavedLog.records("cases/oom/nonuma-caller-5.3.txt")
    let whole = try #require(OOMReportParser.reports(in: records).first)
    let cut = try #require(
      OOMReportParser.reports(in: records.filter { !$0.text.hasPrefix("DMA32 free:") }).first)
    #expect(whole["managed"] == 3_595_428 << 10 && cut["managed"] == whole["managed"])
    #expect(whole["min"] != nil && cut["min"] == nil && cut["kernel_stack"] == nil)
  }

  /// Of a dump that was cut in its figures, what is missing is not 0.
  @Test(arguments: ["mglru-rsync-6.7", "proxmox-lxc-dmesgT-german-5.15"])
  func aCutDumpHasNoComposition(_ name: String) throws {
    for key in ["file", "file_dirty", "inactive_file", "unevictable"] {
      let texts = try SavedLog.records("cases/oom/\(name).txt").map { record in
        let lines = record.text.split(separator: "\n", omittingEmptySubsequences: false)
        return lines.filter { !$0.drop { $0 == " " }.hasPrefix(key + " ") }.joined(
          separator: "\\x0a")
      }
      let records = texts.enumerated().compactMap {
        KernelLogRecord(parsing: "4,\($0.offset),\($0.offset),-;\($0.element)".utf8)
      }
      let report = try #require(OOMReportParser.reports(in: records).last)
      #expect(report["anon"] != nil && OOMComposition(report) == nil, "\(key)")
      #expect(OOMFinding(report, OOMComposition(report), journalledData: false).name == "undecided")
    }
  }
}
