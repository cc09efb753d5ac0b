// SPDX-License-Identifier: Apache-2.0

/// What a processor's architecture has of its own, for all that fetches, boots or reads a kernel. Another one is a
/// value here.
package struct Architecture: Sendable {
  /// That of this program, its machine and its guests.
  #if arch(x86_64)
    package static let own = x86
  #else
    #error("there is no value of Architecture for this processor: write one in Architecture.swift")
  #endif

  package var name: String
  /// Debian's name for it, in which its kernels' flavours end.
  package var debian: String
  /// QEMU's program, and Debian's package of it.
  package var emulator: (program: String, package: String)
  /// The machine that QEMU makes.
  package var machine: String
  /// That machine's serial line, by the kernel's name.
  package var console: String
  /// What a guest's kernel is told besides.
  package var bootParameters: @Sendable (_ isEmulated: Bool) -> [String]
  package var image: Image
  /// Where a processor is: by the emulator's `info registers`, before the address.
  package var counter: String
  /// And in the kernel's own dumps, before the place: of either kind, and of kernel code.
  package var place: (any: String, kernel: String)
  /// Which of a system call's numbers is its own.
  package var calls: any KeyPath<SystemCall.Numbers, Int64> & Sendable

  /// A kernel's image.
  package struct Image: Sendable {
    package var name: String
    /// In a tree that was built.
    package var path: String
    /// Bytes from its beginning that have the release.
    package var header: Int
    /// The release in them; nil: they are not those of such an image.
    package var release: @Sendable (_ header: ArraySlice<UInt8>) -> String?
  }
}

// MARK: The architectures

extension Architecture {
  private static let x86 = Architecture(
    name: "x86", debian: "amd64",
    emulator: (program: "qemu-system-x86_64", package: "qemu-system-x86"), machine: "pc",
    console: "ttyS0",
    // no_timer_check: the kernel counts the timer's interrupts in a busy loop and panics when they come too late, as
    // they may on a host that is busy; under KVM it leaves that out by itself (arch/x86/kernel/kvm.c).
    // unknown_nmi_panic: so that an NMI from the host makes a hanging kernel tell where it is; where the processor is
    // real, the host is not the only one to send such.
    bootParameters: { ["no_timer_check"] + ($0 ? ["unknown_nmi_panic"] : []) },
    // kernel_version of the setup header is 16 bits, from 0x200 on; the text is short.
    image: Image(
      name: "bzImage", path: "arch/x86/boot/bzImage", header: 0x1_0400, release: bzImageRelease),
    counter: "RIP=",
    // By the code segment: 0010 is the kernel's, 0033 a program's.
    place: (any: " RIP: 00", kernel: "RIP: 0010:"), calls: \.x86)

  /// By the setup header: Documentation/arch/x86/boot.rst.
  private static func bzImageRelease(_ bytes: ArraySlice<UInt8>) -> String? {
    guard bytes.count > 0x210, bytes[0x202..<0x206].elementsEqual("HdrS".utf8) else { return nil }
    let pointer = Int(bytes[0x20e]) | Int(bytes[0x20f]) << 8
    guard pointer != 0, 0x200 + pointer < bytes.count else { return nil }
    // "6.1.0-56-cloud-amd64 (debian-kernel@lists.debian.org) #1 SMP ..."
    let text = bytes[(0x200 + pointer)...].prefix { $0 > 0x20 && $0 < 0x7f }
    return text.isEmpty ? nil : String(decoding: text, as: UTF8.self)
  }
}
