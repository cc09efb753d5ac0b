// SPDX-License-Identifier: Apache-2.0
import StressAnalysis
import StressCore

/// What a report must say of kernel, machine, file system and settings; what the record does not tell is said too.
struct MailEnvironment {
  private let environment: TrialEnvironment
  private let profile: Profile
  private let base: (name: String, environment: [String])?

  init(_ told: MailCase) {
    environment = told.environment
    profile = told.cell.profile
    base = told.base.flatMap { cell in
      guard let trial = cell.typicalTrial,
        let index = told.campaign.summary.cells.firstIndex(where: { $0.axes == cell.axes }),
        let record = try? told.campaign.record(cell: index, trial: trial.number)
      else { return nil }
      let environment = TrialEnvironment(record)
      return (told.name(of: cell), [environment.version ?? environment.release].compactMap(\.self))
    }
  }

  var text: MailText {
    var text = MailText()
    for (name, value) in kernel + machine + disk + settings + groups + workload {
      text.item("\(name): \(value ?? "not recorded")")
    }
    return text
  }

  /// In place of a package.
  private var package: String {
    guard let commit = environment.commit else {
      return "none: a kernel that was built or given by path"
    }
    return "none: built of commit \(commit)" + (environment.hasChanges ? " with changes" : "")
  }

  private typealias Fact = (name: String, value: String?)

  private var kernel: [Fact] {
    var facts: [Fact] = [("kernel", environment.version ?? environment.release)]
    if let base { facts.append(("kernel compared with", base.environment.joined(separator: " "))) }
    facts += [
      ("package", environment.package ?? package),
      ("command line", environment.commandLine),
      ("tainted", environment.taint.map { $0 == 0 ? "0 (no)" : "\($0)" }),
    ]
    if let os = environment.os { facts.append(("distribution", os)) }
    return facts
  }

  private var machine: [Fact] {
    let cpus = [
      environment.cpus.map { TerminalReport.count($0, "CPU") },
      environment.sockets.map { TerminalReport.count($0, "socket") },
      environment.nodes.map { "NUMA nodes \($0)" }, environment.cpuModel,
    ].compactMap(\.self).joined(separator: ", ")
    let memory = environment.memory.map { "MemTotal \($0 >> 10) KiB" }
    let swap = environment.swaps.map { swaps in
      swaps.isEmpty ? "no swap" : "swap \(swaps.joined(separator: "; "))"
    }
    return [
      ("machine", place), ("CPU", cpus.isEmpty ? nil : cpus),
      ("memory", [memory, swap].compactMap(\.self).joined(separator: ", ")),
    ]
  }

  private var place: String? {
    let product = environment.product.map { " (\($0))" } ?? ""
    switch environment.accelerator {
    case TrialSummary.local?:
      let kind = environment.isVirtual.map { $0 ? "a virtual machine" : "not virtual" }
      return (kind ?? "not known whether virtual") + product
    case let accelerator?:
      let how =
        accelerator == "tcg"
        ? "TCG: an emulated CPU, so outcomes, counts and order mean something, speeds do not"
        : accelerator.uppercased()
      let host = [
        environment.hostKernel.map { "host kernel \($0)" },
        environment.hostCPUs.map { "\($0) host CPUs" },
      ].compactMap(\.self).joined(separator: ", ")
      return "virtual\(product), \(environment.qemu ?? "QEMU"), \(how); \(host)"
    case nil: return nil
    }
  }

  private var disk: [Fact] {
    let device = profile.device
    let speed = device.bandwidth.map { "\(Units.sizeText($0))/s" } ?? "unthrottled"
    var words = "\(Units.sizeText(device.size)), \(speed)"
    if environment.accelerator != TrialSummary.local {
      words += ", a raw image as virtio-blk, cache=\(environment.diskCache ?? "?")"
    } else {
      words += ", a loop device"
    }
    let queue =
      (environment.scheduler.map { [Profile.Setting("scheduler", $0)] } ?? []) + environment.queue
    let options = Self.list(queue)
    let bdi = Self.list(environment.bdi)
    return [
      ("disk", words), ("queue", options.isEmpty ? nil : options),
      ("bdi", bdi.isEmpty ? nil : bdi),
      ("mkfs", environment.mkfs.map { $0.isEmpty ? "none" : $0 }),
      ("mkfs version", environment.mkfsVersion),
      ("file system features", environment.features.map(Self.spaced)),
      ("mount options", environment.mountOptions),
    ]
  }

  private var settings: [Fact] {
    let mm = "/sys/kernel/mm/"
    let huge = ["enabled", "defrag", "shmem_enabled"].compactMap { file in
      environment.setting(mm + "transparent_hugepage/" + file).map {
        "\(file) \(KernelSetting.present(in: $0))"
      }
    }.joined(separator: ", ")
    let changed = Self.list(environment.changedSettings)
    let lru = environment.setting(KernelSetting.lruGen).map { mask in
      let time = environment.setting(mm + "lru_gen/min_ttl_ms") ?? "?"
      return "\(mask), min_ttl_ms \(time)"
    }
    let free = environment.setting("/proc/sys/vm/min_free_kbytes")
    return [
      ("lru_gen", lru ?? "absent, or not recorded"), ("THP", huge.isEmpty ? nil : huge),
      (
        "vm sysctls that are not the kernel's defaults",
        (changed.isEmpty ? "none" : changed)
          + (free.map { "; vm.min_free_kbytes, which goes by the memory, is \($0)" } ?? "")
      ),
    ]
  }

  private var groups: [Fact] {
    var facts: [Fact] = [("cgroup v2 mount", environment.cgroupOptions)]
    let usual = ["0", "max", "max 100000", "100", "default 100", ""]
    for (path, limits) in environment.cgroups + environment.ancestors {
      let controllers = limits.first { $0.key == "cgroup.controllers" }?.value
      let set = limits.filter { !$0.key.hasPrefix("cgroup.") }.filter { limit in
        !usual.contains(limit.value) || (limit.key.hasPrefix("memory.swap") && limit.value != "max")
      }
      var words = set.isEmpty ? "nothing limited" : Self.list(set)
      if let events = environment.events[path] {
        words += "; memory.events at the end: " + (events.isEmpty ? "all 0" : Self.list(events))
      }
      let name = path.isEmpty ? "the root" : "/" + path
      facts.append(
        ("cgroup \(name)", words + (path.isEmpty ? "; controllers \(controllers ?? "?")" : "")))
    }
    if let base = environment.ancestors.last {
      facts.append(
        ("cgroups of the trial", "below /\(base.path), which is left out of their names"))
    }
    if environment.cgroups.isEmpty { facts.append(("cgroup /wbstress", nil)) }
    return facts
  }

  private var workload: [Fact] {
    let pins = profile.pinned.map { pin in
      "\(pin.name): \(Units.sizeText(pin.size)) of anonymous memory, \(pin.mode.rawValue)"
    }
    let streams = profile.streams.map { stream in
      var words = "\(stream.name): \(stream.direct ? "direct" : "buffered")"
      words += " \(stream.action.rawValue) by \(stream.engine.rawValue)"
      words += ", \(Units.sizeText(stream.block)) blocks, \(stream.depth) in flight"
      words += stream.size.map { ", \(Units.sizeText($0))" } ?? ", endless"
      if stream.jobs * stream.files > 1 {
        words += ", \(stream.jobs) jobs of \(stream.files) files"
      }
      switch stream.fsync {
      case .none where stream.action == .read: break
      case .none: words += ", no fsync"
      case .end: words += ", \(stream.sync.rawValue) at the end"
      case .every(let bytes): words += ", \(stream.sync.rawValue) every \(Units.sizeText(bytes))"
      }
      return ([words] + stream.differences).joined(separator: ", ")
    }
    return [
      ("workload", (pins + streams + profile.commands.map { $0.words() }).joined(separator: "; ")),
      ("duration", "at most \(Units.durationText(profile.duration)) a run"),
    ]
  }

  /// xfs_db has no blank in it that a line could be broken at.
  private static func spaced(_ features: String) -> String {
    features.split(separator: ",").joined(separator: " ")
  }

  private static func list(_ settings: [Profile.Setting]) -> String {
    settings.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
  }
}
