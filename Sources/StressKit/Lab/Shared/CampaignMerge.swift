// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressMachine
import StressRecord

/// Joins campaigns of one question into a directory of its own: their trials become one sample.
package struct CampaignMerge {
  /// Trials that the new directory has.
  package private(set) var trials = 0
  /// Attempts without an end, which stay where they are.
  package private(set) var leftOut = 0
  /// Campaigns that have the seed of one before them: their trials had the same start delays.
  package private(set) var sameSeeds: [String] = []

  private let sources: [(directory: String, file: CampaignFile)]
  private var merged: CampaignFile
  /// The number of trials that each cell has so far.
  private var numbers: [Int]
  /// The first line and the size of each record: no two trials have both alike.
  private var seen: Set<String> = []

  private init(_ sources: [(directory: String, file: CampaignFile)], _ merged: CampaignFile) {
    self.sources = sources
    self.merged = merged
    numbers = merged.cells.map { _ in 0 }
  }

  /// Copies the trials of campaigns, those of the same cell behind each other, in the order of `directories`. The
  /// campaigns stay as they are.
  ///
  /// - Parameter output: a directory that is new or empty.
  /// - Throws: when they do not belong together, or have a trial in common (code usage); then nothing is left there.
  package static func merge(
    _ directories: [String], into output: String
  ) throws(HarnessError) -> CampaignMerge {
    var locks: [FileLock] = []
    defer { withExtendedLifetime(locks) {} }
    for directory in directories {
      guard let lock = try File.lock(directory, shared: true) else {
        throw HarnessError(
          .usage, directory, "is in use by a run", remedy: "merge it when that has ended")
      }
      locks.append(lock)
    }
    var merge = try plan(directories)
    try File.makeDirectory(output)
    if try !File.list(output).isEmpty {
      throw HarnessError(
        .usage, output, "is not empty", remedy: "name a new --output directory")
    }
    let trials = CampaignFile.trialsDirectory(in: output)
    try File.makeDirectory(trials)
    do throws(HarnessError) {
      for source in merge.sources { try merge.copy(source, to: output) }
    } catch {
      File.remove(trials)
      throw error
    }
    merge.merged.trials = merge.numbers.max() ?? 0
    // Last: a directory without it is no campaign.
    try merge.merged.write(to: output)
    return merge
  }

  private static func plan(_ directories: [String]) throws(HarnessError) -> CampaignMerge {
    var sources: [(directory: String, file: CampaignFile)] = []
    for directory in directories {
      sources.append((directory, try CampaignFile(directory: directory)))
    }
    let first = sources[0]
    var merged = first.file
    if merged.untilVerdict != nil { throw stopped(first.directory) }
    var same: [String] = []
    var seeds = [first.file.seed]
    for (directory, file) in sources.dropFirst() {
      try add(file, of: directory, to: &merged, of: first.directory)
      if seeds.contains(file.seed) { same.append(directory) }
      seeds.append(file.seed)
    }
    var merge = CampaignMerge(sources, merged)
    merge.sameSeeds = same
    return merge
  }

  /// Its trials are as many as it took for a verdict: added up, they would favour it.
  private static func stopped(_ directory: String) -> HarnessError {
    HarnessError(
      .usage, directory, "was stopped by its verdict (run --until-verdict)",
      remedy: "its trials cannot be pooled with others; run more of them in that directory")
  }

  private static func add(
    _ file: CampaignFile, of directory: String, to merged: inout CampaignFile, of first: String
  ) throws(HarnessError) {
    func differ(_ what: String, _ own: String, _ other: String) -> HarnessError {
      HarnessError(
        .usage, directory, "has the \(what) \(own), \(first) \(other)",
        remedy: "they do not belong in one sample; 'wbstress compare' takes them as two")
    }
    if file.untilVerdict != nil { throw stopped(directory) }
    if file.label != merged.label { throw differ("profile", file.label, merged.label) }
    for setting in file.identity {
      guard let known = merged.identity.first(where: { $0.key == setting.key }) else {
        merged.identity.append(setting)
        continue
      }
      if known != setting { throw differ(setting.key, setting.value, known.value) }
    }
    if file.threshold?.key != merged.threshold?.key {
      throw differ(
        "search", file.threshold?.key ?? "none", merged.threshold?.key ?? "none")
    }
    for (index, cell) in file.cells.enumerated() {
      let name = cell.axes.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
      if let other = merged.cells.first, other.axes.map(\.key) != cell.axes.map(\.key) {
        throw differ(
          "axes", cell.axes.map(\.key).joined(separator: ", "),
          other.axes.map(\.key).joined(separator: ", "))
      }
      let range = file.threshold?.ranges[index]
      guard let known = merged.cells.firstIndex(where: { $0.axes == cell.axes }) else {
        merged.cells.append(cell)
        if let range { merged.threshold?.ranges.append(range) }
        continue
      }
      guard merged.cells[known].profile == cell.profile else {
        throw HarnessError(
          .usage, directory, "has another profile in the cell \(name) than \(first)",
          remedy: "they do not belong in one sample; 'wbstress compare' takes them as two")
      }
      guard merged.threshold?.ranges[known] == range else {
        throw HarnessError(
          .usage, directory, "was searched in another range in the cell \(name) than \(first)",
          remedy: "a search counts for the range that it was made in")
      }
    }
  }

  private mutating func copy(
    _ source: (directory: String, file: CampaignFile), to output: String
  ) throws(HarnessError) {
    for (index, cell) in source.file.cells.enumerated() {
      guard let target = merged.cells.firstIndex(where: { $0.axes == cell.axes }) else { continue }
      for number in 1...max(source.file.trials, 1) {
        let path = CampaignFile.trialDirectory(
          in: source.directory, cell: index, number: number)
        guard File.exists(path) else { continue }
        let record = path + "/" + RecordFile.name
        guard let end = RecordReader.ending(record), !end.isRepeated else {
          leftOut += 1
          continue
        }
        let name = "\(File.line(record) ?? "") \(File.size(record) ?? 0)"
        guard seen.insert(name).inserted else {
          throw HarnessError(
            .usage, path, "is a trial that an earlier directory has, too",
            remedy: "a trial counts once: leave one of the directories out")
        }
        numbers[target] += 1
        guard numbers[target] <= CampaignFile.mostTrials else {
          throw HarnessError(
            .usage, output, "a cell would have more than \(CampaignFile.mostTrials) trials")
        }
        let copy = CampaignFile.trialDirectory(
          in: output, cell: target, number: numbers[target])
        try Tool.run(
          "cp", ["--archive", "--reflink=auto", path, copy], package: "coreutils")
        trials += 1
      }
    }
  }
}
