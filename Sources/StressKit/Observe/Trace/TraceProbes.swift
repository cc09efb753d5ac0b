import CTraceFS
import Glibc
import SystemPackage

/// The kprobes of one trial, in a group of their own: they are the machine's, unlike an instance.
///
/// Written as text, since libtracefs 1.6 puts a colon too many into a return probe with a maximum.
/// Source: Documentation/trace/kprobetrace.rst.
struct TraceProbes: ~Copyable {
  private static let file = "kprobe_events"
  /// Tasks that may be in a function whose return is told; further ones have no return (`kprobe_profile`).
  private static let most = 1024

  static let group = "wbstress_\(getpid())"
  private var group: String { Self.group }
  private var made: [String] = []

  /// Makes that of an event, if it has one; a kernel without the function, or without kprobes, has no such
  /// event then.
  mutating func make(_ definition: TraceEvent.Definition) {
    guard let text = text(definition), !made.contains(definition.name),
      Self.append(text) >= 0
    else { return }
    made.append(definition.name)
  }

  /// Appends a line; a negated errno when the kernel refuses it.
  private static func append(_ line: String) -> Int {
    attemptErrno(Int(tracefs_instance_file_append(nil, file, line)), file, "append \(line)")
  }

  func text(_ definition: TraceEvent.Definition) -> String? {
    switch definition.source {
    case .probe(let function, let arguments):
      "p:\(group)/\(definition.name) \(function) \(arguments)\n"
    case .returnProbe(let function):
      "r\(Self.most):\(group)/\(definition.name) \(function)\n"
    case .tracepoint, .tracer: nil
    }
  }

  /// Takes them away; no instance may have them enabled.
  mutating func remove() throws(HarnessError) {
    var failure: HarnessError?
    for name in made {
      do throws(HarnessError) {
        try accept(Self.append("-:\(group)/\(name)\n"), "kprobe \(group)/\(name)", "remove")
      } catch {
        failure = failure ?? error
      }
    }
    made = []
    if let failure { throw failure }
  }
}
