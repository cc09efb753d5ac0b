// SPDX-License-Identifier: Apache-2.0
import StressCore

/// What is wrong with a record's lines, and what was done about it: no count of lines is short or doubled
/// without standing here. That a digit or a name has become another cannot be seen.
package struct RecordDefects: Sendable, Equatable {
  package enum Kind: String, CaseIterable, Sendable {
    /// No JSON object with a `type`: cut off, or overwritten.
    case torn
    /// With a time or a duration that is negative, or of more than 73 years; left out.
    case wrongTime
    /// Longer than `LinePlace.longest`.
    case tooLong
    /// Of a type that is not in `LineTypes.names`: of a later version, or misspelt by damage.
    case unknownType
    /// Word for word the same as one before it, of a type that tells of single moments; left out.
    case duplicate
    /// The same, of a type that may well say the same twice; not left out.
    case repeated
    /// Behind a second, different header: of another record, left out.
    case foreign
    /// Samples of a lane without a `columns` line, or before the first of several; left out.
    case unnamedSample
    /// Samples with more or fewer values than columns; left out.
    case wrongWidth
    /// Samples without a time, or with a value that is neither an integer nor null; left out.
    case wrongValue
    /// Samples of a moment that the lane has one of already; left out.
    case doubleSample
    /// Samples that stood behind a later one of their lane; sorted.
    case disorder
    /// Readings of PSI that tell of more stall than time, or of less than before, and all behind them: unknown.
    case impossiblePressure
    /// Samples that a `lane` line speaks of and that are not there.
    case missingSample
    /// Lines that the `written` line speaks of and that are not there.
    case missingLine
    /// Samples, and other lines, that could not be written, as an `outage` line says.
    case lostSample
    case lostLine
    /// Further `columns` lines of a lane that name other columns.
    case columnsChanged
    /// The file has become shorter while it was read.
    case shrunk
  }

  package private(set) var counts: [Kind: Int] = [:]

  package init() {}

  package subscript(kind: Kind) -> Int { counts[kind] ?? 0 }

  package var isEmpty: Bool { counts.isEmpty }

  mutating func add(_ kind: Kind, _ count: Int = 1) {
    if count > 0 { counts[kind, default: 0] += count }
  }

  /// One for each kind that there is, for people.
  package var texts: [String] {
    Kind.allCases.compactMap { kind in counts[kind].map { kind.text($0) } }
  }
}

extension RecordDefects.Kind {
  fileprivate func text(_ count: Int) -> String {
    let lines = "\(count) line\(count == 1 ? "" : "s")"
    let samples = "\(count) sample\(count == 1 ? "" : "s")"
    return switch self {
    case .torn: "\(lines) torn (no JSON object with a type)"
    case .wrongTime: "\(lines) with impossible times, left out"
    case .tooLong: "\(lines) too long to read"
    case .unknownType: "\(lines) of unknown type"
    case .duplicate: "\(lines) duplicated, counted once"
    case .repeated: "\(lines) the same as an earlier one, counted as well"
    case .foreign: "\(lines) behind a second header, left out"
    case .unnamedSample: "\(samples) without columns, left out"
    case .wrongWidth: "\(samples) with too many or too few values, left out"
    case .wrongValue: "\(samples) with values that are not numbers, left out"
    case .doubleSample: "\(samples) with the time of another, left out"
    case .disorder: "\(samples) out of order, sorted"
    case .impossiblePressure:
      "\(count) impossible reading\(count == 1 ? "" : "s") of PSI (more stall than time, or less than before) "
        + "and all later ones unknown"
    case .missingSample: "\(samples) missing"
    case .missingLine: "\(lines) missing"
    case .lostSample: "\(samples) not written (see the record's outages)"
    case .lostLine: "\(lines) not written (see the record's outages)"
    case .columnsChanged: "the columns of a lane change \(count) time\(count == 1 ? "" : "s")"
    case .shrunk: "the file shrank while it was read"
    }
  }
}
