// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import StressCore
@testable import StressMachine

/// Completion as a user has it: bash itself, and the script that the program prints.
struct CompletionTests {
  private static let profiles = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../../../../profiles").standardized.path

  /// What bash offers for a line whose end is to be completed.
  private func offers(_ line: String) throws -> [String] {
    let directory = try RecordFixture()
    let script = try directory.write("wbstress.bash", try BuiltTool.output("completions", "bash"))
    // As readline does it: words are broken at blanks and at the characters of COMP_WORDBREAKS.
    let driver = try directory.write(
      "driver",
      """
      PATH="$1:$PATH"; export WBSTRESS_PROFILES="$2" XDG_CACHE_HOME="$4"
      source "$3" || exit 1
      COMP_LINE="$5"; COMP_POINT=${#COMP_LINE}; COMP_TYPE=9; COMP_KEY=9
      COMP_WORDBREAKS=$' \\t\\n"\\'><=;|&(:'
      COMP_WORDS=()
      for word in $COMP_LINE; do
          while [[ "$word" == *:* ]]; do
              [[ -n "${word%%:*}" ]] && COMP_WORDS+=("${word%%:*}")
              COMP_WORDS+=(:); word="${word#*:}"
          done
          [[ -n "$word" ]] && COMP_WORDS+=("$word")
      done
      [[ "$COMP_LINE" == *' ' ]] && COMP_WORDS+=('')
      COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
      current="${COMP_WORDS[COMP_CWORD]}"; [[ "$current" == : ]] && current=''
      function=$(complete -p wbstress | sed 's/.*-F \\([^ ]*\\).*/\\1/')
      "$function" wbstress "$current" "${COMP_WORDS[COMP_CWORD - 1]}"
      printf '%s\\n' "${COMPREPLY[@]}"
      """)
    let tool = try BuiltTool.path()
    let output = try Tool.run(
      "bash",
      [
        "--norc", driver, String(tool.prefix(upTo: tool.lastIndex(of: "/")!)), Self.profiles,
        script,
        directory.root, line,
      ], package: "bash")
    return String(decoding: output, as: UTF8.self).split(separator: "\n").map(String.init)
  }

  @Test func commandsAndOptions() throws {
    #expect(try offers("wbstress ex").contains("explain"))
    #expect(try offers("wbstress run --ker") == ["--kernel"])
    #expect(try offers("wbstress run --no-l") == ["--no-live"])
    #expect(try offers("wbstress completions f") == ["fish"])
  }

  @Test func profilesAndTheirVariants() throws {
    #expect(try offers("wbstress run oracle-backup").contains("oracle-backup"))
    // bash breaks words at colons: what stands before it is there already.
    #expect(try offers("wbstress run oracle-backup:data-j") == ["data-journal"])
    #expect(try offers("wbstress run oracle-backup:").contains("memory-high"))
    #expect(try offers("wbstress profiles check smo") == ["smoke"])
  }

  @Test func valuesOfOptions() throws {
    #expect(try offers("wbstress run smoke --fs xf") == ["xfs"])
    #expect(try offers("wbstress run smoke --fs xfs,bt") == ["xfs,btrfs"])
    #expect(try offers("wbstress run smoke --accelerator k") == ["kvm"])
    #expect(try offers("wbstress report --format term") == ["terminal"])
    #expect(try offers("wbstress explain pgscan_kh") == ["pgscan_khugepaged"])
    // Nothing is fetched in an empty cache.
    #expect(try offers("wbstress run smoke --kernel debian:6") == [])
  }

  @Test(arguments: ["bash", "zsh", "fish"])
  func scriptsAreWellFormed(_ shell: String) throws {
    let directory = try RecordFixture()
    let script = try directory.write("script", try BuiltTool.output("completions", shell))
    try Tool.run(shell, ["-n", script], package: "\(shell) (ci/install test)")
  }
}
