// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressMachine
@testable import StressRecord

struct ThreadNamesTests {
  private func name(_ text: String) -> InlineArray<16, UInt8> {
    var name = InlineArray<16, UInt8>(repeating: 0)
    for (i, byte) in text.utf8.prefix(15).enumerated() { name[i] = byte }
    return name
  }

  @Test func namesAreFollowedWhole() {
    let names = ThreadNames(["postgres", "dd"])
    #expect(names.contains(name("postgres")) && names.contains(name("dd")))
    #expect(!names.contains(name("postgre")) && !names.contains(name("postgres:")))
    #expect(!names.contains(name("")))
    #expect(names.all == ["postgres", "dd"])
  }

  /// Fifteen bytes are all that the kernel keeps of one.
  @Test func longNamesFillTheirPlace() {
    let names = ThreadNames(["abcdefghijklmno"])
    #expect(names.contains(name("abcdefghijklmno")))
    #expect(!names.contains(name("abcdefghijklmn")))
  }

  @Test func eachIsAddedOnce() {
    let names = ThreadNames(["a"])
    #expect(!names.add("a") && !names.add("") && names.add("b"))
    for i in 0..<ThreadNames.most { names.add("n\(i)") }
    #expect(names.all.count == ThreadNames.most && names.all.prefix(3) == ["a", "b", "n0"])
    #expect(!names.add("one more") && !names.contains(name("one more")))
  }

  /// A filter is one page at most (kernel/trace/trace_events.c, event_filter_write).
  @Test func aFilterHasRoomForAll() throws {
    let names = (0..<ThreadNames.most).map { "abcdefghijklm\($0 + 10)" }
    let target = TraceInstance.Target(devices: [], superblock: "", backing: nil)
    for event in TraceEvent.allCases {
      guard case .tasks = event.definition.scope else { continue }
      let filter = try #require(TraceInstance.filter(event.definition.scope, target, names))
      #expect(filter.utf8.count < 4096, "\(event): \(filter.utf8.count)")
    }
  }

  /// What would end a pattern's quotes, or has a meaning in it, is any character.
  @Test func namesCannotBreakAFilter() {
    let target = TraceInstance.Target(devices: [], superblock: "", backing: nil)
    let names = [#"a"b\c"#, "[x]'", "tab\t", "grün"]
    let filter = TraceInstance.filter(.tasks(["comm"]), target, names) ?? ""
    let own = #"comm ~ "a?b?c" || comm ~ "?x??" || comm ~ "tab?" || comm ~ "gr??n""#
    #expect(filter.hasSuffix(own), "\(filter)")
  }
}
