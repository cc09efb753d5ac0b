import CLinux
import Glibc
import SystemPackage

/// A directory of trials: what is to be run, in which order, and what has been.
///
/// ```
/// DIR/campaign.json               cells, seed, trials per cell
/// DIR/trials/C-N/record.jsonl     trial N of cell C
/// DIR/trials/C-N/console.log      its guest's serial console
/// DIR/trials/C-N.lost-K/          an attempt that was interrupted, kept
/// ```
package struct Campaign: Sendable {
  package struct Trial: Sendable, Equatable {
    /// Index of the cell, from 0, and the trial's number in it, from 1.
    package var cell: Int
    package var number: Int
  }

  package static let fileName = "campaign.json"

  package let directory: String
  package let matrix: Matrix
  package let trials: Int
  package let seed: UInt64

  /// Opens a campaign's directory, or makes it.
  ///
  /// The same matrix goes on where it was left, with more trials if more are asked for; another one is
  /// refused: trials of two questions do not belong in one directory.
  ///
  /// - Parameter seed: nil: the directory's own, or a new one.
  package init(
    directory: String, matrix: Matrix, trials: Int, seed: UInt64?
  ) throws(HarnessError) {
    let path = directory + "/" + Self.fileName
    let cells = Self.describe(matrix)
    if File.exists(path) {
      let text = try File.read(path)
      guard let stored = try? JSON(parsing: text), let storedSeed = stored["seed"]?.int else {
        throw HarnessError(
          .usage, path, "is not a campaign's plan", remedy: "name another directory")
      }
      let known = UInt64(bitPattern: storedSeed)
      guard stored["cells"] == cells, seed == nil || seed == known else {
        throw HarnessError(
          .usage, directory, "holds another campaign (other cells, profile or seed)",
          remedy: "repeat its command to go on with it, or name another --output directory")
      }
      self.seed = known
    } else {
      if !File.names(in: directory).isEmpty {
        throw HarnessError(
          .usage, directory, "is not empty and holds no campaign",
          remedy: "name a new --output directory")
      }
      var random = SystemRandomNumberGenerator()
      self.seed = seed ?? UInt64(random.next() as UInt32)
    }
    self.directory = directory
    self.matrix = matrix
    self.trials = trials
    try File.makeDirectory(directory + "/trials")
    let plan: JSON = [
      "schema": .int(RecordFile.schema), "wbstress": .string(Version.text),
      "profile": .string(matrix.label), "trials": .int(Int64(trials)),
      "seed": .int(Int64(bitPattern: self.seed)), "cells": cells,
    ]
    let temporary = path + ".new"
    try File.write(temporary, Array((plan.text + "\n").utf8))
    try checkErrno(Int(rename(temporary, path)), path, "rename")
  }

  private static func describe(_ matrix: Matrix) -> JSON {
    .array(
      matrix.cells.map { cell in
        [
          "axes": .object(cell.axes.map { ($0.key, .string($0.value)) }),
          "profile": cell.profile.json,
        ]
      })
  }

  /// Every trial, in the order in which they are run: each cell once before any is repeated, each round
  /// shuffled by itself. A drift of the host then falls on all cells alike, and more trials only add
  /// rounds at the end.
  package var order: [Trial] {
    guard trials > 0 else { return [] }
    return (1...trials).flatMap { round in
      var random = SplitMix64(seed: seed &+ UInt64(round))
      return matrix.cells.indices.shuffled(using: &random).map { Trial(cell: $0, number: round) }
    }
  }

  /// The trial's own seed: its start delay and its data follow from it.
  package func seed(of trial: Trial) -> UInt64 {
    var random = SplitMix64(seed: seed ^ (UInt64(trial.cell) << 32) ^ UInt64(trial.number))
    return random.next()
  }

  package func directory(of trial: Trial) -> String {
    "\(directory)/trials/\(trial.cell + 1)-\(trial.number)"
  }

  /// The trial's ending when it needs no further attempt.
  package func ending(of trial: Trial) -> Outcome? {
    guard
      let end = RecordReader.ending(directory(of: trial) + "/" + RecordFile.name),
      end.outcome != .harnessLost
    else { return nil }
    return end.outcome
  }

  /// Puts what an interrupted attempt left aside: nothing recorded is ever lost.
  package func setAside(_ trial: Trial) throws(HarnessError) {
    let path = directory(of: trial)
    guard File.exists(path) else { return }
    Scratch.clear(path)
    var attempt = 1
    while File.exists("\(path).lost-\(attempt)") { attempt += 1 }
    try checkErrno(Int(rename(path, "\(path).lost-\(attempt)")), path, "rename")
  }

  package func plan(of trial: Trial) -> TrialPlan {
    let cell = matrix.cells[trial.cell]
    return TrialPlan(
      profile: cell.profile, label: matrix.label, axes: cell.axes, number: trial.number,
      seed: seed(of: trial))
  }
}
