// SPDX-License-Identifier: Apache-2.0
extension Profile {
  /// The profile in full, defaults included: what a record keeps and a guest is given.
  ///
  /// Its text is a profile file: reading it gives an equal profile. Texts for the kernel are
  /// strings (byte limits in decimal), sizes are integers, durations and rates carry their unit.
  package var json: JSON {
    var members: [(key: String, value: JSON)] = [
      ("name", .string(name)), ("summary", .string(summary)),
    ]
    if let source { members.append(("source", source.json)) }
    if let control { members.append(("control", .string(control.rawValue))) }
    guard case .object(let rest) = sections else { return .object(members) }
    return .object(members + rest)
  }

  private var sections: JSON {
    [
      "limits": Self.object(limits),
      "cgroups": .array(
        cgroups.map { group in
          .object(
            [("name", .string(group.name))]
              + group.limits.map { (key: $0.key, value: .string($0.value)) })
        }),
      "pinned": .array(pinned.map(\.json)),
      "streams": .array(streams.map(\.json)),
      "tasks": .array(tasks.map(\.json)),
      "timeline": .array(timeline.map(\.json)),
      "cache": .uint(cache),
      "device": [
        "size": .uint(device.size),
        "bandwidth": device.bandwidth.map(Self.rate) ?? "unlimited",
        "iops": device.iops.map { .uint($0) } ?? "unlimited",
        "delay": Self.duration(device.delay),
      ],
      "filesystem": [
        "type": .string(filesystem.kind.rawValue),
        "mount": .array(filesystem.mount.map { .string($0) }),
        "mkfs": .array(filesystem.mkfs.map { .string($0) }),
      ],
      "kernel": kernel.json,
      "machine": [
        "memory": .uint(machine.memory),
        "cpus": .int(Int64(machine.cpus)),
        "nodes": .int(Int64(machine.nodes)),
        "swap": .uint(machine.swap),
        "zram": .uint(machine.zram),
      ],
      "observe": [
        "level": .string(observe.level.rawValue),
        "fast": Self.duration(observe.fast),
        "interval": Self.duration(observe.interval),
        "trace": .bool(observe.trace),
        "trace_buffer": .uint(observe.traceBuffer),
        "sched": .bool(observe.sched),
        "rstat": observe.rstat.map(Self.duration) ?? "off",
        "slow": Self.duration(observe.slow),
      ],
      "duration": Self.duration(duration),
      "expect": .object(expect.map { (key: $0.metric.name, value: $0.json) }),
    ]
  }

  fileprivate static func object(_ settings: [Setting]) -> JSON {
    .object(settings.map { (key: $0.key, value: .string($0.value)) })
  }

  fileprivate static func duration(_ nanoseconds: UInt64) -> JSON { .string("\(nanoseconds)ns") }

  fileprivate static func rate(_ bytesPerSecond: UInt64) -> JSON { .string("\(bytesPerSecond)B/s") }
}

extension Profile.Source {
  fileprivate var json: JSON {
    ["list": .string(list), "subject": .string(subject), "date": .string(date)]
  }
}

extension Profile.Pinned {
  /// A member that means nothing to the mode, or is left to the kernel, is left out.
  fileprivate var json: JSON {
    var members: [(key: String, value: JSON)] = [("name", .string(name))]
    if let cgroup { members.append(("cgroup", .string(cgroup))) }
    members += [("size", .uint(size)), ("mode", .string(mode.rawValue))]
    if let growth { members.append(("growth", Profile.rate(growth))) }
    if let huge { members.append(("huge", .bool(huge))) }
    members.append(("within", Profile.duration(within)))
    if mode == .hot {
      members += [("rate", .uint(rate)), ("distribution", .string(distribution.rawValue))]
      if let workingSet { members.append(("working_set", .uint(workingSet))) }
    }
    return .object(members)
  }
}

extension Profile.Task {
  fileprivate var json: JSON {
    var members: [(key: String, value: JSON)] = [("name", .string(name))]
    if let cgroup { members.append(("cgroup", .string(cgroup))) }
    members += [("do", .string(action.rawValue)), ("every", Profile.duration(every))]
    if action != .compact { members.append(("size", .uint(size))) }
    if [.truncate, .unlink, .rename].contains(action) {
      members.append(("state", .string(state.rawValue)))
    }
    if let rounds { members.append(("rounds", .int(Int64(rounds)))) }
    return .object(members)
  }
}

extension Profile.Moment {
  /// What does not change has no member.
  fileprivate var json: JSON {
    var members: [(key: String, value: JSON)] = [("at", Profile.duration(at))]
    for (key, names) in [("start", start), ("stop", stop)] where !names.isEmpty {
      members.append((key, .array(names.map { .string($0) })))
    }
    if let bandwidth { members.append(("bandwidth", bandwidth.map(Profile.rate) ?? "unlimited")) }
    if let iops { members.append(("iops", iops.map { .uint($0) } ?? "unlimited")) }
    if let delay { members.append(("delay", Profile.duration(delay))) }
    if let cgroup { members.append(("cgroup", .string(cgroup))) }
    for (key, settings) in [("limits", limits), ("sysctl", sysctl)] where !settings.isEmpty {
      members.append((key, Profile.object(settings)))
    }
    return .object(members)
  }
}

extension Profile.Stream {
  fileprivate var json: JSON {
    let when: JSON =
      switch fsync {
      case .none: "none"
      case .end: "end"
      case .every(let bytes): .uint(bytes)
      }
    var members: [(key: String, value: JSON)] = [("name", .string(name))]
    if let cgroup { members.append(("cgroup", .string(cgroup))) }
    members += [
      ("engine", .string(engine.rawValue)), ("jobs", .int(Int64(jobs))),
      ("files", .int(Int64(files))), ("block", .uint(block)), ("depth", .int(Int64(depth))),
      ("size", size.map { .uint($0) } ?? "unlimited"), ("fsync", when),
      ("sync", .string(sync.rawValue)), ("access", .string(access.rawValue)),
    ]
    if let readBack { members.append(("read_back", .uint(readBack))) }
    members += [
      ("compressible", .int(Int64(compressible))), ("preallocate", .bool(preallocate)),
      ("rate", rate.map(Profile.rate) ?? "unlimited"),
    ]
    if rate != nil { members.append(("pace", .string(pace.rawValue))) }
    return .object(members)
  }
}

extension Profile.Kernel {
  /// A setting that is left as the kernel boots has no member.
  fileprivate var json: JSON {
    var members: [(key: String, value: JSON)] = [
      ("sysctl", Profile.object(sysctl)), ("sysfs", Profile.object(sysfs)),
    ]
    if let lruGen { members.append(("lru_gen", .bool(lruGen))) }
    if let strictLimit { members.append(("strict_limit", .bool(strictLimit))) }
    members.append(("boot", .array(boot.map { .string($0) })))
    return .object(members)
  }
}

extension Profile.Expectation {
  /// As in a file; the parser lets no value through that UInt64 does not hold.
  fileprivate var json: JSON {
    let unit =
      switch metric.unit {
      case .count: ""
      case .duration: "ns"
      case .rate: "B/s"
      }
    return .string("\(relation.rawValue) \(UInt64(value))\(unit)")
  }
}
