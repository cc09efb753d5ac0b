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
    let told =
      record.lines("oom").flatMap { $0["report"]?["victims"]?.array ?? [] }
      .compactMap { $0["pid"]?.int }
      + record.lines("oom-group-kill").compactMap { $0["victim"]?["pid"]?.int }
    let victims = Set(told)
    let workers = record.lines("worker")
    var pids: [String: Int64] = [:]
    for line in workers where line["event"] == "start" {
      if let name = line["name"]?.string { pids[name] = line["pid"]?.int }
    }
    let accounts = record.last("kills")
    let counted = accounts?["memory.events"]?["oom_kill"]?.int ?? 0
    let logged = accounts?["kill_lines"]?.int ?? 0
    // From here on the harness kills what is left; older records call that `killed`, too.
    let stop = record.lines("phase").first { $0["name"] == "stop" }?["t"]?.int ?? .max
    let isLogWhole =
      accounts?["kmsg_gaps"]?.int == 0 && counted <= logged && max(counted, logged) <= told.count
    return workers.compactMap { line in
      guard line["event"] == "killed", line["exit"]?.string == "signal 9",
        let name = line["name"]?.string, let time = line["t"]?.int,
        time < stop, pids[name].map(victims.contains) != true
      else { return nil }
      return OtherKill(worker: name, time: time, isCertain: isLogWhole)
    }
  }
}
