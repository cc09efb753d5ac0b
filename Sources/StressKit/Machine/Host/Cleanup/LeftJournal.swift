// SPDX-License-Identifier: Apache-2.0
import StressCore

/// A journal whose run is gone: what `wbstress clean` replays.
package struct LeftJournal {
  package let path: String
  package let owner: JournalOwner?

  /// All journals of a directory, those of living runs among them.
  package static func all(
    in directory: String = CleanupJournal.directory
  ) throws(HarnessError) -> [LeftJournal] {
    if !File.exists(directory) { return [] }
    return try File.list(directory).filter {
      $0.hasSuffix(JournalFile.suffix) && !$0.hasPrefix(".")
    }
    .map { LeftJournal(path: directory + "/" + $0) }
  }

  /// Those that `clean` is to look at.
  package static func left(
    in directory: String = CleanupJournal.directory
  ) throws(HarnessError) -> [LeftJournal] {
    JournalFile.removeUnborn(in: directory)
    return try all(in: directory)
  }

  init(path: String) {
    self.path = path
    owner = try? JournalFile.contents(of: path).owner
  }

  /// Why nothing new is begun while it is there.
  package var refusal: HarnessError {
    HarnessError(
      .refused, path, "a run has not undone what it made (\(owner?.command ?? "?"))",
      remedy: "wbstress clean")
  }

  package enum Answer: Equatable {
    /// Its run lives, or another `wbstress clean` is at it.
    case inUse
    case cleaned
    /// Some of it could not be undone.
    case incomplete
  }

  /// Undoes what is left of the run. Once more does no harm.
  ///
  /// - Parameter isDry: changes nothing, and says what it would undo.
  package func clean(isDry: Bool, _ say: (String) -> Void) throws(HarnessError) -> Answer {
    if owner?.isAlive == true { return .inUse }
    // Gone since it was listed: another has cleaned.
    guard File.exists(path) else { return .cleaned }
    guard let file = try JournalFile(locking: path) else { return .inUse }
    let contents = try file.contents
    if let schema = contents.schema, schema > JournalFile.schema {
      throw HarnessError(
        .refused, path,
        "is of a later version (schema \(schema), this one knows \(JournalFile.schema))",
        remedy: "clean with the version of wbstress that made it")
    }
    let journal = CleanupJournal(replaying: contents, of: file)
    if isDry {
      for (object, isThere) in journal.remaining {
        say("\(isThere ? "would undo" : "not there any more"): \(object.description.visible)")
      }
      return journal.mark == 0 ? .cleaned : .incomplete
    }
    journal.quiet()
    let tell = { (report: CleanupJournal.Report) in say(Self.text(report).visible) }
    if contents.damaged == 0 {
      return journal.finish(tell).isEmpty ? .cleaned : .incomplete
    }
    guard journal.undo(to: 0, tell).isEmpty else { return .incomplete }
    try File.rename(path, path + ".damaged")
    say("\(contents.damaged) lines cannot be read; what they told of may be left: \(path).damaged")
    return .incomplete
  }

  private static func text(_ report: CleanupJournal.Report) -> String {
    switch report {
    case .ended(let object, .undone): "undone: \(object)"
    case .ended(let object, .absent): "not there any more: \(object)"
    case .ended(let object, .left(let why)): "left alone: \(object): \(why)"
    case .failed(let error): "NOT undone: \(error)"
    }
  }
}
