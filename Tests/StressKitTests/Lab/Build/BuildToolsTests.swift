// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressCore
@testable import StressLab

struct BuildToolsTests {
  private func tools(
    _ named: String? = nil, without absent: Set<String>, headers: Set<String> = []
  ) throws(HarnessError) -> BuildTools {
    try BuildTools(
      named: named, path: { absent.contains($0) ? nil : "/usr/bin/" + $0 },
      hasHeader: { _, name in !headers.contains(name) },
      version: { name throws(HarnessError) in name + " (Debian 12.2.0-14) 12.2.0" })
  }

  @Test func namesAllThatIsMissing() {
    let several = #expect(throws: HarnessError.self) {
      try tools(without: ["flex", "bison"], headers: ["gelf.h"])
    }
    #expect(several?.code == .environment)
    #expect(
      several?.description
        == "kernel build: flex, bison and gelf.h not found, which it needs; install them with: "
        + "apt-get install flex bison libelf-dev")
    let one = #expect(throws: HarnessError.self) { try tools(without: ["bc"]) }
    #expect(
      one?.description
        == "kernel build: bc not found, which it needs; install it with: apt-get install bc")
  }

  /// Without a compiler nobody can say which headers it has.
  @Test func namesTheCompilerFirst() {
    let error = #expect(throws: HarnessError.self) {
      try tools("gcc-13", without: ["gcc-13"], headers: ["gelf.h"])
    }
    #expect(
      error?.description
        == "kernel build: gcc-13 not found, which it needs; install it with: apt-get install gcc-13"
    )
  }

  @Test func usesACompilerCacheWhereThereIsOne() throws {
    let cached = try tools(without: [])
    #expect(cached.compiler == "gcc (Debian 12.2.0-14) 12.2.0" && cached.command == "ccache gcc")
    #expect(try tools("gcc-13", without: ["ccache"]).command == "gcc-13")
  }
}
