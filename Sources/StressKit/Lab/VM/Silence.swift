// SPDX-License-Identifier: Apache-2.0
import CLinux
import StressAnalysis
import StressCore

/// Why a guest says nothing: a host that does not let it, or a kernel that hangs; of that, what can still be had.
struct Silence {
  /// The guest's, against which it is held, ns.
  private let patience: UInt64
  private let machine: VirtualMachine
  private let console: String
  private static let second: UInt64 = 1_000_000_000
  /// How many times its patience the guest is given until the host is to blame: whoever gets a tenth of its time has
  /// had its patience by then.
  static let mostStarved: UInt64 = 10
  /// Of the console, for the record.
  private static let mostLines = 400

  init(_ machine: VirtualMachine, console: String, patience: UInt64) {
    self.machine = machine
    self.console = console
    self.patience = patience
  }

  enum Verdict: Equatable {
    /// The guest has not had its time yet.
    case wait
    /// It had, and said nothing.
    case hang
    /// The host kept it from its CPUs or its memory for most of the time.
    case hostStarved
  }

  /// The guest's own silence is the time in which it could have spoken.
  static func verdict(_ interval: HostInterval, patience: UInt64) -> Verdict {
    let own = Double(interval.length) * (1 - interval.starved)
    if own >= Double(patience) { return .hang }
    return interval.length >= mostStarved * patience ? .hostStarved : .wait
  }

  /// What a hanging guest can still be made to tell.
  struct Evidence {
    /// What it was asked by, in order.
    var asked: [String] = []
    /// What came on the serial console since.
    var lines: [String] = []
    /// By the emulator.
    var registers = ""

    /// What each CPU was at by its backtrace, as in `CPU 0 in do_sched_yield+0x1a (wb-spin)`. Of a CPU the first
    /// counts: the interrupt that asks lies above what it met.
    var processors: [String] {
      var found: [String] = []
      let place = Architecture.own.place
      var (cpu, comm) = ("", "")
      func word(after mark: String, in line: String) -> String? {
        line.firstRange(of: mark).map { String(line[$0.upperBound...].prefix { $0 != " " }) }
      }
      for line in lines {
        if let number = word(after: "NMI backtrace for cpu ", in: line) { cpu = number }
        if let number = word(after: "] CPU: ", in: line) { cpu = number }
        if let name = word(after: "Comm: ", in: line) { comm = name }
        guard !cpu.isEmpty, line.contains(place.any) else { continue }
        let function = word(after: place.kernel, in: line).map { String($0.prefix { $0 != "/" }) }
        found.append("CPU \(cpu) in \(function ?? "user space") (\(comm))")
        cpu = ""
      }
      return found
    }
  }

  /// Asks the kernel for the backtraces of all CPUs (sysrq l) and its blocked tasks (w), by a break on the serial
  /// line; when it answers with not a word, since nobody takes the line's interrupt, by an NMI, which it dies of
  /// (unknown_nmi_panic) with a backtrace of the one CPU that was first to take it.
  func collect() -> Evidence {
    var evidence = Evidence()
    let before = File.consoleLines(console).count
    // 9: else what the others tell stays below the console's log level.
    for key in ["9", "l", "w"] where machine.sendSysrq(key) {
      evidence.asked.append("sysrq " + key)
      settle(atMost: key == "9" ? Self.second : 4 * Self.second)
    }
    evidence.registers = machine.qmp.describe()
    if File.consoleLines(console).count == before {
      evidence.asked.append("nmi")
      _ = machine.qmp.execute("inject-nmi")
      settle(atMost: 4 * Self.second)
    }
    evidence.lines = Array(File.consoleLines(console).dropFirst(before).prefix(Self.mostLines))
    return evidence
  }

  /// Waits until the console has been quiet for half a second, having said something.
  private func settle(atMost time: UInt64) {
    let deadline = cl_monotonic() + time
    let first = File.size(console)
    var (size, changed) = (first, cl_monotonic())
    while cl_monotonic() < deadline {
      cl_sleep_until(cl_boottime() + 50_000_000)
      let now = File.size(console)
      if now != size { (size, changed) = (now, cl_monotonic()) }
      if now != first, cl_monotonic() - changed > Self.second / 2 { return }
    }
  }
}
