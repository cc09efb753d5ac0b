// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import StressAnalysis
@testable import StressCore
@testable import StressReport

/// A campaign's directory, put together from saved records.
struct CampaignFixture {
  let directory: RecordFixture

  init(_ directory: RecordFixture) { self.directory = directory }

  /// Writes campaign.json; the cells have the saved records' profile.
  ///
  /// - Parameter replacing: texts of the profile's JSON, and what stands there instead.
  func plan(
    _ cells: [KeyValuePairs<String, String>], trials: Int, seed: UInt64 = 4_040_321_717,
    label: String = "oracle-backup", replacing: KeyValuePairs<String, String> = [:]
  ) throws {
    let header = try JSON(
      parsing: try #require(try RecordFixture.lines(RecordFixture.killed).first).utf8)
    var profile = try #require(header["plan"]?["profile"]).text
    for (old, new) in replacing {
      try #require(profile.contains(old), "the profile has no \(old)")
      profile = profile.split(separator: old, omittingEmptySubsequences: false)
        .joined(separator: new)
    }
    let parsed = try JSON(parsing: profile.utf8)
    let plan: JSON = [
      "schema": 1, "profile": .string(label), "trials": .int(Int64(trials)),
      "seed": .int(Int64(bitPattern: seed)), "identity": [:],
      "cells": .array(
        cells.map { axes in
          ["axes": .object(axes.map { ($0.key, .string($0.value)) }), "profile": parsed]
        }),
    ]
    try directory.write("campaign.json", plan.text + "\n")
  }

  /// Writes the record of a trial; both counts begin with 1.
  func trial(
    _ cell: Int, _ number: Int, from saved: String,
    replacing: KeyValuePairs<String, String> = [:], without: Set<String> = [],
    adding: [String] = []
  ) throws {
    let path = try directory.record(
      "trials/\(cell)-\(number)/record.jsonl", from: saved, replacing: replacing, without: without,
      adding: adding)
    let text = try File.text(path)
    let own = "},\"number\":\(number),\"seed\":"
    try File.write(
      path, Array(text.split(separator: "},\"number\":1,\"seed\":").joined(separator: own).utf8))
  }

  func report(colour: Bool = false) throws -> String { try terminal(colour: colour).text }

  func terminal(colour: Bool = false) throws -> TerminalReport {
    TerminalReport(
      try CampaignSummary(directory: directory.root), style: .init(colour: colour))
  }
}

/// Compares a text with a file in Fixtures/reports, line by line.
func expectGolden(_ text: String, _ name: String, sourceLocation: SourceLocation = #_sourceLocation)
  throws
{
  let golden = String(decoding: try KernelLogTests.fixture("reports/" + name), as: UTF8.self)
  if text + "\n" == golden { return }
  if ProcessInfo.processInfo.environment["WBSTRESS_WRITE_GOLDEN"] != nil {
    // Still a failure: what was written is to be read before it is believed.
    let path = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../../Fixtures/reports/" + name).standardized
    try (text + "\n").write(to: path, atomically: true, encoding: .utf8)
  }
  let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
  let wanted = golden.split(separator: "\n", omittingEmptySubsequences: false)
  let first = zip(lines, wanted).enumerated().first { $0.element.0 != $0.element.1 }
  Issue.record(
    """
    \(name) differs\(first.map { " from line \($0.offset + 1) on" } ?? " in length"); it is now:
    \(text)
    """, sourceLocation: sourceLocation)
}
