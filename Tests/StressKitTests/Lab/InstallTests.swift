// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressCore
@testable import StressLab

/// What ci/install installs for trials in guests.
struct InstallTests: ProfileSuite {
  private var guest: [Substring] { get throws { try packages("guest") } }

  private func packages(_ group: String) throws -> [Substring] {
    let lines = try File.text(shipped + "/../ci/install").split(separator: "\n")
    return try #require(lines.first { $0.contains("[\(group)]=") }).split { " \"".contains($0) }
  }

  @Test func hasWhatBuildsKernels() throws {
    let packages = try packages("kernel")
    for program in BuildTools.programs + BuildTools.headers {
      #expect(packages.contains { $0 == program.package }, "\(program.name)")
    }
  }

  @Test func hasEveryMkfs() throws {
    let packages = try guest
    for kind in Profile.Filesystem.Kind.onDisk {
      let package = try #require(kind.traits.mkfs?.package)
      #expect(packages.contains { $0 == package }, "\(kind) needs \(package)")
    }
  }

  @Test func hasTheEmulator() throws {
    let package = Architecture.own.emulator.package
    #expect(try guest.contains { $0 == package })
  }
}
