// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressCore
@testable import StressLab

/// Logs of Linux 6.12.117, as make -j2 O=... printed them.
struct BuildLogTests {
  private func first(_ name: String) throws -> String? {
    BuildLog.firstFailure(try File.text(Fixtures.path("build/\(name).log")))
  }

  @Test func findsACompilersError() throws {
    #expect(
      try first("compile-error")
        == "mm/oom_kill.c:1269:32: error: ‘no_such_thing’ undeclared (first use in this function)"
    )
  }

  @Test func findsAMissingProgram() throws {
    #expect(try first("no-flex") == "/bin/sh: 1: flex: not found")
  }

  /// What a script says before make stops is the reason; a step that make announces is not.
  @Test func findsWhatStoodBeforeMakeStopped() {
    let stop = "make[2]: *** [Makefile:1: x] Error 1"
    #expect(
      BuildLog.firstFailure("  GEN     x\nbad things happened\n\(stop)\n")
        == "bad things happened: \(stop)")
    #expect(BuildLog.firstFailure("  GEN     x\n\(stop)\n") == stop)
    #expect(BuildLog.firstFailure("  CC      a.o\n  CC      b.o\n") == nil)
  }
}
