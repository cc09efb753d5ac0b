// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

@testable import StressCore
@testable import StressMachine

/// Needs root and the loop module.
@Suite(
  .enabled(if: getuid() == 0 && File.exists("/dev/loop-control"), "needs root and loop devices"))
struct LoopDeviceTests {
  @Test func isItsFileAndGoesWithItsOwner() throws {
    let directory = try TemporaryDirectory()
    let image = directory.path("image")
    try File.write(image, Array(repeating: 0x5a, count: 1 << 20))
    let backing = "/sys/class/block/\(try use(image))/loop/backing_file"
    #expect(try File.read(image).prefix(5) == [1, 2, 3, 4, 0x5a])
    // Let go of by a work item of the kernel's, a moment later.
    for _ in 0..<100 where File.exists(backing) { usleep(10_000) }
    #expect(!File.exists(backing))
  }

  /// Reads and writes a device of an image. Returns the device's name.
  private func use(_ image: String) throws -> String {
    let loop = try LoopDevice(image)
    let name = String(loop.path.dropFirst("/dev/".count))
    #expect(File.line("/sys/class/block/\(name)/loop/backing_file") == image)
    #expect(File.line("/sys/class/block/\(name)/size") == "2048")
    #expect(try File.read(loop.path).elementsEqual(repeatElement(0x5a, count: 1 << 20)))
    // Its last close would write it back too, but udev or another losetup may have it open for a moment.
    let device = try Descriptor(open: loop.path, O_WRONLY | O_SYNC)
    try device.writeAll([1, 2, 3, 4], loop.path)
    return name
  }

  /// As where swap on it could not be switched off, and its file went all the same.
  @Test func knowsItsFileAfterThatIsGone() throws {
    let directory = try TemporaryDirectory()
    let image = directory.path("image")
    try File.write(image, Array(repeating: 0, count: 1 << 20))
    let loop = try LoopDevice(image)
    let path = loop.path
    File.remove(image)
    #expect(try LoopDevice.backing(of: path) == image)
    #expect(loop.path == path)
  }

  @Test func namesTheFileThatIsNotThere() throws {
    do {
      _ = try LoopDevice("/nonexistent/image").path
      Issue.record("an image that is not there became a device")
    } catch {
      #expect(error.description == "/nonexistent/image: open: ENOENT (no such file or directory)")
    }
  }
}
