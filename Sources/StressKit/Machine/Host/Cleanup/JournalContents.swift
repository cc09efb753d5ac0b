// SPDX-License-Identifier: Apache-2.0
import StressCore

/// What a journal's file says. A torn last line is legal; what is not known is left out.
struct JournalContents {
  struct Entry {
    var id: Int64
    /// The intent's line.
    var object: JSON
    /// nil: it is not known whether it was made.
    var identity: JSON?
    var isUndone = false
  }

  /// nil: the file does not begin as a journal does.
  private(set) var owner: JournalOwner?
  /// Of its lines; nil: the file does not say.
  private(set) var schema: Int64?
  /// In the order of their making.
  private(set) var entries: [Entry] = []
  /// Lines that cannot be read, a torn last one aside.
  private(set) var damaged = 0
  /// Where in `entries` each id is.
  private var indices: [Int64: Int] = [:]

  init(parsing bytes: [UInt8]) {
    let lines = bytes.split(separator: 0x0a, omittingEmptySubsequences: false)
    for (i, line) in lines.enumerated() where !line.isEmpty {
      guard let json = try? JSON(parsing: line) else {
        // A file that grew without its data, at a loss of power, is zeros there.
        if i < lines.count - 1, line.contains(where: { $0 != 0 }) { damaged += 1 }
        continue
      }
      if i == 0 {
        owner = JournalOwner(json)
        schema = json["schema"]?.int
      }
      take(json)
    }
  }

  private mutating func take(_ line: JSON) {
    guard let id = line["id"]?.int else { return }
    switch (line["type"]?.string, indices[id]) {
    case ("intent", nil):
      indices[id] = entries.count
      entries.append(Entry(id: id, object: line))
    case ("made", let at?): entries[at].identity = line["identity"]
    case ("undone", let at?): entries[at].isUndone = true
    // Of an intent that cannot be read.
    case ("made", nil): damaged += 1
    default: break
    }
  }
}
