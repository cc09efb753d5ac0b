// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis

/// Reference values: R's `sleep` data (`?t.test`) and ministat's manual page.
struct MeanTests {
  private let one: [Double] = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
  private let two: [Double] = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]

  @Test func welch() throws {
    let test = try #require(StudentTest.welch(OrderedSample(one), OrderedSample(two)))
    #expect(abs(test.t + 1.8608135) < 5e-8 && abs(test.degrees - 17.7764735) < 5e-8)
    #expect(abs(test.p() - 0.0793941) < 5e-8)
    let interval = test.interval()
    #expect(abs(interval.lower + 3.3654832) < 5e-8 && abs(interval.upper - 0.2054832) < 5e-8)
    #expect(abs(test.p(.less) - 0.0793941 / 2) < 5e-8 && test.p(.greater) > 0.95)
  }

  @Test func pooledAndPaired() throws {
    let pooled = try #require(StudentTest.pooled(OrderedSample(one), OrderedSample(two)))
    #expect(pooled.degrees == 18 && abs(pooled.p() - 0.0791867) < 5e-8)
    let paired = try #require(StudentTest.paired(OrderedSample(zip(one, two).map { $0 - $1 })))
    #expect(abs(paired.t + 4.0621277) < 5e-8 && abs(paired.p() - 0.0028329) < 5e-8)
  }

  @Test func ministat() throws {
    let iguana = OrderedSample([50, 200, 150, 400, 750, 400, 150])
    let chameleon = OrderedSample([150, 400, 720, 500, 930])
    #expect(iguana.mean == 300 && chameleon.mean == 540)
    #expect(abs(try #require(iguana.variance).squareRoot() - 238.04761) < 5e-6)
    #expect(abs(try #require(chameleon.variance).squareRoot() - 299.08193) < 5e-6)
    let test = try #require(StudentTest.pooled(chameleon, iguana))
    let interval = test.interval()
    #expect(test.difference == 240 && !test.isProven())
    #expect(abs((interval.upper - interval.lower) / 2 - 344.63893) < 5e-5)
    #expect(abs(test.standardError / (1.0 / 7 + 1.0 / 5).squareRoot() - 264.15904) < 5e-6)
    #expect(test.isProven(confidence: 0.8))
  }

  @Test func means() throws {
    #expect(abs(try #require(OrderedSample([40, 60]).harmonicMean) - 48) < 1e-12)
    #expect(abs(try #require(OrderedSample([1, 2, 4]).geometricMean) - 2) < 1e-12)
    #expect(OrderedSample([0, 5]).harmonicMean == 0 && OrderedSample([0, 5]).geometricMean == 0)
    #expect(OrderedSample([-1, 5]).harmonicMean == nil)
    #expect(OrderedSample([-1, 5]).geometricMean == nil)
    // t(1) is 12.7062047: of 1 and 3 the standard error is 1.
    let interval = try #require(OrderedSample([1, 3]).meanInterval())
    #expect(abs(interval.upper - 14.7062047) < 5e-8 && abs(interval.lower + 10.7062047) < 5e-8)
  }

  @Test func oddSamples() {
    let (none, one) = (OrderedSample([]), OrderedSample([1]))
    #expect(none.mean == nil && none.harmonicMean == nil && none.geometricMean == nil)
    #expect(one.mean == 1 && one.variance == nil && one.meanInterval() == nil)
    #expect(OrderedSample([1, .infinity]).mean == nil)
    #expect(OrderedSample([1, .infinity]).variance == nil)
    #expect(OrderedSample([1, .infinity]).geometricMean == nil)
    let (pair, tied) = (OrderedSample([1, 2]), OrderedSample([5, 5, 5]))
    for test in [StudentTest.welch, StudentTest.pooled] {
      #expect(test(one, pair) == nil && test(none, pair) == nil && test(tied, tied) == nil)
      #expect(test(OrderedSample([1, .infinity]), pair) == nil)
      // One arm without spread is still a test.
      #expect(test(tied, pair)?.difference == 3.5)
    }
    #expect(StudentTest.paired(tied) == nil && StudentTest.paired(one) == nil)
  }
}
