// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

@testable import StressCore
@testable import StressMachine

/// The follower over files of pages, as a read(2) of `trace_pipe_raw` gives them.
struct TraceFollowerTests {
  private let directory = try! TemporaryDirectory()

  /// Pages of a real capture, as many as are asked for, each with a begin of its own.
  ///
  /// - Parameter time: of the page, ns.
  private func pages(_ count: Int, time: (Int) -> UInt64) throws -> String {
    let capture = try File.read(Fixtures.path("trace/raw-618"))
    let size = TracePage.size
    var bytes: [UInt8] = []
    for i in 0..<count {
      let at = i % (capture.count / size) * size
      var page = Array(capture[at..<at + size])
      withUnsafeBytes(of: time(i).littleEndian) { page.replaceSubrange(0..<8, with: $0) }
      bytes += page
    }
    return try directory.write("pages", bytes)
  }

  private func follower(_ path: String) throws -> TraceFollower {
    let descriptor = try Descriptor(open: path)
    return TraceFollower([descriptor.release()], of: [0], TraceDecoder(), TraceDigest(capacity: 64))
  }

  /// How many looks it took until nothing more was to be had at once; nil: more than there are pages.
  private func looks(_ follower: TraceFollower, last: Bool, atMost most: Int) -> Int? {
    (1...most).first { _ in !follower.look(last: last) }
  }

  @Test func takesAllPages() throws {
    let follower = try follower(try pages(600) { UInt64(1 + $0) * 1_000_000 })
    #expect(looks(follower, last: true, atMost: 600) != nil)
    #expect(follower.damagedPages == 0)
    // 1096 records on 17 pages.
    #expect(follower.unknown > 600 * 60)
  }

  /// The last page of a full ring is of before all others: a look that waits for what is in front of it would never end.
  @Test(arguments: [true, false])
  func aPageOfTheBeginningOfTime(_ isLast: Bool) throws {
    let whole = try follower(try pages(600) { UInt64(1 + $0) * 1_000_000 })
    #expect(looks(whole, last: true, atMost: 600) != nil)
    let follower = try follower(
      try pages(600) { $0 == 255 ? 0 : UInt64(1 + $0) * 1_000_000 })
    #expect(looks(follower, last: isLast, atMost: 600) != nil)
    #expect(follower.damagedPages >= 1 && follower.damagedPages < 5)
    #expect(follower.unknown > whole.unknown * 9 / 10)
  }

  /// A ring full of times that are yet to come.
  @Test func pagesOfTheFarFuture() throws {
    let follower = try follower(try pages(300) { UInt64(1 + $0) << 52 })
    #expect(looks(follower, last: false, atMost: 600) != nil)
    #expect(follower.damagedPages > 0)
  }
}
