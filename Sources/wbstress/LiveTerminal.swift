// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressCore

/// A block of lines that is drawn over itself at the bottom of a terminal; what is printed above it stays in
/// the scrollback.
///
/// Between two calls the cursor stands at the block's first line and is shown: nothing has to be put back when
/// the process ends, by whatever signal. A terminal that reflows its lines when it is resized takes the cursor
/// along, so that the next drawing covers what was there. Sequences: ECMA-48 and xterm's ctlseqs.
struct LiveTerminal {
  private static let hideCursor = "\u{1b}[?25l"
  private static let showCursor = "\u{1b}[?25h"
  private static let clearLine = "\u{1b}[K"
  private static let clearBelow = "\u{1b}[J"

  /// Standard error's; it answers to these sequences, and the user has not asked for plain lines.
  static var isUsable: Bool {
    let kind = getenv("TERM").map { String(cString: $0) } ?? ""
    return isatty(STDERR_FILENO) == 1 && !["", "dumb", "unknown"].contains(kind)
  }

  /// Columns and rows; 80 x 24 where the terminal does not tell.
  static var size: (width: Int, height: Int) {
    var size = winsize()
    guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0
    else {
      return (80, 24)
    }
    return (Int(size.ws_col), Int(size.ws_row))
  }

  private var isDrawn = false

  /// Draws the block, in one write: a terminal does not show half of it.
  mutating func draw(_ lines: [String]) {
    var text = Self.hideCursor + "\r"
    text += lines.map { $0 + Self.clearLine }.joined(separator: "\r\n") + Self.clearBelow
    if lines.count > 1 { text += "\u{1b}[\(lines.count - 1)A" }
    Output.control(text + "\r" + Self.showCursor)
    isDrawn = true
  }

  /// Takes the block away: what is printed next stands in its place.
  mutating func clear() {
    if isDrawn { Output.control("\r" + Self.clearBelow) }
    isDrawn = false
  }
}
