// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressCore

/// The program that becomes PID 1 of a guest: inside an executable, in a section of its own, where ci/build puts it, or
/// beside it.
package struct GuestProgram: Sendable {
  /// Of the section, and of the file beside the executable.
  static let section = ".wbstress.guest"
  static let fileName = "wbstress-guest"

  /// The file that it is in.
  package let path: String
  private let range: Range<Int>?

  /// The whole of a file, whatever it is.
  init(file: String) {
    path = file
    range = nil
  }

  /// - Parameter executable: path of the program that people run.
  /// - Throws: where none is found, or one that needs a dynamic linker, which a guest lacks (environment).
  package init(in executable: String) throws(HarnessError) {
    let file = try Descriptor(open: executable, code: .environment)
    if let range = try ELF(file, executable).section(Self.section) {
      path = executable
      self.range = range
      return
    }
    let directory = executable.lastIndex(of: "/").map { executable[...$0] } ?? ""
    path = directory + Self.fileName
    range = nil
    guard File.exists(path) else {
      throw HarnessError(
        .environment, executable, "has no guest program in it, nor \(Self.fileName) beside it",
        remedy: "build it with ci/build, and run .build/static/wbstress")
    }
    let beside = try Descriptor(open: path, code: .environment)
    if try ELF(beside, path).isDynamic {
      throw HarnessError(
        .environment, path, "needs a dynamic linker, which a guest lacks",
        remedy: "build it with ci/build, and run .build/static/wbstress")
    }
  }

  /// Its bytes.
  func read() throws(HarnessError) -> [UInt8] {
    let all = try File.read(path, code: .environment)
    guard let range else { return all }
    guard range.upperBound <= all.count else {
      throw HarnessError(.environment, path, "is cut off", remedy: "copy it again")
    }
    return Array(all[range])
  }
}

/// As much of an executable of 64 bits, little endian, as is asked for here: elf(5).
struct ELF: ~Copyable {
  private let file: Descriptor
  private let path: String
  private let header: [UInt8]

  init(_ file: consuming Descriptor, _ path: String) throws(HarnessError) {
    let header = try Self.load(file, path, at: 0, count: 64)
    guard header.starts(with: [0x7f, 0x45, 0x4c, 0x46, 2, 1]) else {
      throw HarnessError(.environment, path, "is no ELF executable of 64 bits")
    }
    self.file = file
    self.path = path
    self.header = header
  }

  /// Whether it asks for a dynamic linker (PT_INTERP).
  var isDynamic: Bool {
    get throws(HarnessError) {
      let (offset, size, count) = (
        number(32, 8, header), number(54, 2, header), number(56, 2, header)
      )
      for i in 0..<count {
        let entry = try Self.load(file, path, at: offset + i * size, count: size)
        if number(0, 4, entry) == 3 { return true }
      }
      return false
    }
  }

  /// Where a section's contents are in the file; nil: there is none of that name.
  func section(_ name: String) throws(HarnessError) -> Range<Int>? {
    let (offset, size, count) = (
      number(40, 8, header), number(58, 2, header), number(60, 2, header)
    )
    if offset == 0 || count == 0 { return nil }
    func entry(_ index: Int) throws(HarnessError) -> [UInt8] {
      try Self.load(file, path, at: offset + index * size, count: size)
    }
    let strings = number(24, 8, try entry(number(62, 2, header)))
    let wanted = Array(name.utf8) + [0]
    for i in 0..<count {
      let section = try entry(i)
      // Near the end of the names there may be less than is asked for.
      let found = try Self.load(
        file, path, at: strings + number(0, 4, section), count: wanted.count, isWhole: false)
      if found == wanted {
        let start = number(24, 8, section)
        return start..<start + number(32, 8, section)
      }
    }
    return nil
  }

  private func number(_ at: Int, _ bytes: Int, _ data: [UInt8]) -> Int {
    guard at + bytes <= data.count else { return 0 }
    let value = data[at..<at + bytes].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    // A size that no file has is damage, and is not found in it.
    return Int(min(value, 1 << 40))
  }

  private static func load(
    _ file: borrowing Descriptor, _ path: String, at offset: Int, count: Int, isWhole: Bool = true
  ) throws(HarnessError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    let got = try checkErrno(pread(file.raw, &bytes, count, off_t(offset)), path, "read")
    if got < count, isWhole {
      throw HarnessError(.environment, path, "is cut off", remedy: "copy it again")
    }
    return Array(bytes[..<got])
  }
}
