/// Columns of text, aligned.
struct Table {
  enum Alignment { case left, right }

  private let header: [String]
  private let alignment: [Alignment]
  private var rows: [[String]] = []

  init(_ columns: [(String, Alignment)]) {
    header = columns.map(\.0)
    alignment = columns.map(\.1)
  }

  mutating func add(_ row: [String]) { rows.append(row) }

  /// The lines, header first; columns are two blanks apart.
  var lines: [String] {
    let all = [header] + rows
    let widths = header.indices.map { i in all.map { $0[i].count }.max() ?? 0 }
    return all.map { row in
      var line = ""
      for (i, cell) in row.enumerated() {
        let blanks = String(repeating: " ", count: widths[i] - cell.count)
        if i > 0 { line += "  " }
        line += alignment[i] == .left ? cell + blanks : blanks + cell
      }
      while line.hasSuffix(" ") { line.removeLast() }
      return line
    }
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
}
