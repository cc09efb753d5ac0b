// SPDX-License-Identifier: Apache-2.0

/// A kernel's version as tags of the mainline tree name it.
enum KernelTag {
  /// `v6.12` of 6.12.117+deb12-cloud-amd64, `v6.18-rc3` of 6.18.0-rc3-custom; nil: no such release. Without the
  /// stable series' number, which says nothing of where in the mainline a change came.
  static func of(_ release: String) -> String? {
    let parts = release.split(separator: ".", maxSplits: 2)
    guard parts.count >= 2, let major = Int(parts[0]),
      let minor = Int(parts[1].prefix(while: \.isNumber))
    else { return nil }
    let candidate = release.split { !($0.isLetter || $0.isNumber) }.first { word in
      word.hasPrefix("rc") && word.count > 2 && word.dropFirst(2).allSatisfy(\.isNumber)
    }
    return "v\(major).\(minor)" + (candidate.map { "-" + $0 } ?? "")
  }
}
