import Glibc
import SystemPackage

/// An instance of the kernel's tracer: Documentation/trace/ftrace.rst ("Instances").
package struct MadeTraceInstance: Undoable {
  package static let kind = "trace-instance"
  package static let endsWithBoot = true
  private static let busyTime: UInt64 = 2_000_000_000
  let name: String
  package init(_ name: String) { self.name = name }

  package init?(_ json: JSON) {
    guard let name = json["name"]?.string else { return nil }
    self.name = name
  }
  package var members: [(key: String, value: JSON)] { [("name", .string(name))] }
  package var description: String { "trace instance \(name)" }
  private var directory: String { Mount.tracefs + "/instances/" + name }
  package var exists: Bool { File.exists(directory) }
  package var identity: JSON? { FileIdentity(directory)?.json }

  package func undo(
    _ identity: JSON?, _ patience: Patience
  ) throws(HarnessError) -> Undoing {
    guard let found = FileIdentity(directory) else { return .absent }
    if let made = FileIdentity(identity), !found.isSame(as: made) {
      return .left("another instance of that name")
    }
    var errno = Errno(rawValue: 0)
    // Who reads one of its files keeps it.
    let isGone = try patience.wait(atMost: Self.busyTime) { () throws(HarnessError) in
      if rmdir(directory) == 0 { return true }
      errno = Errno.current
      if errno == .resourceBusy { return false }
      throw HarnessError(.harness, description, "rmdir", errno: errno)
    }
    if !isGone {
      throw HarnessError(
        .harness, description, "rmdir", errno: errno,
        remedy: "a process has one of its files open: end it, then wbstress clean")
    }
    return .undone
  }
}

/// A group of kprobes: Documentation/trace/kprobetrace.rst.
package struct MadeProbes: Undoable {
  package static let kind = "kprobes"
  package static let endsWithBoot = true
  private static let file = Mount.tracefs + "/kprobe_events"
  let group: String
  package init(group: String) { self.group = group }

  package init?(_ json: JSON) {
    guard let group = json["group"]?.string else { return nil }
    self.group = group
  }
  package var members: [(key: String, value: JSON)] { [("group", .string(group))] }
  package var description: String { "kprobes of group \(group)" }
  package var exists: Bool { !names.isEmpty }
  package var identity: JSON? { nil }

  /// Of the lines, as in `p:GROUP/NAME FUNCTION`.
  private var names: [Substring] {
    ((try? File.text(Self.file)) ?? "").split(separator: "\n").compactMap { line in
      let label = line.prefix { $0 != " " }.drop { $0 != ":" }.dropFirst()
      return label.hasPrefix(group + "/") ? label : nil
    }
  }

  package func undo(
    _ identity: JSON?, _ patience: Patience
  ) throws(HarnessError) -> Undoing {
    let names = names
    if names.isEmpty { return .absent }
    for name in names { try File.set(Self.file, "-:\(name)\n") }
    return .undone
  }
}
