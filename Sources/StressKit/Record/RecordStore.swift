// SPDX-License-Identifier: Apache-2.0

/// Where the writer of a record puts its lines. One thread at a time uses it.
package protocol RecordStore: AnyObject, Sendable {
  /// Takes whole lines, each with its end.
  func write(_ lines: UnsafeRawBufferPointer)
  /// Does what could not be done before: called every now and then (CLOCK_BOOTTIME, ns).
  func retry(at now: UInt64)
  /// Bytes that have gone out; any thread may ask.
  var bytesWritten: UInt64 { get }
}

extension RecordSink: RecordStore {}
