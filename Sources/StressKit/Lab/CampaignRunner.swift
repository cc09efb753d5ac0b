// SPDX-License-Identifier: Apache-2.0
import CLinux
import StressCore
import StressMachine
import StressRecord
import Synchronization

/// Carries a campaign out, `jobs` guests at a time.
package final class CampaignRunner: Sendable {
  /// What a display hears about.
  package enum Event: Sendable {
    case started(Campaign.Trial)
    case phase(Campaign.Trial, String)
    case ended(Campaign.Trial, Ending, seconds: Double)
  }

  /// Where trials are carried out.
  package enum Venue: Sendable {
    /// A guest each.
    case guests(Guests)
    /// This machine, one after the other.
    case here(LocalPlace, device: NamedDevice?)
  }

  package struct Guests: Sendable {
    package var kernels: [KernelSpec: Kernel]
    package var accelerator: Accelerator
    /// The static executable that becomes PID 1.
    package var binary: String
    package var store: KernelStore
    package var keepDisks: Bool
    /// Guests at a time.
    package var jobs: Int
    /// How long a guest may take to reach the harness, ns; nil: as ``GuestTrial/Patience`` has it.
    package var bootTimeout: UInt64?
    private(set) var qemuVersion = VirtualMachine.version()

    package init(
      kernels: [KernelSpec: Kernel], accelerator: Accelerator, binary: String, store: KernelStore,
      keepDisks: Bool, jobs: Int
    ) {
      self.kernels = kernels
      self.accelerator = accelerator
      self.binary = binary
      self.store = store
      self.keepDisks = keepDisks
      self.jobs = jobs
    }
  }

  private let campaign: Campaign
  private let venue: Venue
  private let interrupt: Interrupt
  private let limits: MachineLimits

  private struct Queue {
    var rest: ArraySlice<Campaign.Trial>
    var failure: HarnessError?
  }
  private let queue: Mutex<Queue>

  /// - Parameter limits: of trials on this machine, what aborts them for its sake.
  package init(
    _ campaign: Campaign, _ venue: Venue, interrupt: Interrupt,
    limits: MachineLimits = MachineLimits()
  ) {
    self.limits = limits
    self.campaign = campaign
    self.venue = venue
    self.interrupt = interrupt
    queue = Mutex(Queue(rest: campaign.order.filter { campaign.ending(of: $0) == nil }[...]))
  }

  private var jobs: Int {
    switch venue {
    case .guests(let guests): guests.jobs
    case .here: 1
    }
  }

  /// Runs what remains. Returns when all is done or the user interrupts; throws what the host lacks.
  ///
  /// - Parameter handle: called from several threads, one call at a time.
  package func run(
    _ handle: @escaping @Sendable (Event) -> Void
  ) throws(HarnessError) {
    let serial = SerialHandler(handle)
    var threads: [Thread] = []
    for index in 0..<jobs {
      threads.append(try Thread("wb-job\(index)") { [self] in work(serial) })
    }
    for thread in threads { thread.join() }
    if let failure = queue.withLock({ $0.failure }) { throw failure }
  }

  private final class SerialHandler: Sendable {
    private let handle: Mutex<@Sendable (Event) -> Void>
    init(_ handle: @escaping @Sendable (Event) -> Void) { self.handle = Mutex(handle) }
    func callAsFunction(_ event: Event) { handle.withLock { $0(event) } }
  }

  private func work(_ handle: SerialHandler) {
    while !interrupt.isRequested,
      let trial = queue.withLock({ $0.failure == nil ? $0.rest.popFirst() : nil })
    {
      handle(.started(trial))
      let started = cl_boottime()
      do throws(HarnessError) {
        let ending = try run(trial) { handle(.phase(trial, $0)) }
        handle(.ended(trial, ending, seconds: Double(cl_boottime() - started) / 1e9))
        if ending.outcome == .invalid, ending.reason == Ending.machine {
          // The next trial would do the same.
          throw HarnessError(
            .refused, "this machine", ending.message ?? "",
            remedy:
              "free memory, lower the profile's limits, or run it in a guest: --kernel debian:6.12")
        }
      } catch {
        queue.withLock { $0.failure = $0.failure ?? error }
      }
    }
  }

  private func run(
    _ trial: Campaign.Trial, _ progress: @escaping (String) -> Void
  ) throws(HarnessError) -> Ending {
    try campaign.setAside(trial)
    switch venue {
    case .guests(let guests): return try run(trial, in: guests, progress)
    case .here(let place, let device):
      var local = LocalTrial(
        plan: campaign.plan(of: trial), directory: campaign.directory(of: trial),
        images: place.images, device: device, place: place.cgroups)
      local.limits = limits
      return try local.run(interrupt, progress: progress)
    }
  }

  private func run(
    _ trial: Campaign.Trial, in guests: Guests, _ progress: (String) -> Void
  ) throws(HarnessError) -> Ending {
    let spec = campaign.matrix.cells[trial.cell].kernel
    guard let kernel = guests.kernels[spec] else {
      throw HarnessError(.harness, "kernel \(spec)", "was not resolved before the trials")
    }
    var guest = GuestTrial(
      plan: campaign.plan(of: trial), kernel: kernel, accelerator: guests.accelerator,
      binary: guests.binary, store: guests.store, directory: campaign.directory(of: trial))
    guest.keepDisk = guests.keepDisks
    guest.jobs = guests.jobs
    guest.qemuVersion = guests.qemuVersion
    if let timeout = guests.bootTimeout { guest.patience.extend(boot: timeout) }
    return try guest.run(interrupt, progress: progress)
  }
}
