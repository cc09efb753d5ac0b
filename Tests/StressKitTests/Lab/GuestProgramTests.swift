// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

@testable import StressCore
@testable import StressLab
@testable import StressMachine

/// The program that guests boot, in an executable and beside it.
struct GuestProgramTests {
  private let directory: TemporaryDirectory
  private let executable: String
  init() throws {
    directory = try TemporaryDirectory()
    executable = directory.path("wbstress")
    try File.write(executable, try File.read("/bin/true"))
  }

  @Test func inASection() throws {
    let program = (0..<100_003).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    try File.write(directory.path("program"), program)
    _ = try Tool.run(
      "objcopy",
      [
        "--add-section", "\(GuestProgram.section)=\(directory.path("program"))",
        "--set-section-flags",
        "\(GuestProgram.section)=readonly,noload", executable,
      ], package: "binutils")
    let found = try GuestProgram(in: executable)
    #expect(found.path == executable)
    #expect(try found.read() == program)
    // It runs as before.
    chmod(executable, 0o755)
    _ = try Tool.run(executable, [], package: "")
    // Of a copy that was interrupted.
    try File.write(executable, Array(try File.read(executable).prefix(9000)))
    #expect(throws: HarnessError.self) { try GuestProgram(in: executable) }
  }

  @Test func besideIt() throws {
    let path = directory.path(GuestProgram.fileName)
    let error = #expect(throws: HarnessError.self) { try GuestProgram(in: executable) }
    #expect(error?.description.contains("has no guest program in it") == true)
    // Of no use in a guest, which has no dynamic linker.
    try File.write(path, try File.read("/bin/true"))
    let dynamic = #expect(throws: HarnessError.self) { try GuestProgram(in: executable) }
    #expect(dynamic?.description.contains("needs a dynamic linker") == true)
    let shell = try #require(Tool.path("busybox"), "ci/install test installs busybox-static")
    try File.write(path, try File.read(shell))
    let found = try GuestProgram(in: executable)
    #expect(found.path == path)
    #expect(try found.read() == File.read(shell))
  }

  @Test func inWhatIsNoExecutable() throws {
    try File.write(executable, Array("#!/bin/sh\n".utf8) + [UInt8](repeating: 0x20, count: 100))
    let error = #expect(throws: HarnessError.self) { try GuestProgram(in: executable) }
    #expect(error?.description.contains("is no ELF executable") == true)
    try File.write(executable, [0x7f])
    #expect(throws: HarnessError.self) { try GuestProgram(in: executable) }
  }
}
