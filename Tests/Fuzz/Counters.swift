// SPDX-License-Identifier: Apache-2.0
import StressMachine
import StressRecord
import StressReport

/// Files of numbers, as the sampler reads them: the layout is learnt from what stands before a byte 0, or from
/// all of it, and what is behind is read by it.
enum Counters {
  static func feed(_ bytes: UnsafeRawBufferPointer, _ formats: [CounterFile.Format]) {
    let cut = bytes.firstIndex(of: 0)
    let first = String(decoding: bytes[..<(cut ?? bytes.count)], as: UTF8.self)
    let reading = UnsafeRawBufferPointer(rebasing: bytes[(cut.map { $0 + 1 } ?? 0)...])
    _ = CounterFile.snapshot(first)
    for format in formats {
      let layout = CounterLayout(format, prefix: "", learning: first)
      for columns in [0, 1, layout.names.count, layout.names.count + 3] {
        let values = UnsafeMutableBufferPointer<Int64>.allocate(capacity: columns)
        defer { values.deallocate() }
        values.initialize(repeating: -1)
        layout.parse(reading, into: values)
        // No value is negative: a column is read, or it is unknown.
        require(
          values.allSatisfy { $0 >= 0 || $0 == SampleLine.unknown }, "a column was left out")
      }
    }
  }
}
