// SPDX-License-Identifier: Apache-2.0

/// What a trial does, as pure values. Sizes are bytes, durations nanoseconds, rates bytes per
/// second.
package struct Profile: Equatable, Sendable {
  package var name: String
  package var summary = ""
  /// Where the situation was first told of.
  package var source: Source?
  /// What it is a control of, if it is one; mostly set by a variant.
  package var control: Control?
  package var limits: [Setting] = []
  /// Other files of the limited cgroup, written behind the limits.
  package var files: [Setting] = []
  /// Cgroups below the one that `limits` are set on, each after the one it is in.
  package var cgroups: [Group] = []
  package var pinned: [Pinned] = []
  package var streams: [Stream] = []
  package var tasks: [Task] = []
  package var commands: [Command] = []
  /// Cgroups of others that were only looked at, by their paths below the v2 mount, the first in the place of the
  /// limited one. Of a record of `wbstress watch`; nothing else runs then.
  package var watched: [String] = []
  /// What changes while the streams run, in the order of its times.
  package var timeline: [Moment] = []
  /// Clean page cache read in by the supervisor before the trial, outside the limits.
  package var cache: UInt64 = 0
  package var device = Device()
  package var filesystem = Filesystem()
  package var kernel = Kernel()
  package var machine = Machine()
  package var observe = Observe()
  /// The streams are stopped when they have run this long.
  package var duration: UInt64 = 60_000_000_000
  package var expect: [Expectation] = []

  package init(name: String) { self.name = name }

  /// The cgroup that has a trial's limits, as its record calls it.
  package static let limitedGroup = "wbstress"
  package var limitedGroup: String { watched.first ?? Self.limitedGroup }

  /// Names of the pins, streams, tasks and commands.
  package var workers: [String] {
    pinned.map(\.name) + streams.map(\.name) + tasks.map(\.name) + commands.map(\.name)
  }

  /// Those of its workers that are not below the limited cgroup.
  package var outside: [String] {
    tasks.filter { $0.action == .compact }.map(\.name)
      + commands.filter(\.isOutside).map(\.name)
  }

  /// What is known of a cell beforehand; where it does not come true, the experiment is in doubt.
  package enum Control: String, CaseIterable, Sendable {
    /// Every trial must end in an OOM kill.
    case positive
    /// None may.
    case negative
  }

  /// Whether the scratch device ever holds requests back; tmpfs asks nothing of it.
  package var usesDelay: Bool {
    let delays = [device.delay] + timeline.compactMap(\.delay)
    return filesystem.base.isOnDisk && delays.contains { $0 > 0 }
  }

  /// Whether the scratch device is ever made slower than it is, its delay aside.
  package var throttlesDevice: Bool {
    let moments = timeline.flatMap { [$0.bandwidth ?? nil, $0.iops ?? nil] }
    return ([device.bandwidth, device.iops] + moments).contains { $0 != nil }
  }
}

extension Profile {
  /// The cgroup controllers that it needs: memory, io, cpu, and those whose files it sets.
  package var controllers: [String] {
    let limits = limits + cgroups.flatMap(\.limits) + timeline.flatMap(\.limits)
    let files = files + cgroups.flatMap(\.files) + timeline.flatMap(\.files)
    return (limits + files).map { Cgroup.controller(of: $0.key) }
      .reduce(into: ["memory", "io", "cpu"]) { all, name in
        if !all.contains(name) { all.append(name) }
      }
  }
}

// MARK: - Keys

extension Profile: ProfilePart {
  static let usual = Self(name: "")

  static let fields: [ProfileField<Self>] = [
    ownName,
    ProfileField(
      "summary", \.summary, ProfileType<String>.block, "one line for `profiles list`"),
    ProfileField(
      "source", \.source, ProfileType<Source>.section.optional,
      "the mail that the scenario is taken from, below"),
    ProfileField(
      "control", \.control, ProfileType<Control>.choice().or("none").leftOut { $0 == nil },
      "the known outcome: with `positive` every counted trial must have an OOM kill, with `negative` "
        + "none may. Usually set by a variant. Failed controls are listed at the top of a report, and "
        + "the exit code is 1"),
    ProfileField(
      "limits", \.limits, ProfileType<[Setting]>.limits.formed("mapping"),
      "limits of the cgroup under test, below"),
    ProfileField(
      "files", \.files, .cgroupFiles,
      "any other files of that cgroup, written after the limits, in this order: one that only a patched "
        + "kernel has, such as `{memory.dirty_min: 32MiB}`. Sizes become bytes, all else is written as it "
        + "stands. A kernel without the file makes the trial invalid"),
    ProfileField(
      "cgroups", \.cgroups, ProfileType<Group>.list, "groups within that cgroup, below"),
    ProfileField("pinned", \.pinned, ProfileType<Pinned>.list, "pinned memory, below"),
    ProfileField(
      "streams", \.streams, ProfileType<Stream>.list, "writers and readers of files, below"),
    ProfileField(
      "tasks", \.tasks, ProfileType<Task>.list,
      "repeated operations beside the streams, below"),
    ProfileField(
      "commands", \.commands, ProfileType<Command>.list.leftOut(\.isEmpty),
      "any programs, below. At least one of `pinned`, `streams`, `tasks` and `commands` is required"
    ),
    ProfileField(
      "watched", \.watched, ProfileType<[String]>.words().leftOut(\.isEmpty),
      "the cgroups that `wbstress watch` looked at: of its records, refused in a profile file"),
    ProfileField(
      "timeline", \.timeline, ProfileType<Moment>.list, "changes while the streams run, below"),
    ProfileField(
      "cache", \.cache, .memory(),
      "clean page cache that the supervisor fills before the trial, outside the limits"),
    ProfileField("device", \.device, .section, "the scratch device, below"),
    ProfileField("filesystem", \.filesystem, .section, "the file system on the device, below"),
    ProfileField("kernel", \.kernel, .section, "kernel settings, below"),
    ProfileField("machine", \.machine, .section, "the guest, below"),
    ProfileField(
      "observe", \.observe, .section, "what is sampled and traced, and how often, below"),
    ProfileField(
      "duration", \.duration, .duration(in: 10_000_000...86_400_000_000_000),
      "the streams are stopped after this time"),
    ProfileField("expect", \.expect, .bounds, "bounds for each trial, below"),
    ProfileField(
      ProfileKeyDescription(
        names: ["variants"], form: "mapping",
        meaning: "named sets of overrides (key path: value). Run one with `PROFILE:NAME` or "
          + "`--vary variant=NAME`", usual: { "" }),
      shape: { .variants }),
  ]

  /// Names files and directories of a campaign.
  private static let ownName = ProfileField<Self>(
    ProfileKeyDescription(
      names: ["name"], form: "letters, digits, `.`, `_`, `-`",
      meaning: "names the campaign's directory and report", usual: { "the file's stem" }),
    shape: { .value },
    read: { section, profile in
      let cursor = section["name"]
      let name = cursor?.line() ?? section.defaultName
      let bytes = name.utf8
      let isName = bytes.allSatisfy { $0.isLetterOrDigit || Array("._-".utf8).contains($0) }
      if !isName || bytes.first == UInt8(ascii: ".") {
        let message = "'\(name)' is not a name of letters, digits, '.', '_' and '-'"
        if let cursor {
          cursor.fail(message)
        } else {
          section.cursor.fail("\(message); give a 'name'")
        }
      }
      profile.name = name
    },
    members: { [("name", .string($0.name))] })

  /// What docs/profiles.md says of the keys of each section; the whole profile's are without a name.
  package static var pages: [(section: String, keys: [ProfileKeyDescription])] {
    [("", descriptions)]
      + shapes.compactMap { key, shape in shape.part.map { (key, $0.descriptions) } }
  }
}

// MARK: Checks between sections

extension Profile {
  mutating func check(_ section: ProfileSection) {
    let lists = ["pinned", "streams", "tasks", "commands"].map { section[$0] }
    if watched.isEmpty, lists.allSatisfy({ $0?.isEmptyList ?? true }) {
      Self.blame([section.cursor] + lists)?
        .fail("nothing to run: 'pinned', 'streams', 'tasks' and 'commands' are all empty")
    }
    Moment.check(
      Array(zip(timeline, section["timeline"].sections)),
      workers: streams.map(\.name) + tasks.map(\.name)
        + commands.filter(\.isTimed).map(\.name))
    Stream.checkSharing(Array(zip(streams, section["streams"].sections)))
    checkPins(section)
    checkDevice(section)
    if observe.syscalls, commands.isEmpty {
      section["observe"]?.child("syscalls")?.fail("means nothing without commands")
    }
    // A pin of 0 is no pin, so that 0 can be a value on an axis.
    pinned = pinned.filter { $0.size > 0 }
  }

  /// The cursor that a problem between several is told at: one that an option set, else the first.
  private static func blame(_ cursors: [ProfileCursor?]) -> ProfileCursor? {
    let present = cursors.compactMap(\.self)
    return present.first { $0.node.position.isOption } ?? present.first
  }

  private func checkPins(_ section: ProfileSection) {
    let locked = zip(pinned, section["pinned"].sections).filter { pin, _ in
      pin.mode == .locked && pin.size > 0 && !pin.isLate
    }
    let sum = UInt64(clamping: locked.reduce(UInt128(0)) { $0 + UInt128($1.0.size) })
    if sum < machine.memory { return }
    let sizes = locked.reversed().map { $0.1["size"] }
    Self.blame(sizes + [section["machine"]?.child("memory")])?.fail(
      "the locked pins take \(Units.sizeText(sum)), not less than the"
        + " \(Units.sizeText(machine.memory)) of machine.memory")
  }

  private func checkDevice(_ section: ProfileSection) {
    let kind = filesystem.base
    guard let least = kind.traits.least, device.size < least else { return }
    let key = filesystem.layer == nil ? "type" : "below"
    Self.blame([section["device"]?.child("size"), section["filesystem"]?.child(key)])?.fail(
      "\(kind.rawValue) needs a device of at least \(Units.sizeText(least)); it has"
        + " \(Units.sizeText(device.size))")
  }
}
