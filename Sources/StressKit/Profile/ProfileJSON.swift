extension Profile {
  /// The profile in full, defaults included: what a record keeps and a guest is given.
  ///
  /// Its text is a profile file: reading it gives an equal profile. Texts for the kernel are
  /// strings (byte limits in decimal), sizes are integers, durations and rates carry their unit.
  package var json: JSON {
    [
      "name": .string(name),
      "summary": .string(summary),
      "limits": Self.object(limits),
      "pinned": .array(pinned.map(\.json)),
      "streams": .array(streams.map(\.json)),
      "cache": .uint(cache),
      "device": [
        "size": .uint(device.size),
        "bandwidth": device.bandwidth.map(Self.rate) ?? "unlimited",
        "iops": device.iops.map { .uint($0) } ?? "unlimited",
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
        "swap": .uint(machine.swap),
      ],
      "observe": [
        "level": .string(observe.level.rawValue),
        "fast": Self.duration(observe.fast),
        "interval": Self.duration(observe.interval),
        "trace": .bool(observe.trace),
        "trace_buffer": .uint(observe.traceBuffer),
        "rstat": observe.rstat.map(Self.duration) ?? "off",
        "slow": Self.duration(observe.slow),
      ],
      "duration": Self.duration(duration),
      "expect": .object(expect.map { (key: $0.metric.rawValue, value: $0.json) }),
    ]
  }

  fileprivate static func object(_ settings: [Setting]) -> JSON {
    .object(settings.map { (key: $0.key, value: .string($0.value)) })
  }

  fileprivate static func duration(_ nanoseconds: UInt64) -> JSON { .string("\(nanoseconds)ns") }

  fileprivate static func rate(_ bytesPerSecond: UInt64) -> JSON { .string("\(bytesPerSecond)B/s") }
}

extension Profile.Pinned {
  fileprivate var json: JSON {
    ["name": .string(name), "size": .uint(size), "mode": .string(mode.rawValue)]
  }
}

extension Profile.Stream {
  fileprivate var json: JSON {
    let sync: JSON =
      switch fsync {
      case .none: "none"
      case .end: "end"
      case .every(let bytes): .uint(bytes)
      }
    return [
      "name": .string(name),
      "engine": .string(engine.rawValue),
      "files": .int(Int64(files)),
      "block": .uint(block),
      "depth": .int(Int64(depth)),
      "size": size.map { .uint($0) } ?? "unlimited",
      "fsync": sync,
      "preallocate": .bool(preallocate),
      "rate": rate.map(Profile.rate) ?? "unlimited",
    ]
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
