// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis
@testable import StressCore
@testable import StressMachine
@testable import StressRecord

/// File systems above that on the disk, and groups that go while a trial runs.
@Suite(.serialized, .enabled(if: GuestLab.binary != nil, "WBSTRESS_BINARY is not set; see ci/test"))
struct LayerTests {
  /// What is written to the one arrives on the disk by way of the other, where it lies; and the record says whose
  /// pages, writeback and cgroups these are.
  @Test(arguments: [Profile.Filesystem.Kind.overlay, .nfs], ["debian:6.1", "debian:6.12"])
  func layersWriteToTheDisk(_ kind: Profile.Filesystem.Kind, _ kernel: String) throws {
    try GuestLab.withDirectory { directory in
      let record = try GuestLab.record(
        of: """
          limits: {memory.max: 256MiB}
          filesystem: {type: \(kind.rawValue)}
          streams:
            - {name: fresh, engine: pwrite, block: 64KiB, size: 8MiB, fsync: end}
            - {name: late, block: 64KiB, size: 4MiB}
            - {name: reader, do: read, engine: pread, block: 64KiB, size: 4MiB, file_size: 4MiB}
            - {name: paced, engine: pwrite, block: 64KiB, size: 2MiB, rate: 1MiB/s}
          """, kernel: kernel, in: directory, keepDisk: true)
      #expect(record.ending == Ending(.completed))
      let place = kind == .overlay ? "upper/" : ""
      for (file, mebibytes) in [("fresh.0", 8), ("late.0", 4), ("reader.0", 4), ("paced.0", 2)] {
        let size = try GuestLab.size(
          of: place + file, on: directory + "/scratch.img", .ext4)
        #expect(size == UInt64(mebibytes) << 20, "\(file)")
      }
      let environment = try #require(record.first(EnvironmentLine.self))
      let (mount, below) = (environment.mountinfo ?? "", environment.mountinfoBelow ?? "")
      #expect(mount.contains(kind == .nfs ? " - nfs4 127.0.0.1:/ " : " - overlay overlay "))
      #expect(below.contains(" /mnt/wbstress-below ") && below.contains(" - ext4 /dev/vda "))
      #expect(environment.bdi?["max_ratio"]?.string == "100")
      let columns = record.lanes.flatMap(\.names)
      #expect(columns.contains("bdi:BdiDirtied") && columns.contains("disk:write_sectors"))
      // What the file system's bdi has seen dirtied is what was written: of the client's pages with NFS, and in the root
      // cgroup, which is all that the file tells of before 6.10 (mm/backing-dev.c, bdi_debug_stats_show). Its counter
      // may lag by a batch of each CPU.
      if kind == .overlay, kernel == "debian:6.1" { return }
      let dirtied = try #require(record.end(of: "bdi:BdiDirtied").known, "\(columns)")
      #expect((13 << 10..<40 << 10).contains(dirtied), "\(dirtied) KiB")
    }
  }

  /// A group goes when its workers have ended, with the time that took; one that has a process stays, and the record
  /// says who is in it.
  @Test func groupsAreRemovedWhileTheTrialRuns() throws {
    try GuestLab.withDirectory { directory in
      let record = try GuestLab.record(
        of: """
          limits: {memory.max: 128MiB}
          cgroups: [{name: a}, {name: a/b}, {name: busy}]
          pinned: [{name: other, size: 1MiB}]
          streams:
            - {name: gone, cgroup: a/b, engine: pwrite, block: 64KiB, size: 4MiB}
            - {name: stays, cgroup: busy, engine: pwrite, block: 64KiB, rate: 1MiB/s}
          timeline:
            - {at: 2s, stop: gone}
            - {at: 3s, rmdir: a}
            - {at: 4s, rmdir: busy}
          duration: 6s
          """, kernel: "debian:6.12", in: directory)
      #expect(record.ending == Ending(.completed))
      let writes = TimelineWrite.all(in: record)
      #expect(writes.map(\.what) == ["rmdir a", "rmdir busy"])
      #expect(writes.map(\.errno) == [nil, "EBUSY"])
      #expect(writes.allSatisfy { $0.duration > 0 && $0.duration < 2e9 })
      let notes = record.lines("note").compactMap { $0["message"]?.string }
      let note = try #require(notes.first { $0.contains("rmdir") }, "\(notes)")
      #expect(note.hasPrefix("cgroup wbstress/busy/stays: rmdir: EBUSY: it has pid "), "\(note)")
      #expect(note.contains(" wb-stream, "), "\(note)")
      let after = record.lines("snapshot").filter { $0["when"] == "after" }
        .compactMap { $0["file"]?.string }
      #expect(!after.contains { $0.contains("/wbstress/a") })
      #expect(after.contains { $0.contains("/wbstress/busy/stays/") })
      // What cannot be read is unknown.
      let gone = record.end(of: "wbstress/a/memory.current")
      #expect(gone.last == nil && gone.known ?? 0 > 0)
      #expect(record.end(of: "wbstress/busy/memory.current").last ?? 0 > 0)
    }
  }
}

extension RecordReader {
  /// A column's last value of all, and its last that is known.
  fileprivate func end(of name: String) -> (last: Int64?, known: Int64?) {
    var end: (last: Int64?, known: Int64?)
    for lane in lanes {
      lane.column(name)?.forEachRun { _, value in end = (value, value ?? end.known) }
    }
    return end
  }
}
