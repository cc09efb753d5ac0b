// SPDX-License-Identifier: Apache-2.0
import CLinux
import Foundation
import Testing

@testable import StressCore
@testable import StressMachine
@testable import StressRecord

/// What a trial tells is kept, whatever becomes of its reader, its disk and its guest.
@Suite(.serialized, .enabled(if: GuestLab.binary != nil, "WBSTRESS_BINARY is not set; see ci/test"))
struct EvidenceTests {
  static let second: UInt64 = 1_000_000_000

  /// Long enough that something comes between.
  private func slow(_ seconds: Int = 6) throws -> Profile {
    try GuestLab.profile(
      "smoke",
      [
        ("device.bandwidth", "1MiB/s"), ("device.size", "48MiB"), ("streams.*.fsync", "64KiB"),
        ("streams.*.size", "32MiB"), ("duration", "\(seconds)s"),
      ])
  }

  /// That of all lines the harness says it has told, each is there or is said to be lost; likewise samples.
  @discardableResult
  private func expectAll(_ path: String) throws -> RecordReader {
    let record = try RecordReader(path)
    let told = try #require(record.first("written")?["lines"]?.int)
    let outages = record.lines("outage")
    func lost(_ holds: (String) -> Bool) -> Int64 {
      outages.flatMap { $0["lost"]?.members ?? [] }.filter { holds($0.key) }
        .reduce(0) { $0 + ($1.value.int ?? 0) }
    }
    let counted = record.types.filter { !LineTypes.uncounted.contains($0) }
    let found = counted.reduce(0) { $0 + record.count($1) }
    #expect(Int64(found) + lost { !LineTypes.uncounted.contains($0) } == told)
    let samples = record.lines("lane").reduce(Int64(0)) { $0 + ($1["samples"]?.int ?? 0) }
    #expect(Int64(record.count("sample")) + lost { $0 == "sample" } == samples)
    #expect(samples > 300)
    #expect(record.torn == 0)
    let missed = record.lines("lane").reduce(Int64(0)) { $0 + ($1["dropped"]?.int ?? 0) }
    print(
      "evidence: \(found) of \(told) lines, \(record.count("sample")) of \(samples) samples, "
        + "\(missed) dropped by the guest's rings, \(outages.count) outages")
    return record
  }

  /// The guest's samplers do not feel it: what they read is there, however late it was taken in.
  @Test func readerThatStopsForFiveSeconds() throws {
    try GuestLab.withDirectory { directory in
      var trial = try GuestLab.trial(try slow(), kernel: "debian:6.1", in: directory)
      let stopped = Stopwatch()
      trial.hooks.pace = { bytes in
        if bytes > 200_000 { stopped.once { cl_sleep_until(cl_boottime() + 5 * Self.second) } }
      }
      let ending = try trial.run(Interrupt())
      #expect(ending.outcome == .completed, "\(ending)")
      #expect(stopped.hasRun)
      let record = try expectAll(trial.recordPath)
      for lane in record.lines("lane") { #expect(lane["dropped"] == 0, "\(lane.text)") }
      #expect(try #require(record.lane("fast")).longestGap < 3 * Self.second)
    }
  }

  /// Slower than the guest tells: its rings run over, which is counted, and its events are all there.
  @Test func readerOfTwentyKilobytesASecond() throws {
    try GuestLab.withDirectory { directory in
      var trial = try GuestLab.trial(try slow(), kernel: "debian:6.1", in: directory)
      trial.patience.total *= 3
      let started = Stopwatch()
      trial.hooks.pace = { bytes in
        // From the streams' start on; until then a boot would take minutes.
        if bytes < 150_000 { return }
        started.once {}
        let due = started.at + UInt64(bytes - 150_000) * Self.second / 20_000
        cl_sleep_until(min(due, started.at + 25 * Self.second))
      }
      let ending = try trial.run(Interrupt())
      #expect(ending.outcome == .completed, "\(ending)")
      let record = try expectAll(trial.recordPath)
      #expect(
        record.count("phase") == record.lines("phase").count && record.last("guest-end") != nil)
      #expect(record.lines("lane").allSatisfy { $0["missed"]?.int != nil })
    }
  }

  /// Its last line may be torn; all before it is there, and the host's account behind it.
  @Test func emulatorThatIsKilled() throws {
    try GuestLab.withDirectory { directory in
      var trial = try GuestLab.trial(try slow(), kernel: "debian:6.1", in: directory)
      let record = trial.recordPath
      let killed = Stopwatch()
      trial.hooks.disturb = { machine in
        let started = (try? File.text(record))?.contains("\"name\":\"stream\"") ?? false
        if started { killed.once { kill(machine.pid, SIGKILL) } }
      }
      let ending = try trial.run(Interrupt())
      #expect(ending.outcome == .harnessLost && ending.reason == "guest-gone", "\(ending)")
      let read = try RecordReader(record)
      #expect(read.torn <= 1 && read.count("sample") > 0 && read.ending == ending)
      // Samples as they were told: none is missing in between.
      let lane = try #require(read.lane("fast"))
      #expect(lane.longestGap < 2 * Self.second)
    }
  }

  /// The results' disk fills up under a guest that runs: its record goes on in the room that it has reserved.
  @Test(.enabled(if: geteuid() == 0, "needs root: mounts a tmpfs"))
  func fullResultsDirectory() throws {
    try GuestLab.withDirectory { directory in
      let mountPoint = directory + "/results"
      _ = try Mount("none", at: mountPoint, type: "tmpfs", options: ["size=192m"])
      defer { umount2(mountPoint, Int32(MNT_DETACH)) }
      let results = mountPoint + "/1-1"
      var trial = try GuestLab.trial(try slow(8), kernel: "debian:6.1", in: results)
      let record = trial.recordPath
      let filler = mountPoint + "/filler"
      let filled = Stopwatch()
      trial.hooks.disturb = { _ in
        if !filled.hasRun {
          guard (try? File.text(record))?.contains("\"name\":\"stream\"") ?? false else { return }
          filled.once {
            fill(image: results + "/scratch.img", size: 48 << 20, filler)
          }
        }
        if cl_boottime() > filled.at + 4 * Self.second { unlink(filler) }
      }
      let ending = try trial.run(Interrupt())
      #expect(ending.outcome == .completed, "\(ending)")
      #expect(filled.hasRun)
      let read = try expectAll(record)
      #expect(read.lines("outage").isEmpty)
      #expect(read.ending == ending)
    }
  }

  /// On a machine of its own: the results on a small disk that fills up and gets room again, and on one that an
  /// error makes read-only for good. Names that would mean something to a shell, a terminal or a program.
  @Test func resultsOfAMachinesOwnTrials() throws {
    try GuestLab.withDirectory { directory in
      var guest = try ShellGuest("debian:6.12", programs: ["mkfs.ext4"])
      // The tracer is switched on and off with each trial (GuestTrial.isEmulatorFault).
      guest.cpus = 1
      guest.files["profiles/smoke.yaml"] = try File.read("\(GuestLab.profiles)/smoke.yaml")
      let console = try guest.run(
        """
        mkdir -p /scratch/images /results
        small() {
          truncate -s 16M /scratch/small; mkfs.ext4 -q -F /scratch/small
          mount -o loop,errors=remount-ro /scratch/small /results
          # The rest is too little for a reserve.
          dd if=/dev/zero of=/results/most bs=1M count=9 2>/dev/null
        }
        run() {
          /init run /profiles/smoke.yaml --vary device.bandwidth=1MiB/s --vary device.size=32MiB \
            --vary streams.*.size=16MiB --vary streams.*.fsync=64KiB --vary duration=7s \
            --loop /scratch/images --trials 1 --seed \(GuestLab.campaignSeed) --output $1 & pid=$!
          while ! grep -q '"name":"stream"' $1/trials/1-1/record.jsonl 2>/dev/null; do
            usleep 100000; [ -d /proc/$pid ] || break
          done
        }
        small; run /results/full
        dd if=/dev/zero of=/results/filler bs=4k 2>/dev/null; echo FILLED; sleep 3
        rm /results/filler; wait $pid; echo STATUS-1 $?
        cp /results/full/trials/1-1/record.jsonl /scratch/full.jsonl; umount /results

        small; run /results/error
        echo 1 > /sys/fs/ext4/$(basename $(readlink -f $(grep ' /results ' /proc/mounts | cut -d' ' -f1)))/trigger_fs_error
        grep ' /results ' /proc/mounts; wait $pid; echo STATUS-2 $?
        cat /results/error/trials/1-1/record.jsonl /run/wbstress-1-1-$pid.jsonl > /scratch/error.jsonl
        umount /results

        esc=$(printf '\\033'); name="-x:y <b>'\\"; touch hit; \\$(touch hit)$esc[31m"
        mkdir "/scratch/$name"; cd /scratch
        /init run /profiles/smoke.yaml --vary device.size=16MiB "--loop=$name" --trials 1 --seed \(GuestLab.campaignSeed) \
          "--output=$name.out" >/text 2>&1; echo STATUS-3 $?
        tail -n1 "./$name.out/trials/1-1/record.jsonl"; ls "./$name"; ls hit
        /init report "./$name.out" --format reproducer | tail -n +2 | head -n 3
        grep -c "$esc" /text
        """, in: directory)
      let text = console.suffix(60).joined(separator: "\n")
      #expect(console.contains("STATUS-1 0"), "\(text)")
      let full = try expectAll(try copy("full.jsonl", from: directory))
      let outage = try #require(full.first("outage"))
      #expect(outage["why"] == "ENOSPC" && (outage["kept"]?.int ?? 0) > 100)

      #expect(console.contains("STATUS-2 5"), "\(text)")
      // Whether the file system says that it is shut down or read-only is the kernel's choice.
      let errors = ["EIO", "EROFS"]
      #expect(
        console.contains { line in
          line.contains("1-1/record.jsonl: ") && errors.contains { line.contains($0) }
        }, "\(text)")
      let whole = try RecordReader(try copy("error.jsonl", from: directory))
      #expect(whole.count("end") == 1)
      #expect(errors.contains(whole.first("outage")?["why"]?.string ?? ""))

      #expect(console.contains("STATUS-3 0"), "\(text)")
      #expect(console.contains { $0.contains(#""type":"end","outcome":"completed""#) })
      #expect(console.contains { $0.hasSuffix("ls: hit: No such file or directory") }, "\(text)")
      #expect(console.last { $0.allSatisfy(\.isNumber) } == "0", "\(text)")
    }
  }

  /// A file of the machine's disk.
  private func copy(_ name: String, from directory: String) throws -> String {
    _ = try GuestLab.output(
      "debugfs", ["-R", "dump /\(name) \(directory)/\(name)", directory + "/disk"])
    return "\(directory)/\(name)"
  }

  private func fill(image: String, size: Int64, _ filler: String) {
    if let file = try? Descriptor(open: image, O_RDWR) { _ = cl_fallocate(file.raw, 0, size) }
    guard let file = try? Descriptor(open: filler, O_WRONLY | O_CREAT) else { return }
    for size in [1 << 20, 4096] {
      let bytes = [UInt8](repeating: 0x78, count: size)
      while write(file.raw, bytes, size) > 0 {}
    }
  }
}

/// What is done once, and when.
private final class Stopwatch: @unchecked Sendable {
  private(set) var at: UInt64 = 0
  var hasRun: Bool { at > 0 }

  func once(_ body: () -> Void) {
    if hasRun { return }
    at = cl_boottime()
    body()
  }
}

extension Lane {
  /// Between two samples, ns.
  fileprivate var longestGap: UInt64 {
    zip(times, times.dropFirst()).map { UInt64($1 - $0) }.max() ?? 0
  }
}
