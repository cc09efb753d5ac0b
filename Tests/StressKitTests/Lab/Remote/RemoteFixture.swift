// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

@testable import StressCore
@testable import StressLab

extension TemporaryDirectory {
  /// A machine to which a script stands for ssh(1): its `$script` is what ssh(1) is to execute there, `$D` this
  /// directory.
  func host(_ script: String, _ name: String = "ssh:root@box") throws -> RemoteHost {
    let path = try write(
      "ssh-\(UInt32.random(in: 0 ... .max))",
      "#!/bin/sh\nD='\(root)'\nfor script; do :; done\n\(script)\n")
    #expect(chmod(path, 0o755) == 0)
    return try RemoteHost.parse(name, program: path)
  }
}

/// The error of a body that must throw one.
func remoteError(_ body: () throws(HarnessError) -> Void) throws -> HarnessError {
  do throws(HarnessError) {
    try body()
  } catch {
    return error
  }
  throw HarnessError(.harness, "test", "nothing was thrown")
}
