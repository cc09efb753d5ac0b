// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressCore
import SystemPackage

/// A cgroup that was not there before.
package struct MadeCgroup: Undoable {
  package static let kind = "cgroup"
  package static let endsWithBoot = true
  /// How long killed tasks may take to die: one in uninterruptible sleep does when the device has answered.
  private static let deathTime: UInt64 = 30_000_000_000
  let group: Cgroup

  init(_ group: Cgroup) { self.group = group }

  package init?(_ json: JSON) {
    guard let path = json["path"]?.string else { return nil }
    group = Cgroup(path: path, base: json["base"]?.string ?? "")
  }
  package var members: [(key: String, value: JSON)] {
    [("path", .string(group.path)), ("base", .string(group.base))]
  }
  package var description: String { "cgroup \(group.location)" }
  package var exists: Bool {
    get throws(HarnessError) { try FileIdentity.of(group.directory) != nil }
  }
  package var identity: JSON? {
    get throws(HarnessError) { try FileIdentity.of(group.directory)?.json }
  }

  /// It is the one that was made; one whose making is not known for certain is, while it has no tasks.
  private func isOurs(_ identity: JSON?) throws(HarnessError) -> Bool {
    guard let made = FileIdentity(identity) else { return try !isPopulated }
    return try FileIdentity.of(group.directory)?.isSame(as: made) == true
  }

  private var isPopulated: Bool {
    get throws(HarnessError) { try File.text(group.file("cgroup.events")).holds("populated 1") }
  }

  /// This process, or what started it, is in there: nothing must kill it.
  private var isOwn: Bool {
    get throws(HarnessError) {
      (try CgroupTree.own().location + "/").hasPrefix(group.location + "/")
    }
  }

  /// Writes back at full speed what the limited cgroup has dirtied, and lets nothing dirty more.
  package func quiet(_ identity: JSON?) {
    guard let isToEnd = try? isOurs(identity) && !isOwn, isToEnd else { return }
    CgroupTree.kill(group)
    for line in ((try? File.text(group.file("io.max"))) ?? "").split(separator: "\n") {
      guard let device = line.split(separator: " ").first else { continue }
      try? File.set(group.file("io.max"), "\(device) rbps=max wbps=max riops=max wiops=max")
    }
  }

  package func undo(
    _ identity: JSON?, _ patience: Patience
  ) throws(HarnessError) -> Undoing {
    guard try exists else { return .absent }
    guard try isOurs(identity) else {
      return .left(identity == nil ? "it has tasks that are not ours" : "another of that name")
    }
    // Those of the run were tried before it: what one of them waits for is not waited for again.
    if let child = try CgroupTree.children(of: group).first {
      throw HarnessError(
        .harness, description, "rmdir", errno: .resourceBusy,
        remedy: "it has cgroup \(child) below it: when that is gone, wbstress clean")
    }
    if try isPopulated {
      if try isOwn {
        throw HarnessError(
          .harness, description, "this process is in it",
          remedy: "run wbstress clean from another cgroup")
      }
      // Once: what is killed twice dies no sooner.
      CgroupTree.kill(group)
      let isEmpty = try patience.wait(atMost: Self.deathTime) { () throws(HarnessError) in
        try !isPopulated
      }
      if !isEmpty {
        throw HarnessError(
          .harness, description, "still populated after SIGKILL (\(StuckTask.text(in: group)))",
          remedy: "when these tasks are gone: wbstress clean")
      }
    }
    try CgroupTree.remove(group)
    return .undone
  }
}

/// Tasks that outlive SIGKILL, as a message tells of them.
enum StuckTask {
  /// Of the kernel's stack, the innermost this many functions.
  private static let depth = 8

  static func text(in group: Cgroup) -> String {
    let pids = (try? File.text(group.file("cgroup.threads")))?.split(separator: "\n") ?? []
    return pids.map(text).joined(separator: "; ")
  }

  /// As in `pid 123 iou-wrk-120, D in io_schedule: io_schedule < folio_wait_bit_common`.
  private static func text(_ pid: Substring) -> String {
    let proc = "/proc/\(pid)"
    let stat = File.line(proc + "/stat") ?? ""
    let state = stat.lastIndex(of: ")").map { String(stat[$0...].dropFirst(2).prefix(1)) } ?? "?"
    let stack = ((try? File.text(proc + "/stack")) ?? "").split(separator: "\n").prefix(depth)
      .map { $0.split(separator: " ").last.map { $0.prefix { $0 != "+" } } ?? "?" }
    return "pid \(pid) \(File.line(proc + "/comm") ?? "?"), \(state) in "
      + "\(File.line(proc + "/wchan") ?? "?"): \(stack.joined(separator: " < "))"
  }
}

/// Controllers switched on in the cgroup.subtree_control of the root, or of a cgroup that was delegated to us, for
/// those below that need them.
package struct EnabledControllers: Undoable {
  package static let kind = "controllers"
  package static let endsWithBoot = true
  let root: Cgroup
  let names: [String]
  /// Cgroups there were below it, which did without.
  let others: [String]

  init(_ names: [String], in root: Cgroup) throws(HarnessError) {
    self.root = root
    self.names = names
    others = try CgroupTree.children(of: root)
  }

  package init?(_ json: JSON) {
    guard let root = json["root"]?.string, let names = json["names"]?.array,
      let others = json["others"]?.array
    else { return nil }
    self.root = Cgroup(path: "", base: root)
    self.names = names.compactMap(\.string)
    self.others = others.compactMap(\.string)
  }
  package var members: [(key: String, value: JSON)] {
    [
      ("root", .string(root.base)), ("names", .array(names.map(JSON.string))),
      ("others", .array(others.map(JSON.string))),
    ]
  }
  package var description: String {
    "controllers \(names.joined(separator: ", ")) in \(root.file("cgroup.subtree_control"))"
  }
  /// They are only written down where they were off.
  package var exists: Bool { false }
  package var identity: JSON? { nil }
  package func isThere(_ identity: JSON?) throws(HarnessError) -> Bool { try !enabled.isEmpty }

  private var enabled: [String] {
    get throws(HarnessError) {
      let on = try CgroupTree.enabled(in: root)
      return names.filter { on.contains($0) }
    }
  }

  package func undo(
    _ identity: JSON?, _ patience: Patience
  ) throws(HarnessError) -> Undoing {
    let enabled = try enabled
    if enabled.isEmpty { return .absent }
    // Whoever came later may use them: they would lose their limits without a word.
    if let later = try CgroupTree.children(of: root).first(where: { !others.contains($0) }) {
      return .left("cgroup \(later), which was made meanwhile, may use them")
    }
    for name in enabled { try File.set(root.file("cgroup.subtree_control"), "-\(name)") }
    return .undone
  }
}
