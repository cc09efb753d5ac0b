// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressRecord

extension Announcements {
  /// Watches the limited cgroup and its children, tells the record, and names in it what this kernel refuses.
  convenience init(
    _ limited: Cgroup, _ children: [Cgroup], into record: RecordWriter
  ) throws(HarnessError) {
    try self.init(limited, children) { time, event in event.emit(at: time, to: record) }
    for error in refused { record.emit(NoteLine(error.description)) }
  }

  /// A worker's end, stamped by its pidfd.
  func add(_ worker: WorkerProcess) throws(HarnessError) {
    try add(worker.name, pid: worker.pid, try worker.duplicateDescriptor())
  }
}

extension Announcements.Event {
  fileprivate func emit(at time: UInt64, to record: RecordWriter) {
    func keyed(_ changes: [Announcements.Change]) -> Keyed<Int64> {
      Keyed(changes.map { ($0.key, $0.value) })
    }
    switch self {
    case .counters(let cgroup, let file, let deltas):
      record.emit(MemcgEventLine.self, at: time) {
        $0.cgroup = cgroup
        $0.file = file
        $0.deltas = keyed(deltas)
      }
    case .state(let cgroup, let values):
      record.emit(CgroupEventLine.self, at: time) {
        $0.cgroup = cgroup
        $0.values = keyed(values)
      }
    case .pressure(let file, let trigger):
      record.emit(PressureLine.self, at: time) {
        $0.file = file
        $0.trigger = trigger
      }
    case .exit(let name, let pid):
      record.emit(ExitLine.self, at: time) {
        $0.worker = name
        $0.pid = Int64(pid)
      }
    }
  }
}
