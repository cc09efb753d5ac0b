// SPDX-License-Identifier: Apache-2.0

/// Byte by byte. The standard library's search for a text within a text comes with its regular expressions, which would be
/// memory of the guest that cannot be reclaimed (`ci/build` looks for them there).
extension StringProtocol {
  package func holds(_ part: String) -> Bool {
    var rest = utf8[...]
    while !rest.starts(with: part.utf8) {
      if rest.isEmpty { return false }
      rest = rest.dropFirst()
    }
    return true
  }
}
