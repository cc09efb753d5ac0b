// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis

/// Reference values: ministat's manual page.
struct MeanTests {
  @Test func ministat() throws {
    let iguana = OrderedSample([50, 200, 150, 400, 750, 400, 150])
    let chameleon = OrderedSample([150, 400, 720, 500, 930])
    #expect(iguana.mean == 300 && chameleon.mean == 540)
    #expect(abs(try #require(iguana.variance).squareRoot() - 238.04761) < 5e-6)
    #expect(abs(try #require(chameleon.variance).squareRoot() - 299.08193) < 5e-6)
  }

  @Test func oddSamples() {
    let (none, one) = (OrderedSample([]), OrderedSample([1]))
    #expect(none.mean == nil && none.variance == nil)
    #expect(one.mean == 1 && one.variance == nil)
    #expect(OrderedSample([1, .infinity]).mean == nil)
    #expect(OrderedSample([1, .infinity]).variance == nil)
    #expect(OrderedSample([5, 5, 5]).variance == 0)
  }
}
