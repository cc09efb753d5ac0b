// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

@testable import StressCore

/// A directory of a test's own, removed with its owner.
class TemporaryDirectory: @unchecked Sendable {
  let root: String

  init() throws {
    var template = Array("/tmp/wbstress-test-\(String(repeating: "X", count: 6))".utf8CString)
    root = String(cString: try #require(mkdtemp(&template)))
  }

  deinit { File.remove(root) }

  func path(_ name: String) -> String { root + "/" + name }

  /// Writes a file below the root, with its directories.
  @discardableResult
  func write(_ name: String, _ bytes: [UInt8]) throws -> String {
    let path = path(name)
    try File.makeDirectory(String(path[..<(try #require(path.lastIndex(of: "/")))]))
    try File.write(path, bytes)
    return path
  }

  @discardableResult
  func write(_ name: String, _ text: String) throws -> String { try write(name, Array(text.utf8)) }
}
