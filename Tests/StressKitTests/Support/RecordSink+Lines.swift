// SPDX-License-Identifier: Apache-2.0
import StressCore

@testable import StressRecord

extension RecordSink {
  /// Any line, whatever its type's members are.
  func emit(_ type: String, _ members: [(String, JSON)]) {
    Self.line(type, members).withUnsafeBytes { write($0) }
  }

  static func line(_ type: String, _ members: [(String, JSON)]) -> [UInt8] {
    let all = [("type", .string(type))] + members
    return Array((JSON.object(all.map { (key: $0.0, value: $0.1) }).text + "\n").utf8)
  }
}
