// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressCore

/// What the suites of this directory share.
protocol ProfileSuite {}

extension ProfileSuite {
  /// The least that is a profile.
  var minimal: String { "pinned: [{size: 1MiB}]" }

  /// The directory of the shipped profiles.
  var shipped: String {
    #filePath.split(separator: "/").dropLast(4).reduce("") { "\($0)/\($1)" } + "/profiles"
  }

  /// What a user would read, one problem an element.
  func problems(_ body: () throws -> Void) -> [String] {
    do {
      try body()
      return []
    } catch let error as HarnessErrors {
      #expect(error.errors.allSatisfy { $0.code == .usage })
      return error.errors.map(\.description)
    } catch {
      return ["\(error)"]
    }
  }

  /// The problems of a profile file called `p.yaml`.
  func problems(in text: String) -> [String] {
    problems { _ = try ProfileFile(text: text, name: "p.yaml") }
  }

  /// The profile of a text without problems.
  func profile(
    _ text: String, variant: String? = nil, overrides: [ProfileFile.Override] = []
  ) throws -> Profile {
    try ProfileFile(text: text, name: "p.yaml").profile(variant: variant, overrides: overrides)
  }
}
