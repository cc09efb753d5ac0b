/// Reads records: any line that is not JSON, such as one that a dying guest tore, is counted and passed
/// over; types and members that are not known are left alone.
package struct RecordReader: Sendable {
  package private(set) var lines: [JSON] = []
  /// Lines that were no JSON objects.
  package private(set) var torn = 0

  /// Reads a whole record.
  ///
  /// - Throws: when the file cannot be read.
  package init(_ path: String) throws(HarnessError) {
    for line in try File.read(path, code: .usage).split(separator: 0x0a) {
      if let value = try? JSON(parsing: line), value["type"]?.string != nil {
        lines.append(value)
      } else {
        torn += 1
      }
    }
  }

  package func lines(_ type: String) -> [JSON] { lines.filter { $0["type"]?.string == type } }
  package func first(_ type: String) -> JSON? { lines.first { $0["type"]?.string == type } }
  package func last(_ type: String) -> JSON? { lines.last { $0["type"]?.string == type } }

  /// How the trial ended; nil for a record that has no last line, whose harness was lost.
  package static func ending(_ path: String) -> Ending? {
    guard let bytes = try? File.read(path), let last = bytes.split(separator: 0x0a).last,
      let line = try? JSON(parsing: last)
    else { return nil }
    return ending(line)
  }

  package var ending: Ending? { last("end").flatMap(Self.ending) }

  private static func ending(_ line: JSON) -> Ending? {
    guard line["type"] == "end", let word = line["outcome"]?.string,
      let outcome = Outcome(rawValue: word)
    else { return nil }
    return Ending(outcome, reason: line["reason"]?.string, message: line["message"]?.string)
  }
}
