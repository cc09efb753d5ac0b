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

  /// - Parameter addresses: return addresses.
  init(_ addresses: some Sequence<UInt64>) {
    calls = Set(addresses).map { $0 &- 1 }.sorted()
    nearest = Array(repeating: Nearest(), count: calls.count)
  }

  /// What /proc/kallsyms says of return addresses; those that it says nothing of are left out.
  ///
  /// The file is read once and piecewise: it has some 200,000 lines.
  package static func names(
    of addresses: some Sequence<UInt64>, _ path: String = "/proc/kallsyms"
  ) throws(HarnessError) -> [UInt64: String] {
    var symbols = KernelSymbols(addresses)
    let file = try Descriptor(open: path, O_RDONLY)
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: piece, alignment: 1)
    defer { buffer.deallocate() }
    var kept = 0
    while let base = buffer.baseAddress {
      let got = attemptErrno(Glibc.read(file.raw, base + kept, piece - kept), path, "read")
      if got == -Int(EINTR) { continue }
      try accept(got, path, "read")
      if got == 0 { break }
      var start = 0
      for i in kept..<kept + got where buffer[i] == UInt8(ascii: "\n") {
        symbols.take(UnsafeRawBufferPointer(rebasing: buffer[start..<i]))
        start = i + 1
      }
      kept = kept + got - start
      // No symbol is as long as a piece.
      if kept == piece { kept = 0 }
      memmove(base, base + start, kept)
    }
    return symbols.names
  }

  /// One line: `ffffffff81234560 t ext4_sync_file`, for a module's with a tab and its name behind it.
  mutating func take(_ line: UnsafeRawBufferPointer) {
    var address: UInt64 = 0
    var i = 0
    while i < line.count, let digit = Self.digit(line[i]) {
      address = address << 4 | digit
      i += 1
    }
    // 0: the kernel keeps its addresses to itself (kernel.kptr_restrict).
    guard address > 0, i + 3 < line.count else { return }
    // Code, or code that others may replace (nm(1)): T, t, W, w.
    let kind = line[i + 1] | 0x20
    guard kind == UInt8(ascii: "t") || kind == UInt8(ascii: "w") else { return }
    let index = firstCall(from: address)
    guard index < calls.count, nearest[index].address < address else { return }
    // Behind a dot is what the compiler made of the function: `.isra.0`, `.cold`.
    let name = line[(i + 3)...].prefix { $0 != 0x2e && $0 != 0x09 && $0 != 0x20 }
    nearest[index] = Nearest(address: address, name: Array(name))
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
