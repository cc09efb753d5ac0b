// SPDX-License-Identifier: Apache-2.0

/// A text file that is part of the program. Its head, up to the first empty line, names the licence and says
/// what the file is; that is for who edits it.
enum EmbeddedText {
  /// What follows the head, without the last line's end.
  static func body(_ file: [UInt8]) -> String {
    let text = String(decoding: file, as: UTF8.self)
    guard let head = text.firstRange(of: "\n\n") else { return "" }
    let body = text[head.upperBound...]
    return String(body.hasSuffix("\n") ? body.dropLast() : body)
  }
}
