// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressRecord

/// The system calls that are measured, by their number on this processor: a look allocates nothing.
struct CallTable {
  struct Entry {
    var span: TraceSpan
    var descriptor: SystemCall.Place
  }

  private let entries: [Entry?]

  init() {
    let last = SystemCall.allCases.map(\.number).max() ?? 0
    var entries = [Entry?](repeating: nil, count: Int(last) + 1)
    for call in SystemCall.allCases {
      let traits = call.traits
      entries[Int(call.number)] = Entry(
        span: traits.isSync ? .syncCall : .writeCall, descriptor: traits.descriptor)
    }
    self.entries = entries
  }

  /// nil: it is none of them.
  subscript(_ number: Int64) -> Entry? {
    0..<Int64(entries.count) ~= number ? entries[Int(number)] : nil
  }
}
