// SPDX-License-Identifier: Apache-2.0
import StressCore
import Synchronization

/// Names of threads that are followed beside the trial's workers. One thread adds, another looks; neither waits for
/// the other, and a look allocates nothing.
package final class ThreadNames: @unchecked Sendable {
  /// As many as a filter of the kernel's has room for, whose text is no longer than a page: each stands in it twice,
  /// with a field's name.
  package static let most = 32
  /// With its NUL: TASK_COMM_LEN of include/linux/sched.h.
  private static let length = 16

  private let bytes: UnsafeMutablePointer<UInt8>
  private let filled = Atomic<Int>(0)

  /// - Parameter names: of what is beyond `most` none is followed.
  package init(_ names: [String] = []) {
    bytes = .allocate(capacity: Self.most * Self.length)
    bytes.initialize(repeating: 0, count: Self.most * Self.length)
    for name in names { add(name) }
  }

  deinit { bytes.deallocate() }

  /// - Returns: whether it is a new one; not where there is no more room, or the name is empty.
  @discardableResult
  package func add(_ name: String) -> Bool {
    let count = filled.load(ordering: .relaxed)
    guard count < Self.most, !name.isEmpty, !all.contains(name) else { return false }
    for (i, byte) in name.utf8.prefix(Self.length - 1).enumerated() {
      bytes[count * Self.length + i] = byte
    }
    filled.store(count + 1, ordering: .releasing)
    return true
  }

  package var all: [String] {
    (0..<filled.load(ordering: .acquiring)).map { index in
      let start = index * Self.length
      return String(
        decoding: (start..<start + Self.length).map { bytes[$0] }.prefix { $0 != 0 },
        as: UTF8.self)
    }
  }

  /// - Parameter name: as the kernel has it, with a NUL behind it.
  func contains(_ name: borrowing InlineArray<16, UInt8>) -> Bool {
    for index in 0..<filled.load(ordering: .acquiring) {
      let start = index * Self.length
      var i = 0
      while i < Self.length, bytes[start + i] == name[i] {
        if name[i] == 0 { return true }
        i += 1
      }
    }
    return false
  }
}
