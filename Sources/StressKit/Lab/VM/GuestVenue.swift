// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressCore
import StressMachine
import StressRecord

/// Guests on this host, one for each trial.
package struct GuestVenue: Venue {
  package let jobs: Int
  package let identity: [Profile.Setting]
  package let warnings: [String]
  private let kernels: [KernelSpec: Kernel]
  private let roots: [RootImage.Name: String]
  let accelerator: Accelerator
  private let options: Options
  private let qemuVersion = VirtualMachine.version()

  package struct Options: Sendable {
    /// The executable whose guest program becomes PID 1 (``GuestProgram``).
    package var binary: String
    package var store: KernelStore
    /// nil: KVM if a probe guest boots.
    package var accelerator: Accelerator?
    package var keepDisks = false
    /// How long a guest may take to reach the harness, ns; nil: as ``GuestTrial/Patience`` has it.
    package var bootTimeout: UInt64?

    package init(binary: String, store: KernelStore) {
      self.binary = binary
      self.store = store
    }
  }

  /// Fetches the kernels and checks the host.
  ///
  /// - Throws: everything that the host lacks, at once.
  package init(
    _ matrix: Matrix, jobs: Int, _ options: Options, progress: (String) -> Void
  ) throws {
    let (kernels, roots) = try Preflight.check(
      matrix, jobs: jobs, store: options.store, progress: progress)
    // Refused now, where it has none that a guest can run.
    _ = try GuestProgram(in: options.binary)
    let accelerator = try Self.accelerator(kernels, options, progress)
    var warnings: [String] = []
    let wanted = jobs * (matrix.cells.map(\.profile.machine.cpus).max() ?? 1)
    let online = sysconf(Int32(_SC_NPROCESSORS_ONLN))
    if jobs > 1, wanted > online {
      warnings.append(
        "--jobs \(jobs): the guests have \(wanted) CPUs, the host has \(online): they will wait "
          + "for each other, which may change outcomes; the report says for how long")
    }
    identity = try Preflight.identity(kernels, roots, accelerator)
    self.jobs = jobs
    self.warnings = warnings
    self.kernels = kernels
    self.roots = roots
    self.accelerator = accelerator
    self.options = options
  }

  private static func accelerator(
    _ kernels: [KernelSpec: Kernel], _ options: Options, _ progress: (String) -> Void
  ) throws(HarnessError) -> Accelerator {
    if let forced = options.accelerator { return forced }
    // The distribution's kernel boots for certain; one under test may not.
    let sorted = kernels.sorted {
      ($0.value.packageVersion == nil ? 1 : 0, $0.key.description)
        < ($1.value.packageVersion == nil ? 1 : 0, $1.key.description)
    }
    guard let kernel = sorted.first?.value else { return .tcg }
    return try AcceleratorProbe.find(
      kernel: kernel, binary: options.binary, store: options.store, timeout: options.bootTimeout,
      progress: progress)
  }

  package var place: String {
    "\(accelerator.rawValue), "
      + (jobs == 1 ? "one guest at a time" : "\(jobs) guests at a time")
  }

  package var lookInterval: UInt64 { 250_000_000 }
  package var remains: String? { nil }
  package func refusal(of cell: Matrix.Cell, after ending: Ending) -> HarnessError? { nil }

  package func run(
    _ plan: TrialPlan, of cell: Matrix.Cell, directory: String, _ interrupt: Interrupt,
    progress: @escaping (String) -> Void
  ) throws(HarnessError) -> Ending {
    guard let kernel = kernels[cell.kernel] else {
      throw HarnessError(.harness, "kernel \(cell.kernel)", "was not resolved before the trials")
    }
    var guest = GuestTrial(
      plan: plan, kernel: kernel, accelerator: accelerator, binary: options.binary,
      store: options.store, directory: directory)
    guest.root = roots[RootImage.Name(plan.profile)]
    guest.keepDisk = options.keepDisks
    guest.jobs = jobs
    guest.qemuVersion = qemuVersion
    if let timeout = options.bootTimeout { guest.patience.extend(boot: timeout) }
    return try guest.run(interrupt, progress: progress)
  }
}
