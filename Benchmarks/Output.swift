// SPDX-License-Identifier: Apache-2.0
import Glibc

/// Text for people: results on standard output, all else on standard error.
enum Output {
  static func print(_ text: String) { write(text, 1) }
  static func error(_ text: String) { write(text, 2) }

  private static func write(_ text: String, _ descriptor: Int32) {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let wrote = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if wrote <= 0 { return }
      rest = rest.dropFirst(wrote)
    }
  }
}
