// SPDX-License-Identifier: Apache-2.0
import StressAnalysis
import StressCore

/// A cell as a bash script that needs none of this program: bash, coreutils, util-linux, the file system's mkfs and
/// a kernel with cgroup v2, a C compiler for streams by io_uring, and the programs of its commands. It prints `OOM` (exit code 1) or `no OOM` (0), or why
/// there is no result (2), and takes down what it has made.
///
/// What a script cannot do the same way is said in its heading; what would make it another situation is refused.
package struct ReproducerScript {
  /// What the harness has seen of the cell.
  package struct Seen: Equatable, Sendable {
    package var killed: Proportion
    package var release: String

    package init(killed: Proportion, release: String) {
      self.killed = killed
      self.release = release
    }
  }

  let profile: Profile
  let label: String
  let mkfs: String
  let seen: Seen?

  /// - Parameters:
  ///   - mkfs: the command that makes the file system, without its device.
  ///   - seen: nil: nothing yet.
  /// - Throws: when the profile cannot be told as a script (code usage).
  package init(
    _ profile: Profile, label: String, mkfs: String, seen: Seen?
  ) throws(HarnessError) {
    self.profile = profile
    self.label = label
    self.mkfs = mkfs
    self.seen = seen
    let refused = Self.untellable(profile)
    if !refused.isEmpty {
      throw HarnessError(
        .usage, "a script of \(label)", "cannot have \(refused.joined(separator: ", "))",
        remedy: "reproduce it with wbstress itself")
    }
  }

  /// - Parameter environment: of one of the cell's trials.
  package init(
    _ cell: CellSummary, label: String, _ environment: TrialEnvironment
  ) throws(HarnessError) {
    var profile = cell.profile
    // Switched off where there was none: a script has no file to write.
    if cell.trials.allSatisfy({ $0.lruGen == "absent" }) { profile.kernel.lruGen = nil }
    try self.init(
      profile, label: label,
      mkfs: environment.mkfs ?? cell.profile.filesystem.kind.traits.mkfs?.program ?? "",
      seen: Seen(killed: cell.killed, release: environment.release ?? "?"))
  }

  package var text: String { lines.joined(separator: "\n") + "\n" }

  /// No line is longer than 78 columns.
  package var lines: [String] {
    heading + ["set -eu"] + takeDown + ring + device + groups + settings + pins + preparations
      + streams + ends + verdict
  }

  var usesRing: Bool { profile.streams.contains { $0.engine == .ioUring } }

  /// The writer by io_uring, which no program of every distribution is: compiled first.
  private var ring: [String] {
    if !usesRing { return [] }
    return ["${CC:-cc} -O2 -o \"$ring\" -x c - << 'END'"] + Self.ringSource + ["END"]
  }

  static let ringSource = EmbeddedText.body(PackageResources.ring_c)
    .split(separator: "\n").map(String.init)

  // MARK: What it cannot do

  private static func untellable(_ profile: Profile) -> [String] {
    var refused: [String] = []
    if !profile.limits.contains(where: { $0.key == "memory.max" }) {
      refused.append("the whole machine as its limit: there is no memory.max")
    }
    if !profile.timeline.isEmpty { refused.append("a timeline") }
    if !profile.tasks.isEmpty {
      refused.append("tasks (\(profile.tasks.map(\.name).joined(separator: ", ")))")
    }
    if let words = profile.filesystem.layerWords { refused.append(words) }
    if profile.usesDelay { refused.append("device.delay") }
    if profile.cache > 0 { refused.append("a cache outside the limits") }
    if profile.machine.swap + profile.machine.zram > 0 { refused.append("swap") }
    refused += untellableCommands(profile)
    if profile.pinned.contains(where: \.isLate) {
      refused.append("a pin that is filled while the streams run")
    }
    if profile.streams.isEmpty, !profile.commands.contains(where: { $0.when == .with }) {
      refused.append("no streams, and no commands in their place")
    }
    for stream in profile.streams where stream.usesPrepared {
      refused.append("stream \(stream.name), whose files must be there before")
    }
    for stream in profile.streams where stream.dontcache || stream.dontneed != nil {
      refused.append("stream \(stream.name), whose pages are not kept")
    }
    // The script knows its loop device's number alone.
    if profile.kernel.strictLimit != nil, profile.filesystem.kind.traits.backing != .disk {
      refused.append("strict_limit of \(profile.filesystem.kind.rawValue)")
    }
    return refused
  }

  // MARK: Parts

  /// Columns of a script that is quoted in a mail, two blanks from its margin.
  static let widest = 76

  /// A command in as many lines as it needs.
  static func command(_ name: String, _ words: [String]) -> [String] {
    var lines = [name]
    for word in words {
      if lines[lines.count - 1].count + word.count + 3 > widest {
        lines[lines.count - 1] += " \\"
        lines.append("  " + word)
      } else {
        lines[lines.count - 1] += " " + word
      }
    }
    return words.isEmpty ? [] : lines
  }

  var isOnDisk: Bool { profile.filesystem.kind.isOnDisk }

  private var takeDown: [String] {
    let hasCommands = !profile.commands.isEmpty
    // Where somebody else may have something: before there is anything to take down.
    var lines = hasCommands ? ["mnt=\(Self.commandsMount); mkdir \"$mnt\""] : []
    let files =
      (isOnDisk ? ["img=$(mktemp -p \"${1:-.}\" repro.XXXXXX)", "loop=\"\""] : [])
      + (usesRing ? ["ring=$(mktemp)"] : [])
    lines += files.isEmpty ? [] : [files.joined(separator: "; ")]
    lines.append(
      (hasCommands ? "" : "mnt=$(mktemp -d); ") + "cg=/sys/fs/cgroup/repro-$$; writers=()")
    lines.append("cleanup() {")
    if hasCommands {
      // What a command has started is nobody's child, and may have files open.
      lines += Self.command("  set +e; for g in", ["$cg"] + outsideGroups)
      lines += [
        "  do", "    [ -d $g ] && echo 1 > $g/cgroup.kill",
        "    while read -r _ up < $g/cgroup.events && [ $up = 1 ]; do sleep 0.1; done",
        "  done; wait",
      ]
    } else {
      lines.append("  set +e; [ -d $cg ] && echo 1 > $cg/cgroup.kill; wait")
    }
    if !writes.isEmpty {
      lines += [
        "  for ((i = ${#undo[@]} - 2; i >= 0; i -= 2)); do",
        "    echo \"${undo[i + 1]}\" > \"${undo[i]}\"", "  done",
      ]
    }
    lines.append("  umount \"$mnt\"; rmdir \"$mnt\"")
    if !files.isEmpty {
      let names = (isOnDisk ? [" \"$img\""] : []) + (usesRing ? [" \"$ring\""] : [])
      lines.append("  " + (isOnDisk ? "losetup -d \"$loop\"; " : "") + "rm -f" + names.joined())
    }
    lines += Self.command(
      "  rmdir", groupPaths.reversed().map { "$cg/" + $0 } + ["$cg"] + outsideGroups)
    lines.append("} 2> /dev/null")
    if !writes.isEmpty { lines.append("undo=()") }
    return lines + ["trap cleanup EXIT; trap 'exit 2' INT TERM HUP"]
  }

  private var device: [String] {
    let options =
      profile.filesystem.mount.isEmpty
      ? "" : " -o " + ShellWord.quoted(profile.filesystem.mount.joined(separator: ","))
    let mount = "mount -t \(profile.filesystem.kind.rawValue)\(options)"
    guard isOnDisk else { return ["\(mount) repro \"$mnt\""] }
    return [
      "truncate -s \(profile.device.size) \"$img\"", "\(makeFilesystem) \"$img\"",
      "loop=$(losetup --direct-io=on -f --show \"$img\")", "\(mount) \"$loop\" \"$mnt\"",
    ]
  }

  /// A record has said it, and may say anything.
  private var makeFilesystem: String {
    mkfs.split(separator: " ").map { ShellWord.quoted(String($0)) }.joined(separator: " ")
  }

  /// Below the limited cgroup, each after the one it is in: the profile's groups, then one for each worker.
  private var groupPaths: [String] {
    var workers: [(String?, String)] = profile.pinned.map { ($0.cgroup, $0.name) }
    workers += profile.streams.map { ($0.cgroup, $0.name) }
    workers += profile.commands.filter { !$0.isOutside }.map { ($0.cgroup, $0.name) }
    return profile.cgroups.map(\.name)
      + workers.map { [$0.0, $0.1].compactMap(\.self).joined(separator: "/") }
  }

  /// With the controllers on at each level that has cgroups below it.
  private var groups: [String] {
    let controllers = profile.controllers.map { "+" + $0 }.joined(separator: " ")
    let inner = Set(
      groupPaths.compactMap { path in
        path.lastIndex(of: "/").map { String(path[..<$0]) }
      })
    func limit(_ group: String, _ limits: [Profile.Setting]) -> [String] {
      limits.map { "echo \(number($0)) > \(group)/\(ShellWord.quoted($0.key))" }
    }
    var lines = ["on=\"\(controllers)\"; echo \"$on\" > ${cg%/*}/cgroup.subtree_control"]
    lines.append("mkdir $cg; echo \"$on\" > $cg/cgroup.subtree_control")
    lines += Self.command("mkdir", groupPaths.map { "$cg/" + $0 } + outsideGroups)
    for path in groupPaths where inner.contains(path) {
      lines.append("echo \"$on\" > $cg/\(path)/cgroup.subtree_control")
    }
    if isOnDisk { lines.append("read -r disk < \"/sys/class/block/${loop#/dev/}/dev\"") }
    lines += limit("$cg", profile.limits)
    for group in profile.cgroups { lines += limit("$cg/" + group.name, group.limits) }
    let device = profile.device
    if isOnDisk, device.bandwidth != nil || device.iops != nil {
      func text(_ value: UInt64?) -> String { value.map { "\($0)" } ?? "max" }
      let (bytes, operations) = (text(device.bandwidth), text(device.iops))
      lines += [
        "max=\"rbps=\(bytes) wbps=\(bytes) riops=\(operations) wiops=\(operations)\"",
        "echo \"$disk $max\" > $cg/io.max",
      ]
    }
    return lines
  }

  /// io files name a disk.
  private func number(_ limit: Profile.Setting) -> String {
    ["io.max", "io.latency"].contains(limit.key) && !limit.value.contains(":")
      ? ShellWord.value(limit.value, behind: "$disk ") : ShellWord.value(limit.value)
  }

  /// One block of a dd that waits for its output to be read, of which one byte is: then the block is whole.
  /// (tail -c of a pipe holds half as much again when its reads come short.)
  private var pins: [String] {
    profile.pinned.enumerated().flatMap { index, pin in
      let path = [pin.cgroup, pin.name].compactMap(\.self).joined(separator: "/")
      let hold = [
        "exec \(index + 3)< <(echo 0 > $cg/\(path)/cgroup.procs",
        "exec dd if=/dev/zero bs=\(pin.size) count=1 iflag=fullblock status=none)",
      ]
      let line = hold.joined(separator: "; ")
      return (line.count <= Self.widest ? [line] : [hold[0], "  " + hold[1]])
        + ["head -c 1 <&\(index + 3) > /dev/null"]
    }
  }

  /// Files of /proc and /sys, and what is written to them.
  private var writes: [(path: String, value: String)] {
    var all = profile.kernel.sysctl.map { setting in
      ("/proc/sys/" + setting.key.map { $0 == "." ? "/" : String($0) }.joined(), setting.value)
    }
    all += profile.kernel.sysfs.map { ("/sys/" + $0.key, $0.value) }
    if let on = profile.kernel.lruGen { all.append((KernelSetting.lruGen, on ? "y" : "n")) }
    return all
  }

  private var settings: [String] {
    var lines: [String] = []
    if !writes.isEmpty {
      // A choice in sysfs has the present one in brackets.
      lines.append(
        "put() { v=$(< \"$1\"); v=${v#*[}; undo+=(\"$1\" \"${v%%]*}\"); echo \"$2\" > \"$1\"; }")
      lines += writes.map { "put \(ShellWord.quoted($0.path)) \(ShellWord.value($0.value))" }
    }
    if let strict = profile.kernel.strictLimit {
      lines.append("echo \(strict ? 1 : 0) > \"/sys/class/bdi/$disk/strict_limit\"")
    }
    return lines
  }

  private var streams: [String] {
    var lines = [
      "# Whether the kill comes depends on the phase of a timer of 2 s.",
      "sleep $((RANDOM % 2)).$((RANDOM % 10))$((RANDOM % 10))",
    ]
    for stream in profile.streams {
      let path = [stream.cgroup, stream.name].compactMap(\.self).joined(separator: "/")
      let jobs = stream.jobs * stream.files
      if jobs > 1 { lines.append("for i in {1..\(jobs)}; do") }
      let file = "\"$mnt/\(stream.name)\(jobs > 1 ? "-$i" : "")\""
      let (program, words) = Self.writer(
        stream, file,
        blocks: stream.size.map {
          max(1, $0 / UInt64(jobs) / stream.block)
        })
      lines += [
        "(echo 0 > $cg/\(path)/cgroup.procs; exec \(program) \\", "  \(words)) &",
        "writers+=($!)",
      ]
      if jobs > 1 { lines.append("done") }
    }
    let seconds = profile.duration / 1_000_000_000
    return lines + timed + [
      "SECONDS=0",
      "while kill -0 \"${writers[@]}\" 2> /dev/null && [ $SECONDS -lt \(seconds) ]; do",
      "  sleep 0.1", "done",
    ]
  }

  /// - Parameter blocks: nil: without an end.
  private static func writer(
    _ stream: Profile.Stream, _ file: String, blocks: UInt64?
  ) -> (program: String, words: String) {
    let flags = (stream.direct ? ["direct"] : []) + (stream.sync == .dsync ? ["dsync"] : [])
    if stream.engine == .ioUring {
      let words = ["\(stream.block)", "\(blocks ?? 1 << 40)", "\(stream.depth)"] + flags
      return (
        "\"$ring\"",
        ([file] + words + (stream.fsync == .none ? [] : ["fsync"])).joined(separator: " ")
      )
    }
    return (
      "dd if=/dev/zero status=none",
      "of=\(file) bs=\(stream.block)" + (blocks.map { " count=\($0)" } ?? "")
        + (flags.isEmpty ? "" : " oflag=" + flags.joined(separator: ","))
        + (stream.fsync == .none ? "" : " conv=fsync")
    )
  }

  private var verdict: [String] {
    [
      "while read -r key kills; do", "  [ \"$key\" != oom_kill ] || break",
      "done < $cg/memory.events",
      "if [ \"$kills\" -gt 0 ]; then echo OOM; exit 1; fi",
    ] + failures + statuses + ["echo \"no OOM\""]
  }

  /// A writer that could not write says nothing of the kernel.
  private var failures: [String] {
    if profile.streams.isEmpty { return [] }
    return [
      "for w in \"${writers[@]}\"; do kill -0 $w 2> /dev/null || wait $w \\",
      "  || [ $? -gt 128 ] || { echo \"no result: a writer failed\"; exit 2; }; done",
    ]
  }
}
