// SPDX-License-Identifier: Apache-2.0
import StressRecord

/// A worker's end by a SIGKILL that is neither the harness's own nor accounted for by an OOM kill: somebody
/// in user space sent it, such as systemd-oomd.
package struct OtherKill: Sendable, Equatable {
  package var worker: String
  /// CLOCK_BOOTTIME when its end was noticed, ns.
  package var time: Int64
  /// False: the kernel log or the record has lost lines, and it may have been the OOM killer after all.
  package var isCertain: Bool

  package static func all(in record: RecordReader) -> [OtherKill] {
    var told: [Int64] = []
    record.forEach([OOMLine.self, OOMGroupKillLine.self]) { line in
      told += OOMNames(line).victims?.compactMap(\.pid) ?? []
    }
    let victims = Set(told)
    let workers = record.lines(WorkerLine.self)
    var pids: [String: Int64] = [:]
    for line in workers where line.event == .start {
      if let name = line.name { pids[name] = line.pid }
    }
    let accounts = record.last(KillsLine.self)
    let counted = accounts?.memoryEvents?["oom_kill"] ?? 0
    let logged = accounts?.killLines ?? 0
    // From here on the harness kills what is left; older records call that `killed`, too.
    let stop = record.begin(of: .stop) ?? .max
    let isLogWhole =
      accounts?.kmsgGaps == 0 && counted <= logged && max(counted, logged) <= told.count
    return workers.compactMap { line in
      guard line.event == .killed, line.exit == "signal 9", let name = line.name,
        let time = line.t, time < stop, pids[name].map(victims.contains) != true
      else { return nil }
      return OtherKill(worker: name, time: time, isCertain: isLogWhole)
    }
  }
}
