// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import StressAnalysis
@testable import StressCore
@testable import StressMachine
@testable import StressRecord

/// Every workload against an account of what it did that is not its own.
@Suite(.serialized, .enabled(if: GuestLab.binary != nil, "WBSTRESS_BINARY is not set; see ci/test"))
struct WorkloadTests {
  /// What memory.stat said of a cgroup before the streams.
  private func stat(_ record: RecordReader, _ group: String, _ key: String) -> Int64? {
    record.lines("snapshot").first {
      $0["when"] == "before" && $0["file"]?.string?.hasSuffix("/\(group)/memory.stat") == true
    }?["values"]?[key]?.int
  }

  /// Bytes that are pinned: by the page tables and by the cgroup's accounting.
  @Test(arguments: ["debian:6.1", "debian:6.12"])
  func pinsAreWhatTheKernelSees(_ kernel: String) throws {
    try GuestLab.withDirectory { directory in
      let record = try GuestLab.record(
        of: """
          limits: {memory.max: 160MiB}
          pinned:
            - {name: fixed, size: 24MiB, mode: locked}
            - {name: soft, size: 16MiB, mode: touched, huge: off}
            - {name: large, size: 16MiB, mode: touched, huge: on}
            - {name: common, size: 8MiB, mode: shmem}
            - {name: warm, size: 8MiB, mode: hot, huge: off, rate: 500, distribution: zipf}
            - {name: slow, size: 64MiB, mode: touched, growth: 4MiB/s}
          streams: [{engine: pwrite, size: 4MiB, rate: 1MiB/s}]
          """, kernel: kernel, in: directory)
      func mapped(_ name: String) -> JSON? {
        record.lines("cost").first { $0["worker"]?.string == name }?["mapped"]
      }
      let mib: Int64 = 1 << 20
      #expect(mapped("fixed")?["Locked"]?.int == 24 * mib)
      #expect(stat(record, "fixed", "unevictable") == 24 * mib)
      #expect(mapped("soft")?["Locked"]?.int == 0)
      #expect(mapped("soft")?["AnonHugePages"]?.int == 0)
      #expect((16 * mib...17 * mib).contains(stat(record, "soft", "anon") ?? 0))
      // THP may fail for want of a free huge page, but not for all eight of a fresh machine.
      #expect(mapped("large")?["AnonHugePages"]?.int ?? 0 >= 8 * mib)
      #expect(stat(record, "large", "anon_thp") == mapped("large")?["AnonHugePages"]?.int)
      #expect(stat(record, "common", "shmem") == 8 * mib)
      #expect((8 * mib...9 * mib).contains(stat(record, "warm", "anon") ?? 0))
      // All of them were there before the streams, but for the one that grows with them.
      for pin in record.lines("pin") where pin["pinned"] != "slow" {
        #expect(pin["reached"]?.int == pin["size"]?.int && pin["errno"]?.string == nil, "\(pin)")
      }
      let slow = try #require(record.lines("pin").first { $0["pinned"] == "slow" })
      let window = 4.0
      let grown = Double(slow["reached"]?.int ?? 0) / Double(4 * mib)
      #expect(abs(grown - window) < 1.0, "4 MiB/s for about 4 s: \(slow)")
      // 500 touches a second, each told.
      let touches = try #require(record.last("touches"))
      let count = Double(touches["touches"]?.int ?? 0)
      #expect(abs(count / (500 * window) - 1) < 0.2, "\(count) touches")
    }
  }

  /// Bytes and content of every file, read back from the unmounted image; rates by the clock.
  @Test(arguments: ["debian:6.1", "debian:6.12"])
  func streamsAreWhatTheDiskHas(_ kernel: String) throws {
    try GuestLab.withDirectory { directory in
      let record = try GuestLab.record(
        of: """
          limits: {memory.max: 256MiB}
          streams:
            - {name: many, engine: io_uring, jobs: 2, files: 2, block: 256KiB, depth: 4, size: 8MiB, fsync: end}
            - {name: over, engine: pwrite, access: overwrite, block: 64KiB, size: 2MiB, fsync: 512KiB, sync: fdatasync}
            - {name: log, engine: pwrite, block: 4KiB, size: 256KiB, sync: dsync}
            - {name: back, engine: io_uring, block: 1MiB, depth: 2, size: 8MiB, read_back: 2MiB, compressible: 50}
            - {name: map, engine: mmap, block: 128KiB, size: 2MiB, fsync: end}
            - {name: paced, engine: io_uring, block: 64KiB, size: 8MiB, rate: 2MiB/s}
            - {name: reader, do: read, block: 64KiB, depth: 4, size: 4MiB, file_size: 2MiB, dontneed: 1MiB}
            - {name: mapper, do: read, engine: mmap, access: random, block: 16KiB, size: 2MiB}
            - {name: copier, do: copy, engine: splice, block: 128KiB, size: 2MiB, fsync: end}
            - {name: direct, direct: on, block: 64KiB, depth: 4, size: 2MiB}
            - {name: any, engine: pwrite, access: random, block: 16KiB, size: 1MiB, file_size: 4MiB}
            - {name: foreign, engine: pwrite, access: overwrite, block: 64KiB, size: 1MiB, files_of: over, offset: 1MiB}
          """, kernel: kernel, in: directory, keepDisk: true)
      let sizes = [
        "many-0.0": 2, "many-0.1": 2, "many-1.0": 2, "many-1.1": 2, "over.0": 2, "back.0": 8,
        "map.0": 2, "paced.0": 8, "reader.0": 2, "mapper.0": 2, "copier.0": 2, "copier.0.copy": 2,
        "direct.0": 2, "any.0": 4,
      ]
      for (file, mebibytes) in sizes {
        let copy = directory + "/copy"
        _ = try GuestLab.output(
          "debugfs", ["-R", "dump /\(file) \(copy)", directory + "/scratch.img"])
        let bytes = try File.read(copy)
        #expect(bytes.count == mebibytes << 20, "\(file)")
        // The second word of each page is its place in the file, and what follows differs from page to page.
        let pages = stride(from: 0, to: bytes.count, by: 4096).map { bytes[$0..<$0 + 4096] }
        for (i, page) in pages.enumerated() {
          let place = page.dropFirst(8).prefix(8).reversed().reduce(UInt64(0)) {
            $0 << 8 | UInt64($1)
          }
          if place != UInt64(i) << 12 {
            Issue.record("\(file) has page \(place >> 12) at \(i)")
            break
          }
        }
        let zeros = Double(bytes.count { $0 == 0 }) / Double(bytes.count)
        #expect(abs(zeros - (file == "back.0" ? 0.5 : 0)) < 0.02, "\(file): \(zeros)")
      }
      func stream(_ name: String) -> JSON? {
        record.lines("stream").first { $0["stream"]?.string == name }
      }
      #expect(stream("over")?["fsyncs"]?.int == 4)
      #expect(stream("reader")?["reads"]?.int == 64 && stream("reader")?["bytes"]?.int == 4 << 20)
      #expect(stream("reader")?["advises"]?.int == 4 && stream("mapper")?["reads"]?.int == 128)
      #expect(stream("copier")?["copies"]?.int == 16 && stream("copier")?["do"] == "copy")
      #expect(stream("direct")?["writes"]?.int == 32)
      #expect(stream("any")?["writes"]?.int == 64 && stream("foreign")?["writes"]?.int == 16)
      #expect(stream("log")?["writes"]?.int == 64)
      #expect(stream("back")?["reads"]?.int == 8)
      let paced = try #require(stream("paced"))
      let from = try #require(paced["first_start"]?.double)
      let until = try #require(paced["last_end"]?.double)
      // The last of 128 blocks is due after 127 of them.
      let rate = Double(8 << 20) * 127 / 128 / ((until - from) / 1e9)
      #expect(abs(rate / Double(2 << 20) - 1) < 0.01, "\(rate / Double(1 << 20)) MiB/s")
    }
  }

  /// What a file is when it is dropped, by fiemap and, from 6.5 on, by cachestat.
  @Test(arguments: ["debian:6.1", "debian:6.12"])
  func filesAreDroppedInTheStateAsked(_ kernel: String) throws {
    try GuestLab.withDirectory { directory in
      let record = try GuestLab.record(
        of: """
          limits: {memory.max: 256MiB}
          tasks:
            - {name: fresh, do: truncate, state: delayed, size: 4MiB, rounds: 1}
            - {name: old, do: unlink, state: allocated, size: 4MiB, rounds: 1}
            - {name: busy, do: rename, state: writeback, size: 4MiB, rounds: 1}
          device: {bandwidth: 1MiB/s}
          duration: 30s
          """, kernel: kernel, in: directory)
      func state(_ task: String) throws -> JSON {
        try #require(record.lines("state").first { $0["task"]?.string == task })
      }
      let hasCounts = kernel != "debian:6.1"
      let (fresh, old, busy) = (try state("fresh"), try state("old"), try state("busy"))
      #expect(fresh["delalloc_bytes"]?.int == 4 << 20, "\(fresh)")
      #expect(fresh["dirty_pages"]?.int == (hasCounts ? 1024 : nil))
      #expect(old["delalloc_bytes"]?.int == 0 && old["extents"]?.int ?? 0 > 0, "\(old)")
      #expect(old["dirty_pages"]?.int == (hasCounts ? 1024 : nil))
      #expect(busy["delalloc_bytes"]?.int == 0, "\(busy)")
      if hasCounts {
        #expect(old["writeback_pages"]?.int == 0)
        #expect(busy["writeback_pages"]?.int ?? 0 > 256, "\(busy)")
      }
      // To drop what is under I/O is to wait for it: for most of four seconds, unless the host holds the guest up
      // before it looks and drops.
      func longest(_ task: String, _ kind: String) -> Double {
        record.lines("rounds").first { $0["task"]?.string == task }?["\(kind)_max"]?.double ?? -1
      }
      #expect(longest("fresh", "truncate") > 0)
      #expect(longest("busy", "rename") > 100e6, "4 MiB at 1 MiB/s are not done at once")
      #expect(longest("busy", "rename") > 2 * longest("fresh", "truncate"))
    }
  }

  /// Pages do move, and the probe sees its own little world; groups are charged for what is in them.
  @Test func neighboursProbesAndMigration() throws {
    try GuestLab.withDirectory { directory in
      let record = try GuestLab.record(
        of: """
          machine: {memory: 512MiB}
          # A kernel with less than 512 MiB leaves them off.
          kernel: {sysfs: {kernel/mm/transparent_hugepage/enabled: madvise}}
          limits: {memory.max: 256MiB}
          cgroups:
            - {name: tenants, memory.low: 32MiB}
            - {name: tenants/database, memory.min: 24MiB}
            - {name: batch, memory.max: 48MiB, cpuset.cpus: 0}
          pinned: [{name: db, cgroup: tenants/database, size: 20MiB, mode: touched, huge: off}]
          streams: [{name: copy, cgroup: batch, engine: pwrite, size: 16MiB, rate: 4MiB/s}]
          tasks:
            - {name: probe, cgroup: batch, do: probe}
            - {name: compact, do: compact, every: 500ms}
            - {name: demand, do: huge, every: 500ms, size: 8MiB}
          timeline:
            - {at: 2s, cgroup: batch, limits: {memory.high: 40MiB}}
            - {at: 3s, stop: demand}
          """, kernel: "debian:6.12", in: directory)
      let mib: Int64 = 1 << 20
      #expect(stat(record, "tenants/database", "anon") ?? 0 >= 20 * mib)
      #expect(stat(record, "tenants", "anon") ?? 0 >= 20 * mib)
      #expect(stat(record, "batch", "anon") ?? .max < 8 * mib)
      let summary = try TrialSummary(directory + "/record.jsonl")
      #expect(summary.vmstat["pgmigrate_success"] ?? 0 > 0)
      #expect(summary.vmstat["thp_fault_alloc"] ?? 0 > 0)
      let probe = try #require(summary.workerLatencies["probe"])
      // Ten a second for about 4 s.
      for kind in ["write", "fsync", "fault"] {
        #expect((25...60).contains(probe[kind]?.count ?? 0), "\(kind): \(probe[kind]?.count ?? 0)")
      }
      #expect(summary.latency(of: "compact", worker: "compact")?.count ?? 0 >= 3)
      let huge = try #require(record.lines("rounds").first { $0["task"] == "demand" })
      #expect((4...8).contains(huge["rounds"]?.int ?? 0), "stopped at 3 s: \(huge)")
      #expect(record.lines("moment").count == 2)
    }
  }
}
