import Glibc
import Testing

@testable import StressKit

/// Needs root and the loop module.
@Suite(
  .enabled(if: getuid() == 0 && File.exists("/dev/loop-control"), "needs root and loop devices"))
struct LoopDeviceTests {
  @Test func isItsFileAndGoesWithItsOwner() throws {
    let directory = try TemporaryDirectory()
    let file = directory.path("image")
    try File.write(file, Array(repeating: 0x5a, count: 1 << 20))
    let path = try attached(file) { path in
      #expect(File.line("/sys/class/block/\(path.dropFirst(5))/loop/backing_file") == file)
      #expect(File.line("/sys/class/block/\(path.dropFirst(5))/size") == "2048")
      #expect(try File.read(path).elementsEqual(repeatElement(0x5a, count: 1 << 20)))
      let device = try Descriptor(open: path, O_WRONLY)
      try device.writeAll([1, 2, 3, 4], path)
    }
    #expect(try File.read(file).prefix(5) == [1, 2, 3, 4, 0x5a])
    // Let go of by a work item of the kernel's, a moment later.
    for _ in 0..<100
    where File.exists("/sys/class/block/\(path.dropFirst(5))/loop/backing_file") { usleep(10_000) }
    #expect(!File.exists("/sys/class/block/\(path.dropFirst(5))/loop/backing_file"))
  }

  private func attached(_ file: String, _ body: (String) throws -> Void) throws -> String {
    let loop = try LoopDevice(file)
    try body(loop.path)
    return loop.path
  }

  @Test func namesTheFileThatIsNotThere() throws {
    let error = #expect(throws: HarnessError.self) { _ = try LoopDevice("/nonexistent/image") }
    #expect(error?.description == "/nonexistent/image: open: ENOENT (no such file or directory)")
  }
}
