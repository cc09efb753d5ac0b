// SPDX-License-Identifier: Apache-2.0

/// What a key's value measures.
package enum ProfileQuantity: String, Sendable {
  /// Bytes.
  case size
  /// Bytes per second.
  case rate
  /// Nanoseconds.
  case duration

  /// - Throws: when the text is no such quantity.
  package func parse(_ text: String) throws(UnitError) -> UInt64 {
    switch self {
    case .size: try Units.size(text)
    case .rate: try Units.rate(text)
    case .duration: try Units.duration(text)
    }
  }

  /// The shortest exact spelling, which `parse` reads.
  package func text(_ value: UInt64) -> String {
    switch self {
    case .size: Units.sizeText(value)
    case .rate: Units.sizeText(value) + "/s"
    case .duration: value == 0 ? "0s" : Units.durationText(value)
    }
  }
}
