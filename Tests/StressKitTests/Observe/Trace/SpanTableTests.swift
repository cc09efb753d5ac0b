// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressCore
@testable import StressMachine

struct SpanTableTests {
  private struct Key: Hashable {
    var kind: UInt64
    var a: UInt64
    var b: UInt64
  }

  /// Against a dictionary, with keys that collide often.
  @Test(arguments: [1, 2, 3] as [UInt64])
  func behavesAsADictionary(_ seed: UInt64) {
    var random = SplitMix64(seed: seed)
    var table = SpanTable(capacity: 64, nothing: Int64(0))
    var model: [Key: UInt64] = [:]
    for time in 1...20_000 as ClosedRange<UInt64> {
      let key = Key(
        kind: random.next() % 2, a: random.next() % 12, b: random.next() % 3 &* 0x1_0000_0000)
      switch random.next() % 3 {
      case 0:
        table.begin(key.kind, key.a, key.b, at: time)
        if model[key] != nil || model.count < 48 { model[key] = time }
      case 1:
        let taken = table.end(key.kind, key.a, key.b)?.start
        #expect(taken == model.removeValue(forKey: key))
      default:
        let seen = table.began(key.kind, key.a, key.b)?.start
        #expect(seen == model[key])
      }
    }
    let count = table.count
    #expect(count == model.count)
    var found: [Key: UInt64] = [:]
    table.visit { kind, a, b, start, _ in found[Key(kind: kind, a: a, b: b)] = start }
    #expect(found == model)
  }

  @Test func whatFindsNoRoomIsCounted() {
    var table = SpanTable(capacity: 8, nothing: Int64(0))
    for i in 0..<10 as Range<UInt64> { table.begin(1, i, at: i) }
    let (count, overflowed) = (table.count, table.overflowed)
    #expect(count == 6 && overflowed == 4)
  }

  /// Half a gigabyte would stay if a digest kept its tables.
  @Test func givesItsMemoryBack() {
    func resident() -> Int {
      let words = File.line("/proc/self/statm")?.split(separator: " ") ?? []
      return words.count > 1 ? (Int(words[1]) ?? 0) << 12 : 0
    }
    let before = resident()
    for _ in 0..<400 { _ = TraceDigest() }
    #expect(before > 0 && resident() - before < 300 << 20)
  }
}
