// SPDX-License-Identifier: Apache-2.0
import Glibc

// Byte by byte: a name's bytes must not join with the ASCII around them into one Character. And the standard library's
// search for a text within a text comes with its regular expressions, which in a guest are memory that cannot be
// reclaimed (ci/build looks for them there).

extension StringProtocol {
  /// Whether `part` stands anywhere in it.
  package func holds(_ part: String) -> Bool { offset(of: part) != nil }

  /// Where `part` first stands, in bytes.
  fileprivate func offset(of part: String) -> Int? {
    var part = part
    return part.withUTF8 { part in
      utf8.withContiguousStorageIfAvailable { $0.offset(of: part) }
        ?? Array(utf8).withUnsafeBufferPointer { $0.offset(of: part) }
    }
  }
}

extension UnsafeBufferPointer<UInt8> {
  /// Where `byte` first stands. The corresponding C function is `memchr`.
  package func offset(of byte: UInt8) -> Int? {
    guard let start = baseAddress, let found = memchr(start, Int32(byte), count) else { return nil }
    return UnsafeRawPointer(found) - UnsafeRawPointer(start)
  }

  fileprivate func offset(of part: UnsafeBufferPointer<UInt8>) -> Int? {
    guard let first = part.first else { return 0 }
    var at = 0
    while at + part.count <= count {
      if self[at] == first {
        var same = 1
        while same < part.count, self[at + same] == part[same] { same += 1 }
        if same == part.count { return at }
      }
      at += 1
    }
    return nil
  }
}

extension String {
  package var lines: [Substring] { self[...].lines }
}

extension Substring {
  package func after(prefix: String) -> Substring? {
    guard begins(with: prefix) else { return nil }
    return self[utf8.index(startIndex, offsetBy: prefix.utf8.count)...]
  }

  private func begins(with prefix: String) -> Bool {
    var prefix = prefix
    return prefix.withUTF8 { prefix in
      utf8.withContiguousStorageIfAvailable {
        UnsafeBufferPointer(rebasing: $0.prefix(prefix.count)).isSame(as: prefix)
      } ?? utf8.starts(with: prefix)
    }
  }

  package var lines: [Substring] {
    // As most are.
    if !holds("\n") { return isEmpty ? [] : [self] }
    return utf8.split(separator: UInt8(ascii: "\n")).map { Substring($0) }
  }

  /// The last of its `lines`.
  package var lastLine: Substring? {
    guard let last = utf8.lastIndex(where: { $0 != UInt8(ascii: "\n") }) else { return nil }
    let before = utf8[...last].lastIndex(of: UInt8(ascii: "\n"))
    return Substring(utf8[(before.map { utf8.index(after: $0) } ?? startIndex)...last])
  }

  package func parted(by separator: String) -> (before: Substring, after: Substring)? {
    guard !separator.isEmpty, let offset = offset(of: separator) else { return nil }
    let begin = utf8.index(startIndex, offsetBy: offset)
    let end = utf8.index(begin, offsetBy: separator.utf8.count)
    return (self[..<begin], self[end...])
  }

  package func parted(byLast separator: String) -> (before: Substring, after: Substring)? {
    var at = endIndex
    while at > startIndex {
      utf8.formIndex(before: &at)
      if let rest = self[at...].after(prefix: separator) { return (self[..<at], rest) }
    }
    return nil
  }
}
