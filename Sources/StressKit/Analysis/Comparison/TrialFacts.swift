// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressRecord

/// What a record says of how and where its trial ran: what the arms of a comparison are to have in common.
package struct TrialFacts: Sendable, Equatable {
  /// Who decided a fact, which says whether it was chosen or came about.
  package enum Origin: Sendable {
    /// The profile as it was run; the key is the member's path, as in `device.bandwidth`.
    case profile
    /// The command line, the host and this program.
    case harness
    /// Which kernel it is.
    case kernel
    /// What the machine said of itself before the streams began.
    case machine
  }

  package struct Fact: Sendable, Equatable {
    package var key: String
    package var value: String
    package var origin: Origin
    /// The value of a size that a kernel's own share comes off, such as the pages of a zone that it manages.
    package var quantity: Double?

    package init(_ key: String, _ value: String, _ origin: Origin, quantity: Double? = nil) {
      self.key = key
      self.value = value
      self.origin = origin
      self.quantity = quantity
    }
  }

  /// In the order of the record; a fact that the record does not have is not among them.
  package private(set) var all: [Fact] = []

  package init(_ record: RecordReader) {
    if let header = record.first(HeaderLine.self) {
      if let profile = header.plan?.profile { addProfile(profile) }
      addHeader(header)
    }
    if let environment = record.first(EnvironmentLine.self) { addEnvironment(environment) }
    if let hz = record.first(TraceStartLine.self)?.hz { add("HZ", "\(hz)", .machine) }
    if let trace = TraceHealth(record) {
      add("trace", trace.failure.map { "failed: \($0)" } ?? "recorded", .machine)
      let missing = trace.missing.joined(separator: " ")
      add("trace.missing", missing.isEmpty ? "none" : missing, .machine)
    }
  }

  /// What its kernel's name stood for when the campaign was begun.
  mutating func addImage(_ image: String?) { add("kernel image", image, .kernel) }

  private mutating func add(
    _ key: String, _ value: String?, _ origin: Origin, quantity: Double? = nil
  ) {
    if let value { all.append(Fact(key, value, origin, quantity: quantity)) }
  }

  /// Of a fact that is a member of a line, and is called as that is.
  static func key<Owner: LineObject, Value>(_ member: KeyPath<Owner, Value?>) -> String {
    "\(Owner.name(member))"
  }

  /// A member, under its own name.
  private mutating func add<Owner: LineObject>(
    _ member: KeyPath<Owner, String?>, of owner: Owner, _ origin: Origin, in group: String = ""
  ) {
    add(group + Self.key(member), owner[keyPath: member], origin)
  }

  private mutating func add<Owner: LineObject>(
    _ member: KeyPath<Owner, Int64?>, of owner: Owner, _ origin: Origin, in group: String = ""
  ) {
    add(group + Self.key(member), owner[keyPath: member].map(String.init), origin)
  }

  /// nil: the record does not have it.
  package func value(of key: String) -> String? { all.first { $0.key == key }?.value }

  // MARK: Profile

  /// Members of a profile that change nothing in a trial.
  private static let words: Set<String> = ["name", "summary", "source", "control", "expect"]

  private mutating func addProfile(_ profile: JSON) {
    for (key, value) in profile.members ?? [] where !Self.words.contains(key) {
      addLeaves(of: value, at: key)
    }
  }

  private mutating func addLeaves(of value: JSON, at path: String) {
    if let members = value.members {
      for (key, member) in members { addLeaves(of: member, at: "\(path).\(key)") }
    } else if let elements = value.array, elements.contains(where: { $0.members != nil }) {
      for (index, element) in elements.enumerated() {
        addLeaves(of: element, at: "\(path).\(element["name"]?.string ?? "\(index)")")
      }
    } else {
      add(path, Self.plain(value), .profile)
    }
  }

  private static func plain(_ value: JSON) -> String { value.string ?? value.text }

  // MARK: Harness

  private mutating func addHeader(_ header: HeaderLine) {
    add(\.wbstress, of: header, .harness)
    add(\.accelerator, of: header, .harness)
    add(\.diskCache, of: header, .harness)
    add(\.mkfs, of: header, .harness)
    let host = header.host ?? HeaderLine.Host()
    let group = Self.key(\HeaderLine.host) + "."
    add(\.kernel, of: host, .harness, in: group)
    add(\.cpus, of: host, .harness, in: group)
    add(\.qemu, of: host, .harness, in: group)
    add(\.jobs, of: host, .harness, in: group)
    add(\.release, of: header, .kernel)
    add(\.package, of: header, .kernel)
    if let build = header.build {
      for member in [\HeaderLine.Build.commit, \.changes, \.configuration] {
        add(member, of: build, .kernel, in: Self.key(\HeaderLine.build) + ".")
      }
    }
  }

  // MARK: Machine

  private mutating func addEnvironment(_ environment: EnvironmentLine) {
    add(\.cpus, of: environment, .machine)
    addMemory(environment)
    for (path, value) in environment.settings?.members ?? [] {
      addSetting(path, value.string)
    }
    // Device and mount point are the trial's own.
    if let mount = environment.mount?.split(separator: " "), mount.count >= 4 {
      add(Self.key(\EnvironmentLine.mount), "\(mount[2]) \(mount[3])", .machine)
    }
    add(\.cgroupMount, of: environment, .machine)
    for file in [\EnvironmentLine.scheduler, \.nrRequests, \.maxSectorsKB] {
      let value = environment[keyPath: file].map { KernelSetting.present(in: $0) }
      add(Self.key(file), value, .machine)
    }
  }

  private mutating func addSetting(_ path: String, _ value: String?) {
    // A choice in sysfs has the present one in brackets.
    let isChoice = path.hasPrefix("/sys/")
    let value = value.map { isChoice ? KernelSetting.present(in: $0) : $0 } ?? "absent"
    switch path {
    case "/proc/version": add("version", value, .kernel)
    // The header's release.
    case "/proc/sys/kernel/osrelease": break
    case KernelSetting.lruGen: add("lru_gen", value, .machine)
    // From the memory that there is.
    case "/proc/sys/vm/min_free_kbytes":
      add("vm.min_free_kbytes", value, .machine, quantity: Double(value))
    default: add(Self.settingName(path), value, .machine)
    }
  }

  /// As a profile or the kernel's documentation calls it: `vm.dirty_ratio`, `transparent_hugepage/enabled`.
  static func settingName(_ path: String) -> String {
    if path.hasPrefix("/proc/sys/") {
      return String(path.dropFirst("/proc/sys/".count).map { $0 == "/" ? "." : $0 })
    }
    // A module's parameter, as on the kernel's command line.
    let parts = path.split(separator: "/")
    if path.hasPrefix("/sys/module/"), parts.count == 5 { return "\(parts[2]).\(parts[4])" }
    if path.hasPrefix("/sys/kernel/mm/") { return String(path.dropFirst("/sys/kernel/mm/".count)) }
    return parts.last.map(String.init) ?? path
  }

  private mutating func addMemory(_ environment: EnvironmentLine) {
    if let total = environment.meminfo?.split(separator: " ").dropFirst().first {
      add("MemTotal", "\(total) kB", .machine, quantity: Double(total))
    }
    let zones = environment.zones.map(Self.zones) ?? []
    if zones.isEmpty { return }
    add(Self.key(\EnvironmentLine.zones), zones.map(\.name).joined(separator: " "), .machine)
    for zone in zones {
      for (key, pages) in [("present", zone.present), ("managed", zone.managed)] {
        add(
          "zone \(zone.name) \(key)", Int(exactly: pages).map(String.init) ?? "?", .machine,
          quantity: pages)
      }
    }
  }

  /// The populated zones of `Node 0, zone DMA; present 3998; managed 3840; ...`, in pages.
  private static func zones(
    _ text: String
  ) -> [(name: String, present: Double, managed: Double)] {
    var zones: [(name: String, present: Double, managed: Double)] = []
    for part in text.split(separator: ";") {
      let words = part.split(separator: " ")
      guard let last = words.last else { continue }
      if words.first == "Node" {
        zones.append(("\(words[1].filter(\.isNumber))/\(last)", 0, 0))
      } else if words.first == "present", !zones.isEmpty {
        zones[zones.count - 1].present = Double(last) ?? 0
      } else if words.first == "managed", !zones.isEmpty {
        zones[zones.count - 1].managed = Double(last) ?? 0
      }
    }
    return zones.filter { $0.present > 0 }
  }
}
