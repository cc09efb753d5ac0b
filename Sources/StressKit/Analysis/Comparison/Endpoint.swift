// SPDX-License-Identifier: Apache-2.0
import Glibc

/// What two arms are held against each other by. Those that a verdict rests on are declared before any trial
/// is run: an endpoint that was chosen for its result shows nothing.
package struct Endpoint: Equatable, Sendable {
  /// How the new arm's change against its base is counted.
  package enum Scale: String, Sendable {
    /// Of values that are 0 or 1: the rate's difference, -1 to 1.
    case points
    /// Of values from 0 up: how many times the base, above 0.
    case ratio
    /// In the values' unit.
    case shift
  }

  package var name: String
  package var scale: Scale
  package var moreIsWorse: Bool
  /// The smallest change that matters, in either direction: a difference of rates or values above 0, or a
  /// factor above 1 (1.1 is both 10 % more and a tenth of it less).
  package var matters: Double
  /// The largest change between arms that differ in nothing, counted as `matters`. A change that is no larger
  /// is never called one. nil: not calibrated.
  package var floor: Double?

  package init(
    _ name: String, _ scale: Scale, moreIsWorse: Bool, matters: Double, floor: Double? = nil
  ) {
    self.name = name
    self.scale = scale
    self.moreIsWorse = moreIsWorse
    self.matters = matters
    self.floor = floor
  }

  /// Half of all trials: what Fisher's test sees of 12 trials against 12 with a chance of 80 %, from a base
  /// without kills.
  package static let killed = Endpoint("OOM", .points, moreIsWorse: true, matters: 0.5)
  package static let throughput = Endpoint(
    "throughput", .ratio, moreIsWorse: false, matters: 1.1)
  package static let stallP99 = Endpoint("stall p99", .ratio, moreIsWorse: true, matters: 2)
  package static let cpuPerGiB = Endpoint(
    "CPU per GiB", .ratio, moreIsWorse: true, matters: 1.25)

  /// A change on a scale where no change is 0 and changes add up: the logarithm of a ratio.
  func additive(_ change: Double) -> Double { scale == .ratio ? log(change) : change }

  /// Back from `additive`.
  func change(_ additive: Double) -> Double { scale == .ratio ? exp(additive) : additive }
}
