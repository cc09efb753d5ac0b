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
  }

  /// The value of the axis `variant` that stands for the profile itself.
  package static let baseVariant = "base"
  /// The arms of a calibration: nothing tells them apart.
  private static let arms = Axis(key: CampaignFile.calibrateKey, values: ["A", "B"])

  package let label: String
  package let cells: [Cell]

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
  ///   - filesystems: empty: the profile's own.
  ///   - calibrate: every cell twice, to be compared with itself.
  /// - Throws: every problem of every cell.
  package init(
    _ choice: ProfileCatalog.Choice, kernels: [KernelSpec], filesystems: [String], vary: [Axis],
    calibrate: Bool = false
  ) throws(HarnessErrors) {
    var problems: [HarnessError] = []
    var points: [[(key: String, value: String)]] = [[]]
    var axes = vary
    if !filesystems.isEmpty { axes.insert(Axis(key: "fs", values: filesystems), at: 0) }
    if calibrate { axes.append(Self.arms) }
    problems += Self.repeated(axes)
    for (option, values) in [("--kernel", kernels.map(\.description)), ("--fs", filesystems)]
    where Set(values).count < values.count {
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
    for kernel in kernels {
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
          if !tellsFilesystem {
            axes.append(
              Profile.Setting(CampaignFile.filesystemKey, profile.filesystem.kind.rawValue))
          }
          axes += point.map { Profile.Setting($0.key, $0.value) }
          cells.append(Cell(axes: axes, kernel: kernel, profile: profile))
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
