// SPDX-License-Identifier: Apache-2.0

/// The keys that a profile has: one list for the parser, for key paths and for error messages.
package enum ProfileKeys {
  /// What a file of a cgroup takes.
  enum Limit {
    /// Bytes or `max`.
    case bytes
    /// 0 or 1.
    case flag
    /// Whatever the kernel takes; written as it stands.
    case text
  }

  /// The writable cgroup v2 files of the memory, io, cpu and cpuset controllers that hold a setting
  /// (Documentation/admin-guide/cgroup-v2.rst). memory.reclaim acts instead of holding a value, and
  /// cgroup.* belong to the harness.
  static let limits: [(file: String, kind: Limit)] = [
    ("memory.max", .bytes), ("memory.high", .bytes), ("memory.low", .bytes), ("memory.min", .bytes),
    ("memory.swap.max", .bytes), ("memory.swap.high", .bytes), ("memory.zswap.max", .bytes),
    ("memory.zswap.writeback", .flag), ("memory.oom.group", .flag),
    ("io.max", .text), ("io.weight", .text), ("io.latency", .text), ("io.bfq.weight", .text),
    ("io.prio.class", .text), ("io.cost.qos", .text), ("io.cost.model", .text),
    ("cpu.max", .text), ("cpu.max.burst", .text), ("cpu.weight", .text), ("cpu.weight.nice", .text),
    ("cpu.idle", .flag), ("cpu.uclamp.min", .text), ("cpu.uclamp.max", .text),
    ("cpuset.cpus", .text), ("cpuset.mems", .text),
  ]

  /// Whether a limit's value is a number of bytes.
  package static func isBytes(_ file: String) -> Bool {
    limits.contains { $0.file == file && $0.kind == .bytes }
  }

  static let top = [
    "name", "summary", "source", "control", "limits", "cgroups", "pinned", "streams", "tasks",
    "timeline", "cache", "device", "filesystem", "kernel", "machine", "observe", "duration",
    "expect", "variants",
  ]
  static let source = ["list", "subject", "date"]
  static let cgroup = ["name"] + limits.map(\.file)
  static let pinned = [
    "name", "cgroup", "size", "mode", "growth", "huge", "within", "rate", "distribution",
    "working_set",
  ]
  static let stream = [
    "name", "cgroup", "engine", "jobs", "files", "block", "depth", "size", "fsync", "sync",
    "access", "read_back", "compressible", "preallocate", "rate", "pace",
  ]
  static let task = ["name", "cgroup", "do", "every", "size", "state", "rounds"]
  static let moment = [
    "at", "start", "stop", "bandwidth", "iops", "delay", "cgroup", "limits", "sysctl",
  ]
  static let device = ["size", "bandwidth", "iops", "delay"]
  static let filesystem = ["type", "mount", "mkfs"]
  static let kernel = ["sysctl", "sysfs", "lru_gen", "strict_limit", "boot"]
  static let machine = ["memory", "cpus", "nodes", "swap", "zram"]
  static let observe = [
    "level", "fast", "interval", "trace", "trace_buffer", "sched", "rstat", "slow",
  ]

  /// Sections with fixed keys.
  static let sections = [
    "source": source, "device": device, "filesystem": filesystem, "kernel": kernel,
    "machine": machine, "observe": observe,
  ]
  /// Lists of mappings with fixed keys.
  static let lists = [
    "cgroups": cgroup, "pinned": pinned, "streams": stream, "tasks": task, "timeline": moment,
  ]

  /// Every key below the top, in full; `*` stands for each element of a list.
  static let paths: [String] = top.flatMap { section -> [String] in
    let keys =
      switch section {
      case "limits": limits.map(\.file)
      case "expect": Profile.Expectation.Metric.known
      default: sections[section] ?? lists[section]?.map { "*.\($0)" } ?? []
      }
    return keys.map { "\(section).\($0)" }
  }

  /// Those that a word may stand for. Not those of groups, moments and the source, which are never meant by a
  /// word alone; nor limits, whose files' names are their shorthands: `cpus` is not cpuset.cpus.
  static let shorthands = paths.filter { path in
    !["limits.", "cgroups.", "source.", "timeline."].contains { path.hasPrefix($0) }
  }

  /// Whether a list's elements have a field: one of its keys, or one below those of a moment's mappings.
  static func isField(_ field: String, of list: String) -> Bool {
    if lists[list]?.contains(field) == true { return true }
    guard list == "timeline" else { return false }
    if field.hasPrefix("sysctl.") { return field.utf8.count > "sysctl.".utf8.count }
    return limits.contains { "limits." + $0.file == field }
  }

  /// `known`, with the names first that `name` may be a misspelling of.
  static func nearest(_ name: String, _ known: [String]) -> [String] {
    ranked(name, known).map(\.element)
  }

  /// What follows an error about a name: what may have been meant, and the names that there are.
  static func known(_ names: [String], _ name: String, _ none: String) -> String {
    guard let first = ranked(name, names).first else { return none }
    let meant = first.isLikely ? "did you mean \(first.element)? " : ""
    return "\(meant)known: \(names.joined(separator: ", "))"
  }

  private static func ranked(
    _ name: String, _ known: [String]
  ) -> [(element: String, isLikely: Bool)] {
    let ranked = known.enumerated().map { offset, element in
      let distance = EditDistance.bytes(name, element)
      let most = min(max(1, name.utf8.count / 3), element.utf8.count - 1)
      return (distance <= most ? distance : .max, offset, element)
    }
    return ranked.sorted { ($0.0, $0.1) < ($1.0, $1.1) }.map { ($0.2, $0.0 < .max) }
  }
}

/// Where in a profile an override goes.
struct ProfileKey: Equatable, Sendable, CustomStringConvertible {
  /// From the top; for a list its selector follows: `*`, an index or an element's name.
  var components: [String]

  /// The full key path, which resolves to the same key again.
  var description: String { components.joined(separator: ".") }

  /// Why a text names no key.
  struct Failure: Error, Equatable { var message: String }

  /// The key that a full path or a shorthand means.
  ///
  /// - Throws: for an unknown or an ambiguous key, with the candidates.
  init(_ text: String) throws(Failure) {
    if let key = Self.full(Self.expanded(text)) {
      self = key
      return
    }
    let candidates = ProfileKeys.shorthands.filter { $0.hasSuffix("." + text) }
    if candidates.count > 1 {
      let list = candidates.joined(separator: ", ")
      throw Failure(message: "ambiguous key '\(text)'; it may be \(list)")
    }
    if let only = candidates.first, let key = Self.full(only) {
      self = key
      return
    }
    // A shorthand is to be compared with the end of a path that it may stand for.
    let near = (ProfileKeys.top.filter { $0 != "variants" } + ProfileKeys.paths).enumerated()
      .map { offset, path in
        let parts = path.split(separator: ".")
        let distance = parts.indices.map {
          EditDistance.bytes(text, parts[$0...].joined(separator: "."))
        }.min()
        return (distance ?? .max, offset, path)
      }
      .sorted { ($0.0, $0.1) < ($1.0, $1.1) }.prefix(5).map(\.2)
    throw Failure(
      message: "unknown key '\(text)'; nearest: \(near.joined(separator: ", "))")
  }

  private init(components: [String]) { self.components = components }

  /// Shorthands for the words that people use in place of a path.
  private static func expanded(_ text: String) -> String {
    switch text {
    case "fs": return "filesystem.type"
    case "pin": return "pinned.*.size"
    default: break
    }
    // kernel.* sysctls are left out: `kernel` is a section of the profile.
    let prefixes = [
      ("memory.", "limits."), ("io.", "limits."), ("cpu.", "limits."), ("cpuset.", "limits."),
      ("vm.", "kernel.sysctl."),
      ("fs.", "kernel.sysctl."), ("net.", "kernel.sysctl."), ("sysctl.", "kernel."),
      ("sysfs.", "kernel."),
    ]
    return (prefixes.first { text.hasPrefix($0.0) }?.1 ?? "") + text
  }

  /// The key of a full path; nil when there is none.
  private static func full(_ text: String) -> ProfileKey? {
    guard let dot = text.firstIndex(of: ".") else {
      let known = ProfileKeys.top.contains(text) && text != "variants"
      return known ? ProfileKey(components: [text]) : nil
    }
    let head = String(text[..<dot])
    let rest = String(text[text.index(after: dot)...])
    if ProfileKeys.lists[head] != nil {
      if ProfileKeys.isField(rest, of: head) {
        return ProfileKey(components: [head, "*"] + steps(rest, in: head))
      }
      guard let dot = rest.firstIndex(of: ".") else { return nil }
      let selector = String(rest[..<dot])
      let field = String(rest[rest.index(after: dot)...])
      guard !selector.isEmpty, ProfileKeys.isField(field, of: head) else { return nil }
      return ProfileKey(components: [head, selector] + steps(field, in: head))
    }
    for map in ["sysctl", "sysfs"] where head == "kernel" && rest.hasPrefix(map + ".") {
      let tail = String(rest.dropFirst(map.count + 1))
      return tail.isEmpty ? nil : ProfileKey(components: [head, map, tail])
    }
    if head == "expect", Profile.Expectation.Metric(rest) != nil {
      return ProfileKey(components: [head, rest])
    }
    return ProfileKeys.paths.contains(text) ? ProfileKey(components: [head, rest]) : nil
  }

  /// A field of a list's element, from mapping to mapping: names of kernel files have dots of their own.
  private static func steps(_ field: String, in list: String) -> [String] {
    guard list == "timeline", let dot = field.firstIndex(of: ".") else { return [field] }
    return [String(field[..<dot]), String(field[field.index(after: dot)...])]
  }
}

// MARK: - Overrides

/// A value for one key, from a variant or an option.
struct ProfileAssignment: Equatable, Sendable {
  var key: ProfileKey
  /// Of the key, for errors about it.
  var position: YAMLNode.Position
  var value: YAMLNode
}

extension YAMLNode {
  /// Puts the value where its key says, making the sections on the way.
  mutating func apply(_ assignment: ProfileAssignment, problems: ProfileProblems) {
    set(assignment.key.components[...], assignment, problems)
  }

  private mutating func set(
    _ path: ArraySlice<String>, _ assignment: ProfileAssignment, _ problems: ProfileProblems
  ) {
    guard let name = path.first else {
      self = assignment.value
      return
    }
    switch content {
    case .mapping(var pairs):
      let at =
        pairs.firstIndex { $0.key == name }
        ?? {
          let empty = YAMLNode(content: .mapping([]), position: assignment.position)
          pairs.append(Pair(key: name, keyPosition: assignment.position, value: empty))
          return pairs.count - 1
        }()
      if ProfileKeys.lists[name] != nil, path.count > 1 {
        pairs[at].value.setInList(name, path.dropFirst(), assignment, problems)
      } else {
        pairs[at].value.set(path.dropFirst(), assignment, problems)
      }
      content = .mapping(pairs)
    case .scalar, .sequence, .refused:
      // The typed parse refuses this value in this place; the override cannot change that.
      break
    }
  }

  private mutating func setInList(
    _ list: String, _ path: ArraySlice<String>, _ assignment: ProfileAssignment,
    _ problems: ProfileProblems
  ) {
    guard let selector = path.first else { return }
    var elements: [YAMLNode] = []
    switch content {
    case .sequence(let present): elements = present
    // Made a moment ago for a profile that lacks the list.
    case .mapping(let pairs) where pairs.isEmpty: content = .sequence([])
    case .scalar, .mapping, .refused: return
    }
    let names = elements.enumerated().map { index, element in
      element["name"]?.text ?? ProfileParser.defaultName(list, index)
    }
    let named = names.firstIndex(of: selector) ?? Int(selector)
    let chosen = elements.indices.filter { selector == "*" || $0 == named }
    if chosen.isEmpty {
      let known = ProfileKeys.known(names, selector, "\(list) is empty")
      let what = selector == "*" ? "nothing to set" : "no '\(selector)' in \(list)"
      problems.add(assignment.position, "\(assignment.key): \(what); \(known)")
      return
    }
    for index in chosen { elements[index].set(path.dropFirst(), assignment, problems) }
    content = .sequence(elements)
  }
}
