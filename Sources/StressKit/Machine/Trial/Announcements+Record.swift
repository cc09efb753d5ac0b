import StressCore
import StressRecord

extension Announcements {
  /// Watches the limited cgroup and its children, tells the record, and names in it what this kernel refuses.
  convenience init(
    _ limited: Cgroup, _ children: [Cgroup], into record: RecordWriter
  ) throws(HarnessError) {
    try self.init(limited, children) { time, event in
      let (type, members) = event.line
      record.emit(type, at: time, members)
    }
    for error in refused { record.emit("note", [("message", .string(error.description))]) }
  }

  /// A worker's end, stamped by its pidfd.
  func add(_ worker: WorkerProcess) throws(HarnessError) {
    try add(worker.name, pid: worker.pid, try worker.duplicateDescriptor())
  }
}

extension Announcements.Event {
  var line: (type: String, members: [(String, JSON)]) {
    func object(_ changes: [Announcements.Change]) -> JSON {
      .object(changes.map { ($0.key, .int($0.value)) })
    }
    return switch self {
    case .counters(let cgroup, let file, let deltas):
      (
        "memcg-event",
        [("cgroup", .string(cgroup)), ("file", .string(file)), ("deltas", object(deltas))]
      )
    case .state(let cgroup, let values):
      ("cgroup-event", [("cgroup", .string(cgroup)), ("values", object(values))])
    case .pressure(let file, let trigger):
      ("psi", [("file", .string(file)), ("trigger", .string(trigger))])
    case .exit(let name, let pid):
      ("exit", [("worker", .string(name)), ("pid", .int(Int64(pid)))])
    }
  }
}
