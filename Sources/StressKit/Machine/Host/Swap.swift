// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore

/// Swap space.
package enum Swap {
  /// The corresponding C function is `swapon`. What is switched on first is filled first.
  package static func on(_ device: String, _ journal: CleanupJournal) throws(HarnessError) {
    try journal.make(try UsedSwap(on: device)) { () throws(HarnessError) in try on(device) }
  }

  private static func on(_ device: String) throws(HarnessError) {
    try check(cl_swapon(device), device, "swapon", code: .environment)
  }

  /// The corresponding C function is `swapoff`; it reads back all that is there.
  static func off(_ device: String) throws(HarnessError) {
    try check(
      cl_swapoff(device), device, "swapoff",
      remedy: "what is in it must fit into memory: free some, then wbstress clean")
  }

  /// It is in use: proc(5), /proc/swaps.
  static func isOn(_ device: String) throws(HarnessError) -> Bool {
    // A kernel without swap has no such file.
    guard File.exists("/proc/swaps") else { return false }
    return try File.text("/proc/swaps").split(separator: "\n")
      .contains { $0.split(separator: " ").first.map(String.init) == device }
  }

  /// Paths of swap in use: proc(5), /proc/swaps.
  package static func active() -> [String] {
    ((try? File.text("/proc/swaps")) ?? "").split(separator: "\n").dropFirst().compactMap {
      $0.split { " \t".contains($0) }.first.map(String.init)
    }
  }

  private static let zram = "/dev/zram0"
  private static let sysfs = "/sys/block/zram0"

  /// Of the first zram device, bytes; 0: nobody uses it; nil: there is none.
  static var zramSize: UInt64? {
    get throws(HarnessError) { try File.lineIfThere(sysfs + "/disksize").flatMap { UInt64($0) } }
  }

  /// Switches zram's swap off and gives its memory back.
  static func offZram() throws(HarnessError) {
    if try isOn(zram) { try off(zram) }
    try File.set(sysfs + "/reset", "1")
  }

  /// Switches on swap of `bytes` (uncompressed) in compressed memory, on the first zram device.
  ///
  /// The kernel's Documentation/admin-guide/blockdev/zram.rst.
  package static func onZram(
    _ bytes: UInt64, _ journal: CleanupJournal
  ) throws(HarnessError) {
    try journal.make(UsedZram(bytes: bytes)) { () throws(HarnessError) in try onZram(bytes) }
  }

  private static func onZram(_ bytes: UInt64) throws(HarnessError) {
    try File.set(
      sysfs + "/disksize", "\(bytes)",
      remedy: "it needs CONFIG_ZRAM and its compressor, and zram0 not in use: modprobe zram")
    let fd = try Descriptor(open: zram, O_WRONLY, code: .environment)
    try fd.writeAll(header(bytes: bytes), zram)
    try on(zram)
  }

  /// The first page of swap space, as mkswap(8) writes it, without UUID and label: include/linux/swap.h,
  /// union swap_header. A guest has no mkswap.
  static func header(bytes: UInt64, page: Int = Int(getpagesize())) -> [UInt8] {
    var header = [UInt8](repeating: 0, count: page)
    func put(_ value: UInt32, at offset: Int) {
      withUnsafeBytes(of: value) { header.replaceSubrange(offset..<offset + 4, with: $0) }
    }
    // After what a boot loader may use: the version, and the number of the last page.
    put(1, at: 1024)
    put(UInt32(clamping: bytes / UInt64(page) - 1), at: 1028)
    let magic = "SWAPSPACE2".utf8
    header.replaceSubrange(page - magic.count..<page, with: magic)
    return header
  }
}
