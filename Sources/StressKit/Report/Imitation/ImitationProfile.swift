// SPDX-License-Identifier: Apache-2.0
import StressAnalysis
import StressCore
import StressRecord

/// A profile that imitates what was watched, as commented YAML. Each value says whether it is read from the record,
/// derived from it, or assumed because no record tells it.
package struct ImitationProfile {
  private let origin: String
  private let watched: Profile
  private let release: String?
  private let figures: WorkloadFigures
  private let environment: TrialEnvironment
  /// By what sizes and rates are divided.
  private let scale: Double

  /// A guest is small: a larger limit is scaled down to this, bytes.
  private static let largest = 268_435_456.0
  /// Of an assumed limit, bytes.
  private static let least = 33_554_432.0
  /// Writing that takes more of the time than this is steady.
  private static let steady = 0.7
  /// Bursts that are imitated one by one at most.
  private static let mostBursts = 8
  private static let longest = 60.0
  /// Less of the limit is left out.
  private static let much = 0.01

  /// - Parameters:
  ///   - origin: what the record is called.
  ///   - watched: of the record: what it was told to look at.
  /// - Throws: it is of no watch, or tells neither memory nor writes (code usage).
  package static func of(
    _ origin: String, _ record: RecordReader, _ watched: Profile, _ figures: WorkloadFigures
  ) throws(HarnessError) -> ImitationProfile {
    guard !watched.watched.isEmpty else {
      throw HarnessError(
        .usage, origin, "is of a trial, which has its profile",
        remedy: "name a directory of 'wbstress watch'")
    }
    guard figures.anon != nil, figures.written != nil else {
      throw HarnessError(
        .usage, origin, "does not tell what its processes had and wrote: it is too short",
        remedy: "watch for longer than 10 s, while processes are there")
    }
    return ImitationProfile(origin, record, watched, figures)
  }

  private init(
    _ origin: String, _ record: RecordReader, _ watched: Profile, _ figures: WorkloadFigures
  ) {
    self.origin = origin
    self.watched = watched
    self.figures = figures
    environment = TrialEnvironment(record)
    release = environment.release
    let limit = watched.limits.last { $0.key == "memory.max" }.flatMap { Double($0.value) }
    let held = (figures.anon ?? 0) + (figures.shmem ?? 0)
    scale = max(1, (limit ?? held * 2) / Self.largest)
  }

  // MARK: Sizes

  private func scaled(_ value: Double) -> UInt64 {
    UInt64(max(0, value / scale) / 4096) * 4096
  }

  /// A whole number of KiB or MiB: an imitation is no more exact.
  private static func round(_ bytes: UInt64) -> UInt64 {
    let unit: UInt64 = bytes >= 64 << 20 ? 1 << 20 : bytes >= 1 << 20 ? 64 << 10 : 4 << 10
    return max(unit, (bytes + unit / 2) / unit * unit)
  }

  private func size(_ value: Double) -> String { Units.sizeText(Self.round(scaled(value))) }

  private static func mebibytes(_ value: Double?) -> String {
    value.map { Format.mebibytes($0) + " MiB" } ?? "unknown"
  }

  private var duration: Double { min(Self.longest, figures.time) }

  // MARK: Text

  /// The profile's file.
  package var text: String {
    var lines = [
      "# From \(origin): \(watched.summary), watched for \(Format.fixed(figures.time, 0)) s"
        + (release.map { " on kernel \($0)" } ?? "")
        + ". Of each value: read from the record, derived from it, or assumed.",
      "# wbstress run THIS.yaml \(kernel) --trials 3 --output OUT",
      "# wbstress profile-from \(ShellWord.quoted(origin)) --against OUT    how well it agrees",
      "", "summary: imitates \(watched.watched.first ?? "?")",
    ]
    if scale > 1 {
      lines += [
        "",
        "# Sizes and rates are the record's divided by \(Format.fixed(scale, 1)), so that they fit a guest.",
      ]
    }
    lines += limits + pins + streams + kernelSettings + device
    lines += ["", "duration: \(Int(duration.rounded(.up)))s"]
    return CommentedProfile.text(lines)
  }

  private var kernel: String {
    let parts = (release ?? "").split(whereSeparator: { $0 == "." || $0 == "-" || $0 == "+" })
    guard parts.count >= 2, Int(parts[0]) != nil, Int(parts[1]) != nil else {
      return "--kernel debian:6.12"
    }
    return "--kernel debian:\(parts[0]).\(parts[1])"
  }

  private var limits: [String] {
    let unset = ["memory.min": "0", "memory.low": "0"]
    let set = watched.limits.filter { $0.value != unset[$0.key] ?? "max" }
    let mark = scale > 1 ? "  # read, scaled" : "  # read"
    var lines = ["", "limits:"]
    for limit in set {
      let value = Double(limit.value).map { $0 == 0 ? "0" : size($0) } ?? limit.value
      lines += [mark, "  \(limit.key): \(value)"]
    }
    if !set.contains(where: { $0.key == "memory.max" }) {
      let held = (figures.anon ?? 0) + (figures.shmem ?? 0)
      lines += [
        "  # assumed: it had none; twice what it held",
        "  memory.max: \(size(max(held * 2, Self.least)))",
      ]
    }
    return lines
  }

  private var pins: [String] {
    var lines: [String] = []
    let limit = watched.limits.last { $0.key == "memory.max" }.flatMap { Double($0.value) }
    func pin(_ name: String, _ bytes: Double?, _ words: String, _ mode: String) {
      guard let bytes, bytes >= Self.much * (limit ?? bytes), bytes > 0 else { return }
      lines += [
        "  # derived: \(words), median \(Self.mebibytes(bytes))", "  - name: \(name)",
        "    size: \(size(bytes))", "    mode: \(mode)",
      ]
    }
    let locked = figures.locked ?? 0
    let isLocked = locked * 2 > (figures.anon ?? 0) + (figures.shmem ?? 0)
    pin(
      "anon", figures.anon,
      "RssAnon and VmSwap of its processes, of which \(Self.mebibytes(locked)) locked",
      isLocked ? "locked" : "touched")
    pin(
      "shmem", figures.shmem, "the largest RssShmem of a process", isLocked ? "locked" : "touched")
    return lines.isEmpty ? [] : ["", "pinned:"] + lines
  }

  private var streams: [String] {
    guard let written = figures.written, written / scale >= 4096 else {
      return [
        "",
        "# derived: its processes dirtied \(Self.mebibytes(figures.written)) per s: nothing is written",
      ]
    }
    let bursts = figures.bursts.flatMap { $0.share < Self.steady ? $0 : nil }
    var lines = ["", "streams:"]
    let fsync = figures.syncs.flatMap { syncs -> String? in
      syncs > 0 ? size(max(512, written / syncs)) : nil
    }
    func stream(_ name: String, _ rate: Double, _ bytes: Double) {
      lines += [
        "  - name: \(name)", "    # assumed", "    engine: pwrite", "    block: 64KiB",
        "    rate: \(size(rate))/s", "    size: \(size(bytes))",
      ]
      if let fsync { lines += ["    fsync: \(fsync)"] }
    }
    lines.append(
      "  # derived: \(Self.mebibytes(written)) per s were dirtied or written past the page cache")
    if let fsync {
      lines.append(
        "  # derived: \(Format.significant(figures.syncs ?? 0)) calls of fsync per s, one for each \(fsync)"
      )
    } else {
      lines.append(
        "  # not told: whether it calls fsync (of ext4 alone the trace tells whose call it is)")
    }
    guard let bursts else {
      stream("writer", written, written * duration)
      return lines
    }
    let period = figures.time / Double(bursts.count)
    let count = max(1, min(Self.mostBursts, Int((duration / period).rounded(.up))))
    lines.append(
      "  # derived: bursts of \(Format.fixed(bursts.length, 0)) s at \(Self.mebibytes(bursts.rate)) per s, one in"
        + " \(Format.fixed(period, 0)) s")
    for number in 1...count {
      stream(count == 1 ? "writer" : "writer-\(number)", bursts.rate, bursts.rate * bursts.length)
    }
    if count > 1 {
      lines += ["", "timeline:"]
      for number in 2...count {
        lines += [
          "  - at: \(Int(Double(number - 1) * period))s", "    start: writer-\(number)",
        ]
      }
    }
    return lines
  }

  private static let dirty = [
    "dirty_ratio", "dirty_background_ratio", "dirty_expire_centisecs", "dirty_writeback_centisecs",
  ]

  private var kernelSettings: [String] {
    let found = Self.dirty.compactMap { name in
      environment.setting("/proc/sys/vm/\(name)").map { (name, $0) }
    }
    if found.isEmpty { return [] }
    return ["", "kernel:", "  sysctl:", "    # read"] + found.map { "    vm.\($0): \($1)" }
  }

  private var device: [String] {
    let bytes = (figures.written ?? 0) * duration
    var lines = [
      "", "device:", "  # derived: room for the streams' files",
      "  size: \(scaled(bytes) * 2 / 1_048_576 + 300)MiB",
    ]
    if let peak = figures.diskPeak, peak / scale >= 4096 {
      lines += [
        "  # assumed: what the machine's disks wrote in the fastest second; they may take more",
        "  bandwidth: \(size(peak))/s",
      ]
    }
    return lines
  }
}
