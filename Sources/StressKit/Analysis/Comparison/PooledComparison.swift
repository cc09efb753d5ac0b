// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressRecord

/// Pairs of cells with the same two values of an axis: one question. Those that can tell of it are its strata.
struct ComparedQuestion {
  private(set) var pairs: [ComparedCells] = []
  private(set) var comparability: [Comparability] = []

  /// In the order in which their first pairs come.
  static func all(_ pairs: [ComparedCells], allowed: Set<String>) -> [ComparedQuestion] {
    var questions: [ComparedQuestion] = []
    for pair in pairs {
      let same = questions.firstIndex { question in
        let first = question.pairs[0]
        return (first.axis, first.baseName, first.newName)
          == (pair.axis, pair.baseName, pair.newName)
      }
      let index = same ?? questions.endIndex
      if same == nil { questions.append(ComparedQuestion()) }
      questions[index].pairs.append(pair)
      questions[index].comparability.append(
        Comparability(
          pair.base.counted.map(\.facts), pair.new.counted.map(\.facts), along: pair.axis,
          allowed: allowed))
    }
    return questions
  }

  /// Whether it is what a campaign asks.
  func isOf(_ asked: CampaignFile.Question) -> Bool {
    let first = pairs[0]
    return (first.axis.key, first.baseName, first.newName) == (asked.axis, asked.base, asked.new)
  }

  /// Pairs that get a verdict of their own.
  var judged: Int { comparability.count { $0.refusals.isEmpty } }

  /// Pairs that can be pooled, by their index: comparable, with trials that count in both arms.
  var strata: [Int] {
    pairs.indices.filter { index in
      comparability[index].refusals.isEmpty && !pairs[index].base.counted.isEmpty
        && !pairs[index].new.counted.isEmpty
    }
  }

  var isPooled: Bool { strata.count > 1 }

  /// The axes in which its pairs differ.
  var stratifiedBy: [String] {
    pairs[0].shared.map(\.key).filter { key in
      Set(pairs.map { $0.base.value(of: key) }).count > 1
    }
  }

  /// How many parts of one question's level there are for each of its pairs: half of it is the pooled verdict's.
  var family: (pooled: Int, pair: Int) {
    isPooled ? (2, 2 * judged) : (1, max(1, judged))
  }
}

/// Several comparisons of the same two values of an axis as one: the cells' other axes make its strata.
package struct PooledComparison: JudgedComparison {
  package let axis: ComparedAxis
  package let baseName: String
  package let newName: String
  /// The axes in which its comparisons differ.
  package let stratifiedBy: [String]
  /// Where its comparisons are among the campaign's.
  package let comparisons: Range<Int>
  /// Which of them are pooled; the others are refused, or an arm of theirs has no trial that counts.
  package let strata: [Int]
  package let verdict: Verdict?
  package let family: Int

  /// - Parameters:
  ///   - question: whose comparisons can be pooled.
  ///   - all: the campaign's comparisons, with those of the question at the end.
  init(_ question: ComparedQuestion, _ all: [Comparison], family: Int) {
    let first = question.pairs[0]
    (axis, baseName, newName) = (first.axis, first.baseName, first.newName)
    stratifiedBy = question.stratifiedBy
    let comparisons = (all.count - question.pairs.count)..<all.count
    self.comparisons = comparisons
    let strata = question.strata.map { comparisons.lowerBound + $0 }
    self.strata = strata
    self.family = family
    let results = strata.map { all[$0].verdict?.results ?? [] }
    verdict = Verdict(
      Measure.primary.indices.map { measure in
        Measurement(pooling: results.map { $0[measure].measurement })
      }, level: CampaignComparison.familyLevel / Double(family))
  }

  /// Whether the strata change alike, as far as can be told.
  package var isCommon: Bool {
    verdict?.results.allSatisfy { !$0.measurement.differsByStratum } ?? false
  }
}
