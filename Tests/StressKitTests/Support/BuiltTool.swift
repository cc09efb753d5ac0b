// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressCore
@testable import StressMachine

/// The program as it was built beside these tests.
enum BuiltTool {
  static func path() throws -> String {
    let own = try #require(ProfileCatalog.executable())
    return own.prefix(upTo: try #require(own.lastIndex(of: "/"))) + "/wbstress"
  }

  /// What it prints; a status other than 0 throws.
  static func output(_ arguments: String...) throws -> String {
    String(decoding: try Tool.run(try path(), arguments, package: "wbstress"), as: UTF8.self)
  }
}
