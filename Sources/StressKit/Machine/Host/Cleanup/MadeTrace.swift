// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressCore
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
  package var exists: Bool { get throws(HarnessError) { try FileIdentity.of(directory) != nil } }
  package var identity: JSON? { get throws(HarnessError) { try FileIdentity.of(directory)?.json } }

  package func undo(
    _ identity: JSON?, _ patience: Patience
  ) throws(HarnessError) -> Undoing {
    if let reprieve = try FileIdentity.reprieve(directory, identity, "instance") {
      return reprieve
    }
    var result = 0
    // Who reads one of its files keeps it.
    let isGone = try patience.wait(atMost: Self.busyTime) { () throws(HarnessError) in
      result = attemptErrno(Int(rmdir(directory)), description, "rmdir", .busy)
      if result != -Int(EBUSY) { try accept(result, description, "rmdir") }
      return result == 0
    }
    if !isGone {
      try accept(
        result, description, "rmdir",
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
  package var exists: Bool { get throws(HarnessError) { try !names.isEmpty } }
  package var identity: JSON? { nil }

  /// Of the lines, as in `p:GROUP/NAME FUNCTION`.
  private var names: [Substring] {
    get throws(HarnessError) {
      // A kernel without kprobes has no such file.
      guard File.exists(Self.file) else { return [] }
      return try File.text(Self.file).split(separator: "\n").compactMap { line in
        let label = line.prefix { $0 != " " }.drop { $0 != ":" }.dropFirst()
        return label.hasPrefix(group + "/") ? label : nil
      }
    }
  }

  package func undo(
    _ identity: JSON?, _ patience: Patience
  ) throws(HarnessError) -> Undoing {
    let names = try names
    if names.isEmpty { return .absent }
    for name in names { try File.set(Self.file, "-:\(name)") }
    return .undone
  }
}
