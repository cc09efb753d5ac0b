// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

@testable import StressCore
@testable import StressMachine

/// What is kept of a command's output.
struct CommandOutputTests {
  private func kept(_ bytes: [UInt8], pieces: Int) throws -> CommandOutput.Kept {
    let output = try CommandOutput()
    let (kept, writer) = try output.add()
    let pipe = Descriptor(owning: writer)
    var rest = bytes[...]
    while !rest.isEmpty {
      let piece = Array(rest.prefix(pieces))
      try pipe.writeAll(piece, "pipe")
      rest = rest.dropFirst(piece.count)
    }
    _ = consume pipe
    output.finish()
    return kept
  }

  private static let whole = CommandOutput.headRoom + CommandOutput.tailRoom

  @Test(
    arguments: [0, 1, CommandOutput.headRoom, CommandOutput.headRoom + 1, whole], [7, 100_000])
  func aShortOneIsWhole(_ length: Int, _ pieces: Int) throws {
    let bytes = (0..<length).map { UInt8(0x61 + $0 % 26) }
    let kept = try kept(bytes, pieces: pieces)
    #expect(kept.total == UInt64(length))
    let text = kept.text
    #expect(text.head == String(decoding: bytes, as: UTF8.self))
    #expect(text.tail == nil && text.omitted == 0)
  }

  @Test(arguments: [1, 5, 100_000, 1_000_000], [7, 4096, 100_000])
  func ofALongOneBothEndsAreKept(_ beyond: Int, _ pieces: Int) throws {
    let bytes = (0..<Self.whole + beyond).map { UInt8(0x61 + $0 % 26) }
    let kept = try kept(bytes, pieces: pieces)
    #expect(kept.total == UInt64(bytes.count))
    let text = kept.text
    #expect(text.head == String(decoding: bytes.prefix(CommandOutput.headRoom), as: UTF8.self))
    #expect(text.tail == String(decoding: bytes.suffix(CommandOutput.tailRoom), as: UTF8.self))
    #expect(text.omitted == UInt64(beyond))
  }

  /// Nobody waits for a reader that has gone.
  @Test func severalAreReadAtOnce() throws {
    let output = try CommandOutput()
    let pairs = try (0..<8).map { _ in try output.add() }
    for round in 0..<100 {
      for (i, pair) in pairs.enumerated() {
        let text = Array("\(i) in \(round)\n".utf8)
        #expect(write(pair.1, text, text.count) == text.count)
      }
    }
    for pair in pairs { close(pair.1) }
    output.finish()
    for (i, pair) in pairs.enumerated() {
      #expect(pair.0.text.head == (0..<100).map { "\(i) in \($0)\n" }.joined())
    }
  }
}
