// SPDX-License-Identifier: Apache-2.0
import StressRecord

/// What the harness took in one trial, and what else could have changed the outcome. nil: not in the record.
package struct HarnessMirror: Sendable, Equatable {
  /// CPU time while the streams ran, of one CPU's.
  package var cpuShare: Double
  /// Of all CPUs' time, what the hypervisor gave to others.
  package var stealShare: Double?
  /// Resident memory, bytes.
  package var resident: Double?
  /// Bytes of the record until then.
  package var recordBytes: Double
  package var balloonMoved: Bool
  package var agents: [String]
  /// How late ticks of the fast lane began, ns.
  package var latenessP99: Double?
  package var latenessMax: Double?
  /// Of the guest's memory, what the host had given it before the streams ran.
  package var touched: Double?
  /// Of the time of the guest's CPUs while the streams ran, what their threads on the host waited for a CPU: the
  /// steal that an emulated CPU does not tell.
  package var hostWait: Double?

  /// nil for a record without the line.
  package init?(_ record: RecordReader) {
    guard let line = record.last(MirrorLine.self), let from = line.from, let until = line.t,
      until > from, let cpu = line.cpu
    else { return nil }
    let wall = Double(until - from)
    cpuShare = Double(cpu) / wall
    let cpus = record.first(EnvironmentLine.self)?.cpus.map(Double.init) ?? 1
    // USER_HZ is 100 on every architecture that matters here.
    stealShare = line.steal.map { Double($0) * 1e7 / (wall * cpus) }
    resident = line.resident.map(Double.init)
    recordBytes = line.recordBytes.map(Double.init) ?? 0
    balloonMoved = (line.balloon ?? 0) != 0
    agents = line.agents ?? []
    let lateness = record.lines(LaneLine.self).first { $0.lane == "fast" }?.lateness
    latenessP99 = lateness?.p99.map(Double.init)
    latenessMax = lateness?.max.map(Double.init)
    let host = record.last(HostLine.self)
    let waits = host?.streams?.processors?.compactMap(\.waited) ?? []
    if !waits.isEmpty { hostWait = waits.reduce(0, +) / Double(waits.count) }
    if let memory = host?.guestMemory, let size = memory.size, size > 0 {
      touched = memory.residentReady.map { min(1, Double($0) / Double(size)) }
    }
  }

  /// CPU time above this share of one CPU is felt. Emulated, each instruction of the harness costs tens of
  /// the host's, and as many of the subject's: the limit is higher there.
  static func cpuLimit(accelerator: String) -> Double { accelerator == "tcg" ? 0.25 : 0.05 }
  private static let stealLimit = 0.01
  private static let touchedLimit = 0.95
  /// Of a cell that may end either way, 19 of 26 trials were killed at shares up to 15 %, and none of 4 at 26 to 30 %
  /// (docs/findings.md).
  private static let hostWaitLimit = 0.2

  /// What is large enough to matter.
  package func warnings(accelerator: String) -> [String] {
    func percent(_ share: Double) -> String { "\(Int((share * 100).rounded())) %" }
    var warnings: [String] = []
    let limit = Self.cpuLimit(accelerator: accelerator)
    if cpuShare > limit {
      warnings.append("the harness took more than \(percent(limit)) of one CPU")
    }
    if let stealShare, stealShare > Self.stealLimit {
      warnings.append("the hypervisor took more than \(percent(Self.stealLimit)) of the CPUs")
    }
    if let hostWait, hostWait > Self.hostWaitLimit {
      warnings.append(
        "the guest's CPUs waited for the host's more than \(percent(Self.hostWaitLimit)) of the time: such a trial"
          + " may end otherwise than on a quiet host")
    }
    if balloonMoved { warnings.append("the balloon moved: do not trust this trial") }
    if !agents.isEmpty {
      warnings.append("alive, and may flush statistics: \(agents.joined(separator: ", "))")
    }
    if let touched, touched < Self.touchedLimit {
      warnings.append(
        "more than \(percent(1 - Self.touchedLimit)) of the guest's memory was touched for the first"
          + " time: the host's page faults are in the figures")
    }
    return warnings
  }
}
