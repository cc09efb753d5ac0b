// SPDX-License-Identifier: Apache-2.0
import StressCore

/// What make(1) printed while it built a kernel.
enum BuildLog {
  /// The line that says first what failed: an error of a compiler, linker, configuration or script before make's own,
  /// which only says where. With `-j` others go on, and what they print comes after it.
  ///
  /// Files are named as they are in the tree: where that lies is nobody's matter who reads of it in a mail.
  ///
  /// nil: no line says that anything failed.
  static func firstFailure(_ log: String) -> String? {
    let lines = log.split(separator: "\n")
    if let line = lines.first(where: isError) {
      let entered = "make: Entering directory '"
      let tree = lines.first { $0.hasPrefix(entered) }?.dropFirst(entered.count).dropLast()
      guard let tree, line.hasPrefix(tree + "/") else { return String(line) }
      return String(line.dropFirst(tree.count + 1))
    }
    guard let stop = lines.firstIndex(where: isStop) else { return nil }
    // A script's last words stand before it.
    if stop > 0, !isStep(lines[stop - 1]) { return "\(lines[stop - 1]): \(lines[stop])" }
    return String(lines[stop])
  }

  /// "FILE:LINE:COLUMN: error: ...", "ld: ... undefined reference to ...", "/bin/sh: 1: flex: not found".
  private static func isError(_ line: Substring) -> Bool {
    let marks = [
      ": error: ", ": fatal error: ", ": Error: ", ": undefined reference to ", ": not found",
      ": command not found", ": No space left on device", "ERROR: modpost: ", ": syntax error",
    ]
    return marks.contains { line.holds($0) } || line.hasPrefix("error: ")
      || line.hasPrefix("ERROR: ") || line.hasPrefix("FATAL: ")
  }

  /// "make[3]: *** [scripts/Makefile.build:229: fs/ext4/inode.o] Error 1"
  private static func isStop(_ line: Substring) -> Bool {
    line.hasPrefix("make") && line.holds(": *** ")
  }

  /// "  CC      fs/ext4/inode.o", "make[1]: Entering directory ..."
  private static func isStep(_ line: Substring) -> Bool {
    line.hasPrefix("  ") || line.hasPrefix("make")
  }
}
