// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import StressCore
import StressMachine

/// Options of `run` that say when a trial on this machine is aborted for the machine's sake.
struct AbortOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Abort when MemAvailable falls below this (default: 2 % of the memory, 64 MiB to 1 GiB).",
      valueName: "size"))
  var abortAvailable: String?

  @Option(
    help: ArgumentHelp(
      "Abort when a cgroup outside the trial stalls on memory for more than this share of 10 s "
        + "(default: \(MachineLimits.usualPressure)).", valueName: "percent"))
  var abortPressure: Int?

  @Option(
    help: ArgumentHelp(
      "Kill the workers when the harness makes no progress for this long (default: 60s).",
      valueName: "duration"))
  var abortStuck: String?

  func limits() throws -> MachineLimits {
    var limits = MachineLimits()
    do throws(UnitError) {
      if let abortAvailable { limits.available = try Units.size(abortAvailable) }
      if let abortStuck { limits.stuck = try Units.duration(abortStuck) }
    } catch {
      throw ValidationError("--abort-available, --abort-stuck: \(error)")
    }
    limits.pressure = abortPressure
    return limits
  }

  func validate() throws {
    if let abortPressure, !(1...100).contains(abortPressure) {
      throw ValidationError("--abort-pressure: 1 to 100")
    }
    if try limits().stuck < 1_000_000_000 { throw ValidationError("--abort-stuck: at least 1s") }
  }
}
