// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressCore
import StressRecord
import SystemPackage

/// The kprobes of one trial, in a group of their own: they are the machine's, unlike an instance.
///
/// Source: Documentation/trace/kprobetrace.rst.
struct TraceProbes: ~Copyable {
  private static let file = Mount.tracefs + "/kprobe_events"
  /// Tasks that may be in a function whose return is told; further ones have no return (`kprobe_profile`).
  private static let most = 1024

  static let group = "wbstress_\(getpid())"
  private var group: String { Self.group }
  private var made: [String] = []

  /// Makes that of an event, if it has one.
  ///
  /// - Throws: what the kernel says; one without the function has no such event (ENOENT), and one without kprobes
  ///   no file to write to.
  mutating func make(_ definition: TraceEvent.Definition) throws(HarnessError) {
    guard let text = text(definition), !made.contains(definition.name) else { return }
    // Opened without O_TRUNC: everybody's other probes stay.
    try File.set(Self.file, text + "\n")
    made.append(definition.name)
  }

  func text(_ definition: TraceEvent.Definition) -> String? {
    switch definition.source {
    case .probe(let function, let arguments):
      "p:\(group)/\(definition.name) \(function) \(arguments)"
    case .returnProbe(let function):
      "r\(Self.most):\(group)/\(definition.name) \(function)"
    case .tracepoint, .tracer: nil
    }
  }
}
