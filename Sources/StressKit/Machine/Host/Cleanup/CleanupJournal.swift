// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressCore

/// What a run has made and changed on its machine, in the order of its making: each entry is on the disk
/// before the thing is made, and all is undone in reverse, however the run ends.
///
/// In a guest, which is thrown away, the same without a file.
package final class CleanupJournal {
  /// Names the directory of the journals' files.
  package static let directoryVariable = "WBSTRESS_STATE_DIR"

  /// Survives a reboot, as the files that a journal tells of do: hier(7), /var/lib.
  package static var directory: String {
    getenv(directoryVariable).map { String(cString: $0) } ?? "/var/lib/wbstress"
  }

  /// What became of an entry, for who is told.
  package enum Report {
    case ended(any Undoable, Undoing)
    case failed(HarnessError)
  }

  private enum Step {
    case object(id: Int64, any Undoable, identity: JSON?)
    /// Of this process alone, with which it goes: no entry of the file.
    case own(() throws(HarnessError) -> Void)
    /// Of a journal that a later version wrote.
    case unknown(String)
  }

  private var steps: [Step] = []
  private let file: JournalFile?
  private var nextID: Int64 = 1
  /// Kernel objects and settings have gone with the boot that they were of.
  private let isOfAnotherBoot: Bool
  package var patience = Patience()

  /// Of a machine that is thrown away: without a file.
  package init() {
    file = nil
    isOfAnotherBoot = false
  }

  /// - Parameter kind: of run, such as `trial`.
  package init(_ kind: String, in directory: String = directory) throws(HarnessError) {
    file = try JournalFile(kind, in: directory)
    isOfAnotherBoot = false
  }

  /// What a run that is dead left to be undone.
  init(replaying contents: JournalContents, of file: JournalFile) {
    self.file = file
    // Without a first line nobody knows. Whoever's it is by its identity now, is what was made.
    isOfAnotherBoot = contents.owner?.isOfAnotherBoot ?? false
    steps = contents.entries.filter { !$0.isUndone }.map { entry in
      guard let object = UndoableKinds.read(entry.object) else {
        return .unknown(entry.object["kind"]?.string ?? "?")
      }
      return .object(id: entry.id, object, identity: entry.identity)
    }
  }

  // MARK: Making

  /// Makes an object, with its entry before and what tells it from others after.
  ///
  /// - Throws: what `body` throws, with what it made before that undone; refused where one is there already.
  package func make<T: ~Copyable>(
    _ object: some Undoable, _ body: () throws(HarnessError) -> T
  ) throws(HarnessError) -> T {
    if try object.exists {
      throw HarnessError(
        .refused, object.description, "exists already",
        remedy: "wbstress clean removes what a killed run left; what it does not know is somebody"
          + " else's")
    }
    let mark = mark
    let id = nextID
    nextID += 1
    try file?.append(
      "intent", [("id", .int(id)), ("kind", .string(type(of: object).kind))] + object.members)
    steps.append(.object(id: id, object, identity: nil))
    let made: T
    do throws(HarnessError) {
      made = try body()
    } catch {
      undo(to: mark)
      throw error
    }
    do throws(HarnessError) {
      if let identity = try object.identity {
        steps[mark] = .object(id: id, object, identity: identity)
        try file?.append("made", [("id", .int(id)), ("identity", identity)])
      }
    } catch {
      undo(to: mark)
      throw error
    }
    return made
  }

  /// Makes a directory and those above it that are not there.
  package func makeDirectory(_ path: String) throws(HarnessError) {
    if path.isEmpty || path == "/" || File.exists(path) { return }
    let above = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
    try makeDirectory(above)
    try make(MadeDirectory(path: path)) { () throws(HarnessError) in
      try File.makeDirectory(path)
    }
  }

  /// Takes over something that ends with this process at the latest: a descriptor, its place, its protection.
  package func own(_ undo: @escaping () throws(HarnessError) -> Void) { steps.append(.own(undo)) }

  // MARK: Undoing

  /// What is made from here on is undone by `undo(to:)`.
  package var mark: Int { steps.count }

  /// Undoes what was made since `mark`, the last first. What fails does not keep the rest from it, and is
  /// tried again by the next call.
  ///
  /// - Returns: what could not be undone.
  @discardableResult
  package func undo(to mark: Int = 0, _ report: (Report) -> Void = { _ in }) -> [HarnessError] {
    var failures: [HarnessError] = []
    for i in stride(from: steps.count - 1, through: mark, by: -1) {
      do throws(HarnessError) {
        if let ended = try undo(steps[i]) { report(ended) }
        steps.remove(at: i)
      } catch {
        report(.failed(error))
        failures.append(error)
      }
    }
    return failures
  }

  private func undo(_ step: Step) throws(HarnessError) -> Report? {
    switch step {
    case .own(let undo):
      try undo()
      return nil
    case .unknown(let kind):
      throw HarnessError(
        .harness, file?.path ?? "journal", "has an entry of the unknown kind '\(kind)'",
        remedy: "clean with the version of wbstress that made it")
    case .object(let id, let object, let identity):
      let isGone = isOfAnotherBoot && type(of: object).endsWithBoot
      let ended = isGone ? .absent : try object.undo(identity, patience)
      // On a full disk the file still goes at the end; until then it would be undone once more.
      try? file?.append("undone", [("id", .int(id))])
      return .ended(object, ended)
    }
  }

  /// Undoes all, and takes the file away when nothing is left to be undone.
  package func finish(_ report: (Report) -> Void = { _ in }) -> [HarnessError] {
    var failures = undo(to: 0, report)
    if !steps.isEmpty { return failures }
    do throws(HarnessError) {
      try file?.remove()
    } catch {
      failures.append(error)
    }
    return failures
  }

  /// Ends what would hold up the undoing after a kill: processes, and slow devices.
  func quiet() {
    for case .object(_, let object, let identity) in steps
    where !(isOfAnotherBoot && type(of: object).endsWithBoot) { object.quiet(identity) }
  }

  /// What is still to be undone, the last first, and whether it is there.
  var remaining: [(object: any Undoable, isThere: Bool)] {
    steps.reversed().compactMap { step in
      guard case .object(_, let object, let identity) = step else { return nil }
      let isGone = isOfAnotherBoot && type(of: object).endsWithBoot
      return (object, !isGone && (try? object.isThere(identity)) ?? true)
    }
  }
}
