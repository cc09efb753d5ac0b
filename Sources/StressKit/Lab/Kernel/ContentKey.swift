// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressCore

/// A name for derived files: 64 bits of FNV-1a over what they are made from.
///
/// Files count by path, size, modification time and inode: reading them would cost more than what
/// the cache saves.
struct ContentKey {
  private var hash: UInt64 = 0xcbf2_9ce4_8422_2325

  mutating func add(_ text: String) {
    for byte in text.utf8 { mix(byte) }
    // No text has this byte: "a", "bc" and "ab", "c" differ.
    mix(0xff)
  }

  mutating func add(contents: [UInt8]) { for byte in contents { mix(byte) } }

  /// A file that is missing counts as that.
  mutating func add(file path: String) {
    add(path)
    var info = stat()
    guard stat(path, &info) == 0 else { return add("missing") }
    add("\(info.st_dev):\(info.st_ino) \(info.st_size)")
    add("\(info.st_mtim.tv_sec).\(info.st_mtim.tv_nsec)")
  }

  /// All that is in a directory and below it.
  mutating func add(tree path: String) {
    for name in File.names(in: path).sorted() {
      let inside = path + "/" + name
      var info = stat()
      if lstat(inside, &info) == 0, info.st_mode & S_IFMT == S_IFDIR {
        add(inside)
        add(tree: inside)
      } else {
        add(file: inside)
      }
    }
  }

  /// 16 hexadecimal digits.
  var text: String {
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  private mutating func mix(_ byte: UInt8) {
    hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3
  }
}
