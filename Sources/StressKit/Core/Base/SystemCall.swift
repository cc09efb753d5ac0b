// SPDX-License-Identifier: Apache-2.0

/// A system call that writes to a descriptor, or has what was written brought to the disk: those that
/// `observe.syscalls` measures.
package enum SystemCall: String, CaseIterable, Sendable {
  case write, pwrite64, writev, pwritev, pwritev2, sendfile, splice
  case copyFileRange = "copy_file_range"
  case fsync, fdatasync, syncfs, msync
  case syncFileRange = "sync_file_range"

  /// What a processor's kernel knows it by: arch/x86/entry/syscalls/syscall_64.tbl, and of arm64
  /// include/uapi/asm-generic/unistd.h.
  package struct Numbers: Sendable {
    package var x86: Int64
    package var arm64: Int64
  }

  /// Which of its arguments is the descriptor that is written to, or that tells what is synced.
  package enum Place: Sendable {
    case first, third
    /// It has an address.
    case none
  }

  package struct Traits: Sendable {
    package var isSync: Bool
    package var descriptor: Place
    package var numbers: Numbers
  }

  package var traits: Traits {
    switch self {
    case .write: writes(1, 64)
    case .pwrite64: writes(18, 68)
    case .writev: writes(20, 66)
    case .pwritev: writes(296, 70)
    case .pwritev2: writes(328, 287)
    case .sendfile: writes(40, 71)
    case .splice: writes(275, 76, to: .third)
    case .copyFileRange: writes(326, 285, to: .third)
    case .fsync: syncs(74, 82)
    case .fdatasync: syncs(75, 83)
    case .syncfs: syncs(306, 267)
    case .msync: syncs(26, 227, .none)
    case .syncFileRange: syncs(277, 84)
    }
  }

  private func writes(_ x86: Int64, _ arm64: Int64, to descriptor: Place = .first) -> Traits {
    Traits(isSync: false, descriptor: descriptor, numbers: Numbers(x86: x86, arm64: arm64))
  }

  private func syncs(_ x86: Int64, _ arm64: Int64, _ descriptor: Place = .first) -> Traits {
    Traits(isSync: true, descriptor: descriptor, numbers: Numbers(x86: x86, arm64: arm64))
  }

  /// Its number on this program's processor.
  package var number: Int64 { traits.numbers[keyPath: Architecture.own.calls] }

  /// nil: another one's number.
  package init?(number: Int64) {
    guard let call = Self.allCases.first(where: { $0.number == number }) else { return nil }
    self = call
  }
}
