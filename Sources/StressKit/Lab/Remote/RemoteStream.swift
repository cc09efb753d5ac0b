// SPDX-License-Identifier: Apache-2.0
import StressCore

/// What comes from another machine, taken apart (``RemoteMessages``). It may be anything.
struct RemoteStream {
  enum Item: Equatable {
    case message(JSON)
    case piece([UInt8])
  }

  private let name: String
  private var buffer: [UInt8] = []
  private var start = 0
  /// Of a piece, bytes that are still to come.
  private var left = 0

  /// - Parameter name: the machine's, for errors.
  init(_ name: String) { self.name = name }

  mutating func add(_ bytes: [UInt8]) {
    buffer.removeFirst(start)
    start = 0
    buffer.append(contentsOf: bytes)
  }

  /// The next that has come; a piece may come in several.
  ///
  /// - Throws: when it is neither (environment).
  mutating func next() throws(HarnessError) -> Item? {
    let rest = buffer[start...]
    if left > 0 {
      if rest.isEmpty { return nil }
      let piece = Array(rest.prefix(left))
      start += piece.count
      left -= piece.count
      return .piece(piece)
    }
    guard let end = rest.firstIndex(of: 0x0a) else {
      if rest.count > RemoteMessages.longest { throw tooLong() }
      return nil
    }
    let line = rest[..<end]
    if line.count > RemoteMessages.longest { throw tooLong() }
    start = end + 1
    guard let message = try? JSON(parsing: line), message.members != nil else {
      throw HarnessError(
        .environment, name,
        "answers with what is none of wbstress's: "
          + RemoteText.short(String(decoding: line, as: UTF8.self), 100),
        remedy: "a shell's start-up files must print nothing where there is no terminal")
    }
    if let length = message["chunk"] {
      guard let count = length.int, 1...Int64(RemoteMessages.longest) ~= count else {
        throw HarnessError(.environment, name, "sends a piece of a record of impossible length")
      }
      left = Int(count)
      return try next()
    }
    return .message(message)
  }

  private func tooLong() -> HarnessError {
    HarnessError(
      .environment, name,
      "sends a line of more than \(RemoteMessages.longest >> 20) MiB, which is none of wbstress's")
  }
}
