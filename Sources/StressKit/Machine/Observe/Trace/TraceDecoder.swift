// SPDX-License-Identifier: Apache-2.0
import StressRecord

/// One event as it was decoded.
package struct TraceRecord {
  package var event: TraceEvent
  package var cpu: Int32
  /// The task that it happened in.
  package var pid: Int32
  /// CLOCK_BOOTTIME, ns.
  package var time: UInt64
  /// The definition's fields in their order; `SampleLine.unknown` for one that this kernel lacks.
  package var values: InlineArray<8, Int64>
  /// The definition's text: the first 16 bytes of it, 0 behind its end.
  package var text: InlineArray<16, UInt8>
  /// The definition's words, unaligned: in the record itself, as long as its page is.
  package var words = UnsafeRawBufferPointer(start: nil, count: 0)

  package init(_ event: TraceEvent, cpu: Int32 = 0, pid: Int32 = 0, time: UInt64 = 0) {
    self.event = event
    self.cpu = cpu
    self.pid = pid
    self.time = time
    values = .init(repeating: SampleLine.unknown)
    text = .init(repeating: 0)
  }
}

/// Decodes raw records by the layouts that this kernel's formats gave; allocates nothing.
package final class TraceDecoder {
  private struct Place {
    var offset: UInt16 = 0
    /// 0: this kernel has no such field.
    var size: UInt8 = 0
    var isSigned = false
    var isElsewhere = false
  }
  private struct Layout {
    var event: UInt8 = 0
    var isKnown = false
    /// Bytes that a record must have for all of its places to be in it.
    var length: UInt16 = 0
    var places = InlineArray<8, Place>(repeating: Place())
    var text = Place()
    /// Where the words begin; 0: there are none.
    var words: UInt16 = 0
  }

  /// By `common_type`, up to the largest that is known.
  private var layouts = UnsafeMutableBufferPointer<Layout>.allocate(capacity: 0)
  /// Common fields: type at 0, pid at 4. The same in all kernels since 2.6.31 (struct trace_entry).
  private static let commonLength = 8

  /// Events of which no record can be decoded, and fields that are missing, as `system:name[.field]`.
  package private(set) var missing: [String] = []

  package init() {}

  deinit { layouts.deallocate() }

  /// Learns an event's layout. False when the kernel's format lacks a field that is needed.
  package func learn(_ event: TraceEvent, _ format: TraceFormat?) -> Bool {
    let definition = event.definition
    guard let format else {
      missing.append(event.label)
      return false
    }
    var layout = Layout(event: event.rawValue, isKnown: true)
    layout.length = UInt16(Self.commonLength)
    func place(_ spelled: String, isText: Bool) -> Place? {
      let isOptional = spelled.hasSuffix("?")
      let names = spelled.filter { $0 != "?" }.split(separator: "|").map(String.init)
      guard let field = names.lazy.compactMap({ format[$0] }).first,
        field.isElsewhere ? field.size == 4 : isText || [1, 2, 4, 8].contains(field.size),
        field.size > 0,
        let offset = UInt16(exactly: field.offset), let size = UInt8(exactly: field.size),
        Int(offset) + Int(size) < 4096
      else {
        missing.append("\(event.label).\(names[0])")
        return isOptional ? Place() : nil
      }
      layout.length = max(layout.length, offset + UInt16(size))
      return Place(
        offset: offset, size: size, isSigned: field.isSigned, isElsewhere: field.isElsewhere)
    }
    for (i, name) in definition.fields.enumerated() {
      guard let place = place(name, isText: false) else { return false }
      layout.places[i] = place
    }
    if let text = definition.text {
      guard let place = place(text, isText: true) else { return false }
      layout.text = place
    }
    if let words = definition.words {
      // Of no size: the format tells one that records need not have (struct stack_entry).
      guard let field = format[words], let offset = UInt16(exactly: field.offset) else {
        missing.append("\(event.label).\(words)")
        return false
      }
      layout.words = offset
      layout.length = max(layout.length, offset)
    }
    if Int(format.id) >= layouts.count { grow(to: Int(format.id) + 1) }
    layouts[Int(format.id)] = layout
    return true
  }

  private func grow(to count: Int) {
    let larger = UnsafeMutableBufferPointer<Layout>.allocate(capacity: count)
    larger.initialize(repeating: Layout())
    for (i, layout) in layouts.enumerated() { larger[i] = layout }
    layouts.deallocate()
    layouts = larger
  }

  /// nil for a record of an event that was not learnt, or that is too short for its layout.
  @inline(__always)
  package func decode(_ bytes: UnsafeRawBufferPointer, time: UInt64, cpu: Int32) -> TraceRecord? {
    guard let base = bytes.baseAddress, bytes.count >= Self.commonLength else { return nil }
    let id = Int(base.loadUnaligned(as: UInt16.self))
    guard id < layouts.count, layouts[id].isKnown, bytes.count >= Int(layouts[id].length),
      let event = TraceEvent(rawValue: layouts[id].event)
    else { return nil }
    guard let layout = layouts.baseAddress.map({ $0 + id }) else { return nil }
    var record = TraceRecord(
      event, cpu: cpu, pid: base.loadUnaligned(fromByteOffset: 4, as: Int32.self), time: time)
    for i in 0..<8 {
      let place = layout.pointee.places[i]
      if place.size == 0 { continue }
      record.values[i] = Self.integer(base + Int(place.offset), place)
    }
    let text = layout.pointee.text
    if text.size > 0 {
      var start = Int(text.offset)
      var length = Int(text.size)
      if text.isElsewhere {
        let word = base.loadUnaligned(fromByteOffset: start, as: UInt32.self)
        start = Int(word & 0xffff)
        length = min(Int(word >> 16), bytes.count - min(start, bytes.count))
      }
      for i in 0..<min(length, 16) {
        let byte = base.load(fromByteOffset: start + i, as: UInt8.self)
        if byte == 0 { break }
        record.text[i] = byte
      }
    }
    if layout.pointee.words > 0 {
      record.words = UnsafeRawBufferPointer(rebasing: bytes[Int(layout.pointee.words)...])
    }
    return record
  }

  @inline(__always)
  private static func integer(_ at: UnsafeRawPointer, _ place: Place) -> Int64 {
    switch (place.size, place.isSigned) {
    case (1, true): Int64(at.load(as: Int8.self))
    case (1, false): Int64(at.load(as: UInt8.self))
    case (2, true): Int64(at.loadUnaligned(as: Int16.self))
    case (2, false): Int64(at.loadUnaligned(as: UInt16.self))
    case (4, true): Int64(at.loadUnaligned(as: Int32.self))
    case (4, false): Int64(at.loadUnaligned(as: UInt32.self))
    default: at.loadUnaligned(as: Int64.self)
    }
  }
}
