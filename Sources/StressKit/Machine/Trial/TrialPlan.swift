import StressCore

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

  package var json: JSON {
    [
      "label": .string(profileLabel),
      "axes": .object(axes.map { ($0.key, .string($0.value)) }),
      "number": .int(Int64(number)),
      "seed": .int(Int64(bitPattern: seed)),
      "start_delay": .uint(startDelay),
      "device": .string(device), "cache_device": .optional(cacheDevice),
      "swap_device": .optional(swapDevice), "fault": .optional(fault?.rawValue),
      "peer": peer.map {
        ["start": .array($0.start.map(JSON.string)), "finish": .array($0.finish.map(JSON.string))]
      } ?? .null,
      "stall_time": .uint(stallTime),
      "profile": profile.json,
    ]
  }

  /// Reads what `json` wrote.
  package init(parsing bytes: [UInt8], name: String) throws {
    let json = try JSON(parsing: bytes)
    guard let label = json["label"]?.string, let axes = json["axes"]?.members,
      let number = json["number"]?.int, let seed = json["seed"]?.int,
      let device = json["device"]?.string, let profile = json["profile"]
    else { throw HarnessError(.harness, name, "is not a trial's plan") }
    self.profile = try ProfileFile(text: profile.text, name: name)
      .profile(variant: nil, overrides: [])
    profileLabel = label
    self.axes = axes.map { Profile.Setting($0.key, $0.value.string ?? "") }
    self.number = Int(number)
    self.seed = UInt64(bitPattern: seed)
    self.device = device
    cacheDevice = json["cache_device"]?.string
    swapDevice = json["swap_device"]?.string
    func words(_ key: String) -> [String]? {
      json["peer"]?[key]?.array?.compactMap(\.string)
    }
    if let start = words("start"), let finish = words("finish") {
      peer = Peer(start: start, finish: finish)
    }
    fault = json["fault"]?.string.flatMap(Fault.init(rawValue:))
    if let time = json["stall_time"]?.int { stallTime = UInt64(clamping: time) }
  }
}
