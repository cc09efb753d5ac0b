// SPDX-License-Identifier: Apache-2.0
import StressRecord

/// What the trace's thread has to say: an interval, a single event, or a second's sum of events.
package struct TraceRow {
  /// nil: a single event, or for `shrinkInactive` a second's sum.
  package var span: TraceSpan?
  /// That ended it, or that it is.
  package var event: TraceEvent
  package var cpu: Int32
  package var pid: Int32
  /// CLOCK_BOOTTIME, ns; both the same for a single event.
  package var start: UInt64
  package var end: UInt64
  package var values: InlineArray<8, Int64>
  package var text: InlineArray<16, UInt8>

  init(_ span: TraceSpan?, _ record: borrowing TraceRecord, from start: UInt64) {
    self.span = span
    event = record.event
    cpu = record.cpu
    pid = record.pid
    self.start = start
    end = record.time
    values = record.values
    text = record.text
  }
}
