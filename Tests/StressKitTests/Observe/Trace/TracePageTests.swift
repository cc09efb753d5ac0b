// SPDX-License-Identifier: Apache-2.0
import CTraceEvent
import Testing

@testable import StressCore
@testable import StressMachine

struct TracePageTests {
  /// 17 pages of one CPU of a 6.18 guest: writeback_dirty_folio, with a loss that it has no number of.
  private static let capture = try? File.read(Fixtures.path("trace/raw-618"))

  private func walk(_ page: UnsafeRawBufferPointer) -> [(time: UInt64, at: Int)] {
    guard var walk = TracePage(page) else { return [] }
    var found: [(time: UInt64, at: Int)] = []
    while walk.advance() {
      guard let base = walk.record.baseAddress, let start = page.baseAddress else { break }
      found.append((walk.time, base - start))
    }
    return found
  }

  private func pages(_ bytes: [UInt8], _ body: (UnsafeRawBufferPointer) -> Void) {
    bytes.withUnsafeBytes { all in
      for at in stride(from: 0, to: all.count, by: TracePage.size) {
        body(UnsafeRawBufferPointer(rebasing: all[at..<min(at + TracePage.size, all.count)]))
      }
    }
  }

  @Test func aRealCapture() throws {
    let bytes = try #require(Self.capture)
    var counts: [UInt16: Int] = [:]
    var lost: UInt64 = 0
    var first: UInt64?
    var last: UInt64 = 0
    pages(bytes) { page in
      guard var walk = TracePage(page) else { return }
      lost += walk.lost
      while walk.advance() {
        counts[walk.record.loadUnaligned(as: UInt16.self), default: 0] += 1
        first = first ?? walk.time
        last = walk.time
      }
    }
    #expect(counts == [959: 1096])
    #expect(lost == 1)
    #expect(first == 8_283_520_710 && last == 8_341_919_228)
  }

  /// The same records at the same times as libtraceevent's own reader finds.
  @Test func agreesWithLibtraceevent() throws {
    let bytes = try #require(Self.capture)
    let reader = try #require(
      kbuffer_alloc(KBUFFER_LSIZE_SAME_AS_HOST, KBUFFER_ENDIAN_SAME_AS_HOST))
    defer { kbuffer_free(reader) }
    var total = 0
    pages(bytes) { page in
      kbuffer_load_subbuffer(reader, UnsafeMutableRawPointer(mutating: page.baseAddress))
      var theirs: [(time: UInt64, at: Int)] = []
      var time: UInt64 = 0
      var data = kbuffer_read_event(reader, &time)
      while let at = data, let start = page.baseAddress {
        theirs.append((time, UnsafeRawPointer(at) - start))
        data = kbuffer_next_event(reader, &time)
      }
      let ours = walk(page)
      #expect(ours.map(\.time) == theirs.map(\.time) && ours.map(\.at) == theirs.map(\.at))
      total += ours.count
    }
    #expect(total == 1096)
  }

  // MARK: Made by hand

  private func page(_ words: [UInt32], time: UInt64 = 1000, commit: UInt64? = nil) -> [UInt8] {
    var bytes: [UInt8] = []
    func put(_ value: some FixedWidthInteger) {
      withUnsafeBytes(of: value.littleEndian) { bytes += $0 }
    }
    put(time)
    put(commit ?? UInt64(words.count * 4))
    for word in words { put(word) }
    bytes += [UInt8](repeating: 0, count: TracePage.size - bytes.count)
    return bytes
  }

  private func times(_ words: [UInt32], commit: UInt64? = nil) -> [UInt64] {
    page(words, commit: commit).withUnsafeBytes { walk($0).map(\.time) }
  }

  private func head(_ kind: UInt32, _ delta: UInt32 = 0) -> UInt32 { delta << 5 | kind }

  @Test func recordsByLengthOfTheirType() {
    #expect(times([head(1, 5), 7, head(2, 6), 7, 7]) == [1005, 1011])
  }

  @Test func recordThatTellsItsLength() {
    // 12 counts itself: two words of payload.
    let bytes = page([head(0, 5), 12, 1, 2, head(1, 1), 9])
    bytes.withUnsafeBytes { bytes in
      guard var page = TracePage(bytes) else { return }
      var seen: [[UInt64]] = []
      while page.advance() { seen.append([UInt64(page.record.count), page.time]) }
      #expect(seen == [[8, 1005], [4, 1006]])
    }
  }

  @Test func timeExtendAddsItsUpperBits() {
    #expect(times([head(30, 3), 2, head(1, 4), 0]) == [1007 + (2 << 27) as UInt64])
  }

  @Test func absoluteStampKeepsTheTopBits() {
    let top: UInt64 = 0x0800_0000_0000_0000
    let bytes = page([head(31, 3), 2, head(1, 4), 0], time: top + 99)
    bytes.withUnsafeBytes { #expect(walk($0).map(\.time) == [top + (2 << 27) + 7]) }
  }

  @Test func discardedRecordIsPassedOver() {
    #expect(times([head(29, 2), 8, 0, head(1, 3), 7]) == [1005])
  }

  @Test func paddingEndsThePage() {
    #expect(times([head(1, 2), 7, head(29), 0, head(1), 1]) == [1002])
  }

  @Test func lostRecords() {
    func lost(_ flags: UInt64, _ words: [UInt32]) -> UInt64? {
      page(words, commit: flags | 8).withUnsafeBytes { TracePage($0)?.lost }
    }
    #expect(lost(0, [head(1), 0, 77, 0]) == 0)
    #expect(lost(1 << 31 | 1 << 30, [head(1), 0, 77, 0]) == 77)
    // That some were, but not how many.
    #expect(lost(1 << 31, [head(1), 0, 77, 0]) == 1)
  }

  /// What each of these says is beyond the page's end.
  @Test(
    arguments: [
      [28], [0], [0, 3], [0, 0xffff_fffc], [0, 4000], [30], [31], [29 | 1 << 5, 0],
      [29 | 1 << 5, 0xffff_fffc], [29 | 1 << 5],
    ] as [[UInt32]])
  func damagedPagesEnd(_ words: [UInt32]) { #expect(times(words).isEmpty) }

  @Test func noPages() {
    func isPage(_ bytes: [UInt8]) -> Bool { bytes.withUnsafeBytes { TracePage($0) != nil } }
    #expect(!isPage([]) && !isPage([UInt8](repeating: 0, count: 15)))
    #expect(!isPage(page([], commit: 4081)))
    #expect(isPage(page([], commit: 4080)))
  }

  @Test func emptyPage() { #expect(times([]).isEmpty) }
}
