// SPDX-License-Identifier: Apache-2.0
import SystemPackage
import Testing

@testable import StressCore
@testable import StressMachine

/// On this very machine, whatever it is.
struct EnvironmentProbeTests {
  private func members(device: String = "/dev/none") -> JSON {
    EnvironmentProbe.line(
      device: device, mountPoint: "/proc", below: nil, backing: nil, [Cgroup(path: "no-such-group")]
    ).json
  }

  @Test func toldByTheKernel() throws {
    let told = members()
    let cpus = try File.text("/proc/cpuinfo").split(separator: "\n")
    let model = cpus.first { $0.hasPrefix("model name") }
    #expect(told["cpu"]?["model"]?.string.map { model?.hasSuffix(": " + $0) } == true)
    #expect(
      told["cpu"]?["hypervisor"]?.bool
        == cpus.contains { $0.hasPrefix("flags") && $0.contains(" hypervisor") })
    let settings = try #require(told["settings"])
    #expect(settings["/proc/sys/kernel/tainted"]?.string.flatMap { UInt64($0) } != nil)
    #expect(settings["/proc/version"]?.string == File.line("/proc/version"))
    #expect(
      settings["/proc/sys/vm/vfs_cache_pressure"]?.string
        == File.line("/proc/sys/vm/vfs_cache_pressure"))
    let swaps = try File.text("/proc/swaps").split(separator: "\n").count - 1
    #expect(told["swaps"]?.array?.count == swaps)
    #expect(told["mountinfo"]?.string?.contains(" - proc ") == true)
  }

  /// A kernel that cannot swap has no /proc/swaps: there is none, while of one that cannot be read nothing is known.
  @Test func swapOfAKernelThatHasNone() throws {
    let calls = CallFailures.calls { _ = members() }
    let open = try #require(calls.firstIndex { $0.object == "/proc/swaps" }) + 1
    for (errno, expected) in [(Errno.noSuchFileOrDirectory, .array([])), (.ioError, .null)]
      as [(Errno, JSON)]
    {
      var told: JSON?
      _ = CallFailures.failing(open, errno) { told = members()["swaps"] }
      #expect(told == expected)
    }
  }

  /// What is not there is unknown, and no default.
  @Test func whatIsMissing() throws {
    let told = members()
    #expect(told["bdi"] == .null && told["scheduler"] == .null)
    #expect(try #require(told["queue"]?.members).allSatisfy { $0.value == .null })
    #expect(told["cgroups"]?["no-such-group"] == .object([]))
  }
}
