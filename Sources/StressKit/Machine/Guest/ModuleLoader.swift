// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore
import StressRecord
import Synchronization

/// Loads the initramfs's modules in their order, beside what does not need them yet.
package final class ModuleLoader: Sendable {
  /// The list's path in the guest, and the directory that its files are in.
  package static let listPath = "/modules/list"

  /// What `/modules/list` says: file names in ``listPath``'s directory, in the order of loading.
  package static func parse(list: String) -> [(file: String, isRequired: Bool)] {
    list.split(separator: "\n").compactMap { line in
      let words = line.split(separator: " ")
      return words.count == 2 ? (String(words[0]), words[1] == "required") : nil
    }
  }

  private struct State {
    var failure: HarnessError?
    var from: UInt64 = 0
    var until: UInt64 = 0
    var isTold = false
  }
  private final class Shared: Sendable {
    let state = Mutex(State())
    let isDone = Atomic<Bool>(false)
  }
  private let shared = Shared()

  init() throws(HarnessError) {
    let shared = self.shared
    _ = try Thread("wb-modules") {
      let from = cl_boottime()
      var failure: HarnessError?
      do throws(HarnessError) {
        try Self.load()
      } catch {
        failure = error
      }
      shared.state.withLock {
        $0 = State(failure: failure, from: from, until: cl_boottime())
      }
      shared.isDone.store(true, ordering: .releasing)
    }
  }

  /// What went wrong so far.
  var failure: HarnessError? { shared.state.withLock { $0.failure } }

  /// Waits until all are loaded, and tells the record once how long that took.
  func finish(_ record: RecordWriter) throws(HarnessError) {
    while !shared.isDone.load(ordering: .acquiring) {
      cl_sleep_until(cl_boottime() + 2_000_000)
    }
    let state = shared.state.withLock { state in
      defer { state.isTold = true }
      return state
    }
    if let failure = state.failure { throw failure }
    if state.isTold { return }
    record.emit(ModulesLine.self, at: state.until) { $0.from = Int64(clamping: state.from) }
  }

  private static func load() throws(HarnessError) {
    for module in Self.parse(list: try File.text(Self.listPath)) {
      let path = "/modules/\(module.file)"
      let file = try Descriptor(open: path)
      let result = attempt(cl_load_module(file.raw, ""), path, "finit_module")
      // Files of the initramfs are memory that cannot be reclaimed.
      attemptErrno(Int(unlink(path)), path, "unlink")
      if result == -EEXIST || (result < 0 && !module.isRequired) { continue }
      try accept(Int(result), path, "finit_module", code: .environment)
    }
  }
}
