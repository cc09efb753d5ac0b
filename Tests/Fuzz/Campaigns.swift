// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressRecord

/// Plans of campaigns: directories that come from others.
enum Campaigns {
  private static let directory = FuzzDirectory.make()

  static func feed(_ bytes: UnsafeRawBufferPointer) {
    do {
      try File.write(CampaignFile.path(in: directory), Array(bytes))
    } catch {
      fatalError("\(error)")
    }
    guard let plan = try? CampaignFile(directory: directory) else { return }
    require((0...CampaignFile.mostTrials).contains(plan.trials), "trials without end")
    do {
      try plan.write(to: directory)
      require(try CampaignFile(directory: directory) == plan, "the plan changes by being written")
    } catch {
      fatalError("\(error)")
    }
  }
}
