// SPDX-License-Identifier: Apache-2.0
import Glibc
import Synchronization
import Testing

@testable import StressCore

/// A thread with a descriptor table of its own (unshare(2), CLONE_FILES): what other tests open and close
/// meanwhile is not seen there.
enum OwnDescriptors {
  private typealias Unshare = @convention(c) (Int32) -> Int32
  private static let cloneFiles: Int32 = 0x400

  /// Runs `body` on such a thread, and waits for its end.
  static func run(_ body: @escaping @Sendable () -> Void) throws {
    // Not in Swift's Glibc module.
    let unshare = unsafeBitCast(try #require(dlsym(nil, "unshare")), to: Unshare.self)
    let isOwn = Flag()
    let thread = try Thread("wb-test") {
      isOwn.set(unshare(cloneFiles) == 0)
      body()
    }
    thread.join()
    #expect(isOwn.value)
  }

  /// The calling thread's descriptors, and the device and inode of each: what another test had open when the table was
  /// copied may get another name meanwhile, or lose it.
  static var all: [String] {
    let directory = "/proc/thread-self/fd"
    return File.names(in: directory).compactMap { name in
      var file = stat()
      // That of the listing itself is gone.
      guard stat("\(directory)/\(name)", &file) == 0 else { return nil }
      return "\(name) \(file.st_dev):\(file.st_ino)"
    }
  }
}

/// A yes or no that another thread tells.
final class Flag: Sendable {
  private let state = Atomic<Bool>(false)
  var value: Bool { state.load(ordering: .relaxed) }
  func set(_ value: Bool) { state.store(value, ordering: .relaxed) }
}
