// SPDX-License-Identifier: Apache-2.0

/// Files of the kernel's settings, and how they are read.
package enum KernelSetting {
  package static let lruGen = "/sys/kernel/mm/lru_gen/enabled"

  /// What is to be written for a file to say `text` again: a choice such as "always [madvise] never" tells the
  /// present one in brackets.
  package static func present(in text: String) -> String {
    guard let open = text.firstIndex(of: "["), let close = text[open...].firstIndex(of: "]") else {
      return text
    }
    return String(text[text.index(after: open)..<close])
  }
}
