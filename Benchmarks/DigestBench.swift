// SPDX-License-Identifier: Apache-2.0
import StressMachine
import StressRecord

/// What the digest itself takes for a record of the trace: without the kernel, the buffers and the decoder, whose
/// costs TraceBench has with it.
enum DigestBench {
  private static let turns = 21
  private static let rounds = 2000
  /// What each round has of tasks, inodes and requests.
  private static let tasks: Int32 = 16

  static func run() {
    var rows = [["records", "ns each", "least", "rows of 100"]]
    for (name, records) in kinds {
      let digest = TraceDigest()
      var made = 0
      let figures = (0..<turns).map { _ -> Double in
        let before = Measure.threadTime
        for _ in 0..<rounds {
          for record in records { digest.take(record) }
          digest.drain { _ in made += 1 }
        }
        return (Measure.threadTime - before) / Double(rounds * records.count)
      }
      rows.append([
        name, Measure.fixed(Measure.median(figures), 1), Measure.fixed(figures.min() ?? 0, 1),
        "\(made * 100 / (turns * rounds * records.count))",
      ])
    }
    Measure.table(rows)
    print("Median and least of \(turns) turns; the rows are taken away in the same thread.")
  }

  /// Of each kind a round's records, after which nothing is left begun.
  private static var kinds: [(name: String, records: [TraceRecord])] {
    func each(_ make: (Int32) -> TraceRecord) -> [TraceRecord] { (0..<tasks).map(make) }
    func record(
      _ event: TraceEvent, _ task: Int32, _ values: [Int64], _ text: String = ""
    ) -> TraceRecord {
      var record = TraceRecord(event, pid: 100 + task, time: 1_000_000 + UInt64(task))
      for (i, value) in values.enumerated() { record.values[i] = value }
      for (i, byte) in text.utf8.enumerated() { record.text[i] = byte }
      return record
    }
    let pairs: [(name: String, records: [TraceRecord])] = [
      (
        "reclaim of a task",
        each { record(.memcgReclaimBegin, $0, [0, 0x1100cca]) }
          + each { record(.memcgReclaimEnd, $0, [32]) }
      ),
      (
        "inode under writeback",
        each { record(.markInode, $0, [0xfe00000, 1000 + Int64($0)]) }
          + each { record(.clearInode, $0, [0xfe00000, 1000 + Int64($0)]) }
      ),
      (
        "request of a disk",
        each { record(.blockIssue, $0, [0xfe00000, 8 * Int64($0), 4096, 8], "WS") }
          + each { record(.blockComplete, $0, [0xfe00000, 8 * Int64($0), 8, 0], "WS") }
      ),
      (
        "ext4_writepages",
        each { record(.ext4Writepages, $0, [0xfe00000, Int64($0), 1024, 0]) }
          + each { record(.ext4WritepagesResult, $0, [0xfe00000, Int64($0), 256, 0]) }
      ),
      ("pause of a dirtier", each { record(.balanceDirtyPages, $0, [100, 156]) }),
      ("throttling in reclaim", each { record(.throttled, $0, [4000, 8, 4000, 0]) }),
      ("scan of an LRU list", each { record(.shrinkInactive, $0, [32, 0, 32, 0, 0, 32]) }),
      ("only counted", each { record(.pagesWritten, $0, [64]) }),
      ("an event by itself", each { record(.folioWait, $0, [12, 400]) }),
    ]
    return pairs + [("all of these", pairs.flatMap(\.records))]
  }
}
