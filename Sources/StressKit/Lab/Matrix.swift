// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressRecord

/// What is compared: one value on every axis makes a cell, and every cell is tried `trials` times.
package struct Matrix: Sendable {
  /// An axis of profile keys: `--vary engine=io_uring,pwrite`.
  package struct Axis: Sendable, Equatable {
    package var key: String
    package var values: [String]

    package init(key: String, values: [String]) {
      self.key = key
      self.values = values
    }

    /// Parses `KEY=A,B`; brackets keep commas together, as in `mount=[data=journal,noatime]`.
    package init(parsing text: String) throws(HarnessError) {
      guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
        throw HarnessError(
          .usage, "--vary \(text)", "expected KEY=VALUE,VALUE", remedy: "as in lru_gen=on,off")
      }
      key = String(text[..<equals])
      values = Self.split(text[text.index(after: equals)...])
      if values.contains("") {
        throw HarnessError(.usage, "--vary \(text)", "an empty value")
      }
      if Set(values).count < values.count {
        throw HarnessError(.usage, "--vary \(text)", "the same value twice")
      }
    }

    private static func split(_ text: Substring) -> [String] {
      var parts = [""]
      var depth = 0
      for character in text {
        if "[{".contains(character) { depth += 1 }
        if "]}".contains(character) { depth -= 1 }
        if character == ",", depth == 0 {
          parts.append("")
        } else {
          parts[parts.count - 1].append(character)
        }
      }
      return parts
    }
  }

  /// One point of the matrix.
  package struct Cell: Sendable {
    /// Axis and value, in the order of the command line, the kernel first.
    package var axes: [Profile.Setting]
    package var kernel: KernelSpec
    package var profile: Profile
    /// The other machine that its trials run on; nil: this one.
    package var host: String? { axes.first { $0.key == CampaignFile.hostKey }?.value }
    /// What the profile was made of.
    fileprivate var file: ProfileFile
    fileprivate var variant: String?
    fileprivate var overrides: [ProfileFile.Override]

    /// The profile with one more key set, without what it expects: whether a trial dies is what is asked.
    ///
    /// - Throws: when the value will not do (code usage).
    func profile(_ key: String, _ value: String, origin: String) throws(HarnessErrors) -> Profile {
      var profile = try file.profile(
        variant: variant, overrides: overrides + [(key: key, value: value, origin: origin)])
      profile.expect = []
      profile.control = nil
      return profile
    }
  }

  /// The value of the axis `variant` that stands for the profile itself.
  package static let baseVariant = "base"
  /// The arms of a calibration: nothing tells them apart.
  private static let arms = Axis(key: CampaignFile.calibrateKey, values: ["A", "B"])

  package let label: String
  package private(set) var cells: [Cell]
  /// What is looked for in each cell; nil: trials have their cells' values.
  package private(set) var threshold: CampaignFile.Threshold?

  /// Axes that set the same key twice, however they spell it: rows would carry false labels.
  private static func repeated(_ axes: [Axis]) -> [HarnessError] {
    var seen: [String: String] = [:]
    var problems: [HarnessError] = []
    for axis in axes {
      // A key that is unknown is reported with the cells.
      let key = (try? ProfileFile.canonicalKey(axis.key)) ?? axis.key
      if let other = seen[key] {
        problems.append(
          HarnessError(.usage, "--vary \(axis.key)", "sets the same key as \(other)"))
      }
      seen[key] = axis.key == "fs" ? "--fs or --vary fs" : "--vary \(axis.key)"
    }
    return problems
  }

  /// Builds every cell, and so checks every profile, before the first trial.
  ///
  /// - Parameters:
  ///   - hosts: names of the machines that each cell is tried on; empty: this one.
  ///   - filesystems: empty: the profile's own.
  ///   - calibrate: every cell twice, to be compared with itself.
  /// - Throws: every problem of every cell.
  package init(
    _ choice: ProfileCatalog.Choice, kernels: [KernelSpec], hosts: [String] = [],
    filesystems: [String], vary: [Axis], calibrate: Bool = false
  ) throws(HarnessErrors) {
    var problems: [HarnessError] = []
    var points: [[(key: String, value: String)]] = [[]]
    var axes = vary
    if !filesystems.isEmpty { axes.insert(Axis(key: "fs", values: filesystems), at: 0) }
    if calibrate { axes.append(Self.arms) }
    problems += Self.repeated(axes)
    for (option, values) in [
      ("--kernel", kernels.map(\.description)), ("--on", hosts), ("--fs", filesystems),
    ] where Set(values).count < values.count {
      problems.append(
        HarnessError(.usage, "\(option) \(values.joined(separator: ","))", "the same value twice"))
    }
    for axis in axes {
      points = points.flatMap { point in axis.values.map { point + [(axis.key, $0)] } }
    }
    let tellsFilesystem = axes.contains {
      (try? ProfileFile.canonicalKey($0.key)) == "filesystem.type"
    }
    var cells: [Cell] = []
    let hosts: [String?] = hosts.isEmpty ? [nil] : hosts
    let places = kernels.flatMap { kernel in hosts.map { (kernel: kernel, host: $0) } }
    for (kernel, host) in places {
      for point in points {
        var variant = choice.variant
        var overrides: [ProfileFile.Override] = []
        for (key, value) in point {
          if key == CampaignFile.variantKey {
            variant = value == Self.baseVariant ? nil : value
          } else if !calibrate || key != CampaignFile.calibrateKey {
            let option = key == "fs" ? "--fs \(value)" : "--vary \(key)=\(value)"
            overrides.append((key: key, value: value, origin: option))
          }
        }
        do throws(HarnessErrors) {
          let profile = try choice.file.profile(variant: variant, overrides: overrides)
          var axes = [Profile.Setting(CampaignFile.kernelKey, kernel.description)]
          if let host { axes.append(Profile.Setting(CampaignFile.hostKey, host)) }
          if !tellsFilesystem {
            axes.append(
              Profile.Setting(CampaignFile.filesystemKey, profile.filesystem.kind.rawValue))
          }
          axes += point.map { Profile.Setting($0.key, $0.value) }
          cells.append(
            Cell(
              axes: axes, kernel: kernel, profile: profile, file: choice.file, variant: variant,
              overrides: overrides))
        } catch {
          problems += error.errors.filter { !problems.contains($0) }
        }
      }
    }
    if !problems.isEmpty { throw HarnessErrors(problems) }
    label = choice.file.name + (choice.variant.map { ":\($0)" } ?? "")
    self.cells = cells
  }
}

// MARK: - A campaign's own

extension Matrix {
  /// The cells that a directory's plan has, to be carried out without its profile's file.
  ///
  /// - Throws: when its trials run on one machine (code usage).
  package init(_ campaign: CampaignFile) throws(HarnessErrors) {
    var cells: [Cell] = []
    for cell in campaign.cells {
      let kernel = cell.axes.first { $0.key == CampaignFile.kernelKey }?.value ?? ""
      let isElsewhere = cell.axes.contains { $0.key == CampaignFile.hostKey }
      if kernel == KernelSpec.running.description || isElsewhere {
        throw HarnessErrors([
          HarnessError(
            .usage, campaign.label, "its trials run on machines that it names",
            remedy: "share a campaign of guests: run ... --kernel debian:6.12 --shared")
        ])
      }
      do throws(HarnessError) {
        cells.append(
          Cell(
            axes: cell.axes, kernel: try KernelSpec(parsing: kernel), profile: cell.profile,
            file: try Self.file(cell.profile, campaign.label), variant: nil, overrides: []))
      } catch {
        throw HarnessErrors([error])
      }
    }
    label = campaign.label
    self.cells = cells
    threshold = campaign.threshold
  }

  /// As a file, of which a search makes profiles with other values.
  private static func file(_ profile: Profile, _ name: String) throws(HarnessError) -> ProfileFile {
    do throws(HarnessErrors) {
      return try ProfileFile(bytes: Array(profile.json.text.utf8), name: name)
    } catch {
      throw error.errors[0]
    }
  }
}

// MARK: - A threshold

extension Matrix {
  /// What `threshold` is asked, as the user says it; nil: what suggests itself.
  package struct ThresholdRequest: Sendable {
    package var key: String
    package var from: String?
    package var to: String?
    package var within: String?

    package init(_ key: String, from: String? = nil, to: String? = nil, within: String? = nil) {
      (self.key, self.from, self.to, self.within) = (key, from, to, within)
    }
  }

  /// Of memory.max, or of the range.
  private static let precision = 0.02
  /// What the search's grid resolves: parts of a range.
  private static let finest: UInt64 = 400
  /// How far around a profile's own value is searched where nothing is said: from a quarter to four times as much.
  private static let reach: UInt64 = 4

  /// The same cells, each to be tried at many values of a key.
  ///
  /// - Throws: when the key cannot be searched, is an axis, or its range will not do in some cell (code usage).
  package func searching(_ request: ThresholdRequest) throws(HarnessErrors) -> Matrix {
    var matrix = self
    var ranges: [CampaignFile.Threshold.Range] = []
    do throws(HarnessError) {
      let key = try SearchedKey(request.key, in: cells[0].profile)
      for index in cells.indices {
        let (cell, option) = (cells[index], "--find \(request.key)")
        if let axis = cell.axes.first(where: { key.isSet(by: $0.key) }) {
          throw HarnessError(
            .usage, option, "--vary \(axis.key) sets the same key", remedy: "leave one of them out")
        }
        let range = try Self.range(key, cell.profile, request)
        ranges.append(range)
        for (end, value) in [("--from", range.from), ("--to", range.to)] {
          let text = key.quantity.text(value)
          do throws(HarnessErrors) {
            _ = try cell.profile(key.name, text, origin: "\(end) \(text)")
          } catch {
            throw error.errors[0]
          }
        }
        matrix.cells[index].profile.expect = []
        matrix.cells[index].profile.control = nil
      }
      matrix.threshold = .init(key: key.name, quantity: key.quantity, ranges: ranges)
    } catch {
      throw HarnessErrors([error])
    }
    return matrix
  }

  private static func range(
    _ key: SearchedKey, _ profile: Profile, _ request: ThresholdRequest
  ) throws(HarnessError) -> CampaignFile.Threshold.Range {
    func given(_ option: String, _ text: String?) throws(HarnessError) -> UInt64? {
      guard let text else { return nil }
      do throws(UnitError) {
        return try key.quantity.parse(text)
      } catch {
        throw HarnessError(.usage, "\(option) \(text)", error.description)
      }
    }
    let limit = profile.limits.first { $0.key == "memory.max" }.flatMap { UInt64($0.value) }
    let own = key.value(in: profile)
    let usual: (from: UInt64, to: UInt64)? =
      if key.isPin, let limit {
        (0, limit)
      } else {
        own.map { ($0 / reach, $0.multipliedReportingOverflow(by: reach).partialValue) }
      }
    guard let from = try given("--from", request.from) ?? usual?.from,
      let to = try given("--to", request.to) ?? usual?.to
    else {
      throw HarnessError(
        .usage, "--find \(request.key)", "the profile does not say \(key.name)",
        remedy: "give the range: --from and --to")
    }
    if from >= to {
      throw HarnessError(
        .usage, "--from \(key.quantity.text(from))",
        "is not below --to \(key.quantity.text(to))")
    }
    let whole = key.isMemory ? limit ?? to - from : to - from
    let within =
      try given("--within", request.within) ?? UInt64(Double(whole) * precision)
    if within == 0 || within > to - from || within < (to - from) / finest {
      throw HarnessError(
        .usage, "--within \(key.quantity.text(within))",
        "is not between a \(finest)th of the range and all of it (\(key.quantity.text(to - from)))",
        remedy: "narrow the range with --from and --to, or name another precision")
    }
    return .init(from: from, to: to, within: within, limit: key.isPin ? limit : nil)
  }
}
