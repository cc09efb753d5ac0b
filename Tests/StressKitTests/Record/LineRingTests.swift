// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressCore
@testable import StressRecord

struct LineRingTests {
  private func lines(_ ring: borrowing LineRing) -> [String] {
    var lines: [String] = []
    ring.visit { lines.append(String(decoding: $0, as: UTF8.self)) }
    return lines
  }

  private func append(_ line: String, _ time: UInt64, to ring: inout LineRing) {
    var line = line
    line.withUTF8 { ring.append(UnsafeRawBufferPointer($0), at: time) }
  }

  /// Lines of any length wrap around the end of the memory, and come out as they went in.
  @Test func theOldestMakeRoom() {
    var random = SplitMix64(seed: 1)
    for capacity in [64, 100, 257] {
      var ring = LineRing(capacity: capacity)
      var all: [String] = []
      for i in 0..<500 {
        let line = "\(i) " + String(repeating: "x", count: Int.random(in: 0...40, using: &random))
        append(line, UInt64(i), to: &ring)
        all.append(line)
        let kept = lines(ring)
        #expect(kept.last == line && all.suffix(kept.count) == kept[...])
        #expect(kept.reduce(0) { $0 + 16 + $1.utf8.count } <= capacity)
        #expect(ring.overwritten == all.count - kept.count)
        #expect(ring.firstTime == UInt64(all.count - kept.count))
      }
    }
  }

  @Test func whatIsTooOldGoes() {
    var ring = LineRing(capacity: 1024)
    for time: UInt64 in 1...9 { append("\(time)", time * 10, to: &ring) }
    ring.remove(before: 40)
    #expect(lines(ring) == ["4", "5", "6", "7", "8", "9"] && ring.overwritten == 0)
    ring.remove(before: 41)
    #expect(ring.firstTime == 50)
    ring.remove(before: .max)
    #expect(ring.firstTime == nil && lines(ring).isEmpty)
    append("after", 1, to: &ring)
    #expect(lines(ring) == ["after"])
    ring.removeAll()
    #expect(lines(ring).isEmpty)
  }

  @Test func aLineThatFitsNowhereIsCounted() {
    var ring = LineRing(capacity: 32)
    append("short", 1, to: &ring)
    append(String(repeating: "x", count: 17), 2, to: &ring)
    #expect(lines(ring) == ["short"] && ring.overwritten == 1)
    append(String(repeating: "x", count: 16), 3, to: &ring)
    #expect(lines(ring) == [String(repeating: "x", count: 16)])
  }
}
