// SPDX-License-Identifier: Apache-2.0
import CLinux
import StressCore
import StressMachine
import StressRecord
import Synchronization

/// Carries a campaign out at a venue, ``Venue/jobs`` trials at a time.
package final class CampaignRunner: Sendable {
  /// What a display hears about.
  package enum Event: Sendable {
    case started(Campaign.Trial)
    case phase(Campaign.Trial, String)
    case ended(Campaign.Trial, Ending, seconds: Double)
  }

  private let campaign: Campaign
  private let venue: any Venue
  private let interrupt: Interrupt

  private struct Queue {
    var schedule: any TrialSchedule
    var failure: HarnessError?
  }
  private let queue: Mutex<Queue>

  /// - Parameter schedule: nil: the campaign's own.
  /// - Throws: when the cells do not have what the campaign asks (code usage).
  package init(
    _ campaign: Campaign, _ venue: any Venue, schedule: (any TrialSchedule)? = nil,
    interrupt: Interrupt
  ) throws(HarnessError) {
    self.campaign = campaign
    self.venue = venue
    self.interrupt = interrupt
    let order: any TrialSchedule = if let schedule { schedule } else { try campaign.schedule() }
    queue = Mutex(Queue(schedule: order))
  }

  /// Runs what remains. Returns when all is done or the user interrupts; throws what the host lacks.
  ///
  /// - Parameter handle: called from several threads, one call at a time.
  package func run(
    _ handle: @escaping @Sendable (Event) -> Void
  ) throws(HarnessError) {
    let serial = SerialHandler(handle)
    var threads: [Thread] = []
    for index in 0..<venue.jobs {
      threads.append(try Thread("wb-job\(index)") { [self] in work(serial) })
    }
    for thread in threads { thread.join() }
    if let failure = queue.withLock({ $0.failure }) { throw failure }
  }

  /// What it has come to.
  package var schedule: any TrialSchedule { queue.withLock { $0.schedule } }

  private final class SerialHandler: Sendable {
    private let handle: Mutex<@Sendable (Event) -> Void>
    init(_ handle: @escaping @Sendable (Event) -> Void) { self.handle = Mutex(handle) }
    func callAsFunction(_ event: Event) { handle.withLock { $0(event) } }
  }

  private func work(_ handle: SerialHandler) {
    while !interrupt.isRequested,
      let trial = queue.withLock({ $0.failure == nil ? $0.schedule.next() : nil })
    {
      handle(.started(trial))
      let started = cl_boottime()
      do throws(HarnessError) {
        try campaign.setAside(trial)
        let ending = try venue.run(
          try campaign.plan(of: trial), kernel: campaign.matrix.cells[trial.cell].kernel,
          directory: campaign.directory(of: trial), interrupt
        ) { handle(.phase(trial, $0)) }
        queue.withLock { $0.schedule.take(trial) }
        handle(.ended(trial, ending, seconds: Double(cl_boottime() - started) / 1e9))
        if let refusal = venue.refusal(after: ending) { throw refusal }
      } catch {
        queue.withLock { $0.failure = $0.failure ?? error }
      }
    }
  }
}
