// SPDX-License-Identifier: Apache-2.0
import Glibc

/// A moment in UTC, as ISO 8601 writes it: `2026-11-21T14:00:00`, without its zone.
package enum UTCTime {
  /// - Parameter seconds: since 1970; nil for years that do not fit.
  package static func text(_ seconds: Int64) -> String? {
    var moment = time_t(seconds)
    var parts = tm()
    guard gmtime_r(&moment, &parts) != nil else { return nil }
    var buffer = [CChar](repeating: 0, count: 32)
    let count = strftime(&buffer, buffer.count, "%Y-%m-%dT%H:%M:%S", &parts)
    return count > 0 ? String(decoding: buffer[..<count].map(UInt8.init), as: UTF8.self) : nil
  }
}
