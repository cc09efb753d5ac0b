// SPDX-License-Identifier: Apache-2.0

/// Turns a tree into a profile.
enum ProfileParser {
  static let mib: UInt64 = 1 << 20
  static let hour: UInt64 = 3_600_000_000_000

  /// What an element of a list is called when it has no name.
  static func defaultName(_ list: String, _ index: Int) -> String {
    let word =
      switch list {
      case "pinned": "pin"
      case "timeline": "moment"
      default: String(list.dropLast())
      }
    return "\(word)\(index)"
  }

  /// Reads a profile; where `problems` got any, the result is not to be used.
  ///
  /// - Parameter defaultName: the name of a profile that gives none.
  static func profile(_ root: YAMLNode, defaultName: String, problems: ProfileProblems) -> Profile {
    var profile = Profile(name: defaultName)
    let cursor = ProfileCursor(node: root, path: "", problems: problems)
    guard let top = cursor.section(ProfileKeys.top) else { return profile }
    profile.name = name(top["name"], cursor, defaultName)
    profile.summary = summary(top["summary"]) ?? ""
    profile.source = source(top["source"])
    profile.control = top["control"]?.optional("none") { $0.choice(Profile.Control.self) } ?? nil
    profile.limits = limits(top["limits"]) ?? []
    let pins = top["pinned"].map { $0.items() } ?? []
    let streams = top["streams"].map { $0.items() } ?? []
    let tasks = top["tasks"].map { $0.items() } ?? []
    var names = Names()
    profile.cgroups = cgroups(top["cgroups"], &names)
    let pinned = (pins ?? []).enumerated().compactMap { pin($0.element, $0.offset, &names) }
    profile.streams = (streams ?? []).enumerated().compactMap {
      stream($0.element, $0.offset, &names)
    }
    profile.tasks = (tasks ?? []).enumerated().compactMap { task($0.element, $0.offset, &names) }
    profile.timeline = timeline(top["timeline"], profile, names)
    profile.cache = top["cache"]?.memory() ?? 0
    profile.device = device(top["device"])
    profile.filesystem = filesystem(top["filesystem"])
    profile.kernel = kernel(top["kernel"])
    profile.machine = machine(top["machine"])
    profile.observe = observe(top["observe"])
    profile.duration = top["duration"]?.duration(in: 10_000_000...24 * hour) ?? profile.duration
    profile.expect = expect(top["expect"], names) ?? []
    // A pin of 0 is no pin, so that 0 can be a value on an axis.
    profile.pinned = pinned.map(\.value).filter { $0.size > 0 }
    if let pins, let streams, let tasks, pins.isEmpty, streams.isEmpty, tasks.isEmpty {
      blame([cursor, top["pinned"], top["streams"], top["tasks"]])?
        .fail("nothing to run: 'pinned', 'streams' and 'tasks' are all empty")
    }
    checkPins(pinned, profile.machine, top["machine"])
    checkDevice(profile, top)
    checkNodes(profile.machine, top["machine"])
    return profile
  }

  /// The names that a profile gives: each can be given once, since records and cgroups go by them.
  struct Names {
    var taken: [(name: String, at: YAMLNode.Position)] = []
    var groups: [String] = []
    /// Pins, streams and tasks.
    var workers: [String] { taken.map(\.name).filter { !groups.contains($0) } }
  }

  /// The cursor that a problem between several is told at: one that an option set, else the first.
  static func blame(_ cursors: [ProfileCursor?]) -> ProfileCursor? {
    let present = cursors.compactMap(\.self)
    return present.first { $0.node.position.isOption } ?? present.first
  }

  // MARK: Checks between sections

  private static func checkPins(
    _ pins: [(value: Profile.Pinned, size: ProfileCursor?)], _ machine: Profile.Machine,
    _ section: ProfileCursor?
  ) {
    let locked = pins.filter {
      $0.value.mode == .locked && $0.value.size > 0 && $0.value.growth == nil
    }
    let sum = UInt64(clamping: locked.reduce(UInt128(0)) { $0 + UInt128($1.value.size) })
    if sum < machine.memory { return }
    blame(locked.reversed().map(\.size) + [section?.child("memory")])?.fail(
      "the locked pins take \(Units.sizeText(sum)), not less than the"
        + " \(Units.sizeText(machine.memory)) of machine.memory")
  }

  private static func checkDevice(_ profile: Profile, _ top: ProfileSection) {
    let kind = profile.filesystem.kind
    guard let least = kind.traits.least, profile.device.size < least else { return }
    blame([top["device"]?.child("size"), top["filesystem"]?.child("type")])?.fail(
      "\(kind.rawValue) needs a device of at least \(Units.sizeText(least)); it has"
        + " \(Units.sizeText(profile.device.size))")
  }

  /// QEMU gives each node memory in MiB; one without a CPU is a node all the same.
  private static func checkNodes(_ machine: Profile.Machine, _ section: ProfileCursor?) {
    guard machine.nodes > 1, let cursor = section?.child("nodes") else { return }
    if !machine.memory.isMultiple(of: UInt64(machine.nodes) * mib) {
      cursor.fail("machine.memory is not \(machine.nodes) equal nodes of whole MiB")
    }
  }
}
