// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressRecord

/// One run of a cell: everything that a machine needs to know to carry it out.
package struct TrialPlan: Sendable {
  /// A fault that the harness's own tests put into a guest.
  package enum Fault: String, CaseIterable, Sendable {
    /// `c` to /proc/sysrq-trigger, one second into the streams.
    case panic
    /// Real-time threads take every CPU and give none back.
    case livelock
  }

  /// Commands of an independent tool that the harness's own tests run beside the trial, in a guest.
  package struct Peer: Equatable, Sendable {
    package var start: [String]
    /// Says on its standard output what was found.
    package var finish: [String]
    package init(start: [String], finish: [String]) {
      self.start = start
      self.finish = finish
    }
  }

  package var profile: Profile
  /// Label of the profile and its variant.
  package var profileLabel: String
  /// The cell's axes, such as `fs` = `ext4`, in the order of the command line.
  package var axes: [Profile.Setting]
  /// Counted from 1 within the cell.
  package var number: Int
  package var seed: UInt64
  package var device: String
  package var cacheDevice: String?
  package var swapDevice: String?
  /// Of the user land; nil: the commands' is the machine's own.
  package var rootDevice: String?
  package var fault: Fault?
  package var peer: Peer?
  /// How long neither the workload nor the storage may move until the trial counts as stalled, ns.
  package var stallTime: UInt64 = 60_000_000_000

  package init(profile: Profile, label: String, axes: [Profile.Setting], number: Int, seed: UInt64)
  {
    self.profile = profile
    profileLabel = label
    self.axes = axes
    self.number = number
    self.seed = seed
    device = ""
  }

  /// The streams' delay after the pins, 0 to 2 s in ns: rstat is flushed every 2 s, and whether a trial
  /// ends in an OOM kill depends on the phase.
  package var startDelay: UInt64 {
    var random = SplitMix64(seed: seed)
    return UInt64.random(in: 0..<2_000_000_000, using: &random)
  }

  /// What the workers' content and the order of their touches begin with, each worker's its own.
  struct Seeds {
    var pins: [UInt64]
    /// Of each stream's jobs.
    var streams: [[UInt64]]
    var tasks: [UInt64]
  }

  var seeds: Seeds {
    var random = SplitMix64(seed: seed &+ 1)
    return Seeds(
      pins: profile.pinned.map { _ in random.next() },
      streams: profile.streams.map { $0.each.map { _ in random.next() } },
      tasks: profile.tasks.map { _ in random.next() })
  }

  /// For the record's header, and for the machine that carries it out.
  package var line: HeaderLine.Plan {
    var line = HeaderLine.Plan()
    line.label = profileLabel
    line.axes = Keyed(axes.map { ($0.key, $0.value) })
    line.number = Int64(number)
    line.seed = Int64(bitPattern: seed)
    line.startDelay = Int64(clamping: startDelay)
    line.device = device
    line.cacheDevice = cacheDevice
    line.swapDevice = swapDevice
    line.rootDevice = rootDevice
    line.fault = fault?.rawValue
    line.peer = peer.map {
      ["start": .array($0.start.map(JSON.string)), "finish": .array($0.finish.map(JSON.string))]
    }
    line.stallTime = Int64(clamping: stallTime)
    line.profile = profile.json
    return line
  }

  /// Reads what `line` gives, as JSON.
  package init(parsing bytes: [UInt8], name: String) throws {
    guard let line = HeaderLine.Plan(json: try JSON(parsing: bytes)), let label = line.label,
      let axes = line.axes, let number = line.number, let seed = line.seed,
      let device = line.device, let profile = line.profile
    else { throw HarnessError(.harness, name, "is not a trial's plan") }
    self.profile = try Profile(json: profile, name: name)
    profileLabel = label
    self.axes = axes.members.map { Profile.Setting($0.key, $0.value) }
    self.number = Int(number)
    self.seed = UInt64(bitPattern: seed)
    self.device = device
    cacheDevice = line.cacheDevice
    swapDevice = line.swapDevice
    rootDevice = line.rootDevice
    func words(_ key: String) -> [String]? {
      line.peer?[key]?.array?.compactMap(\.string)
    }
    if let start = words("start"), let finish = words("finish") {
      peer = Peer(start: start, finish: finish)
    }
    fault = line.fault.flatMap(Fault.init(rawValue:))
    if let time = line.stallTime { stallTime = UInt64(clamping: time) }
  }
}
