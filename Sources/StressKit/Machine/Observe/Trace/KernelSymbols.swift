// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore

/// Names of the kernel's functions that addresses lie in.
package struct KernelSymbols {
  private struct Nearest {
    var address: UInt64 = 0
    var name: [UInt8] = []
  }
  private static let piece = 64 << 10
  /// Of the addresses sought, sorted; a return address is behind the call, which may be a function's last
  /// instruction.
  private let calls: [UInt64]
  /// By call: the nearest symbol of those that have no other call between it and themselves.
  private var nearest: [Nearest]
  /// Of the code seen last.
  private var last: UInt64 = 0
  private var isSorted = true
  private var hasLower = false
  /// Whether the lines to come can tell no more: the kernel lists its own symbols in the order of their addresses, and
  /// has come from below all that are sought to above them. Where some are of modules, which it lists behind its own,
  /// one end is not passed.
  private var isComplete: Bool

  /// - Parameter addresses: return addresses.
  init(_ addresses: some Sequence<UInt64>) {
    calls = Set(addresses).map { $0 &- 1 }.sorted()
    nearest = Array(repeating: Nearest(), count: calls.count)
    isComplete = calls.isEmpty
  }

  /// What /proc/kallsyms says of return addresses; those that it says nothing of are left out.
  ///
  /// The file is read once and piecewise, as far as it must be: it has some 200,000 lines, which take an emulated guest
  /// half a second.
  package static func names(
    of addresses: some Sequence<UInt64>, _ path: String = "/proc/kallsyms"
  ) throws(HarnessError) -> [UInt64: String] {
    var symbols = KernelSymbols(addresses)
    let file = try Descriptor(open: path, O_RDONLY)
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: piece, alignment: 1)
    defer { buffer.deallocate() }
    var kept = 0
    while let base = buffer.baseAddress, !symbols.isComplete {
      let got = attemptErrno(Glibc.read(file.raw, base + kept, piece - kept), path, "read")
      if got == -Int(EINTR) { continue }
      try accept(got, path, "read")
      if got == 0 { break }
      var start = 0
      var unsearched = kept
      let end = kept + got
      while let found = memchr(base + unsearched, Int32(UInt8(ascii: "\n")), end - unsearched) {
        let next = found - base
        symbols.take(UnsafeRawBufferPointer(rebasing: buffer[start..<next]))
        start = next + 1
        unsearched = start
      }
      kept = end - start
      // No symbol is as long as a piece.
      if kept == piece { kept = 0 }
      memmove(base, base + start, kept)
    }
    return symbols.names
  }

  /// One line: `ffffffff81234560 t ext4_sync_file`, for a module's with a tab and its name behind it.
  mutating func take(_ line: UnsafeRawBufferPointer) {
    if isComplete { return }
    // Of all that is no code the address is not even read; it has 16 digits.
    if line.count > 17, line[16] == UInt8(ascii: " "), !Self.isCode(line[17]) { return }
    var address: UInt64 = 0
    var i = 0
    while i < line.count, let digit = Self.digit(line[i]) {
      address = address << 4 | digit
      i += 1
    }
    // 0: the kernel keeps its addresses to itself (kernel.kptr_restrict).
    guard address > 0, i + 3 < line.count else { return }
    guard Self.isCode(line[i + 1]), let highest = calls.last else { return }
    isSorted = isSorted && address >= last
    last = address
    hasLower = hasLower || address <= calls[0]
    isComplete = isSorted && hasLower && address > highest
    let index = firstCall(from: address)
    guard index < calls.count, nearest[index].address < address else { return }
    // Behind a dot is what the compiler made of the function: `.isra.0`, `.cold`.
    let name = line[(i + 3)...].prefix { $0 != 0x2e && $0 != 0x09 && $0 != 0x20 }
    nearest[index] = Nearest(address: address, name: Array(name))
  }

  /// Code, or code that others may replace (nm(1)): T, t, W, w.
  private static func isCode(_ letter: UInt8) -> Bool {
    let kind = letter | 0x20
    return kind == UInt8(ascii: "t") || kind == UInt8(ascii: "w")
  }

  private static func digit(_ byte: UInt8) -> UInt64? {
    switch byte {
    case 0x30...0x39: UInt64(byte - 0x30)
    case 0x61...0x66: UInt64(byte - 0x61 + 10)
    default: nil
    }
  }

  private func firstCall(from address: UInt64) -> Int {
    var (low, high) = (0, calls.count)
    while low < high {
      let middle = (low + high) / 2
      if calls[middle] < address { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// By return address.
  var names: [UInt64: String] {
    var names: [UInt64: String] = [:]
    var last = Nearest()
    for (call, nearest) in zip(calls, nearest) {
      if nearest.address > 0 { last = nearest }
      if last.address > 0 { names[call &+ 1] = String(decoding: last.name, as: UTF8.self) }
    }
    return names
  }
}
