// SPDX-License-Identifier: Apache-2.0
import StressCore

/// A daemon of user space that kills when memory is short, by its own measure and not by the kernel's.
package struct MemoryDaemon: Sendable, Equatable {
  package var name: String
  package var pid: Int32

  /// As /proc/PID/comm has them (15 characters).
  package static let names: Set<String> = ["systemd-oomd", "earlyoom", "nohang", "oomd", "lmkd"]

  /// Those that run now, by name and pid.
  package static func alive(in proc: String = "/proc") throws(HarnessError) -> [MemoryDaemon] {
    try RunningProcess.all(in: proc).filter { names.contains($0.comm) }
      .map { MemoryDaemon(name: $0.comm, pid: $0.pid) }
      .sorted { ($0.name, $0.pid) < ($1.name, $1.pid) }
  }

  /// Why a profile cannot run beside this daemon; nil: it can, and a kill of its would be told apart
  /// (`killed-by-other`).
  ///
  /// systemd-oomd leaves alone what says so (`user.oomd_omit`), as all cgroups of a trial do. The others look at
  /// the whole machine's memory and take the process with the highest oom_score: a trial within its memory.max,
  /// of which the guards leave the machine a reserve, does not wake them; one without is what they wait for.
  package func refusal(_ profile: Profile) -> HarnessError? {
    guard name != "systemd-oomd", profile.memoryMax == nil else { return nil }
    return HarnessError(
      .refused, profile.name,
      "has no memory.max, and \(name) (pid \(pid)) would kill somebody before the kernel does",
      remedy: "stop it meanwhile: systemctl stop \(name)")
  }
}

extension Profile {
  /// The limit of all of it, bytes; nil: none, and the whole machine comes under pressure.
  package var memoryMax: UInt64? {
    limits.last { $0.key == "memory.max" }.flatMap { UInt64($0.value) }
  }
}
