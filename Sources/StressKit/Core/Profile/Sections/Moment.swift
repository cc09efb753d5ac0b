// SPDX-License-Identifier: Apache-2.0

extension Profile {
  /// What changes at one moment.
  package struct Moment: Equatable, Sendable {
    /// After the streams' start, ns.
    package var at: UInt64
    /// Streams, tasks and commands that begin now and not with the others.
    package var start: [String] = []
    package var stop: [String] = []
    /// New throttles of the scratch device; nil: as before, `.some(nil)`: none.
    package var bandwidth: UInt64??
    package var iops: UInt64??
    package var delay: UInt64?
    /// Whose limits change; nil: the limited cgroup's.
    package var cgroup: String?
    package var limits: [Setting] = []
    package var files: [Setting] = []
    /// Bytes that memory.reclaim is asked for.
    package var reclaim: UInt64?
    /// The group that is removed, with those below it.
    package var removed: String?
    package var sysctl: [Setting] = []
    package init(at: UInt64) { self.at = at }

    /// What a report says of it beside what it starts, stops and sets.
    package var differences: [String] { differences(from: .usual) }
  }
}

extension Profile.Moment: ProfilePart {
  static let usual = Self(at: 0)
  static let word = "moment"

  static let fields: [ProfileField<Self>] = [
    ProfileField(
      "at", \.at, .duration(in: 0...86_400_000_000_000), isRequired: true, told: "",
      "after stream start"),
    ProfileField("start", \.start, workers, told: "", "starts them; each once"),
    ProfileField("stop", \.stop, workers, told: "", "stops them"),
    ProfileField(
      "bandwidth", \.bandwidth, ProfileType<UInt64>.rate.or("unlimited").optional, told: "",
      "new limit of the scratch device"),
    ProfileField(
      "iops", \.iops,
      ProfileType<UInt64>.number(in: 1...Units.largest).or("unlimited").optional, told: "",
      "the same"),
    ProfileField("delay", \.delay, ProfileType<UInt64>.delay.optional, told: "", "the same"),
    ProfileField(
      "cgroup", \.cgroup, ProfileType<String>.group.optional, usual: "the limited one", told: "",
      "the cgroup for `limits`, `files` and `reclaim`"
    ).where("it has limits, files or reclaim") {
      !$0.limits.isEmpty || !$0.files.isEmpty || $0.reclaim != nil
    },
    ProfileField(
      "limits", \.limits, ProfileType<[Profile.Setting]>.limits.leftOut(\.isEmpty), told: "",
      "writes them"),
    ProfileField("files", \.files, .cgroupFiles, told: "", "writes them"),
    ProfileField(
      "reclaim", \.reclaim, ProfileType<UInt64>.memory(orNone: false).optional, told: "",
      "writes so many bytes to memory.reclaim (5.19 and later); to reclaim less is no failure"),
    ProfileField(
      "rmdir", \.removed, ProfileType<String>.group.optional,
      "removes that group and those below it, the deepest first. One that has a process stays (EBUSY): "
        + "stop its workers at a moment before"),
    ProfileField(
      "sysctl", \.sysctl,
      ProfileType<[Profile.Setting]>.sysctl.formed("mapping, as in `kernel`").leftOut(\.isEmpty),
      told: "", "writes them"),
  ]

  private static let workers = ProfileType<[String]>.words(commas: true)
    .formed("names of streams, tasks and commands, as a list or with commas").leftOut(\.isEmpty)

  mutating func check(_ section: ProfileSection) {
    if section["at"] == nil || !section.isClean || self != Self(at: at) { return }
    let keys = Self.keys.dropFirst()
    section.cursor.fail("nothing happens; it may have \(keys.joined(separator: ", "))")
  }

  /// What holds between moments, and between them and what they start and stop.
  static func check(_ moments: [(Self, ProfileSection)], workers: [String]) {
    var started: Set<String> = []
    var removed: [String] = []
    var last: UInt64 = 0
    for (moment, section) in moments {
      if moment.at < last { section["at"]?.fail("is before the moment above it") }
      last = moment.at
      for (key, names) in [("start", moment.start), ("stop", moment.stop)] {
        for name in names where !workers.contains(name) {
          let known = ProfileKeys.known(workers, name, "there are none")
          section[key]?.fail("no '\(name)' in streams, tasks or commands; \(known)")
        }
      }
      for name in moment.start where !started.insert(name).inserted {
        section["start"]?.fail("'\(name)' starts twice")
      }
      for (key, name) in [("cgroup", moment.cgroup), ("rmdir", moment.removed)] {
        guard let name, removed.contains(where: { (name + "/").hasPrefix($0 + "/") }) else {
          continue
        }
        section[key]?.fail("'\(name)' is gone: a moment above removes it")
      }
      if let name = moment.removed { removed.append(name) }
    }
  }
}
