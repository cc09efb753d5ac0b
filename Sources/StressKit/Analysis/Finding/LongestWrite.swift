// SPDX-License-Identifier: Apache-2.0
import StressRecord

/// The write of a trial that took longest.
package enum LongestWrite {
  /// When it began, CLOCK_BOOTTIME in ns; nil: none was long enough to be in the record by itself.
  package static func begin(in record: RecordReader) -> Int64? {
    var longest: (start: Int64, time: Int64)?
    for names in OperationNames.all {
      record.forEach(names.type) { line in
        guard line.has(names.kind, "write"), let start = line.int(names.start),
          let time = line.int(names.time), time > longest?.time ?? 0
        else { return }
        longest = (start, time)
      }
    }
    return longest?.start
  }
}
