// SPDX-License-Identifier: Apache-2.0

/// The readers of a profile's sections.
extension ProfileParser {
  /// dm-delay takes milliseconds; more than a minute is a hang.
  private static let longestDelay: UInt64 = 60_000_000_000

  static func source(_ cursor: ProfileCursor?) -> Profile.Source? {
    guard let section = cursor?.section(ProfileKeys.source),
      let list = section.required("list")?.line(),
      let subject = section.required("subject")?.line(),
      let date = section.required("date")?.line()
    else { return nil }
    return Profile.Source(list: list, subject: subject, date: date)
  }

  static func name(_ cursor: ProfileCursor?, _ root: ProfileCursor, _ defaultName: String)
    -> String
  {
    let name = cursor?.line() ?? defaultName
    // It names files and directories of a campaign.
    let extra = Set("._-")
    let valid =
      name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) || extra.contains($0) }
      && name.first != "."
    if !valid {
      let message = "'\(name)' is not a name of letters, digits, '.', '_' and '-'"
      if let cursor { cursor.fail(message) } else { root.fail("\(message); give a 'name'") }
    }
    return name
  }

  static func summary(_ cursor: ProfileCursor?) -> String? {
    guard var text = cursor?.text() else { return nil }
    // A folded block ends with a line end that is not meant.
    while text.last == "\n" { text.removeLast() }
    return text
  }

  static func limits(_ cursor: ProfileCursor?) -> [Profile.Setting]? {
    guard let section = cursor?.section(ProfileKeys.limits.map(\.file)) else { return nil }
    return settings(section)
  }

  /// The limits among a section's keys.
  private static func settings(_ section: ProfileSection) -> [Profile.Setting] {
    section.pairs.compactMap { pair in
      guard let kind = ProfileKeys.limits.first(where: { $0.file == pair.key })?.kind,
        let value = section[pair.key]
      else { return nil }
      let text: String? =
        switch kind {
        case .bytes:
          value.optional("max") { $0.memory() }
            .map { bytes in bytes.map { "\($0)" } ?? "max" }
        case .flag: value.flagText()
        case .text: value.line()
        }
      return text.map { Profile.Setting(pair.key, $0) }
    }
  }

  static func pin(
    _ cursor: ProfileCursor, _ index: Int, _ names: inout Names
  ) -> (value: Profile.Pinned, size: ProfileCursor?)? {
    guard let section = cursor.section(ProfileKeys.pinned) else { return nil }
    let name = uniqueName(section, defaultName("pinned", index), &names)
    var pin = Profile.Pinned(name: name, size: 0)
    let size = section.required("size")
    pin.size = size?.memory() ?? 0
    pin.cgroup = group(section["cgroup"], names)
    pin.mode = section["mode"]?.choice(Profile.Pinned.Mode.self) ?? pin.mode
    pin.growth = section["growth"]?.rate(in: 1...Units.largest)
    pin.huge = section["huge"]?.flag()
    pin.within = section["within"]?.duration(in: 1_000_000...hour) ?? pin.within
    pin.rate = section["rate"]?.integer(in: 1...1_000_000) ?? pin.rate
    pin.distribution =
      section["distribution"]?.choice(Profile.Pinned.Distribution.self) ?? pin.distribution
    if let key = section["working_set"], let bytes = key.size(in: 4096...Units.largest) {
      if bytes > pin.size, pin.size > 0 {
        key.fail("\(Units.sizeText(bytes)) is more than the pin's \(Units.sizeText(pin.size))")
      }
      pin.workingSet = bytes
    }
    if pin.mode != .hot {
      refuse(["rate", "distribution", "working_set"], in: section, unless: "mode is hot")
    }
    if pin.mode == .shmem { refuse(["huge"], in: section, unless: "the memory is anonymous") }
    return (pin, size)
  }

  /// Notes keys that have no meaning beside the others.
  private static func refuse(_ keys: [String], in section: ProfileSection, unless reason: String) {
    for key in keys { section[key]?.fail("means nothing unless \(reason)") }
  }

  /// A group that the profile has.
  private static func group(_ cursor: ProfileCursor?, _ names: Names) -> String? {
    guard let cursor, let name = cursor.line() else { return nil }
    if names.groups.contains(name) { return name }
    cursor.fail("no '\(name)' in cgroups; \(known(names.groups, name))")
    return nil
  }

  private static func known(_ names: [String], _ name: String) -> String {
    ProfileKeys.known(names, name, "there are none")
  }

  static func cgroups(_ cursor: ProfileCursor?, _ names: inout Names) -> [Profile.Group] {
    var groups: [Profile.Group] = []
    for item in cursor?.items() ?? [] {
      guard let section = item.section(ProfileKeys.cgroup), let key = section.required("name"),
        let name = key.line()
      else { continue }
      let parts = name.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
      let above = parts.dropLast().joined(separator: "/")
      if !parts.allSatisfy(ProfileCursor.isName) {
        key.fail("'\(name)' is not a path of names of a-z, 0-9 and '-'")
      } else if parts.count > 1, !names.groups.contains(above) {
        key.fail("'\(above)' must come first in cgroups")
      } else {
        take(name, key.node.position, key, &names)
        names.groups.append(name)
      }
      var group = Profile.Group(name: name)
      group.limits = settings(section)
      groups.append(group)
    }
    return groups
  }

  static func stream(
    _ cursor: ProfileCursor, _ index: Int, _ names: inout Names
  ) -> Profile.Stream? {
    guard let section = cursor.section(ProfileKeys.stream) else { return nil }
    var stream = Profile.Stream(
      name: uniqueName(section, defaultName("streams", index), &names))
    stream.cgroup = group(section["cgroup"], names)
    stream.engine = section["engine"]?.choice(Profile.Stream.Engine.self) ?? stream.engine
    stream.jobs = section["jobs"]?.count(in: 1...64) ?? stream.jobs
    stream.files = section["files"]?.count(in: 1...1024) ?? stream.files
    if let block = section["block"], let size = block.size(in: 512...64 * mib) {
      if !size.isMultiple(of: 512) { block.fail("must be a multiple of 512") }
      stream.block = size
    }
    stream.depth = section["depth"]?.count(in: 1...4096) ?? stream.depth
    if stream.engine != .ioUring { stream.depth = 1 }
    if let size = section["size"]?.optional("unlimited", { $0.memory(orNone: false) }) {
      stream.size = size
    }
    stream.fsync = section["fsync"]?.sync() ?? stream.fsync
    stream.sync = section["sync"]?.choice(Profile.Stream.SyncCall.self) ?? stream.sync
    if stream.sync == .dsync, stream.fsync != .none {
      section["sync"]?.fail("dsync makes each write durable: fsync must be none")
    }
    if stream.sync == .dsync, stream.engine == .mmap {
      section["sync"]?.fail("O_DSYNC means nothing to a mapping: use fsync, or another engine")
    }
    stream.access = section["access"]?.choice(Profile.Stream.Access.self) ?? stream.access
    stream.readBack = section["read_back"]?.size(in: 4096...Units.largest)
    if let percent = section["compressible"]?.count(in: 0...100) { stream.compressible = percent }
    stream.preallocate = section["preallocate"]?.flag() ?? stream.preallocate
    if stream.size == nil {
      if stream.preallocate {
        section["preallocate"]?.fail("a stream without a size cannot be preallocated")
      }
      if stream.access == .overwrite {
        section["access"]?.fail("a stream without a size has no file to write over")
      }
    }
    if let rate = section["rate"]?.optional("unlimited", { $0.rate(in: 1...Units.largest) }) {
      stream.rate = rate
    }
    stream.pace = section["pace"]?.choice(Profile.Stream.Pace.self) ?? stream.pace
    if stream.rate == nil { refuse(["pace"], in: section, unless: "there is a rate") }
    if stream.jobs > 1, let cursor = section["jobs"] {
      if let size = stream.size, size < UInt64(stream.jobs) * stream.block {
        cursor.fail("\(stream.jobs) jobs need as many blocks; size is \(Units.sizeText(size))")
      }
      for job in stream.each { take(job.name, cursor.node.position, cursor, &names) }
    }
    return stream
  }

  static func task(_ cursor: ProfileCursor, _ index: Int, _ names: inout Names) -> Profile.Task? {
    guard let section = cursor.section(ProfileKeys.task) else { return nil }
    let name = uniqueName(section, defaultName("tasks", index), &names)
    guard let action = section.required("do")?.choice(Profile.Task.Action.self) else { return nil }
    var task = Profile.Task(name: name, action: action)
    task.cgroup = group(section["cgroup"], names)
    task.every = section["every"]?.duration(in: 1_000_000...hour) ?? task.every
    task.size = section["size"]?.size(in: 4096...Units.largest) ?? task.size
    task.state = section["state"]?.choice(Profile.Task.State.self) ?? task.state
    task.rounds = section["rounds"]?.count(in: 1...1_000_000)
    switch action {
    case .truncate, .unlink, .rename: break
    case .probe, .huge: refuse(["state"], in: section, unless: "a file is dropped")
    case .compact:
      refuse(["state"], in: section, unless: "a file is dropped")
      refuse(["cgroup", "size"], in: section, unless: "the task has memory of its own")
    }
    return task
  }

  static func timeline(
    _ cursor: ProfileCursor?, _ profile: Profile, _ names: Names
  ) -> [Profile.Moment] {
    let workers = profile.streams.map(\.name) + profile.tasks.map(\.name)
    var started: Set<String> = []
    var moments: [(value: Profile.Moment, cursor: ProfileCursor)] = []
    for item in cursor?.items() ?? [] {
      let complaints = item.problems.all.count
      guard let section = item.section(ProfileKeys.moment), let at = section.required("at") else {
        continue
      }
      var moment = Profile.Moment(at: at.duration(in: 0...24 * hour) ?? 0)
      if let last = moments.last, moment.at < last.value.at {
        at.fail("is before the moment above it")
      }
      func chosen(_ key: String) -> [String] {
        guard let cursor = section[key] else { return [] }
        let chosen = cursor.words(commas: true) ?? []
        for name in chosen where !workers.contains(name) {
          cursor.fail("no '\(name)' in streams or tasks; \(known(workers, name))")
        }
        return chosen
      }
      moment.start = chosen("start")
      for name in moment.start where !started.insert(name).inserted {
        section["start"]?.fail("'\(name)' starts twice")
      }
      moment.stop = chosen("stop")
      moment.bandwidth =
        section["bandwidth"]?.optional("unlimited") { $0.rate(in: 1...Units.largest) }
      moment.iops = section["iops"]?.optional("unlimited") { $0.integer(in: 1...Units.largest) }
      moment.delay = delay(section["delay"])
      moment.cgroup = group(section["cgroup"], names)
      moment.limits = limits(section["limits"]) ?? []
      if moment.limits.isEmpty { refuse(["cgroup"], in: section, unless: "it has limits") }
      moment.sysctl = sysctl(section["sysctl"]) ?? []
      if moment == Profile.Moment(at: moment.at), item.problems.all.count == complaints {
        item.fail(
          "nothing happens; it may have \(ProfileKeys.moment[1...].joined(separator: ", "))")
      }
      moments.append((moment, item))
    }
    return moments.map(\.value)
  }

  private static func uniqueName(
    _ section: ProfileSection, _ defaultName: String,
    _ names: inout Names
  ) -> String {
    let cursor = section["name"]
    let name = cursor?.line() ?? defaultName
    let at = cursor ?? section.cursor
    if !ProfileCursor.isName(name) {
      at.fail("'\(name)' is not a name of a-z, 0-9 and '-'")
    } else {
      take(name, at.node.position, at, &names)
    }
    return name
  }

  private static func take(
    _ name: String, _ position: YAMLNode.Position, _ cursor: ProfileCursor, _ names: inout Names
  ) {
    if let first = names.taken.first(where: { $0.name == name }) {
      let place = first.at.isOption ? "" : "; first at \(first.at.line):\(first.at.column)"
      cursor.fail("the name '\(name)' is taken\(place)")
    }
    names.taken.append((name, position))
  }

  static func device(_ cursor: ProfileCursor?) -> Profile.Device {
    var device = Profile.Device()
    guard let section = cursor?.section(ProfileKeys.device) else { return device }
    if let size = section["size"], let bytes = size.size(in: 16 * mib...Units.largest) {
      if !bytes.isMultiple(of: 512) { size.fail("must be a multiple of 512") }
      device.size = bytes
    }
    if let rate = section["bandwidth"]?.optional("unlimited", { $0.rate(in: 1...Units.largest) }) {
      device.bandwidth = rate
    }
    if let iops = section["iops"]?.optional("unlimited", { $0.integer(in: 1...Units.largest) }) {
      device.iops = iops
    }
    device.delay = delay(section["delay"]) ?? device.delay
    return device
  }

  private static func delay(_ cursor: ProfileCursor?) -> UInt64? {
    guard let cursor, let delay = cursor.duration(in: 0...longestDelay) else { return nil }
    if !delay.isMultiple(of: 1_000_000) { cursor.fail("must be a whole number of ms (dm-delay)") }
    return delay
  }

  static func filesystem(_ cursor: ProfileCursor?) -> Profile.Filesystem {
    var filesystem = Profile.Filesystem()
    guard let section = cursor?.section(ProfileKeys.filesystem) else { return filesystem }
    filesystem.kind = section["type"]?.choice(Profile.Filesystem.Kind.self) ?? filesystem.kind
    filesystem.mount = section["mount"]?.words(commas: true) ?? []
    filesystem.mkfs = section["mkfs"]?.words() ?? []
    return filesystem
  }

  static func kernel(_ cursor: ProfileCursor?) -> Profile.Kernel {
    var kernel = Profile.Kernel()
    guard let section = cursor?.section(ProfileKeys.kernel) else { return kernel }
    kernel.sysctl = sysctl(section["sysctl"]) ?? []
    kernel.sysfs =
      section["sysfs"]?.settings("a path after /sys/, such as kernel/mm/lru_gen/min_ttl_ms") {
        isFile($0, separator: "/")
      } ?? []
    kernel.lruGen = section["lru_gen"]?.flag()
    kernel.strictLimit = section["strict_limit"]?.flag()
    kernel.boot = section["boot"]?.words() ?? []
    return kernel
  }

  private static func sysctl(_ cursor: ProfileCursor?) -> [Profile.Setting]? {
    cursor?.settings("a sysctl such as vm.dirty_ratio") { isFile($0, separator: ".") }
  }

  /// Whether a name stays below the directory that it is relative to.
  private static func isFile(_ name: String, separator: Character) -> Bool {
    let parts = name.split(separator: separator, omittingEmptySubsequences: false)
    let extra = Set("_-.:,@+/")
    return parts.count > 1 && parts.allSatisfy { !$0.isEmpty } && !name.holds("..")
      && name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) || extra.contains($0) }
  }

  static func machine(_ cursor: ProfileCursor?) -> Profile.Machine {
    var machine = Profile.Machine()
    guard let section = cursor?.section(ProfileKeys.machine) else { return machine }
    machine.memory = section["memory"]?.memory(orNone: false) ?? machine.memory
    machine.cpus = section["cpus"]?.count(in: 1...255) ?? machine.cpus
    machine.nodes = section["nodes"]?.count(in: 1...64) ?? machine.nodes
    machine.swap = section["swap"]?.memory() ?? machine.swap
    machine.zram = section["zram"]?.memory() ?? machine.zram
    return machine
  }

  static func observe(_ cursor: ProfileCursor?) -> Profile.Observe {
    var observe = Profile.Observe()
    guard let section = cursor?.section(ProfileKeys.observe) else { return observe }
    let intervals: ClosedRange<UInt64> = 1_000_000...60_000_000_000
    observe.level = section["level"]?.choice(Profile.Observe.Level.self) ?? observe.level
    observe.fast = section["fast"]?.duration(in: intervals) ?? observe.fast
    observe.interval = section["interval"]?.duration(in: intervals) ?? observe.interval
    observe.trace = section["trace"]?.flag() ?? observe.trace
    observe.traceBuffer =
      section["trace_buffer"]?.size(in: 64 << 10...4 << 30) ?? observe.traceBuffer
    observe.sched = section["sched"]?.flag() ?? observe.sched
    if let rstat = section["rstat"]?.optional("off", { $0.duration(in: 1_000_000...hour) }) {
      observe.rstat = rstat
    }
    observe.slow = section["slow"]?.duration(in: 0...hour) ?? observe.slow
    return observe
  }

  static func expect(_ cursor: ProfileCursor?, _ names: Names) -> [Profile.Expectation]? {
    typealias Metric = Profile.Expectation.Metric
    guard let cursor, case .mapping(let pairs) = cursor.node.content else {
      _ = cursor?.section([])
      return nil
    }
    return pairs.compactMap { pair in
      guard let metric = Metric(pair.key) else {
        let all = ProfileKeys.nearest(pair.key, Metric.known) + Metric.forms
        cursor.problems.add(
          pair.keyPosition,
          "unknown key '\(pair.key)' in expect; known: \(all.joined(separator: ", "))")
        return nil
      }
      if case .latency(let worker?, _, _) = metric, !names.workers.contains(worker) {
        cursor.problems.add(
          pair.keyPosition,
          "expect: no '\(worker)' in pinned, streams or tasks; \(known(names.workers, worker))")
      }
      return cursor.child(pair.key)?.bound(metric)
    }
  }
}
