// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressCore

struct SystemCallTests {
  /// By `#define __NR_write 1` and the like; in the generic table sendfile's name has the two ABIs that share it.
  private func numbers(_ header: String) throws -> [String: Int64] {
    var numbers: [String: Int64] = [:]
    for line in try File.text(header).split(separator: "\n") {
      let words = line.split(whereSeparator: \.isWhitespace)
      guard words.count == 3, words[0] == "#define", let number = Int64(words[2]) else { continue }
      for lead in ["__NR_", "__NR3264_"] where words[1].hasPrefix(lead) {
        numbers[String(words[1].dropFirst(lead.count))] = number
      }
    }
    return numbers
  }

  /// As the kernel's own headers have them.
  @Test func numbersAreTheKernels() throws {
    let x86 = try numbers("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
    let arm64 = try numbers("/usr/include/asm-generic/unistd.h")
    for call in SystemCall.allCases {
      #expect(x86[call.rawValue] == call.traits.numbers.x86, "\(call.rawValue)")
      #expect(arm64[call.rawValue] == call.traits.numbers.arm64, "\(call.rawValue)")
    }
  }

  @Test func aCallIsFoundByItsNumber() {
    for call in SystemCall.allCases { #expect(SystemCall(number: call.number) == call) }
    #expect(SystemCall(number: 0) == nil && SystemCall(number: -1) == nil)
  }
}
