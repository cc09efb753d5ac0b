// SPDX-License-Identifier: Apache-2.0
import StressCore

/// A `sample` line, read without building JSON where it stands as the record's writer forms it.
public enum SampleLine {
  /// A value that the kernel did not give: never written as 0.
  @inlinable public static var unknown: Int64 { .min }

  /// As `RecordWriter` writes it.
  static let lead: StaticString = "{\"type\":\"sample\",\"t\":"

  /// What stands between the time and the values of a lane's samples.
  static func middle(of lane: String) -> [UInt8] {
    Array(",\"lane\":\(JSON.string(lane).text),\"v\":[".utf8)
  }

  /// The time of a sample that begins like one of ours, and where it ends.
  ///
  /// - Parameter bytes: the line, with a byte behind it that is no digit, as for `values`.
  static func time(_ bytes: UnsafeBufferPointer<UInt8>) -> (time: Int64, end: Int)? {
    let lead = Self.lead.bytes
    guard bytes.count > lead.count,
      UnsafeBufferPointer(rebasing: bytes[..<lead.count]).isSame(as: lead),
      var at = bytes.baseAddress.map({ $0 + lead.count }), let time = integer(&at),
      time >= 0, let start = bytes.baseAddress
    else { return nil }
    return (time, at - start)
  }

  /// Reads the values.
  ///
  /// - Parameters:
  ///   - bytes: the line from its first value on.
  ///   - values: room for them.
  /// - Returns: how many there are; nil: something else than integers and null, or more than there is room
  ///   for.
  static func values(
    _ bytes: UnsafeBufferPointer<UInt8>, into values: UnsafeMutableBufferPointer<Int64>
  ) -> Int? {
    guard var at = bytes.baseAddress else { return nil }
    let end = at + bytes.count
    var count = 0
    while count < values.count {
      if at[0] == UInt8(ascii: "n") {
        guard end - at > 4, at[1] == UInt8(ascii: "u"), at[2] == UInt8(ascii: "l"),
          at[3] == UInt8(ascii: "l")
        else { return nil }
        values[count] = SampleLine.unknown
        at += 4
      } else {
        guard let value = integer(&at) else { return nil }
        values[count] = value
      }
      count += 1
      if at[0] == UInt8(ascii: ",") {
        at += 1
      } else {
        guard end - at == 2, at[0] == UInt8(ascii: "]"), at[1] == UInt8(ascii: "}") else {
          return nil
        }
        return count
      }
    }
    return nil
  }

  /// Digits, up to as many as any Int64 holds; they end at the latest at the byte behind the line.
  @inline(__always)
  private static func integer(_ at: inout UnsafePointer<UInt8>) -> Int64? {
    let isNegative = at[0] == UInt8(ascii: "-")
    if isNegative { at += 1 }
    let first = at
    var value: Int64 = 0
    while case let digit = at[0] &- 0x30, digit < 10 {
      value = value &* 10 &+ Int64(digit)
      at += 1
    }
    let digits = at - first
    if digits == 0 || digits > 18 || (digits > 1 && first[0] == 0x30) { return nil }
    return isNegative ? -value : value
  }

  /// The same of a line that is formed otherwise, its values into `values`.
  ///
  /// - Returns: nil: it has no time, no lane, or a value that is neither an integer nor null.
  package static func parse(_ line: JSON) -> (lane: String, time: Int64, values: [Int64])? {
    guard let lane = line["lane"]?.string, let time = line["t"]?.int,
      let array = line["v"]?.array
    else { return nil }
    var values: [Int64] = []
    for value in array {
      switch value {
      case .null: values.append(SampleLine.unknown)
      case .int(let value) where value != SampleLine.unknown: values.append(value)
      default: return nil
      }
    }
    return (lane, time, values)
  }
}
