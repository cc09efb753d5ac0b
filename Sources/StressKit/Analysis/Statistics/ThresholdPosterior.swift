// SPDX-License-Identifier: Apache-2.0
import Glibc

/// What trials at several values of one quantity tell of the value at which half of them die, and where the next trial
/// tells most: Bayesian adaptive estimation of a psychometric function on a grid.
///
/// The curve is logistic, rising or falling, between a share that dies where none should (guess) and one that lives where
/// all should die (lapse); its threshold is where the curve itself passes one half. Threshold, slope, both shares and the
/// direction are parameters; that the curve never or always kills are two further hypotheses. The next value has the
/// greatest expected information on the threshold, whatever the other parameters are.
///
/// L. L. Kontsevich and C. W. Tyler, Vision Research 39 (1999) 2729 (psi); N. Prins, Journal of Vision 13 (7) (2013) 3
/// (psi-marginal); A. B. Watson, Journal of Vision 17 (3) (2017) 10 (QUEST+).
package struct ThresholdPosterior: Sendable {
  /// Whether more of it kills more.
  package enum Direction: Int, CaseIterable, Sendable { case rising, falling }

  /// A quantity in units of the precision that is asked for, from 0 to `length`.
  package let length: Double
  /// Cells of the threshold, and how wide each is.
  private let cells: Int
  private let width: Double

  private struct Shape {
    /// Of the logistic function.
    var scale: Double
    var guess: Double
    var lapse: Double
    /// What makes it one half at the threshold.
    var shift: Double
    var weight: Double

    func chance(_ distance: Double) -> Double {
      guess + (1 - guess - lapse) / (1 + exp(-(distance / scale + shift)))
    }
  }

  private let shapes: [Shape]
  /// Of each shape its chances at the distances of grid points from the cells' middles: `(k - 1/2) width` for k from
  /// `1 - cells` to `cells`.
  private let table: [Double]
  /// By direction, shape and threshold.
  private var weights: [Double]
  /// Of curves that kill only by guess, and live only by lapse.
  private var never: [Double]
  private var always: [Double]
  /// Of the last outcome, before it was taken in; 1: there was none.
  package private(set) var lastChance = 1.0

  /// Scales of the slope in units of the precision: 10 to 90 % of the trials die within 4.4 times as much. Each as likely.
  private static let scales = [0.1, 0.3, 0.9, 2.5, 6]
  /// Shares of guesses and lapses, and their weights.
  private static let errors: [(share: Double, weight: Double)] = [(0.01, 0.7), (0.08, 0.3)]
  /// Of the two hypotheses without a threshold, each.
  private static let constant = 0.05
  /// Cells of a precision, and the fewest and most in all.
  private static let resolution = 2.5
  private static let bounds = 40.0...1000.0

  /// - Parameter length: how much is searched, in units of the precision; above 0.
  package init(length: Double) {
    precondition(length > 0 && length.isFinite, "a range of \(length)")
    self.length = length
    let count = min(
      max((length * Self.resolution).rounded(.up), Self.bounds.lowerBound), Self.bounds.upperBound)
    let cells = Int(count)
    let width = length / count
    (self.cells, self.width) = (cells, width)
    let shapes = Self.scales.flatMap { scale in
      Self.errors.flatMap { guess in
        Self.errors.map { lapse in
          let half = (0.5 - guess.share) / (1 - guess.share - lapse.share)
          return Shape(
            scale: scale, guess: guess.share, lapse: lapse.share, shift: log(half / (1 - half)),
            weight: guess.weight * lapse.weight / Double(Self.scales.count))
        }
      }
    }
    self.shapes = shapes
    table = shapes.flatMap { shape in
      (1 - cells...cells).map { shape.chance((Double($0) - 0.5) * width) }
    }
    let each = (1 - 2 * Self.constant) / Double(2 * cells)
    weights = Direction.allCases.flatMap { _ in
      shapes.flatMap { Array(repeating: $0.weight * each, count: cells) }
    }
    never = Self.errors.map { $0.weight * Self.constant }
    always = never
  }

  // MARK: Trials

  /// Takes a trial in.
  ///
  /// - Parameter value: 0 to `length`.
  package mutating func add(_ value: Double, died: Bool) {
    var sum = 0.0
    let (cells, width, shapes) = (cells, width, shapes)
    weights.withUnsafeMutableBufferPointer { weights in
      var index = 0
      for direction in Direction.allCases {
        for shape in shapes {
          for cell in 0..<cells {
            let distance = value - (Double(cell) + 0.5) * width
            let chance = shape.chance(direction == .rising ? distance : -distance)
            weights[index] *= died ? chance : 1 - chance
            sum += weights[index]
            index += 1
          }
        }
      }
    }
    for (index, error) in Self.errors.enumerated() {
      never[index] *= died ? error.share : 1 - error.share
      always[index] *= died ? 1 - error.share : error.share
      sum += never[index] + always[index]
    }
    lastChance = sum
    weights.withUnsafeMutableBufferPointer { weights in
      for index in weights.indices { weights[index] /= sum }
    }
    for index in never.indices {
      never[index] /= sum
      always[index] /= sum
    }
  }

  // MARK: What is known

  /// That it kills at no value, or at each.
  package var neverChance: Double { never.reduce(0, +) }
  package var alwaysChance: Double { always.reduce(0, +) }

  /// That there is a threshold within the range and the curve goes this way.
  package func chance(of direction: Direction) -> Double { weights[part(direction)].reduce(0, +) }

  /// The more likely one.
  package var direction: Direction {
    chance(of: .falling) > chance(of: .rising) ? .falling : .rising
  }

  private func part(_ direction: Direction) -> Range<Int> {
    let size = shapes.count * cells
    return direction.rawValue * size..<(direction.rawValue + 1) * size
  }

  /// How the threshold is distributed if the curve has one and goes the more likely way: the middle of each cell and
  /// its share.
  package var thresholds: [(value: Double, share: Double)] {
    let shares = shares(of: direction)
    let total = max(shares.reduce(0, +), .leastNormalMagnitude)
    return shares.enumerated().map { ((Double($0) + 0.5) * width, $1 / total) }
  }

  /// The value that the threshold is below with this probability.
  package func quantile(_ p: Double) -> Double {
    var below = 0.0
    for (value, share) in thresholds {
      if share > 0, below + share >= p { return value + width * ((p - below) / share - 0.5) }
      below += share
    }
    return length
  }

  /// Of the threshold, with both tails equal.
  package func interval(confidence: Double = 0.95) -> ConfidenceInterval {
    let tail = (1 - confidence) / 2
    return ConfidenceInterval(quantile(tail), quantile(1 - tail))
  }

  /// How far from each other the values are at which 10 and 90 % of a curve's way is done: the median of the posterior
  /// and its 95 % interval, as far as the grid of slopes reaches.
  package var spread: (median: Double, interval: ConfidenceInterval) {
    var shares: [(scale: Double, share: Double)] = Self.scales.map { ($0, 0) }
    let part = part(direction)
    let each = shapes.count / Self.scales.count
    for index in part { shares[(index - part.lowerBound) / cells / each].share += weights[index] }
    let total = max(shares.reduce(0) { $0 + $1.share }, .leastNormalMagnitude)
    // ln 81: from 10 to 90 % of a logistic curve.
    func quantile(_ p: Double) -> Double {
      var below = 0.0
      for (scale, share) in shares {
        below += share / total
        if below >= p { return scale * log(81) }
      }
      return (shares.last?.scale ?? 0) * log(81)
    }
    return (quantile(0.5), ConfidenceInterval(quantile(0.025), quantile(0.975)))
  }

  /// The share that dies at a value: mean and 95 % interval, over all that is possible, to a hundredth.
  package func rate(at value: Double) -> (mean: Double, interval: ConfidenceInterval) {
    var histogram = [Double](repeating: 0, count: 100)
    var mean = 0.0
    func add(_ chance: Double, _ weight: Double) {
      mean += chance * weight
      histogram[min(99, Int(chance * 100))] += weight
    }
    var index = 0
    for direction in Direction.allCases {
      for shape in shapes {
        for cell in 0..<cells {
          let distance = value - (Double(cell) + 0.5) * width
          add(shape.chance(direction == .rising ? distance : -distance), weights[index])
          index += 1
        }
      }
    }
    for (error, (never, always)) in zip(Self.errors, zip(never, always)) {
      add(error.share, never)
      add(1 - error.share, always)
    }
    func quantile(_ p: Double) -> Double {
      var below = 0.0
      for (bin, share) in histogram.enumerated() {
        below += share
        if below >= p { return (Double(bin) + 0.5) / 100 }
      }
      return 1
    }
    return (mean, ConfidenceInterval(quantile(0.025), quantile(0.975)))
  }

  // MARK: The next value

  /// A share of the greatest information that will do as well: searches with other seeds then try other values.
  private static let almost = 0.95
  private static let mostCandidates = 60

  /// Where a trial is expected to tell most of the threshold, its direction, and whether there is one.
  package func next(using random: inout some RandomNumberGenerator) -> Double {
    // What is all but excluded tells nothing.
    let open = Direction.allCases.filter { chance(of: $0) > 1e-6 }
    let targets = open.map(shares)
    let told = candidates.map { ($0, information(at: $0, of: zip(open, targets))) }
    let most = told.map(\.1).max() ?? 0
    let point = told.filter { $0.1 >= Self.almost * most }.randomElement(using: &random)?.0
    return Double(point ?? cells / 2) * width
  }

  /// Edges of the threshold's cells about where it may be, and both ends.
  private var candidates: [Int] {
    // Of both directions: which it is may not be known.
    let shares = zip(shares(of: .rising), shares(of: .falling)).map(+)
    let least = shares.reduce(0, +) / Double(cells) / 100
    // Beside them, a trial still tells of the slope.
    let reach = Int((3 / width).rounded(.up))
    let first = max(0, (shares.firstIndex { $0 >= least } ?? 0) - reach)
    let last = min(cells, (shares.lastIndex { $0 >= least } ?? cells) + 1 + reach)
    let step = max(1, (last - first + Self.mostCandidates - 1) / Self.mostCandidates)
    let all = Array(stride(from: first, through: last, by: step))
    return (first > 0 ? [0] : []) + all + (all.last == cells ? [] : [cells])
  }

  /// Of each threshold, over all shapes; with the direction they are not 1 in all.
  private func shares(of direction: Direction) -> [Double] {
    var shares = [Double](repeating: 0, count: cells)
    let part = part(direction)
    for index in part { shares[(index - part.lowerBound) % cells] += weights[index] }
    return shares
  }

  /// What is expected to be learned from a trial at an edge, in nats: the mutual information of its outcome with the
  /// threshold, the direction, and whether there is a threshold at all.
  private func information(
    at edge: Int, of directions: some Sequence<(Direction, [Double])>
  ) -> Double {
    var target: [Double] = []
    var died: [Double] = []
    for (direction, shares) in directions {
      target += shares
      died += deaths(at: edge, direction)
    }
    for (hypothesis, isNever) in [(never, true), (always, false)] {
      target.append(hypothesis.reduce(0, +))
      died.append(
        zip(hypothesis, Self.errors).reduce(0) {
          $0 + $1.0 * (isNever ? $1.1.share : 1 - $1.1.share)
        })
    }
    let rate = died.reduce(0, +)
    return zip(target, died).reduce(0) { sum, one in
      let (all, dead) = one
      if all <= 0 { return sum }
      let alive = all - dead
      return sum + (dead > 0 ? dead * log(dead / (all * rate)) : 0)
        + (alive > 0 ? alive * log(alive / (all * (1 - rate))) : 0)
    }
  }

  /// Of each threshold the chance that it is this one and a trial at an edge dies.
  private func deaths(at edge: Int, _ direction: Direction) -> [Double] {
    let (cells, count) = (cells, shapes.count)
    let first = direction.rawValue * count * cells
    return [Double](unsafeUninitializedCapacity: cells) { died, size in
      died.initialize(repeating: 0)
      size = cells
      weights.withUnsafeBufferPointer { weights in
        table.withUnsafeBufferPointer { table in
          for shape in 0..<count {
            // Distance k is at index k - 1 + cells; of a falling curve it is 1 - k.
            let row = 2 * shape * cells + (direction == .rising ? edge - 1 + cells : cells - edge)
            let step = direction == .rising ? -1 : 1
            let part = first + shape * cells
            for cell in 0..<cells {
              died[cell] += weights[part + cell] * table[row + step * cell]
            }
          }
        }
      }
    }
  }
}
