import Glibc

/// A kernel file of numbers, opened once and read with one pread(2) each time (a second one where a file
/// may be longer than a page).
///
/// Which numbers it has is learnt from its first reading; from then on values are taken by position,
/// and only their digits are looked at.
package struct CounterFile {
  package enum Format: Sendable {
    /// `name value` lines: /proc/vmstat, memory.events, memory.stat.
    case keyed
    /// One number, or `max`: memory.current.
    case single
    /// Pressure stall information: the `total=` of each line, microseconds.
    case pressure
  }

  /// A value that the kernel did not give: never written as 0.
  package static let unknown = Int64.min

  package let path: String
  package let format: Format
  /// Column names: `prefix` and the file's own key.
  package let names: [String]
  private let descriptor: Int32

  /// Opens a file and learns its columns; nil when this kernel does not have it.
  ///
  /// - Parameter prefix: put before each key, such as `wbstress:memory.events:`.
  package init?(_ path: String, _ format: Format, prefix: String = "") {
    let fd = open(path, O_RDONLY | O_CLOEXEC)
    guard fd >= 0 else { return nil }
    guard let text = try? File.text(path) else {
      _ = Glibc.close(fd)
      return nil
    }
    let lines = text.split(separator: "\n")
    switch format {
    case .single: names = [prefix]
    case .keyed, .pressure:
      names = lines.map { prefix + String($0.prefix { $0 != " " }) }
    }
    self.path = path
    self.format = format
    descriptor = fd
  }

  package func close() { _ = Glibc.close(descriptor) }

  /// Reads the file into `values`, one per column; columns that are missing become `unknown`.
  ///
  /// Allocates nothing and takes no lock. `scratch` must have room for the whole file.
  package func sample(
    into values: UnsafeMutableBufferPointer<Int64>, scratch: UnsafeMutableRawBufferPointer
  ) {
    guard let bytes = scratch.baseAddress else { return }
    // A seq_file gives at most a page a read; most files here are shorter, and need but one.
    var length = 0
    while length < scratch.count {
      let got = pread(descriptor, bytes + length, scratch.count - length, off_t(length))
      if got <= 0 { break }
      length += got
      if got < 3072 { break }
    }
    Self.parse(UnsafeRawBufferPointer(start: bytes, count: length), format, into: values)
  }

  static func parse(
    _ bytes: UnsafeRawBufferPointer, _ format: Format,
    into values: UnsafeMutableBufferPointer<Int64>
  ) {
    var at = 0
    var column = 0
    while column < values.count, at < bytes.count {
      switch format {
      case .single: break
      case .keyed:
        while at < bytes.count, bytes[at] != 0x20, bytes[at] != 0x0a { at += 1 }
        if at < bytes.count, bytes[at] == 0x20 { at += 1 }
      case .pressure:
        // The total is the line's last member, behind the last '='.
        var scan = at
        while scan < bytes.count, bytes[scan] != 0x0a {
          if bytes[scan] == 0x3d { at = scan + 1 }
          scan += 1
        }
      }
      var value: Int64 = 0
      var digits = 0
      while at < bytes.count, bytes[at] &- 0x30 < 10 {
        value = value &* 10 &+ Int64(bytes[at] &- 0x30)
        digits += 1
        at += 1
      }
      values[column] = digits > 0 ? value : unknown
      column += 1
      while at < bytes.count, bytes[at] != 0x0a { at += 1 }
      at += 1
    }
    while column < values.count {
      values[column] = unknown
      column += 1
    }
  }

  /// Reads a keyed file once, by name: for snapshots before and after a trial.
  package static func snapshot(_ text: String) -> [(key: String, value: Int64)] {
    text.split(separator: "\n").compactMap { line in
      let parts = line.split(separator: " ")
      guard parts.count == 2, let value = Int64(parts[1]) else { return nil }
      return (String(parts[0]), value)
    }
  }
}
