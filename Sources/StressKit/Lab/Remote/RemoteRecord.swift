// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressRecord

/// A record of another machine, as it comes: what are lines of a record goes into the one here.
struct RemoteRecord {
  /// Bytes of the other machine's file that have come.
  private(set) var offset = 0
  /// As its last line says; nil: it has not come.
  private(set) var ending: Ending?
  /// Lines that were none.
  private(set) var strange = 0

  private let name: String
  private let sink: RecordSink
  /// Of a line whose end has not come.
  private var partial: [UInt8] = []

  /// - Parameter name: the machine's, for errors.
  init(_ name: String, into sink: RecordSink) {
    self.name = name
    self.sink = sink
  }

  /// - Parameter hear: is told of each phase by its name.
  /// - Throws: when a line is longer than any (environment).
  mutating func take(_ bytes: [UInt8], _ hear: (String) -> Void) throws(HarnessError) {
    offset += bytes.count
    partial.append(contentsOf: bytes)
    var whole: [UInt8] = []
    var start = 0
    while let end = partial[start...].firstIndex(of: 0x0a) {
      let line = partial[start..<end]
      try check(line.count)
      start = end + 1
      if line.isEmpty { continue }
      if RecordFile.isLine(line) {
        note(line, hear)
        whole.append(contentsOf: line)
        whole.append(0x0a)
      } else {
        strange += 1
      }
    }
    partial.removeFirst(start)
    if !whole.isEmpty { whole.withUnsafeBytes { sink.write($0) } }
    try check(partial.count)
  }

  /// Takes the end of what came: a line without its end is torn.
  mutating func finish() {
    if partial.isEmpty { return }
    strange += 1
    partial = []
  }

  private func check(_ length: Int) throws(HarnessError) {
    if length <= RemoteMessages.longest { return }
    throw HarnessError(
      .environment, name,
      "sends a record with a line of more than \(RemoteMessages.longest >> 20) MiB, which is none of wbstress's"
    )
  }

  private mutating func note(_ line: ArraySlice<UInt8>, _ hear: (String) -> Void) {
    if line.withUnsafeBytes({ RecordFile.isSample($0) }) { return }
    let line = Array(line)
    if let phase = PhaseLine(parsing: line)?.name { hear(phase.rawValue) }
    if let end = EndLine(parsing: line) {
      ending = Ending(end.outcome ?? .invalid, reason: end.reason, message: end.message)
    }
  }
}
