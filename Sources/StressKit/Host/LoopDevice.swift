import CLinux
import Glibc

/// A file as a block device, as loop(4) makes it. It goes with its last user: its owner, or whoever has mounted it,
/// also when the harness is killed.
package struct LoopDevice: ~Copyable {
  package let path: String
  /// Past the page cache: what is written to the device is on its way to the disk, and takes no memory twice.
  package let isDirect: Bool
  private let descriptor: Descriptor

  /// - Parameter file: a path; a file system that knows no O_DIRECT is written to through the page cache.
  package init(_ file: String) throws(HarnessError) {
    let made = try Self.attach(file)
    descriptor = Descriptor(owning: made.descriptor)
    path = "/dev/loop\(made.number)"
    isDirect = made.isDirect
  }

  private static func attach(
    _ file: String
  ) throws(HarnessError) -> (descriptor: Int32, number: Int32, isDirect: Bool) {
    let backing = try Descriptor(open: file, O_RDWR, code: .environment)
    var number: Int32 = -1
    let operation = "attach a loop device"
    var attached = attempt(cl_loop_attach(backing.raw, 1, &number), file, operation)
    let isDirect = attached >= 0
    if attached == -EINVAL {
      attached = attempt(cl_loop_attach(backing.raw, 0, &number), file, operation)
    }
    try accept(
      Int(attached), file, operation,
      remedy: "the module loop must be loaded: modprobe loop", code: .environment)
    return (attached, number, isDirect)
  }
}
