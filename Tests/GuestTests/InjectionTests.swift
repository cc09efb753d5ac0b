// SPDX-License-Identifier: Apache-2.0
import Foundation
import SystemPackage
import Testing

@testable import StressCore
@testable import StressMachine

/// Each call of a trial's set-up and take-down failed in turn, on a real machine that a shell has booted
/// (Tests/Tools/walk-injection.sh).
///
/// WBSTRESS_REPEAT is how many calls are failed, or `all`, and WBSTRESS_SITES an expression of grep(1) for those of
/// them that are; WBSTRESS_DEBUG_BINARY a debug build to take instead of the one beside these tests, such as a static
/// one, which starts sooner under emulation.
@Suite(.serialized, .enabled(if: GuestLab.binary != nil, "WBSTRESS_BINARY is not set; see ci/test"))
struct InjectionTests {
  /// What one failed call did.
  private struct Failure {
    var isSame: Bool
    var code: Int
    /// The call was reached: with threads at work not every run makes as many.
    var isMade: Bool
    var journals: Int
    var role: Substring?
    var site: CallFailures.Call
    var errno: Substring
    var told: [String] = []
    var isCleaned = false
    /// What the call itself says of its failure.
    var waiver: Waiver?

    /// `INJECT same|changed CODE HITS JOURNALS SECONDS [ROLE:]NUMBER:ERRNO:OBJECT<tab>OPERATION`
    init?(_ line: String) {
      let words = line.split(separator: " ", maxSplits: 6)
      guard words.count == 7, words[0] == "INJECT", let code = Int(words[2]),
        let hits = Int(words[3]), let journals = Int(words[4])
      else { return nil }
      var parts = words[6].split(separator: ":", maxSplits: 3)
      if Int(parts[0]) == nil {
        role = parts.removeFirst()
      } else {
        parts = words[6].split(separator: ":", maxSplits: 2)
      }
      guard parts.count == 3 else { return nil }
      let names = parts[2].split(separator: "\t", maxSplits: 1)
      isSame = words[1] == "same"
      self.code = code
      isMade = hits > 0
      self.journals = journals
      errno = parts[1]
      site = CallFailures.Call(
        object: String(names[0]), operation: names.count > 1 ? String(names[1]) : "")
    }

    /// The error or the record has object, operation and errno.
    var isNamed: Bool {
      told.contains { line in
        let text = CallFailures.Call(object: line, operation: "").site
        let isSite =
          role == nil
          ? text.contains(site.object) && text.contains(site.operation)
          : (line.contains("worker ") || line.contains(#""type":"pin""#)) && line.contains(step)
        return isSite && line.contains(errno)
      }
    }

    /// What a worker calls it, whose error names itself.
    private var step: String {
      switch (site.object, site.operation) {
      case ("shared block", _): "shared block"
      case ("/proc/self/oom_score_adj", _): "oom_score_adj"
      case ("pin", "mlock"): "errno"
      case (_, "io_uring_queue_init"): "io_uring_setup"
      case (_, "io_uring_submit"): "io_uring_enter"
      case (_, "read the start"): "start"
      case (_, "pwrite"): "write"
      default: site.operation.split(separator: " ").first.map(String.init) ?? ""
      }
    }

    /// What was told is about the same thing, be it of the step behind.
    private var isMentioned: Bool {
      told.contains {
        CallFailures.Call(object: $0, operation: "").site.contains(site.object)
      }
    }

    /// Whether the run may do without it: the call says so, and where that depends on more, it is so.
    var isWaived: Bool {
      switch waiver {
      case .nothingToRemove, .closeUnlocks, .reserve, .mark, .less, .again, .announcement: true
      case .outage: told.contains { $0.contains(#""type":"outage""#) && $0.contains(errno) }
      case .busy: errno == Errno.resourceBusy.name
      case .takenToBeThere: isOfKernel || code == 0 || code == 3 || isMentioned
      case .undone: site.object.hasPrefix(CleanupJournal.directory + "/")
      case .unknown: true
      // Read in a hundred places, all of them by one function: a value that is null in the record.
      case nil:
        ["open", "read", "pread", "statx", "opendir"].contains(site.operation) && isOfKernel
      }
    }

    /// What the kernel or the distribution tells of itself.
    private var isOfKernel: Bool {
      ["/proc/", "/sys/", "/run/systemd/", "/etc/os-release"].contains {
        (site.object + "/").hasPrefix($0)
      }
    }

    var verdict: String {
      if !isMade { return "not reached" }
      if HarnessError.Code(rawValue: Int32(code)) == nil, code != 0 { return "bad: exit \(code)" }
      if !isSame || journals > 0 {
        if !isNamed { return "bad: left something without a word" }
        return isCleaned ? "undone by clean" : "bad: clean leaves something"
      }
      if isNamed { return "named" }
      return isWaived ? "tolerated" : "bad: not named"
    }
  }

  private static let repeats = ProcessInfo.processInfo.environment["WBSTRESS_REPEAT"] ?? "12"
  private static let isWhole = repeats == "all"
  private static let sites = ProcessInfo.processInfo.environment["WBSTRESS_SITES"] ?? ""

  @Test func everyFailedCallIsNamedAndLeavesNothing() throws {
    try Self.walk(Self.isWhole ? "1 100000 untraced '\(Self.sites)'" : "6 \(Self.repeats)")
  }

  @Test(.enabled(if: isWhole, "takes half an hour: WBSTRESS_REPEAT=all"))
  func everyFailedCallOfATraceToo() throws {
    try Self.walk("1 100000 traced '\(Self.sites)'")
  }

  private static func walk(_ what: String) throws {
    let console = try GuestLab.withDirectory { directory in
      var guest = try ShellGuest("debian:6.12", programs: ["mkfs.ext4", "mkswap"])
      // The tracer is switched on and off with each trial (GuestTrial.isEmulatorFault).
      guest.cpus = 1
      try Self.addDebugBuild(to: &guest, in: directory)
      let script = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../Tools/walk-injection.sh").standardized.path
      return try guest.run(
        """
        mkdir -p /scratch/images
        state() { ( \(LocalTests.state) ) 2>/dev/null; }
        WBSTRESS=/debug/wbstress
        """ + "\n" + (try File.text(script)) + "\nwalk \(what)\n",
        in: directory, patience: isWhole ? 7200 : 570)
    }
    #expect(console.contains("WALK same"), "\(console.suffix(40))")
    var failures: [Failure] = []
    for line in console {
      if let failure = Failure(line) {
        failures.append(failure)
      } else if !failures.isEmpty {
        if line.hasPrefix("WAIVED ") {
          let waiver = Waiver(rawValue: String(line.dropFirst("WAIVED ".count)))
          #expect(waiver != nil, "\(line)")
          failures[failures.count - 1].waiver = waiver
        }
        if line == "CLEAN" { failures[failures.count - 1].isCleaned = true }
        if line.hasPrefix("> ") {
          failures[failures.count - 1].told.append(line.replacing(#"\""#, with: "\""))
        }
      }
    }
    var counts: [String: Int] = [:]
    for failure in failures {
      let verdict = failure.verdict
      counts[String(verdict.prefix { $0 != ":" }), default: 0] += 1
      #expect(
        !verdict.hasPrefix("bad"),
        "\(failure.errno) \(failure.site): \(verdict): \(failure.told)")
    }
    for line in console where line.hasPrefix("WALK ") { print(line) }
    print("failed calls: \(failures.count); \(counts.sorted { $0.key < $1.key })")
    #expect(!failures.isEmpty && console.contains { $0.hasPrefix("WALK end") })
  }

  /// The program as it was built beside these tests, and what it is linked to.
  private static func addDebugBuild(to guest: inout ShellGuest, in directory: String) throws {
    let own = try #require(ProfileCatalog.executable())
    let beside = own.prefix(upTo: try #require(own.lastIndex(of: "/"))) + "/wbstress"
    let given = ProcessInfo.processInfo.environment["WBSTRESS_DEBUG_BINARY"]
    let stripped = directory + "/wbstress"
    try Tool.run("strip", ["-o", stripped, given ?? String(beside)], package: "binutils")
    guest.files["debug/wbstress"] = try File.read(stripped)
    // Of a static one ldd fails.
    let libraries = (try? GuestLab.output("ldd", [stripped])) ?? ""
    for line in libraries.split(separator: "\n") {
      let words = line.split(whereSeparator: \.isWhitespace)
      guard let file = words.first(where: { $0.hasPrefix("/") }) else { continue }
      guest.files[String(file)] = try File.read(String(file))
    }
  }
}
