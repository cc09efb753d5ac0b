// SPDX-License-Identifier: Apache-2.0

/// Moments at an even rate. Absolute, so that time lost in a stall is caught up with.
struct Schedule {
  /// CLOCK_BOOTTIME, ns.
  let began: UInt64
  /// Per second; not 0.
  let rate: UInt64

  /// When the first `count` are over and the next is due, CLOCK_BOOTTIME in ns.
  func due(after count: UInt64) -> UInt64 {
    began &+ rate.dividingFullWidth(count.multipliedFullWidth(by: 1_000_000_000)).quotient
  }

  /// How many were due before `time`.
  func count(before time: UInt64) -> UInt64 {
    guard time > began else { return 0 }
    let (whole, rest) = (time - began).quotientAndRemainder(dividingBy: 1_000_000_000)
    let part = UInt64(1_000_000_000).dividingFullWidth(rest.multipliedFullWidth(by: rate))
    return whole &* rate &+ part.quotient &+ (part.remainder > 0 ? 1 : 0)
  }
}
