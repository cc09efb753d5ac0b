// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import SystemPackage
import Testing

@testable import StressCore
@testable import StressLab
@testable import StressMachine
@testable import StressRecord

/// A file system that is small, and goes away with its owner.
private final class SmallDisk: TemporaryDirectory, @unchecked Sendable {
  var mountPoint: String { path("disk") }

  /// - Parameters:
  ///   - type: ext4 on a loop device of 8 MiB, or a tmpfs of 1 MiB.
  ///   - image: the loop device's file; nil: one in the directory.
  init(_ type: String, image: String? = nil) throws {
    try super.init()
    if type == "tmpfs" {
      _ = try Mount("none", at: mountPoint, type: type, options: ["size=1m"])
      return
    }
    let image = image ?? path("image")
    try Scratch.sparse(image, size: 8 << 20)
    try Tool.run("mkfs.ext4", ["-q", "-F", image], package: "e2fsprogs")
    let loop = try LoopDevice(image)
    _ = try Mount(loop.path, at: mountPoint, type: type, options: ["errors=remount-ro"])
  }

  deinit { umount2(mountPoint, Int32(MNT_DETACH)) }

  /// Takes all room there is; returns the file that has it.
  func fill() throws -> String {
    let filler = mountPoint + "/filler"
    let file = try Descriptor(open: filler, O_WRONLY | O_CREAT)
    for size in [64 << 10, 4 << 10, 1] {
      let bytes = [UInt8](repeating: 0x78, count: size)
      while Glibc.write(file.raw, bytes, size) > 0 {}
    }
    return filler
  }
}

/// Evidence in a place that gives out: real file systems, full, failing and read-only. Needs root.
@Suite(.serialized, .enabled(if: canPlaceMounts(), "needs root and loop devices"))
struct RecordSinkTests {
  private static let second: UInt64 = 1_000_000_000

  /// Lines as a trial writes them: mostly samples, with some of each worth. Returns how many of each type.
  private func write(_ count: Int, to sink: RecordSink, from time: Int = 0) -> [String: Int] {
    let types = ["sample", "sample", "sample", "latency", "sample", "span", "sample", "phase"]
    var counts: [String: Int] = [:]
    for i in 0..<count {
      let type = types[i % types.count]
      let padding = JSON.string(String(repeating: "x", count: 200))
      var members: [(String, JSON)] = [("t", .int(Int64(time + i)))]
      if type == "sample" {
        members += [("lane", "fast"), ("v", [.int(Int64(i))])]
      } else {
        members += [("name", .string("\(time + i)")), ("padding", padding)]
      }
      sink.emit(type, members)
      counts[type, default: 0] += 1
    }
    return counts
  }

  private func begin(_ sink: RecordSink) {
    sink.emit("header", [("schema", 1)])
    sink.emit(
      "columns", [("t", 0), ("lane", "fast"), ("interval", 1), ("names", ["a"])])
  }

  /// Of each type what was written is what the record has, and what it says is lost.
  private func expectAll(_ counts: [String: Int], in path: String) throws -> [JSON] {
    let record = try RecordReader(path)
    let outages = record.lines("outage")
    for (type, count) in counts {
      let lost = outages.reduce(0) { $0 + ($1["lost"]?[type]?.int ?? 0) }
      #expect(
        record.count(type) + Int(lost) == count, "\(type): \(record.count(type)), lost \(lost)")
    }
    #expect(record.torn == 0 && record.defects[.duplicate] == 0)
    return outages
  }

  @Test(arguments: ["tmpfs", "ext4"])
  func aFullDiskThatGetsRoomAgainLosesNothing(_ type: String) throws {
    let disk = try SmallDisk(type)
    let path = disk.mountPoint + "/record.jsonl"
    let sink = try RecordSink(path, backlog: 1 << 20, reserve: 0)
    begin(sink)
    let filler = try disk.fill()
    // Two pages of them at least: the last one that goes out does so in part.
    let counts = write(200, to: sink, from: 1)
    unlink(filler)
    try sink.finish()
    let outages = try expectAll(counts, in: path)
    let outage = try #require(outages.first)
    #expect(outages.count == 1 && outage["why"] == "ENOSPC" && outage["lost"] == .object([]))
    let (from, until) = (try #require(outage["from"]?.int), try #require(outage["t"]?.int))
    #expect(from > 1 && until == 200)
    // Torn lines have no time: the first one may be the rest of one.
    let kept = try #require(outage["kept"]?.int)
    #expect(kept == until - from + 1 || kept == until - from + 2)
  }

  /// Samples first, then what repeats, then what is one of many; phases never.
  @Test func whatIsDearestIsKept() throws {
    let disk = try SmallDisk("tmpfs")
    let path = disk.mountPoint + "/record.jsonl"
    let sink = try RecordSink(path, backlog: 64 << 10, reserve: 0)
    begin(sink)
    let filler = try disk.fill()
    let counts = write(800, to: sink, from: 1)
    unlink(filler)
    try sink.finish()
    let outage = try #require(try expectAll(counts, in: path).first)
    let lost = try #require(outage["lost"])
    #expect((lost["sample"]?.int ?? 0) > 0 && (lost["latency"]?.int ?? 0) > 0)
    #expect((lost["span"]?.int ?? 0) > 0 && lost["phase"] == nil)
    let record = try RecordReader(path)
    #expect(record.defects[.lostSample] == Int(lost["sample"]?.int ?? 0))
    #expect(record.defects[.missingSample] == 0)
  }

  /// The ext4 of a loop device, made read-only by an error of its own.
  @Test func aDiskThatStaysReadOnlyLeavesItsLinesElsewhere() throws {
    let disk = try SmallDisk("ext4")
    let path = disk.mountPoint + "/1-1/record.jsonl"
    try File.makeDirectory(disk.mountPoint + "/1-1")
    let sink = try RecordSink(path)
    begin(sink)
    let before = write(8, to: sink, from: 1)
    let device = try #require(
      try File.text("/proc/mounts").split(separator: "\n").map { $0.split(separator: " ") }
        .first { $0.count > 1 && $0[1] == disk.mountPoint })[0].dropFirst("/dev/".count)
    try File.set("/sys/fs/ext4/\(device)/trigger_fs_error", "a test")
    let after = write(80, to: sink, from: 9)
    let error = #expect(throws: HarnessError.self) {
      try sink.finish(patience: 0, others: ["/nonexistent", disk.root])
    }
    let place = disk.path("wbstress-1-1-\(getpid()).jsonl")
    // Whether fdatasync(2) meets the error first, as EIO, is a matter of time.
    #expect(error?.errno == .readOnlyFileSystem || error?.errno == .ioError)
    #expect(error?.operation.hasPrefix("write: 80 lines are not in it") == true)
    #expect(error?.remedy == "free space, then: cat \(place) >> \(path)")
    // What the message says makes one record of both.
    let whole = try disk.write("whole.jsonl", try File.read(path) + File.read(place))
    let counts = before.merging(after) { $0 + $1 }
    #expect(try expectAll(counts, in: whole).count == 1)
  }

  @Test func nothingIsWrittenOverInTheSecondPlace() throws {
    let disk = try SmallDisk("tmpfs")
    let sink = try RecordSink(disk.mountPoint + "/record.jsonl", reserve: 0)
    _ = try disk.fill()
    _ = write(100, to: sink)
    let place = try disk.write("wbstress-disk-\(getpid()).jsonl", "somebody's")
    let error = #expect(throws: HarnessError.self) {
      try sink.finish(patience: 0, others: [disk.root])
    }
    #expect(error?.description.contains("and none of \(disk.root) took them") == true)
    #expect(try File.text(place) == "somebody's")
  }

  /// The disk below has no room for what write(2) took: fdatasync(2) cannot bring it there.
  @Test func aDiskThatFailsIsTold() throws {
    let below = try SmallDisk("tmpfs")
    let disk = try SmallDisk("ext4", image: below.mountPoint + "/image")
    let sink = try RecordSink(disk.mountPoint + "/record.jsonl")
    begin(sink)
    _ = try below.fill()
    _ = write(2000, to: sink)
    let error = #expect(throws: HarnessError.self) { try sink.finish(patience: 0, others: []) }
    #expect(error?.code == .environment)
    // The journal's abort may come first; a loop device since 6.16 hands on the errno of the file below it.
    let errors: [Errno] = [.ioError, .readOnlyFileSystem, .noSpace]
    #expect(errors.contains { $0 == error?.errno }, "\(error as Any)")
  }

  /// Others may fill the disk: what was reserved is the record's, and is given back.
  @Test func theReserveIsTheRecords() throws {
    let disk = try SmallDisk("ext4")
    let path = disk.mountPoint + "/record.jsonl"
    let sink = try RecordSink(path, reserve: 1 << 20)
    begin(sink)
    _ = try disk.fill()
    let counts = write(1000, to: sink)
    var info = stat()
    #expect(stat(path, &info) == 0 && Int(info.st_blocks) * 512 >= 1 << 20)
    try sink.finish()
    #expect(try expectAll(counts, in: path).isEmpty)
    #expect(stat(path, &info) == 0)
    #expect(Int(info.st_blocks) * 512 < Int(info.st_size) + 8192, "\(info.st_blocks)")
  }

  /// A campaign's plan is either the old one or the new one.
  @Test(arguments: ["tmpfs", "ext4"])
  func aFullDiskLeavesTheOldFile(_ type: String) throws {
    let disk = try SmallDisk(type)
    let path = disk.mountPoint + "/campaign.json"
    try File.replace(path, Array("old".utf8))
    _ = try disk.fill()
    let large = [UInt8](repeating: 0x79, count: 100_000)
    let error = #expect(throws: HarnessError.self) { try File.replace(path, large) }
    #expect(error?.code == .environment && error?.errno == .noSpace)
    #expect(error?.description.hasPrefix("\(path).new: ") == true)
    #expect(try File.text(path) == "old")
    #expect(!File.names(in: disk.mountPoint).contains("campaign.json.new"))
  }

  /// Through the writer: what it says it has told is there, or is said to be lost.
  @Test func theWritersCountIsMet() throws {
    let disk = try SmallDisk("tmpfs")
    let path = disk.mountPoint + "/record.jsonl"
    let sink = try RecordSink(path, backlog: 32 << 10, reserve: 0)
    sink.emit("header", [("schema", 1)])
    let writer = RecordWriter(sink)
    try writer.start()
    let filler = try disk.fill()
    let padding = String(repeating: "x", count: 100)
    for i in 0..<1000 {
      writer.emit(SpanLine.self) {
        $0.rest = [("n", .int(Int64(i))), ("padding", .string(padding))]
      }
    }
    for i in 0..<20 { writer.emit(PhaseLine.self) { $0.delay = Int64(i) } }
    cl_sleep_until(cl_boottime() + Self.second / 5)
    unlink(filler)
    cl_sleep_until(cl_boottime() + 3 * Self.second / 2)
    for i in 0..<5 { writer.emit(KmsgLine.self) { $0.seq = Int64(i) } }
    writer.emitCount()
    writer.finish()
    sink.emit(EndLine(Ending(.completed)))
    try sink.finish()
    let record = try RecordReader(path)
    let outage = try #require(record.first("outage"))
    let told = try #require(record.first("written")?["lines"]?.int)
    let lost = try #require(outage["lost"]?["span"]?.int)
    #expect(lost > 0 && record.count("phase") == 20 && record.count("kmsg") == 5)
    let counted = record.types.filter { !LineTypes.uncounted.contains($0) }
    #expect(Int64(counted.reduce(0) { $0 + record.count($1) }) + lost == told)
    #expect(record.defects[.lostLine] == Int(lost) && record.defects[.missingLine] == 0)
    #expect(record.ending == Ending(.completed))
  }

  /// The disk is full when the trial ends, and has room again before the sink is given up; or the rest goes to the
  /// second place and is put behind the record, as the message says.
  @Test(arguments: [true, false])
  func anEndThatHadToWaitIsAnEnd(_ isFreed: Bool) throws {
    let disk = try SmallDisk("tmpfs")
    let path = disk.mountPoint + "/record.jsonl"
    let sink = try RecordSink(path, reserve: 0)
    begin(sink)
    let filler = try disk.fill()
    // Odd lengths: somewhere a line goes out in part.
    let padding = String(repeating: "x", count: 777)
    for i in 0..<50 { sink.emit("phase", [("t", .int(Int64(i))), ("name", .string(padding))]) }
    sink.emit(EndLine(Ending(.oom)))
    if isFreed { unlink(filler) }
    let error: HarnessError?
    do throws(HarnessError) {
      // A process that another test starts meanwhile has the filler open until it executes something else: its room
      // comes back a little later than its name goes.
      try sink.finish(patience: isFreed ? 5 * Self.second : 0, others: [disk.root])
      error = nil
    } catch let failure { error = failure }
    #expect((error == nil) == isFreed)
    if let error {
      let words = try #require(error.remedy).split(separator: " ")
      let at = try #require(words.firstIndex(of: "cat"))
      let spilled = try File.read(String(words[at + 1]))
      unlink(filler)
      try File.write(path, try File.read(path) + spilled)
    }
    #expect(RecordReader.ending(path) == Ending(.oom))
    let record = try RecordReader(path)
    #expect(record.ending == Ending(.oom) && record.count("outage") == 1)
    #expect(record.torn == 0 && record.count("phase") == 50, "\(record.defects.texts)")
  }

  /// Room for a part of the `outage` line only: what goes to the second place does not go on in the middle of it.
  @Test func anOutageLineThatIsCutOff() throws {
    let disk = try SmallDisk("tmpfs")
    let path = disk.mountPoint + "/record.jsonl"
    let sink = try RecordSink(path, reserve: 0)
    begin(sink)
    let filler = try disk.fill()
    // It goes out up to the end of the file's last page; what waits ends 20 bytes before that of the next.
    let told = Int(try #require(File.size(path)))
    let next = (told + 4095) / 4096 * 4096 + 4096
    let frame = RecordSink.line("phase", [("name", "")]).count
    let padding = String(repeating: "x", count: next - 20 - told - frame)
    sink.emit("phase", [("name", .string(padding))])
    let size = try #require(File.size(filler))
    truncate(filler, off_t(size) - 4096)
    sink.retry(at: .max / 2)
    #expect(File.size(path) == UInt64(next))
    let error = #expect(throws: HarnessError.self) {
      try sink.finish(patience: 0, others: [disk.root])
    }
    let words = try #require(error?.remedy).split(separator: " ")
    let spilled = String(words[try #require(words.firstIndex(of: "cat")) + 1])
    unlink(filler)
    try File.write(path, try File.read(path) + File.read(spilled))
    let record = try RecordReader(path)
    #expect(record.count("outage") == 1 && record.count("phase") == 1 && record.torn == 1)
  }
}
