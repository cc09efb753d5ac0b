// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import Testing

@testable import StressCore
@testable import StressMachine

struct DeviceTests {
  /// All but the UUID that mkswap makes up.
  @Test(
    .enabled(if: Tool.path("mkswap") != nil), arguments: [10 << 20, (64 << 20) + 5000, 3 << 30])
  func swapHeaderIsMkswaps(_ size: UInt64) throws {
    let directory = try RecordFixture()
    let path = try directory.write("swap.img", [])
    #expect(truncate(path, off_t(size)) == 0)
    try Tool.run("mkswap", ["-U", "clear", path], package: "util-linux")
    let page = Int(getpagesize())
    var theirs = [UInt8](repeating: 0, count: page)
    let fd = try Descriptor(open: path)
    #expect(read(fd.raw, &theirs, page) == page)
    #expect(Swap.header(bytes: size) == theirs)
  }

  @Test func delayTable() {
    #expect(DelayedDevice.table("254:0", 0) == "254:0 0 0 254:0 0 0")
    #expect(DelayedDevice.table("254:0", 100_000_000) == "254:0 0 100 254:0 0 100")
  }

  @Test(arguments: ["device: {delay: 1500us}", "timeline: [{at: 1s, delay: 1500us}]"])
  func delayIsWholeMilliseconds(_ text: String) throws {
    let error = #expect(throws: (any Error).self) {
      try ProfileFile(text: text, name: "p").profile(variant: nil, overrides: [])
    }
    #expect(error.map { "\($0)".contains("must be a whole number of ms") } == true)
  }

  @Test func delayNeedsADisk() {
    let error = #expect(throws: HarnessError.self) {
      try DelayedDevice(
        MadeDelayedDevice("wbstress-test"), over: "/dev/no-such-device", delay: 0)
    }
    #expect(error?.code == .environment && error?.object == "/dev/no-such-device")
  }

  /// Each refusal of the device mapper is an errno, whatever this machine has of it.
  @Test func deviceMapperErrors() {
    var minor: UInt32 = 0
    let long = String(repeating: "x", count: 128)
    #expect(cl_dm_create(-1, long, "", &minor) == -ENAMETOOLONG)
    #expect(cl_dm_create(-1, "x", "", &minor) == -EBADF)
    #expect(cl_dm_create(-1, "x", String(repeating: "x", count: 129), &minor) == -ENAMETOOLONG)
    #expect(cl_dm_load(-1, "x", 1, String(repeating: "x", count: 16), "") == -ENAMETOOLONG)
    #expect(
      cl_dm_load(-1, "x", 1, "delay", String(repeating: "x", count: 256)) == -ENAMETOOLONG)
    #expect(cl_dm_resume(-1, "x") == -EBADF && cl_dm_remove(-1, "x") == -EBADF)
  }

  @Test func tmpfsHasNoStrictLimit() {
    #expect(BlockDevice.backing("tmpfs", .tmpfs, at: "/") == nil)
    let error = #expect(throws: HarnessError.self) {
      try KernelSettings.setStrictLimit(true, of: .tmpfs, backing: nil, CleanupJournal())
    }
    #expect(error?.description.hasPrefix("tmpfs: has no backing device") == true)
  }

  @Test func controllersAreThoseOfTheLimits() {
    var profile = Profile(name: "p")
    profile.limits = [.init("memory.max", "1"), .init("io.max", "wbps=1")]
    #expect(profile.controllers == ["memory", "io", "cpu"])
    var group = Profile.Group(name: "a")
    group.limits = [.init("cpuset.mems", "0"), .init("cpuset.cpus", "0")]
    profile.cgroups = [group]
    #expect(profile.controllers == ["memory", "io", "cpu", "cpuset"])
    profile.cgroups = []
    profile.timeline = [Profile.Moment(at: 0)]
    profile.timeline[0].limits = [.init("cpuset.cpus", "0")]
    #expect(profile.controllers == ["memory", "io", "cpu", "cpuset"])
  }
}
