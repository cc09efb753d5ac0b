// SPDX-License-Identifier: Apache-2.0
import Foundation

/// Files in Tests/StressKitTests/Fixtures.
enum Fixtures {
  static func path(_ name: String) -> String {
    Bundle.module.path(forResource: "Fixtures/\(name)", ofType: nil) ?? "Fixtures/\(name)"
  }
}
