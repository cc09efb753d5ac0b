// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressCore
@testable import StressMachine

struct StackTableTests {
  private func number(_ table: StackTable, _ addresses: [UInt64]) -> Int32? {
    addresses.withUnsafeBytes { table.number($0) }
  }

  /// Against a dictionary: thousands of stacks that share their outer frames.
  @Test func behavesAsADictionary() {
    var random = SplitMix64(seed: 5)
    let table = StackTable(capacity: 1 << 10)
    var model: [[UInt64]: Int32] = [:]
    for _ in 0..<20_000 {
      let stack = (0..<random.next() % 4).map { _ in 0xffff_ffff_8100_0000 + random.next() % 6 }
      let found = number(table, stack)
      if let known = model[stack] {
        #expect(found == known)
      } else {
        #expect(found == Int32(model.count))
        model[stack] = found
      }
    }
    #expect(table.count == model.count && table.overflowed == 0)
    for (stack, number) in model { #expect(table.addresses(number) == stack) }
  }

  @Test func whatFindsNoRoomIsCounted() {
    let table = StackTable(capacity: 8)
    let numbers = (1...6 as ClosedRange<UInt64>).map { number(table, [$0]) }
    #expect(numbers == [0, 1, 2, 3, nil, nil])
    #expect(number(table, [2]) == 1 && table.overflowed == 2)
    // Room for the addresses ends, too: 4 * 24 of them.
    let deep = StackTable(capacity: 8)
    let long = [UInt64](repeating: 9, count: 60)
    #expect(number(deep, long) == 0 && number(deep, long + [1]) == nil)
    #expect(number(deep, [1]) == 1)
  }

  @Test func aStackIsCutAtItsOuterEnd() {
    let table = StackTable()
    let deep = (1...100).map { UInt64($0) }
    #expect(number(table, deep) == 0)
    #expect(table.addresses(0) == Array(deep.prefix(StackTable.deepest)))
    #expect(number(table, Array(deep.dropLast())) == 0)
  }
}
