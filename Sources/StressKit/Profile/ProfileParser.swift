/// Turns a tree into a profile.
enum ProfileParser {
  static let mib: UInt64 = 1 << 20
  static let hour: UInt64 = 3_600_000_000_000

  /// What an element of `pinned` or `streams` is called when it has no name.
  static func defaultName(_ list: String, _ index: Int) -> String {
    (list == "pinned" ? "pin" : "stream") + "\(index)"
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
    profile.limits = limits(top["limits"]) ?? []
    let pins = top["pinned"].map { $0.items() } ?? []
    let streams = top["streams"].map { $0.items() } ?? []
    var names: [(name: String, at: YAMLNode.Position)] = []
    let pinned = (pins ?? []).enumerated().compactMap { pin($0.element, $0.offset, &names) }
    profile.streams = (streams ?? []).enumerated().compactMap {
      stream($0.element, $0.offset, &names)
    }
    profile.cache = top["cache"]?.size(in: 0...Units.largest) ?? 0
    profile.device = device(top["device"])
    profile.filesystem = filesystem(top["filesystem"])
    profile.kernel = kernel(top["kernel"])
    profile.machine = machine(top["machine"])
    profile.observe = observe(top["observe"])
    profile.duration = top["duration"]?.duration(in: 10_000_000...24 * hour) ?? profile.duration
    profile.expect = expect(top["expect"]) ?? []
    // A pin of 0 is no pin, so that 0 can be a value on an axis.
    profile.pinned = pinned.map(\.value).filter { $0.size > 0 }
    if let pins, let streams, pins.isEmpty, streams.isEmpty {
      blame([cursor, top["pinned"], top["streams"]])?
        .fail("nothing to run: 'pinned' and 'streams' are both empty")
    }
    checkPins(pinned, profile.machine, top["machine"])
    checkDevice(profile, top)
    return profile
  }

  /// The cursor that a problem between several is told at: one that an option set, else the first.
  private static func blame(_ cursors: [ProfileCursor?]) -> ProfileCursor? {
    let present = cursors.compactMap(\.self)
    return present.first { $0.node.position.isOption } ?? present.first
  }

  // MARK: Sections

  private static func name(_ cursor: ProfileCursor?, _ root: ProfileCursor, _ defaultName: String)
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

  private static func summary(_ cursor: ProfileCursor?) -> String? {
    guard var text = cursor?.text() else { return nil }
    // A folded block ends with a line end that is not meant.
    while text.last == "\n" { text.removeLast() }
    return text
  }

  private static func limits(_ cursor: ProfileCursor?) -> [Profile.Setting]? {
    guard let section = cursor?.section(ProfileKeys.limits.map(\.file)) else { return nil }
    return section.pairs.compactMap { pair in
      guard let kind = ProfileKeys.limits.first(where: { $0.file == pair.key })?.kind,
        let value = section[pair.key]
      else { return nil }
      let text: String? =
        switch kind {
        case .bytes:
          value.optional("max") { $0.size(in: 0...Units.largest) }
            .map { bytes in bytes.map { "\($0)" } ?? "max" }
        case .flag: value.flagText()
        case .text: value.line()
        }
      return text.map { Profile.Setting(pair.key, $0) }
    }
  }

  private static func pin(
    _ cursor: ProfileCursor, _ index: Int, _ names: inout [(name: String, at: YAMLNode.Position)]
  ) -> (value: Profile.Pinned, size: ProfileCursor?)? {
    guard let section = cursor.section(ProfileKeys.pinned) else { return nil }
    let name = uniqueName(section, defaultName("pinned", index), &names)
    var pin = Profile.Pinned(name: name, size: 0)
    let size = section.required("size")
    pin.size = size?.size(in: 0...Units.largest) ?? 0
    pin.mode = section["mode"]?.choice(Profile.Pinned.Mode.self) ?? pin.mode
    return (pin, size)
  }

  private static func stream(
    _ cursor: ProfileCursor, _ index: Int, _ names: inout [(name: String, at: YAMLNode.Position)]
  ) -> Profile.Stream? {
    guard let section = cursor.section(ProfileKeys.stream) else { return nil }
    var stream = Profile.Stream(
      name: uniqueName(section, defaultName("streams", index), &names))
    stream.engine = section["engine"]?.choice(Profile.Stream.Engine.self) ?? stream.engine
    stream.files = section["files"]?.count(in: 1...1024) ?? stream.files
    if let block = section["block"], let size = block.size(in: 512...64 * mib) {
      if !size.isMultiple(of: 512) { block.fail("must be a multiple of 512") }
      stream.block = size
    }
    stream.depth = section["depth"]?.count(in: 1...4096) ?? stream.depth
    if stream.engine != .ioUring { stream.depth = 1 }
    if let size = section["size"]?.optional("unlimited", { $0.size(in: 1...Units.largest) }) {
      stream.size = size
    }
    stream.fsync = section["fsync"]?.sync() ?? stream.fsync
    stream.preallocate = section["preallocate"]?.flag() ?? stream.preallocate
    if stream.preallocate, stream.size == nil, let key = section["preallocate"] {
      key.fail("a stream without a size cannot be preallocated")
    }
    if let rate = section["rate"]?.optional("unlimited", { $0.rate(in: 1...Units.largest) }) {
      stream.rate = rate
    }
    return stream
  }

  private static func uniqueName(
    _ section: ProfileSection, _ defaultName: String,
    _ names: inout [(name: String, at: YAMLNode.Position)]
  ) -> String {
    let cursor = section["name"]
    let name = cursor?.line() ?? defaultName
    let at = cursor ?? section.cursor
    if !ProfileCursor.isName(name) {
      at.fail("'\(name)' is not a name of a-z, 0-9 and '-'")
    } else if let first = names.first(where: { $0.name == name }) {
      let place = first.at.isOption ? "" : "; first at \(first.at.line):\(first.at.column)"
      at.fail("the name '\(name)' is taken\(place)")
    }
    names.append((name, at.node.position))
    return name
  }

  private static func device(_ cursor: ProfileCursor?) -> Profile.Device {
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
    return device
  }

  private static func filesystem(_ cursor: ProfileCursor?) -> Profile.Filesystem {
    var filesystem = Profile.Filesystem()
    guard let section = cursor?.section(ProfileKeys.filesystem) else { return filesystem }
    filesystem.kind = section["type"]?.choice(Profile.Filesystem.Kind.self) ?? filesystem.kind
    filesystem.mount = section["mount"]?.words(commas: true) ?? []
    filesystem.mkfs = section["mkfs"]?.words() ?? []
    return filesystem
  }

  private static func kernel(_ cursor: ProfileCursor?) -> Profile.Kernel {
    var kernel = Profile.Kernel()
    guard let section = cursor?.section(ProfileKeys.kernel) else { return kernel }
    kernel.sysctl =
      section["sysctl"]?.settings("a sysctl such as vm.dirty_ratio") { isFile($0, separator: ".") }
      ?? []
    kernel.sysfs =
      section["sysfs"]?.settings("a path after /sys/, such as kernel/mm/lru_gen/min_ttl_ms") {
        isFile($0, separator: "/")
      } ?? []
    kernel.lruGen = section["lru_gen"]?.flag()
    kernel.strictLimit = section["strict_limit"]?.flag()
    kernel.boot = section["boot"]?.words() ?? []
    return kernel
  }

  /// Whether a name stays below the directory that it is relative to.
  private static func isFile(_ name: String, separator: Character) -> Bool {
    let parts = name.split(separator: separator, omittingEmptySubsequences: false)
    let extra = Set("_-.:,@+/")
    return parts.count > 1 && parts.allSatisfy { !$0.isEmpty } && !name.contains("..")
      && name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) || extra.contains($0) }
  }

  private static func machine(_ cursor: ProfileCursor?) -> Profile.Machine {
    var machine = Profile.Machine()
    guard let section = cursor?.section(ProfileKeys.machine) else { return machine }
    machine.memory = section["memory"]?.size(in: 1...Units.largest) ?? machine.memory
    machine.cpus = section["cpus"]?.count(in: 1...255) ?? machine.cpus
    machine.swap = section["swap"]?.size(in: 0...Units.largest) ?? machine.swap
    return machine
  }

  private static func observe(_ cursor: ProfileCursor?) -> Profile.Observe {
    var observe = Profile.Observe()
    guard let section = cursor?.section(ProfileKeys.observe) else { return observe }
    let intervals: ClosedRange<UInt64> = 1_000_000...60_000_000_000
    observe.level = section["level"]?.choice(Profile.Observe.Level.self) ?? observe.level
    observe.fast = section["fast"]?.duration(in: intervals) ?? observe.fast
    observe.interval = section["interval"]?.duration(in: intervals) ?? observe.interval
    observe.trace = section["trace"]?.flag() ?? observe.trace
    observe.traceBuffer =
      section["trace_buffer"]?.size(in: 64 << 10...4 << 30) ?? observe.traceBuffer
    if let rstat = section["rstat"]?.optional("off", { $0.duration(in: 1_000_000...hour) }) {
      observe.rstat = rstat
    }
    observe.slow = section["slow"]?.duration(in: 0...hour) ?? observe.slow
    return observe
  }

  private static func expect(_ cursor: ProfileCursor?) -> [Profile.Expectation]? {
    let metrics = Profile.Expectation.Metric.allCases.map(\.rawValue)
    guard let section = cursor?.section(metrics) else { return nil }
    return section.pairs.compactMap { pair in
      guard let metric = Profile.Expectation.Metric(rawValue: pair.key) else { return nil }
      return section[pair.key]?.bound(metric)
    }
  }

  // MARK: Checks between sections

  private static func checkPins(
    _ pins: [(value: Profile.Pinned, size: ProfileCursor?)], _ machine: Profile.Machine,
    _ section: ProfileCursor?
  ) {
    let locked = pins.filter { $0.value.mode == .locked && $0.value.size > 0 }
    let sum = UInt64(clamping: locked.reduce(UInt128(0)) { $0 + UInt128($1.value.size) })
    if sum < machine.memory { return }
    blame(locked.reversed().map(\.size) + [section?.child("memory")])?.fail(
      "the locked pins take \(Units.sizeText(sum)), not less than the"
        + " \(Units.sizeText(machine.memory)) of machine.memory")
  }

  private static func checkDevice(_ profile: Profile, _ top: ProfileSection) {
    let kind = profile.filesystem.kind
    let least: UInt64? =
      switch kind {
      case .ext4, .ext3: nil
      case .xfs: 300 * mib
      case .btrfs: 128 * mib
      }
    guard let least, profile.device.size < least else { return }
    blame([top["device"]?.child("size"), top["filesystem"]?.child("type")])?.fail(
      "\(kind.rawValue) needs a device of at least \(Units.sizeText(least)); it has"
        + " \(Units.sizeText(profile.device.size))")
  }
}
