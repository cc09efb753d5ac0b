// SPDX-License-Identifier: Apache-2.0
import StressCore

/// What is checked before a trial may run on this machine, and why.
package enum Guard: String, CaseIterable, Sendable {
  // The machine.
  case privileges, cgroup, run, leftovers, memory, swap, profile, kernel
  case oomDaemon = "oom-daemon"
  case desktop
  case panicOnOOM = "panic-on-oom"
  case loop, room, results, tools
  // The device that is named.
  case node, kind, identity, claim, mounted, openers, holders, partitions, signature, system,
    writable,
    size, confirmation
  // A guest.
  case emulator, accelerator, kernels

  /// Why it matters.
  package var why: String {
    switch self {
    case .privileges: "cgroups, mounts, mlock and oom_score_adj need root on the whole machine"
    case .cgroup:
      "limits, and writeback charged to the cgroup that dirtied the pages, need cgroup2 controllers"
    case .run: "two runs at a time would disturb each other's measurements"
    case .leftovers: "the cgroups of a killed run may still contain its processes"
    case .memory: "memory that a trial pins is taken from the rest of the machine"
    case .swap: "processes that are already swapped out are short of memory before a trial begins"
    case .profile:
      "some settings of a profile last until a reboot, or load the whole machine"
    case .kernel: "a setting that the kernel lacks cannot be made or recorded"
    case .oomDaemon:
      "it kills by pressure: processes that the kernel would have spared, or the harness itself"
    case .desktop: "the session shares memory and disk with the trial"
    case .panicOnOOM: "a trial is meant to run out of memory, and the machine would panic"
    case .loop: "the scratch disk is an image file behind a loop device"
    case .room: "a full file system breaks everything else that writes there"
    case .results: "records must not share the disk or the memory that a trial exhausts"
    case .tools: "each trial makes a new file system"
    case .node: "the path must lead to a block device, and to the intended one"
    case .kind: "a trial on a disk in memory measures that memory"
    case .identity:
      "device names change: the device that is written must be the one that was checked"
    case .claim:
      "a mount, swap, dm, md or an O_EXCL open has the device to itself"
    case .mounted: "a mounted file system would be destroyed while in use"
    case .openers: "a process that has the device open may read or write it at any time"
    case .holders: "another block device is built on it"
    case .partitions: "all data on its partitions would be lost"
    case .signature: "a signature means data of somebody, in use now or not"
    case .system: "the running system, or the results of this run, would be lost"
    case .writable: "a file system cannot be made on a read-only device"
    case .size: "results are comparable only if the device has all of device.size"
    case .confirmation: "asking for the serial number or the size prevents wiping the wrong disk"
    case .emulator, .accelerator, .kernels: "each trial boots a guest of its own"
    }
  }
}

/// What one guard found: where, what is there, and what to do about it.
package struct GuardFinding: Equatable, Sendable {
  package enum Status: String, Sendable {
    case ok, warning, refused, missing
  }

  package var status: Status
  package var origin: Guard
  package var object: String
  package var found: String
  package var remedy: String?

  /// nil: nothing that keeps a trial off.
  package var error: HarnessError? {
    switch status {
    case .ok, .warning: nil
    case .refused: HarnessError(.refused, object, found, remedy: remedy)
    case .missing: HarnessError(.environment, object, found, remedy: remedy)
    }
  }

  package init(status: Status, origin: Guard, object: String, found: String, remedy: String? = nil)
  {
    self.status = status
    self.origin = origin
    self.object = object
    self.found = found
    self.remedy = remedy
  }
}

/// All findings, in the order of the checks, without duplicates.
package struct GuardFindings: Sendable {
  package private(set) var all: [GuardFinding] = []
  package init() {}

  package mutating func add(_ finding: GuardFinding) {
    if !all.contains(finding) { all.append(finding) }
  }
  package mutating func add(_ findings: GuardFindings) { for one in findings.all { add(one) } }

  package mutating func ok(_ origin: Guard, _ object: String, _ found: String) {
    add(GuardFinding(status: .ok, origin: origin, object: object, found: found))
  }

  package mutating func warn(_ origin: Guard, _ object: String, _ found: String, _ remedy: String?)
  {
    add(
      GuardFinding(status: .warning, origin: origin, object: object, found: found, remedy: remedy))
  }

  package mutating func refuse(
    _ origin: Guard, _ object: String, _ found: String, _ remedy: String?
  ) {
    add(
      GuardFinding(status: .refused, origin: origin, object: object, found: found, remedy: remedy))
  }

  /// An error of what was tried, as a guard's finding: of the environment, or a refusal.
  package mutating func add(_ error: HarnessError, as origin: Guard) {
    add(
      GuardFinding(
        status: error.code == .environment ? .missing : .refused, origin: origin,
        object: error.object, found: error.what, remedy: error.remedy))
  }

  /// What the user should know before a trial.
  package var warnings: [String] {
    all.filter { $0.status == .warning }.map { warning in
      "\(warning.object): \(warning.found)\(warning.remedy.map { "; \($0)" } ?? "")"
    }
  }

  /// Whether a guard has found nothing that speaks against a trial.
  package func isClear(_ origin: Guard) -> Bool {
    !all.contains { $0.origin == origin && $0.error != nil }
  }

  /// All that keeps a trial off, refusals first: they decide the exit code. nil: nothing does.
  package var errors: HarnessErrors? {
    let errors = all.compactMap(\.error)
    if errors.isEmpty { return nil }
    return HarnessErrors(
      errors.filter { $0.code == .refused } + errors.filter { $0.code != .refused })
  }
}
