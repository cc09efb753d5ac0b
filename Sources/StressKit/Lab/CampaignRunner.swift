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
    /// Others have carried it out.
    case heard(Campaign.Trial, Ending)
  }

  private let campaign: Campaign
  private let venue: any Venue
  private let interrupt: Interrupt
  /// nil: nobody else works in the directory.
  private let claims: TrialClaims?

  private struct Queue {
    var schedule: any TrialSchedule
    /// Under way here.
    var running: Set<Campaign.Trial> = []
    /// That the schedule has heard of, here or from others.
    var over: Set<Campaign.Trial> = []
    /// What ended the work of a job that has cells of its own, and of all others.
    var failures: [Int?: HarnessError] = [:]
  }

  private enum Pick {
    case trial(Campaign.Trial)
    /// Others are at what is left.
    case wait
    case nothing
  }

  /// Of a shared directory, between two looks at what others have done, ns.
  private static let lookInterval: UInt64 = 1_000_000_000
  private static let looksPerQuestion = 5
  private let queue: Mutex<Queue>

  /// - Parameters:
  ///   - schedule: nil: the campaign's own.
  ///   - lease: how long a claim of others is respected that nobody touches, s.
  /// - Throws: when the cells do not have what the campaign asks (code usage).
  package init(
    _ campaign: Campaign, _ venue: any Venue, schedule: (any TrialSchedule)? = nil,
    lease: Int64 = TrialClaims.lease, interrupt: Interrupt
  ) throws(HarnessError) {
    self.campaign = campaign
    self.venue = venue
    self.interrupt = interrupt
    claims = try campaign.isShared ? TrialClaims(in: campaign.directory, lease: lease) : nil
    let order: any TrialSchedule = if let schedule { schedule } else { try campaign.schedule() }
    var queue = Queue(schedule: order)
    queue.over = Set(campaign.order.filter { campaign.ending(of: $0) != nil })
    self.queue = Mutex(queue)
  }

  /// Runs what remains. Returns when all is done or the user interrupts; throws what the host lacks.
  ///
  /// - Parameter handle: called from several threads, one call at a time.
  package func run(
    _ handle: @escaping @Sendable (Event) -> Void
  ) throws(HarnessError) {
    let serial = SerialHandler(handle)
    let keeper = try claims?.keep()
    defer { if let keeper { claims?.end(keeper) } }
    var threads: [Thread] = []
    for index in 0..<venue.jobs {
      threads.append(try Thread("wb-job\(index)") { [self] in work(index, serial) })
    }
    for thread in threads { thread.join() }
    let failures = queue.withLock(\.failures)
    // The place's own before that of a part of it.
    if let failure = failures[nil] ?? failures.min(by: { ($0.key ?? 0) < ($1.key ?? 0) })?.value {
      throw failure
    }
  }

  /// Carries nothing out, and tells what others do. Returns when all is done, the user interrupts, or nobody is left
  /// to do it.
  ///
  /// - Parameter isAnybodyLeft: asked every few seconds.
  package func follow(
    while isAnybodyLeft: () throws(HarnessError) -> Bool, _ handle: (Event) -> Void
  ) throws(HarnessError) {
    var looks = 0
    while !interrupt.isRequested {
      // Before the look at what is done: who has left since may have done the last ones.
      let isLast = looks % Self.looksPerQuestion == 0 ? try !isAnybodyLeft() : false
      looks += 1
      let (heard, isDone) = queue.withLock { queue in
        (hearOfOthers(&queue), queue.schedule.next(besides: []) == nil)
      }
      for (trial, ending) in heard { handle(.heard(trial, ending)) }
      if isDone || isLast { return }
      cl_sleep_until(cl_boottime() + Self.lookInterval)
    }
  }

  /// What it has come to.
  package var schedule: any TrialSchedule { queue.withLock { $0.schedule } }

  private final class SerialHandler: Sendable {
    private let handle: Mutex<@Sendable (Event) -> Void>
    init(_ handle: @escaping @Sendable (Event) -> Void) { self.handle = Mutex(handle) }
    func callAsFunction(_ event: Event) { handle.withLock { $0(event) } }
  }

  private func work(_ job: Int, _ handle: SerialHandler) {
    while let trial = next(job, handle) {
      let cell = campaign.matrix.cells[trial.cell]
      handle(.started(trial))
      let started = cl_boottime()
      do throws(HarnessError) {
        defer {
          claims?.release(trial)
          _ = queue.withLock { $0.running.remove(trial) }
        }
        try campaign.setAside(trial)
        let ending = try venue.run(
          try campaign.plan(of: trial), of: cell, directory: campaign.directory(of: trial),
          interrupt
        ) { handle(.phase(trial, $0)) }
        queue.withLock {
          $0.schedule.take(trial)
          $0.over.insert(Self.plain(trial))
        }
        handle(.ended(trial, ending, seconds: Double(cl_boottime() - started) / 1e9))
        if let refusal = venue.refusal(of: cell, after: ending) { throw refusal }
      } catch {
        let part = venue.job(of: cell)
        queue.withLock { $0.failures[part] = $0.failures[part] ?? error }
      }
    }
  }

  /// The next trial of ours; waits while others are at what is left. nil: there is none, or the user has had enough.
  private func next(_ job: Int, _ handle: SerialHandler) -> Campaign.Trial? {
    while !interrupt.isRequested {
      let heard = claims == nil ? [] : queue.withLock { hearOfOthers(&$0) }
      for (trial, ending) in heard { handle(.heard(trial, ending)) }
      switch queue.withLock({ pick(job, &$0) }) {
      case .trial(let trial): return trial
      case .nothing: return nil
      case .wait: cl_sleep_until(cl_boottime() + Self.lookInterval)
      }
    }
    return nil
  }

  private func pick(_ job: Int, _ queue: inout Queue) -> Pick {
    if queue.failures[nil] != nil || queue.failures[job] != nil { return .nothing }
    var busy = queue.running
    do throws(HarnessError) {
      while let trial = queue.schedule.next(besides: busy) {
        let own = venue.job(of: campaign.matrix.cells[trial.cell]) ?? job
        if own != job {
          busy.insert(trial)
        } else if try claims?.take(trial) ?? true {
          // Done since we looked?
          if campaign.ending(of: trial) == nil {
            queue.running.insert(trial)
            return .trial(trial)
          }
          claims?.release(trial)
          queue.schedule.take(trial)
          queue.over.insert(Self.plain(trial))
        } else {
          busy.insert(trial)
        }
      }
    } catch {
      queue.failures[nil] = error
      return .nothing
    }
    // Of another job's trials nothing comes to this one.
    return claims != nil && busy.count > queue.running.count ? .wait : .nothing
  }

  /// Takes what others have ended since the last look. Returns it.
  private func hearOfOthers(_ queue: inout Queue) -> [(Campaign.Trial, Ending)] {
    var heard: [(Campaign.Trial, Ending)] = []
    for trial in campaign.order where !queue.over.contains(trial) {
      guard !queue.running.contains(where: { Self.plain($0) == trial }),
        let ending = campaign.ending(of: trial)
      else { continue }
      queue.over.insert(trial)
      queue.schedule.take(trial)
      heard.append((trial, ending))
    }
    return heard
  }

  /// Without the value that it is run at.
  private static func plain(_ trial: Campaign.Trial) -> Campaign.Trial {
    Campaign.Trial(cell: trial.cell, number: trial.number)
  }
}
