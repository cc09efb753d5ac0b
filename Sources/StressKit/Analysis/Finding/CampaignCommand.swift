// SPDX-License-Identifier: Apache-2.0
import StressRecord

extension CampaignSummary {
  /// The command that makes such a campaign; its axes are told in the order of its cells.
  package var command: String {
    let keys = (cells.first?.axes ?? []).map(\.key)
    func values(_ key: String) -> [String] { ComparisonChoice.values(of: key, in: cells) }
    var words = ["wbstress", threshold == nil ? "run" : "threshold", label]
    let hasVariants = keys.contains(CampaignFile.variantKey)
    for key in keys {
      let list = values(key).joined(separator: ",")
      switch key {
      case CampaignFile.calibrateKey: words.append("--calibrate")
      case CampaignFile.hostKey: words += values(key).flatMap { ["--on", $0] }
      case CampaignFile.kernelKey:
        words += isLocal ? [isOnDevice ? "--device DEVICE" : "--loop DIR"] : ["--kernel", list]
      // A variant brings its own.
      case CampaignFile.filesystemKey: if !hasVariants { words += ["--fs", list] }
      default: words += ["--vary", "\(key)=\(list)"]
      }
    }
    if let question = untilVerdict {
      words += ["--until-verdict", "--axis", question.axis, "--base", question.base]
      words += ["--against", question.new]
    }
    if let threshold {
      words += ["--find", threshold.key]
      let options: [(String, KeyPath<CampaignFile.Threshold.Range, UInt64>)] = [
        ("--from", \.from), ("--to", \.to), ("--within", \.within),
      ]
      // Where cells differ in them, they are what the profiles give.
      for (option, member) in options {
        let values = Set(threshold.ranges.map { $0[keyPath: member] })
        if values.count == 1, let value = values.first {
          words += [option, threshold.quantity.text(value)]
        }
      }
    }
    return (words + ["--trials", "\(planned)", "--seed", "\(seed)"]).joined(separator: " ")
  }

  /// Whether its trials ran on machines themselves, not in guests.
  private var isLocal: Bool { cells.contains { $0.trials.contains(where: \.isLocal) } }

  /// Whether those were given a block device; else they made loop devices.
  private var isOnDevice: Bool {
    identity.contains { $0.key.hasPrefix("device") && $0.value != "loop" }
  }
}
