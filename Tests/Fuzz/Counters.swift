import StressKit

/// Files of numbers, as the sampler reads them.
enum Counters {
  static func feed(_ bytes: UnsafeRawBufferPointer, _ formats: [CounterFile.Format]) {
    let text = String(decoding: bytes, as: UTF8.self)
    _ = CounterFile.snapshot(text)
    // Fewer columns than the text has lines, as many, and more.
    let lines = bytes.count { $0 == 0x0a }
    for format in formats {
      for columns in [0, 1, lines, lines + 3] {
        let values = UnsafeMutableBufferPointer<Int64>.allocate(capacity: columns)
        defer { values.deallocate() }
        values.initialize(repeating: -1)
        CounterFile.parse(bytes, format, into: values)
        // No value is negative: a column is read, or it is unknown.
        require(
          values.allSatisfy { $0 >= 0 || $0 == CounterFile.unknown }, "a column was left out")
      }
    }
  }
}
