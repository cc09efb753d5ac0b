// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressCore
import StressMachine
import StressRecord

/// The trace's ring buffer pages and the formats of its events.
enum Trace {
  /// Decodes by the formats of a real kernel; libFuzzer has one thread.
  private nonisolated(unsafe) static let decoder: TraceDecoder = {
    let path = #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
    let file = "/" + path + "/StressKitTests/Fixtures/trace/formats-k612.txt"
    guard let text = try? File.text(file) else { fatalError("cannot read \(file)") }
    let decoder = TraceDecoder()
    for part in text.split(separator: "== ") {
      guard let end = part.firstIndex(of: "\n"),
        let event = TraceEvent.allCases.first(where: { $0.label == part[..<end] })
      else { continue }
      let format = TraceFormat(
        part[part.index(after: end)...].utf8, system: event.definition.system)
      _ = decoder.learn(event, format)
    }
    return decoder
  }()

  static func feedPage(_ bytes: UnsafeRawBufferPointer) {
    guard var page = TracePage(bytes) else { return }
    let digest = TraceDigest(capacity: 64)
    digest.tasks.submitters = [153]
    digest.tasks.followsRequests = true
    if page.lost > 0 { digest.lose(before: page.time) }
    var records = 0
    while page.advance() {
      records += 1
      require(records <= bytes.count, "more records than bytes")
      if let record = decoder.decode(page.record, time: page.time, cpu: 0) { digest.take(record) }
    }
    digest.flushSums(page.time)
    digest.drain { _ in }
    digest.visitOpen { _, _, _, _ in }
    digest.tasks.visitTasks { _, _, off in
      if off.stack >= 0 {
        require(digest.stacks.addresses(off.stack).count <= bytes.count / 8, "a stack too deep")
      }
    }
    digest.tasks.visitRequests { _, _, _, _ in }
  }

  static func feedFormat(_ bytes: UnsafeRawBufferPointer) {
    guard let format = TraceFormat(bytes, system: "fuzz") else { return }
    let decoder = TraceDecoder()
    for event in TraceEvent.allCases {
      guard decoder.learn(event, format) else { continue }
      // A record of nothing, as long as can be, and one that is too short for it.
      for length in [8, 4096] {
        let record = UnsafeMutableRawBufferPointer.allocate(byteCount: length, alignment: 8)
        defer { record.deallocate() }
        record.initializeMemory(as: UInt8.self, repeating: 0xff)
        record.storeBytes(of: format.id, as: UInt16.self)
        _ = decoder.decode(UnsafeRawBufferPointer(record), time: 0, cpu: 0)
      }
    }
  }
}
