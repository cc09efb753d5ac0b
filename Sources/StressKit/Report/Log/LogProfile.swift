// SPDX-License-Identifier: Apache-2.0
import StressAnalysis
import StressCore
import StressRecord

/// A profile that tries to bring a logged kill about again, as commented YAML. Each value says whether it is read from
/// the log, derived from it, or assumed because no log tells it.
package struct LogProfile {
  private let log: String
  private let number: Int
  private let kill: LogAutopsy.Kill
  private let memory: OOMComposition
  private let limit: Int64
  /// By what the log's sizes are divided.
  private let scale: Double

  /// A guest is small: a larger limit is scaled down to this, bytes; a machine, which no page of the harness's can
  /// leave, to twice as much.
  private static let largest: Int64 = 256 << 20
  /// What a trial's own writer takes of the limit, bytes.
  private static let writer: Int64 = 2 << 20
  /// What the harness takes of a machine, the writer included, bytes.
  private static let harness: Int64 = 42 << 20
  /// How long the disk needs for what was dirty or under writeback at the kill, s: twice as long as the statistics that
  /// dirty throttling decides on may be old (mm/memcontrol.c: FLUSH_TIME). A faster disk hides the problem.
  private static let cleaning = 4.0
  /// Kernel memory up to this share of the limit comes by itself, with the streams.
  private static let ordinaryKernel = 0.05
  private static let much = 0.01

  /// - Parameter number: of the kill, from 1; nil: the first that the log tells enough of.
  /// - Throws: there is no such kill, or the log does not tell what its memory consisted of (code usage).
  package init(_ log: String, _ autopsy: LogAutopsy, kill number: Int? = nil) throws(HarnessError) {
    let index = try Self.index(log, autopsy, number)
    let kill = autopsy.kills[index]
    guard let memory = kill.autopsy.memory, let limit = memory.limit else {
      throw Self.untold(log, number)
    }
    self.init(log: log, number: index + 1, kill: kill, memory: memory, limit: limit)
  }

  private init(
    log: String, number: Int, kill: LogAutopsy.Kill, memory: OOMComposition, limit: Int64
  ) {
    self.log = log
    self.number = number
    self.kill = kill
    self.memory = memory
    self.limit = limit
    let isGlobal = kill.autopsy.report.global == true
    scale = max(1, Double(limit) / Double(Self.largest * (isGlobal ? 2 : 1)))
  }

  private static func index(
    _ log: String, _ autopsy: LogAutopsy, _ number: Int?
  ) throws(HarnessError) -> Int {
    if let number, !autopsy.kills.indices.contains(number - 1) {
      throw HarnessError(
        .usage, log, "has no kill \(number): it has \(autopsy.kills.count)",
        remedy: "see 'wbstress autopsy \(log)' for their numbers")
    }
    let index =
      number.map { $0 - 1 } ?? autopsy.kills.firstIndex { $0.autopsy.memory?.limit ?? 0 > 0 }
    guard let index, autopsy.kills[index].autopsy.memory?.limit ?? 0 > 0 else {
      throw untold(log, number)
    }
    return index
  }

  private static func untold(_ log: String, _ number: Int?) -> HarnessError {
    HarnessError(
      .usage, log,
      "does not tell what the memory of \(number.map { "kill \($0)" } ?? "any kill") consisted of",
      remedy:
        "take a log that has the whole report, from 'invoked oom-killer' to 'Killed process'")
  }

  private var isGlobal: Bool { kill.autopsy.report.global == true }

  /// Whether file pages were there to be written or dropped.
  private var hasFilePages: Bool {
    Double(memory.awaitingWriteback + memory.cleanEvictable) >= Self.much * Double(limit)
  }

  // MARK: Sizes

  private func scaled(_ bytes: Int64) -> Int64 {
    let bytes = Double(max(0, bytes)) / scale
    return Int64(bytes / 4096) * 4096
  }

  private static func kib(_ bytes: Int64) -> String { "\(bytes / 1024) KiB" }

  private func size(_ bytes: Int64) -> String { Units.sizeText(UInt64(max(0, bytes))) }

  private static func percent(_ share: Double) -> String { Format.fixed(100 * share, 1) + " %" }

  /// Memory that nothing but a kill frees, and in words what it is.
  private var held: (bytes: Int64, words: String) {
    var bytes = memory[.anon] + memory[.shmem]
    var words = "anon \(Self.kib(memory[.anon]))"
    if memory[.shmem] > 0 { words += ", shmem \(Self.kib(memory[.shmem]))" }
    if isGlobal, memory[.locked] > 0 {
      bytes += memory[.locked]
      words += ", locked \(Self.kib(memory[.locked]))"
    }
    let kernel = [
      OOMComposition.Part.slabUnreclaimable, .slabReclaimable, .kernelStack, .pageTables,
      .otherKernel,
    ].reduce(0) { $0 + memory[$1] }
    let ordinary = Int64(Self.ordinaryKernel * Double(limit))
    if kernel > ordinary {
      bytes += kernel - ordinary
      words += ", kernel memory \(Self.kib(kernel)) beyond 5 % of the limit"
    }
    return (bytes, words)
  }

  /// Of the pin beside file pages, bytes.
  private var pin: Int64 { max(scaled(held.bytes) - (isGlobal ? Self.harness : Self.writer), 4096) }

  /// Of the disk, bytes/s: whole MiB/s.
  private var bandwidth: Int64 {
    let perSecond = Double(scaled(memory.awaitingWriteback)) / Self.cleaning
    return max(1, Int64(perSecond / 1_048_576)) << 20
  }

  /// Of each stream, bytes: several times what is left beside the pin.
  private var streamed: Int64 { 4 * max(scaled(limit) - pin, 16 << 20) }

  /// Share of what can be dirty, free and file pages, that was dirty or under writeback, in percent; only where it is
  /// more than vm.dirty_ratio lets there be by default (Documentation/admin-guide/sysctl/vm.rst).
  private var dirtyShare: Double? {
    let dirtyable = memory[.free] + memory.awaitingWriteback + memory.cleanEvictable
    guard isGlobal, dirtyable > 0 else { return nil }
    let share = 100 * Double(memory.awaitingWriteback) / Double(dirtyable)
    return share > Self.defaultDirtyRatio ? share : nil
  }

  private static let defaultDirtyRatio = 20.0

  // MARK: Text

  /// The profile's file.
  package var text: String {
    var lines = [
      "# From \(log), kill \(number), line \(kill.place.line)"
        + (kill.release.map { ", kernel \($0)" } ?? "")
        + ". Of each value: read from the log, derived from it,",
      "# or assumed, because a log does not tell it.",
    ]
    lines += run.map { "# " + $0 }
    lines += ["", "summary: tries to bring kill \(number) of a log about again"]
    lines += ["", "# The log's finding: \(kill.autopsy.finding.text)."]
    if scale > 1 {
      lines.append(
        "# Sizes are the log's divided by \(Format.fixed(scale, 1)): its limit was \(Self.kib(limit))."
      )
    }
    lines += isGlobal ? machine : limits
    lines += pins + streams + device
    lines += [
      "", "duration: 60s", "", "expect:", "  # What is to come again; a miss is a result, too.",
      "  oom_kill: \">= 1\"",
    ]
    return CommentedProfile.text(lines)
  }

  private var run: [String] {
    let rates = [bandwidth, 4 * bandwidth, 16 * bandwidth].map { size($0) + "/s" }
    var vary = hasFilePages ? "--vary device.bandwidth=\(rates.joined(separator: ","))" : ""
    let pin = pin
    if hasFilePages, pin > 16 << 20 {
      vary += " --vary pin=" + [-4, 0, 4].map { size(pin + $0 << 20) }.joined(separator: ",")
    }
    let series = kill.release.flatMap(Self.series)
    let kernel =
      series.map { "--kernel debian:\($0)" }
      ?? "--kernel debian:6.12"
    let note =
      series == nil
      ? "The log does not tell the kernel: name its series."
      : "'wbstress kernels list' has the series that can be fetched; --kernel also takes a file or a tree."
    let command = "wbstress run THIS.yaml \(kernel) --trials 10"
    return (vary.isEmpty ? [command] : [command + " \\", "  " + vary]) + [note]
  }

  /// `6.12` of `6.12.43+deb12-amd64`.
  private static func series(_ release: String) -> String? {
    let parts = release.split(whereSeparator: { $0 == "." || $0 == "-" || $0 == "+" })
    guard parts.count >= 2, let major = Int(parts[0]), let minor = Int(parts[1]) else { return nil }
    return "\(major).\(minor)"
  }

  private var limits: [String] {
    var lines = ["", "limits:"]
    lines += [
      scale > 1 ? "  # read, scaled" : "  # read", "  memory.max: \(size(scaled(limit)))",
    ]
    switch (kill.autopsy.report.swapLimit, memory.swapLeft) {
    case (let swap?, _) where swap < 1 << 60:
      lines += ["  # read", "  memory.swap.max: \(size(scaled(Int64(clamping: swap))))"]
    case (_?, _):
      lines += [
        "  # read: the cgroup's swap was unlimited; of the machine's the log says nothing, none is assumed"
      ]
    default: lines += ["  # not told: whether there was swap; none is assumed"]
    }
    if kill.autopsy.isGroupKill { lines += ["  # read", "  memory.oom.group: 1"] }
    if let swap = kill.autopsy.report.swapLimit, swap > 0, swap < 1 << 60 {
      let bytes = max(scaled(Int64(clamping: swap)), 16 << 20)
      lines += [
        "", "machine:", "  # derived: as much as the cgroup may use", "  swap: \(size(bytes))",
      ]
    }
    return lines
  }

  private var machine: [String] {
    var lines = ["", "machine:", scale > 1 ? "  # read, scaled" : "  # read"]
    // What a guest's kernel keeps for itself is not managed.
    lines.append("  memory: \(size(max(scaled(limit) + 46 << 20, 192 << 20)))")
    if let swap = kill.autopsy.report.swapLimit, swap > 0, swap < 1 << 60 {
      lines += ["  # read", "  swap: \(size(max(scaled(Int64(clamping: swap)), 16 << 20)))"]
    }
    if let dirtyShare {
      let ratio = min(95, Int((dirtyShare / 5).rounded(.up)) * 5)
      lines += [
        "", "kernel:", "  sysctl:",
        "    # derived: \(Format.fixed(dirtyShare, 0)) % of free and file pages were dirty or under writeback, more than"
          + " the default of \(Format.fixed(Self.defaultDirtyRatio, 0)) lets there be",
        "    vm.dirty_ratio: \(ratio)", "    # assumed: as the defaults are to each other",
        "    vm.dirty_background_ratio: \(ratio / 2)",
      ]
    }
    return lines
  }

  private var pins: [String] {
    let held = held
    let share = "\(Self.percent(Double(held.bytes) / Double(limit))) of the limit"
    if !hasFilePages {
      return [
        "", "pinned:", "  # derived: next to no file pages were left: \(held.words), \(share)",
        "  - name: grower", "    size: \(size(scaled(limit) / 100 * 120))", "    mode: touched",
        "    # assumed", "    growth: 16MiB/s",
      ]
    }
    let isLocked = memory.unevictable * 2 >= held.bytes
    let mode = isLocked ? "locked" : "touched"
    return [
      "", "pinned:", "  # derived: \(held.words): \(share),",
      "  # less \(isGlobal ? "42 MiB that the harness takes" : "2 MiB that the stream's process takes")",
      "  - name: held", "    size: \(size(pin))",
      "    # derived: \(Self.kib(memory.unevictable)) were unevictable", "    mode: \(mode)",
    ]
  }

  private var streams: [String] {
    if !hasFilePages { return [] }
    let invoker = kill.autopsy.invoker?.comm ?? ""
    let isRing =
      invoker.hasPrefix("iou-wrk")
      || kill.autopsy.report.tasks.contains { $0.name.hasPrefix("iou-") }
    var lines = [
      "", "streams:",
      "  # derived: \(Self.kib(memory.awaitingWriteback)) were dirty or under writeback, \(Self.kib(memory.cleanEvictable)) clean",
      "  - name: writer",
      isRing
        ? "    # derived: \(invoker) is a worker of io_uring"
        : "    # assumed: the log names no worker of io_uring",
      "    engine: \(isRing ? "io_uring" : "pwrite")", "    # assumed", "    block: 256KiB",
      "    # assumed: four times what the pin leaves", "    size: \(size(streamed))",
    ]
    if memory.cleanEvictable > memory.awaitingWriteback {
      lines += [
        "  # derived: most file pages were clean", "  - name: reader", "    do: read",
        "    engine: pread",
        "    # assumed", "    file_size: \(size(scaled(limit)))",
        "    size: \(size(streamed))",
      ]
    }
    return lines
  }

  private var device: [String] {
    if !hasFilePages { return [] }
    let room = streamed + scaled(limit) + 300 << 20
    return [
      "", "device:", "  # derived: room for the streams' files", "  size: \(room >> 20)MiB",
      "  # assumed: so slow that what was dirty or under writeback takes \(Format.fixed(Self.cleaning, 0)) s; search it, see above",
      "  bandwidth: \(size(bandwidth))/s",
    ]
  }
}
