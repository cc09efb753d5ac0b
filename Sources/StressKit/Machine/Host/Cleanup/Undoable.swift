// SPDX-License-Identifier: Apache-2.0
import CLinux
import StressCore

/// Something that a run makes or changes on its machine: how it is found again, told from all others, and
/// undone.
///
/// What is found is undone by these values alone, so that the end of a run and `wbstress clean` do the same. A look
/// that fails is an error: what cannot be seen may be there.
package protocol Undoable: Sendable, CustomStringConvertible {
  /// Names the kind in a journal.
  static var kind: String { get }
  /// A reboot takes it away, or puts it back.
  static var endsWithBoot: Bool { get }
  /// What it takes to find it again; `init` reads it.
  var members: [(key: String, value: JSON)] { get }
  init?(_ json: JSON)
  /// Something is already where this is to be made.
  var exists: Bool { get throws(HarnessError) }
  /// What tells this from another that took its place later; nil: it is not there.
  var identity: JSON? { get throws(HarnessError) }
  /// There is something to undo, as far as a look can tell.
  func isThere(_ identity: JSON?) throws(HarnessError) -> Bool
  /// Ends what would hold up the undoing of others, once, before a killed run's entries are undone.
  func quiet(_ identity: JSON?)
  /// Undoes it, if it is the one that was made.
  ///
  /// - Parameter identity: nil: the run was killed between the intent and the making, or just after.
  func undo(_ identity: JSON?, _ patience: Patience) throws(HarnessError) -> Undoing
}

extension Undoable {
  package func isThere(_ identity: JSON?) throws(HarnessError) -> Bool { try exists }
  package func quiet(_ identity: JSON?) {}
}

/// What became of an entry. What could not be undone is thrown.
package enum Undoing: Equatable, Sendable {
  case undone
  /// There was nothing to undo any more.
  case absent
  /// It is not the run's, or not any more: why.
  case left(String)
}

/// How long the undoing waits for the kernel.
package struct Patience: Sendable {
  /// Asked at each look: a user who asked twice waits `hurriedTime` at most.
  package var isHurried: @Sendable () -> Bool
  private static let hurriedTime: UInt64 = 1_000_000_000
  private static let pause: UInt64 = 5_000_000

  package init(isHurried: @escaping @Sendable () -> Bool = { false }) {
    self.isHurried = isHurried
  }

  /// Looks until it is done, `time` ns at most; false when that was not enough.
  func wait(
    atMost time: UInt64, _ isDone: () throws(HarnessError) -> Bool
  ) throws(HarnessError) -> Bool {
    let start = cl_boottime()
    while true {
      if try isDone() { return true }
      let waited = cl_boottime() - start
      if waited > time || (isHurried() && waited > Self.hurriedTime) { return false }
      cl_sleep_until(cl_boottime() + Self.pause)
    }
  }
}
