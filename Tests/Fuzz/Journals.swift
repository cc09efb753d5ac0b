// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressCore
import StressMachine

/// Journals of runs that were killed: what is left of them on a disk. Nothing is undone.
enum Journals {
  private static let directory = FuzzDirectory.make()
  private static var path: String { directory + "/1-1.jsonl" }

  /// Of a run of this boot, without which no kernel object is looked for. Pids end at 2^22.
  private static let run: [UInt8] = {
    let boot = File.line("/proc/sys/kernel/random/boot_id") ?? ""
    return Array(
      (#"{"type":"run","schema":1,"boot_id":"\#(boot)","pid":4194305,"start_time":1,"#
        + #""command":"wbstress run","kind":"trial"}"# + "\n").utf8)
  }()

  static func feed(_ bytes: UnsafeRawBufferPointer) {
    do {
      try clean(Array(bytes))
      try clean(run + bytes)
    } catch {
      fatalError("\(error)")
    }
  }

  private static func clean(_ bytes: [UInt8]) throws {
    try File.write(path, bytes)
    let journals = try LeftJournal.all(in: directory)
    require(journals.count == 1, "the journal is not found")
    for journal in journals {
      var said: [String] = []
      let answer = try? journal.clean(isDry: true) { said.append($0) }
      require(said.allSatisfy { $0 == $0.visible }, "what is said can steer a terminal")
      if answer == .cleaned { require(said.isEmpty, "cleaned, and something is left") }
    }
    require(try File.read(path) == bytes, "a dry run changes the journal")
  }
}

/// In memory. A fuzzer ends by a signal: ci/fuzz removes what it leaves in $TMPDIR.
enum FuzzDirectory {
  static func make() -> String {
    let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/dev/shm"
    var template = Array("\(parent)/wbstress-fuzz-XXXXXX".utf8CString)
    guard let made = mkdtemp(&template) else { fatalError("mkdtemp") }
    return String(cString: made)
  }
}
