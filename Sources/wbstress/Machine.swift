// SPDX-License-Identifier: Apache-2.0
import Glibc

/// What this machine and its user are called.
enum Machine {
  /// Nobody is told apart by these.
  private static let common = [
    "root", "localhost", "user", "debian", "linux", "kernel", "test", "guest",
  ]

  static var names: [String] {
    var host = [CChar](repeating: 0, count: 256)
    gethostname(&host, host.count - 1)
    let user = getpwuid(getuid()).map { String(cString: $0.pointee.pw_name) }
    let name = host.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    return [name, user].compactMap(\.self).filter { !common.contains($0) }
  }
}
