// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressAnalysis
import StressRecord
import StressReport

/// Records: whatever is in one, all its readers agree about it.
enum Records {
  /// A file without a name, written anew each time: a record is read from a file, more than once.
  private static let descriptor: Int32 = {
    var template = Array("/dev/shm/wbstress-fuzz-XXXXXX".utf8CString)
    let made = mkstemp(&template)
    unlink(template)
    return made
  }()

  static func feed(_ bytes: UnsafeRawBufferPointer) {
    require(ftruncate(descriptor, 0) == 0, "ftruncate")
    require(pwrite(descriptor, bytes.baseAddress, bytes.count, 0) == bytes.count, "pwrite")
    let path = "/proc/self/fd/\(descriptor)"
    guard let record = try? RecordReader(path) else { fatalError("the record cannot be read") }
    for type in record.types {
      let lines = record.lines(type)
      require(lines.count == record.count(type), "\(type) lines are lost")
      var at = 0
      record.forEach(type) { line in
        require(line.json == lines[at], "\(type) is another the second time")
        require(line.int("t") == lines[at]["t"]?.int, "another t")
        require(line.string("of") == lines[at]["of"]?.string, "another of")
        at += 1
      }
    }
    for lane in record.lanes {
      require(zip(lane.times, lane.times.dropFirst()).allSatisfy { $0 < $1 }, "times go backwards")
      for column in lane.columns {
        var next = 0
        column.forEachRun { run, _ in
          require(run.lowerBound == next && !run.isEmpty, "samples are missing in a column")
          next = run.upperBound
        }
        require(next == lane.times.count, "a column ends early")
      }
    }
    require(record.lanes.reduce(0) { $0 + $1.times.count } == record.count("sample"), "samples")
    _ = RecordText(record).text
    _ = try? TrialSummary(path)
  }
}
