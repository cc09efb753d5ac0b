// SPDX-License-Identifier: Apache-2.0

/// Columns of text, aligned.
package struct Table {
  package enum Alignment {
    case left, right
    /// Left, and broken into several lines where room is short.
    case text
  }

  private let header: [String]
  private let alignment: [Alignment]
  private var rows: [[String]] = []

  package init(_ columns: [(String, Alignment)]) {
    header = columns.map(\.0)
    alignment = columns.map(\.1)
  }

  package mutating func add(_ row: [String]) { rows.append(row) }

  /// A column of text is narrowed at most to this.
  private static let narrowest = 12

  private var widths: [Int] {
    header.indices.map { i in ([header] + rows).map { $0[i].count }.max() ?? 0 }
  }

  private static func total(_ widths: [Int]) -> Int {
    widths.reduce(0, +) + 2 * max(0, widths.count - 1)
  }

  /// Widths of the columns, texts narrowed as far as needed and possible; a word is broken only where that is not
  /// enough.
  private func widths(within limit: Int) -> [Int] {
    let words = header.indices.map { i in
      rows.flatMap { $0[i].split(separator: " ") }.map(\.count).max() ?? 0
    }
    let least = header.indices.map { max(Self.narrowest, header[$0].count) }
    let whole = narrowed(
      widths, to: header.indices.map { max(least[$0], words[$0]) }, within: limit)
    return narrowed(whole, to: least, within: limit)
  }

  private func narrowed(_ widths: [Int], to least: [Int], within limit: Int) -> [Int] {
    var widths = widths
    while Self.total(widths) > limit {
      let texts = header.indices.filter { alignment[$0] == .text && widths[$0] > least[$0] }
      guard let widest = texts.max(by: { widths[$0] < widths[$1] }) else { break }
      widths[widest] -= 1
    }
    return widths
  }

  /// Whether all lines can be kept within `limit` columns.
  func fits(_ limit: Int) -> Bool { Self.total(widths(within: limit)) <= limit }

  /// The lines, header first; columns are two blanks apart.
  package func lines(within limit: Int = .max) -> [String] {
    let widths = widths(within: limit)
    return ([header] + rows).flatMap { row in
      let cells = row.indices.map { Format.broken(row[$0], width: max(1, widths[$0])) }
      return (0..<(cells.map(\.count).max() ?? 0)).map { number in
        var line = ""
        for (i, cell) in cells.enumerated() {
          let text = number < cell.count ? cell[number] : ""
          let blanks = String(repeating: " ", count: widths[i] - text.count)
          if i > 0 { line += "  " }
          line += alignment[i] == .right ? blanks + text : text + blanks
        }
        while line.hasSuffix(" ") { line.removeLast() }
        return line
      }
    }
  }
}

extension Table {
  /// Cells side by side at most.
  private static let mostAcross = 6

  /// Rows with a figure for each cell, as many cells side by side as there is room for, the others below.
  ///
  /// - Parameter rows: each with as many figures as there are cells.
  static func across(
    _ title: String, _ rows: [(label: String, figures: [String])], width: Int,
    _ paint: (String) -> String
  ) -> [String] {
    let count = rows.first?.figures.count ?? 0
    var lines: [String] = []
    var first = 0
    while first < count {
      var end = min(first + mostAcross, count)
      func table(_ labels: Alignment) -> Table {
        var table = Table([(title, labels)] + (first..<end).map { ("#\($0 + 1)", .right) })
        for row in rows { table.add([row.label] + row.figures[first..<end]) }
        return table
      }
      while end > first + 1, !table(.left).fits(width) { end -= 1 }
      let fitting = table(.left).fits(width) ? table(.left) : table(.text)
      var text = fitting.lines(within: width)
      text[0] = paint(text[0])
      lines += text
      first = end
    }
    return lines
  }
}

/// Numbers as people read them, without Foundation.
package enum Format {
  /// `value` with `digits` decimals.
  package static func fixed(_ value: Double, _ digits: Int) -> String {
    guard value.isFinite, abs(value) < 1e15 else { return "-" }
    var scale: Int64 = 1
    for _ in 0..<digits { scale *= 10 }
    let scaled = Int64((abs(value) * Double(scale)).rounded())
    let whole = "\(scaled / scale)"
    let sign = value < 0 && scaled > 0 ? "-" : ""
    if digits == 0 { return sign + whole }
    let fraction = "\(scaled % scale)"
    return sign + whole + "."
      + String(repeating: "0", count: digits - fraction.count) + fraction
  }

  /// Three significant digits, large numbers in thousands (k), millions (M), ...
  static func significant(_ value: Double) -> String {
    var rest = abs(value)
    var suffixes = ["", "k", "M", "G", "T", "P"][...]
    while rest >= 999.5, suffixes.count > 1 {
      rest /= 1000
      suffixes.removeFirst()
    }
    let digits = rest >= 99.95 || rest == 0 ? 0 : rest >= 9.995 ? 1 : rest >= 0.01 ? 2 : 4
    return fixed(value < 0 ? -rest : rest, digits) + (suffixes.first ?? "")
  }

  /// Nanoseconds as seconds, two decimals.
  package static func seconds(_ nanoseconds: Double?) -> String {
    guard let nanoseconds else { return "-" }
    return fixed(nanoseconds / 1e9, 2)
  }

  /// Bytes per second as MiB/s, one decimal.
  package static func mebibytes(_ bytes: Double?) -> String {
    guard let bytes else { return "-" }
    return fixed(bytes / 1_048_576, 1)
  }

  /// `text` in lines of at most `width` columns, all but the first indented: broken at blanks, and
  /// within a word, such as a path, that is longer than a line. A no-break space becomes a blank that
  /// stays where it is. One empty line for an empty text.
  static func broken(_ text: String, width: Int, indent: Int = 0) -> [String] {
    let lead = String(repeating: " ", count: indent)
    var lines: [String] = []
    var line = ""
    var isEmpty = true
    for word in text.split(separator: " ") {
      var word = word
      if !isEmpty {
        if line.count + 1 + word.count <= width {
          line += " " + word
          continue
        }
        lines.append(line)
        line = lead
      }
      while line.count + word.count > width {
        let room = width - line.count
        lines.append(line + word.prefix(room))
        word = word.dropFirst(room)
        line = lead
      }
      line += word
      isEmpty = false
    }
    return (lines + [line]).map { line in String(line.map { $0 == "\u{a0}" ? " " : $0 }) }
  }
}
