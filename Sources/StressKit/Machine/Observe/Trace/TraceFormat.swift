// SPDX-License-Identifier: Apache-2.0
import CTraceEvent

/// Where the fields of an event are in its raw record, as the event's `format` file says.
///
/// libtraceevent reads the fields; the `print fmt` is kept from it, since nothing here is printed the
/// kernel's way and its grammar is the larger part of a format. Source: Documentation/trace/events.rst.
package struct TraceFormat: Equatable, Sendable {
  package struct Field: Equatable, Sendable {
    package var name: String
    /// From the start of the record, common fields included; bytes.
    package var offset: Int
    package var size: Int
    package var isSigned: Bool
    /// `__data_loc`: the record has where the text is (length << 16 | offset), not the text.
    package var isElsewhere: Bool
    /// Elements of an array; 1: it is none.
    package var count = 1
  }

  /// `common_type` of this event's records.
  package let id: UInt16
  package let name: String
  package let fields: [Field]

  private static let longest = 64 << 10

  /// nil for a text that is no event's format.
  package init?(_ text: some Collection<UInt8>, system: String) {
    // The library was written for the kernel's own texts: what cannot be one is kept from it.
    guard text.count < Self.longest,
      text.allSatisfy({ $0 == 0x09 || $0 == 0x0a || (0x20..<0x7f).contains($0) })
    else { return nil }
    var buffer = Self.withoutPrint(Array(text))
    guard Self.hasFields(buffer) else { return nil }
    buffer += Array("\nprint fmt: \"\"\n".utf8)
    tep_set_loglevel(TEP_LOG_NONE)
    guard let handle = tep_alloc() else { return nil }
    defer { tep_free(handle) }
    let failed = buffer.withUnsafeBytes { bytes in
      tep_parse_event(
        handle, bytes.bindMemory(to: CChar.self).baseAddress, UInt(bytes.count), system)
    }
    guard failed.rawValue == 0, let event = tep_get_event(handle, 0), let name = event.pointee.name,
      let id = UInt16(exactly: event.pointee.id)
    else { return nil }
    var fields: [Field] = []
    for first in [event.pointee.format.common_fields, event.pointee.format.fields] {
      var next = first
      while let field = next {
        if let field = Field(field.pointee) { fields.append(field) }
        next = field.pointee.next
      }
    }
    self.id = id
    self.name = String(cString: name)
    self.fields = fields
  }

  private static func withoutPrint(_ text: [UInt8]) -> [UInt8] {
    let lines = text.split(separator: 0x0a, omittingEmptySubsequences: false)
    return Array(lines.prefix { !$0.starts(with: "print fmt".utf8) }.joined(separator: [0x0a]))
  }

  /// Whether each line between `format:` and the end is a field's.
  private static func hasFields(_ text: [UInt8]) -> Bool {
    let lines = text.split(separator: 0x0a)
    guard lines.count > 3, lines[0].starts(with: "name: ".utf8), lines[1].starts(with: "ID: ".utf8),
      lines[2].elementsEqual("format:".utf8)
    else { return false }
    return lines.dropFirst(3).allSatisfy(isField)
  }

  /// `field:TYPE NAME; offset:N; size:N; signed:N;`, tabs between.
  private static func isField(_ line: ArraySlice<UInt8>) -> Bool {
    let parts = line.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false)
    let numbers = ["\toffset:", "\tsize:", "\tsigned:"]
    guard parts.count == numbers.count + 2, parts[0].starts(with: "\tfield:".utf8),
      parts[numbers.count + 1].isEmpty
    else { return false }
    return zip(parts[1...], numbers).allSatisfy { part, label in
      let digits = part.dropFirst(label.utf8.count)
      return part.starts(with: label.utf8) && (1...6).contains(digits.count)
        && digits.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }
  }

  /// A field by its name, or as `name[2]` an element of one that is an array.
  package subscript(_ name: String) -> Field? {
    guard name.utf8.last == UInt8(ascii: "]"), let bracket = name.firstIndex(of: "["),
      let index = Int(name[bracket...].dropFirst().dropLast())
    else { return fields.first { $0.name == name } }
    guard var field = self[String(name[..<bracket])], 0..<field.count ~= index,
      field.count > 1, field.size % field.count == 0
    else { return nil }
    field.size /= field.count
    field.offset += index * field.size
    field.count = 1
    return field
  }
}

extension TraceFormat.Field {
  fileprivate init?(_ field: tep_format_field) {
    guard let name = field.name, field.offset >= 0, field.size >= 0 else { return nil }
    self.name = String(cString: name)
    offset = Int(field.offset)
    size = Int(field.size)
    isSigned = field.flags & UInt(TEP_FIELD_IS_SIGNED.rawValue) != 0
    isElsewhere = field.flags & UInt(TEP_FIELD_IS_DYNAMIC.rawValue) != 0
    count = max(1, Int(field.arraylen))
  }
}
