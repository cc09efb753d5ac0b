// SPDX-License-Identifier: Apache-2.0
import StressAnalysis
import StressCore
import StressRecord

/// What stands above the tables: where and on what the trials ran, and what they did.
extension TerminalReport {
  /// What holds for the whole table; what differs among cells is in their rows.
  var heading: [String] {
    hang(title, isWatch ? "" : ", seed \(summary.seed)", style.bold)
      + facts.flatMap { wrap($0.name, $0.values) }
  }

  /// Whether it is of cgroups that were only looked at.
  var isWatch: Bool { summary.isWatch }

  var title: String {
    if isWatch { return "\(summary.label): \(watched.joined(separator: ", "))" }
    return "\(summary.label): \(Self.count(cells.count, "cell")), \(most)"
      + "\(Self.count(summary.planned, "trial")) each"
  }

  private var watched: [String] { distinct(cells.flatMap(\.profile.watched)) }

  /// Of a campaign that stops when it is known.
  private var most: String { summary.mayEndEarly ? "at most " : "" }

  /// What ran where, by what it is called; facts without a value are left out.
  var facts: [(name: String, values: [String])] {
    let profiles = cells.map(\.profile)
    let guests = cells.filter { $0.trials.contains { !$0.isLocal } || $0.trials.isEmpty }
    let options = profiles.map { $0.filesystem.mount.joined(separator: ",") }
    let hasOptions = options.contains { !$0.isEmpty }
    let fixed = (cells.first?.axes ?? []).filter {
      $0.key != CampaignFile.kernelKey && !varies($0.key)
    }
    var facts: [(name: String, values: [String])] = [
      ("source", distinct(cells.compactMap(\.profile.source?.words))),
      ("accelerator", isWatch ? [] : distinct(trials.map(Self.accelerator))),
    ]
    facts += kernels.map { ("kernel", [$0]) }
    facts += [
      ("guest", isWatch ? [] : distinct(guests.map(\.profile.machine.words))),
      ("machine", distinct(trials.filter(\.isLocal).compactMap(\.machine))),
      ("device", isWatch ? [] : distinct(profiles.map(\.device.words))),
      ("limits", isWatch ? watchedLimits : distinct(profiles.map(\.limitWords))),
    ]
    if let key = summary.threshold?.key {
      facts.append(("searched", ["\(key): each trial its own"]))
    }
    // The words of these have semicolons of their own.
    facts += distinct(profiles.map(\.groupWords)).filter { !$0.isEmpty }.map { ("cgroups", [$0]) }
    facts += [
      ("streams", distinct(profiles.flatMap { $0.streams.map(\.words) })),
      ("tasks", distinct(profiles.flatMap { $0.tasks.map(\.words) })),
    ]
    facts += distinct(profiles.flatMap { $0.commands.map { $0.words(atMost: 160) } })
      .map { ("command", [$0]) }
    facts += distinct(profiles.map(\.timelineWords)).filter { !$0.isEmpty }
      .map { ("timeline", [$0]) }
    facts += [
      ("file system", distinct(profiles.compactMap(\.filesystem.layerWords))),
      ("mount options", hasOptions ? distinct(options.map { $0.isEmpty ? "none" : $0 }) : []),
      ("observer", distinct(profiles.map(\.observe.words))),
      ("all cells", fixed.map { "\($0.key) \($0.value)" }),
    ]
    return facts.filter { !$0.values.isEmpty }
  }

  /// Of the first cgroup; those that are not set are no limits.
  private var watchedLimits: [String] {
    let unset = ["memory.min": "0", "memory.low": "0"]
    let limits = cells.flatMap(\.profile.limits).filter { $0.value != unset[$0.key] ?? "max" }
    return [
      limits.isEmpty ? "none in memory.*" : distinct(limits.map(\.words)).joined(separator: ", ")
    ]
  }

  private var kernels: [String] {
    let hosts = distinct(cells.map { $0.value(of: CampaignFile.hostKey) ?? "" })
    return hosts.flatMap { host in
      kernels(
        of: cells.filter { ($0.value(of: CampaignFile.hostKey) ?? "") == host }.flatMap(\.trials),
        host)
    }
  }

  /// - Parameter host: empty: this one.
  private func kernels(of trials: [TrialSummary], _ host: String) -> [String] {
    distinct(trials.map(\.kernel)).flatMap { name in
      let all = trials.filter { $0.kernel == name }
      // On a machine itself there is no other name.
      let kernel =
        host.isEmpty ? name : all.contains(where: \.isLocal) ? host : "\(host): \(name)"
      // A guest that did not get as far as its environment does not tell of its LRU.
      let told = all.filter { $0.lruGen != nil }
      let texts = told.map { "\(kernel) = \($0.release), \(Self.describe(lruGen: $0.lruGen))" }
      return distinct(told.isEmpty ? all.map { "\(kernel) = \($0.release)" } : texts)
    }
  }

  private static func accelerator(_ trial: TrialSummary) -> String {
    describe(accelerator: trial.accelerator)
      + (trial.jobs > 1 ? "; \(trial.jobs) guests at a time" : "")
  }

  private static func describe(accelerator: String) -> String {
    switch accelerator {
    case "tcg": "TCG: emulated, so compare outcomes and counts, not speeds"
    case TrialSummary.local: "none: on the machine itself, on loop devices"
    default: accelerator.uppercased()
    }
  }

  private static func describe(lruGen: String?) -> String {
    switch lruGen {
    case nil: "LRU unknown"
    case "absent"?: "classic LRU (no MGLRU)"
    case "0x0000"?: "classic LRU"
    case let mask?: "MGLRU \(mask)"
    }
  }
}

// MARK: - A profile in words

// Beside what each has, only what is not as usual.

extension Profile {
  /// The limits, and what takes up room below them.
  fileprivate var limitWords: String {
    let pins = pinned.isEmpty ? ["nothing pinned"] : pinned.map(\.words)
    let clean = cache > 0 ? ["\(Units.sizeText(cache)) of clean cache"] : []
    return (limits.map(\.words) + pins + clean).joined(separator: ", ")
  }

  fileprivate var groupWords: String {
    cgroups.map { group in
      let limits = group.limits.map(\.words).joined(separator: ", ")
      return limits.isEmpty ? group.name : "\(group.name): \(limits)"
    }.joined(separator: "; ")
  }

  fileprivate var timelineWords: String { timeline.map(\.words).joined(separator: "; ") }
}

extension Profile.Setting {
  fileprivate var words: String {
    let bytes = Profile.Limit.isBytes(key) ? UInt64(value) : nil
    return "\(key) \(bytes.map(Units.sizeText) ?? value)"
  }
}

extension Profile.Source {
  fileprivate var words: String { "\(list), \"\(subject)\", \(date)" }
}

extension Profile.Device {
  fileprivate var words: String {
    let speed = bandwidth.map { Units.sizeText($0) + "/s" } ?? "unthrottled"
    return (["\(Units.sizeText(size)) disk", speed] + differences).joined(separator: ", ")
  }
}

extension Profile.Machine {
  fileprivate var words: String {
    let size = [Units.sizeText(memory), TerminalReport.count(cpus, "CPU")]
    let swapless = swap + zram > 0 ? [] : ["no swap"]
    return (size + differences + swapless).joined(separator: ", ")
  }
}

extension Profile.Pinned {
  fileprivate var words: String {
    var words = "\(Units.sizeText(size)) \(mode.rawValue)"
    if !differences.isEmpty { words += " (\(differences.joined(separator: ", ")))" }
    if let cgroup { words += " in \(cgroup)" }
    return words
  }
}

extension Profile.Stream {
  fileprivate var words: String {
    var words = action == .write ? "" : "\(action.rawValue) by "
    words += "\(engine.rawValue) \(Units.sizeText(block))"
    if engine == .ioUring { words += " x \(depth)" }
    words += size.map { ", \(Units.sizeText($0))" } ?? ", endless"
    if files > 1 { words += " in \(files) files" }
    if jobs > 1 { words += " by \(jobs) jobs" }
    switch fsync {
    case .none where action == .read: break
    case .none: words += sync == .dsync ? ", O_DSYNC" : ", no fsync"
    case .end: words += ", \(sync.rawValue) at the end"
    case .every(let bytes): words += ", \(sync.rawValue) every \(Units.sizeText(bytes))"
    }
    for difference in differences { words += ", \(difference)" }
    if let cgroup { words += ", in \(cgroup)" }
    return words
  }
}

extension Profile.Task {
  fileprivate var words: String {
    let usual = Self(name: name, action: action)
    var words = action.rawValue
    if size != usual.size { words += " \(Units.sizeText(size))" }
    switch state {
    case .delayed: break
    case .allocated: words += " of allocated pages"
    case .writeback: words += " under writeback"
    }
    words += " every \(Units.durationText(every))"
    if let rounds { words += ", \(TerminalReport.count(rounds, "time"))" }
    for difference in differences { words += ", \(difference)" }
    if let cgroup { words += ", in \(cgroup)" }
    return words
  }
}

extension Profile.Moment {
  fileprivate var words: String {
    var words = start.map { "start \($0)" } + stop.map { "stop \($0)" }
    if let bandwidth {
      words.append("device \(bandwidth.map { Units.sizeText($0) + "/s" } ?? "unthrottled")")
    }
    if let iops { words.append(iops.map { "\($0) IOPS" } ?? "any IOPS") }
    if let delay { words.append("delayed by \(Units.durationText(delay))") }
    words += limits.map { (cgroup.map { $0 + " " } ?? "") + $0.words } + sysctl.map(\.words)
    words += differences
    return "at \(at == 0 ? "0s" : Units.durationText(at)) "
      + words.joined(separator: ", ")
  }
}

extension Profile.Observe {
  fileprivate var words: String {
    if level == .bare { return "bare, nothing read while the streams run" }
    let rstat = rstat.map { "every " + Units.durationText($0) } ?? "off"
    let lanes = [fast, interval].map(Units.durationText).joined(separator: " and ")
    return "rstat \(rstat), lanes of \(lanes), \(trace ? "traced" : "not traced")"
  }
}
