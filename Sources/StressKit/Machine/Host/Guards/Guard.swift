// SPDX-License-Identifier: Apache-2.0
import StressCore

/// What is looked at before a trial may run on this machine, and why.
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
    case .privileges: "cgroups, mounts, mlock and oom_score_adj are root's, of the whole machine"
    case .cgroup: "limits, and io charged to who dirtied the pages, need the cgroup2 controllers"
    case .run: "two runs would measure, and may harm, each other"
    case .leftovers: "the cgroups of a run that was killed may still hold its processes"
    case .memory: "what a trial pins is taken from everybody else on the machine"
    case .swap: "who has been swapped out already is short of memory before a trial begins"
    case .profile:
      "what a profile asks of the machine is undone by a reboot only, or loads all of it"
    case .kernel: "what the kernel lacks cannot be set, or is not in the record"
    case .oomDaemon:
      "it kills by pressure, and so whom the kernel would not have killed, or the harness"
    case .desktop: "whoever works here shares the memory and the disk with the trial"
    case .panicOnOOM: "a trial is meant to run out of memory, and the machine would go down with it"
    case .loop: "the scratch disk is an image file behind a loop device"
    case .room: "a full file system harms those that write there as well"
    case .results: "records must not share the disk or the memory that a trial exhausts"
    case .tools: "every trial makes its file system anew"
    case .node: "what is written to must be a block device, and the one that is meant"
    case .kind: "a trial of a disk in memory measures that memory"
    case .identity: "names of devices change; what was checked must be what is written to"
    case .claim:
      "the kernel lends a device to one user: a mount, swap, dm, md, or who opened it with O_EXCL"
    case .mounted: "everything on it would be lost under those that use it"
    case .openers: "who has it open reads and writes it without asking the kernel"
    case .holders: "another device is made of it"
    case .partitions: "everything on its partitions would be lost"
    case .signature: "it belongs to somebody: data that are not in use now are data all the same"
    case .system: "the machine, or the run's own results, would be lost"
    case .writable: "nothing can be made on it"
    case .size: "results compare only where all of device.size is there"
    case .confirmation: "who names a disk by what is printed on it means that disk"
    case .emulator, .accelerator, .kernels: "every trial boots a guest of its own"
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

/// All that was looked at, in its order: nothing is told twice.
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
