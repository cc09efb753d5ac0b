import CLinux

/// Why a guest says nothing: a host that does not let it, or a kernel that hangs; of that, what can still be had.
struct Silence {
  /// The guest's, against which it is held, ns.
  private let patience: UInt64
  private let machine: VirtualMachine
  private let console: String
  private static let second: UInt64 = 1_000_000_000
  /// How many times its patience the host may take away before the trial is given up.
  static let mostStarved: UInt64 = 3
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

    /// The functions that the kernel's backtraces name as being executed: `0010:` is kernel code.
    var functions: [String] {
      lines.compactMap { line in
        guard let at = line.firstRange(of: "RIP: 0010:") else { return nil }
        let name = line[at.upperBound...].prefix { $0 != " " && $0 != "/" }
        return name.first == "0" ? nil : String(name)
      }
    }
  }

  /// Asks the kernel for the backtraces of all CPUs (sysrq l) and its blocked tasks (w), by a break on the serial
  /// line; when not a word comes back, every CPU by an NMI, which Linux at least says that it does not know.
  func collect() -> Evidence {
    var evidence = Evidence()
    let before = File.consoleLines(console).count
    // 9: else what the others tell stays below the console's log level.
    for key in ["9", "l", "w"] where machine.sendSysrq(key) {
      evidence.asked.append("sysrq " + key)
      settle(atMost: key == "9" ? Self.second : 4 * Self.second)
    }
    if File.consoleLines(console).count == before {
      if machine.qmp.execute("inject-nmi") == .object([]) { evidence.asked.append("nmi") }
      settle(atMost: 3 * Self.second)
    }
    evidence.registers = machine.qmp.describe()
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
