// SPDX-License-Identifier: Apache-2.0

/// P-values of several tests, adjusted so that they can be held against the level as if each were the only
/// one. In the order that they came in.
package enum MultipleTesting {
  /// The chance of any false rejection is at most the level, whatever the tests have to do with each other:
  /// for the few endpoints that were declared beforehand.
  ///
  /// S. Holm, Scandinavian Journal of Statistics 6 (1979) 65.
  package static func holm(_ p: [Double]) -> [Double] {
    let order = ordered(p)
    var adjusted = p
    var largest = 0.0
    for (place, index) in order.enumerated() {
      largest = max(largest, min(1, p[index] * Double(p.count - place)))
      adjusted[index] = largest
    }
    return adjusted
  }

  /// The expected share of false ones among the rejections is at most the level, for tests that are
  /// independent or rise together: for a sweep over all counters.
  ///
  /// Y. Benjamini and Y. Hochberg, JRSS B 57 (1995) 289.
  package static func benjaminiHochberg(_ p: [Double]) -> [Double] {
    let order = ordered(p)
    var adjusted = p
    var smallest = 1.0
    for (place, index) in order.enumerated().reversed() {
      smallest = min(smallest, p[index] * Double(p.count) / Double(place + 1))
      adjusted[index] = smallest
    }
    return adjusted
  }

  private static func ordered(_ p: [Double]) -> [Int] {
    precondition(p.allSatisfy { (0...1).contains($0) }, "p-values \(p)")
    return p.indices.sorted { p[$0] < p[$1] }
  }
}
