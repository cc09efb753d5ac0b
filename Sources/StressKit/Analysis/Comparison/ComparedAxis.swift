// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressRecord

/// What is to differ between the two arms of a comparison, and what differs with it by necessity.
package struct ComparedAxis: Sendable, Equatable {
  /// Of a campaign's cells, as `run --vary` and ``CampaignFile`` spell it; nil: two campaigns whose cells are
  /// the same, told apart only by what their kernels' names stood for.
  package var key: String?
  /// Whether the two arms booted different images of a kernel of one name.
  package var rebuilt = false

  package init(_ key: String?, rebuilt: Bool = false) {
    self.key = key
    self.rebuilt = rebuilt
  }

  /// What a difference between the arms is.
  package enum Ruling: Sendable, Equatable {
    /// What is compared.
    case axis
    /// Nobody chose it: it follows from what is compared, and may be the cause of what is found.
    case follows
    /// It was chosen, or cannot come from what is compared: the arms differ in two things.
    case refused
  }

  /// Sizes are not the same to the page in two kernels, which take different shares for themselves.
  private static let kernelShare = 0.02

  /// - Parameter fact: of one arm; `other`: the same of the other arm.
  package func ruling(_ fact: TrialFacts.Fact, _ other: TrialFacts.Fact) -> Ruling {
    if fact.origin == .profile, isSame(fact.key) { return .axis }
    if let a = fact.quantity, let b = other.quantity, abs(a - b) <= Self.kernelShare * max(a, b) {
      return .follows
    }
    switch fact.origin {
    case .kernel: return comparesKernels ? .axis : .refused
    case .profile: return key == CampaignFile.variantKey ? .follows : .refused
    case .harness:
      // The command that makes the file system, by its type and options.
      return fact.key == TrialFacts.key(\HeaderLine.mkfs) && reaches(.filesystem)
        ? .follows : .refused
    case .machine: return machineRuling(fact)
    }
  }

  private var comparesKernels: Bool { key == CampaignFile.kernelKey || rebuilt }

  /// The axis's key in a profile; nil: it has none. (`kernel` would be a section of it.)
  private var member: String? {
    guard let key, key != CampaignFile.kernelKey else { return nil }
    return try? ProfileFile.canonicalKey(key)
  }

  /// A member of the profile that the axis sets: `pinned.db.size` for `pinned.*.size`.
  private func isSame(_ path: String) -> Bool {
    guard let wanted = member?.split(separator: ".") else { return false }
    let found = path.split(separator: ".")
    guard found.count >= wanted.count else { return false }
    return zip(wanted, found).allSatisfy { $0 == "*" || Int($0) != nil || $0 == $1 }
  }

  private enum Part { case filesystem, machine, settings, everything }

  /// Whether what the axis sets is, or decides, a part of the machine.
  private func reaches(_ part: Part) -> Bool {
    if key == CampaignFile.variantKey { return true }
    guard let member else { return false }
    return switch part {
    case .filesystem: member.hasPrefix("filesystem.")
    case .machine: member.hasPrefix("machine.")
    case .settings: member.hasPrefix("kernel.")
    case .everything: member == "kernel.boot"
    }
  }

  /// Differ between kernels without being the kernel's doing: HZ is chosen by who builds it, and a trace that
  /// could not be had is another observer.
  private static let notTheKernels: Set<String> = ["HZ", "trace"]
  /// What the machine is made of, whatever runs on it.
  private static func isHardware(_ key: String) -> Bool {
    hardware.contains(key) || key.hasPrefix("zone ")
  }
  private static let hardware: Set<String> = [
    TrialFacts.key(\EnvironmentLine.cpus), "MemTotal", TrialFacts.key(\EnvironmentLine.zones),
  ]

  /// What a kernel leaves of memory that is there: its own share is part of what a kernel is.
  private static func isKernelsShare(_ key: String) -> Bool {
    key == "MemTotal" || key.hasPrefix("zone ") && key.hasSuffix(" managed")
  }

  private func machineRuling(_ fact: TrialFacts.Fact) -> Ruling {
    if reaches(.everything) { return .follows }
    if comparesKernels, Self.isKernelsShare(fact.key) { return .follows }
    if Self.isHardware(fact.key) { return reaches(.machine) ? .follows : .refused }
    if comparesKernels { return Self.notTheKernels.contains(fact.key) ? .refused : .follows }
    switch fact.key {
    case TrialFacts.key(\EnvironmentLine.mount), "trace.missing":
      return reaches(.filesystem) ? .follows : .refused
    // From the memory that there is.
    case "vm.min_free_kbytes" where reaches(.machine): return .follows
    default: return reaches(.settings) ? .follows : .refused
    }
  }
}
