// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore
import SystemPackage

/// What is asked of a device that is to be wiped.
package struct DeviceRequest: Sendable {
  package var path: String
  /// Its serial number or its size in bytes, as the user gave it; nil: nothing was said.
  package var confirmation: String?
  /// Bytes that the profiles need at most.
  package var size: UInt64
  /// Where the records go.
  package var results: String?

  package init(_ path: String, confirmation: String?, size: UInt64, results: String?) {
    self.path = path
    self.confirmation = confirmation
    self.size = size
    self.results = results
  }
}

/// What keeps a trial off a device: all of it at once. Nothing is written.
package struct DeviceGuard {
  package private(set) var findings = GuardFindings()
  /// As it was found, whatever speaks against it; nil: it cannot be told which one is meant.
  package private(set) var device: NamedDevice?
  private let request: DeviceRequest

  package init(_ request: DeviceRequest) {
    self.request = request
    guard let node = resolve() else { return }
    let object = Self.object(node, request.path)
    checkKind(node, object)
    // Before all that is looked at: what comes to have the name meanwhile is not what was checked.
    identify(node, object)
    checkUsers(node, object)
    checkParts(node, object)
    checkContents(node, object)
    checkSystem(node, object)
    checkConfirmation(object)
  }

  private static func object(_ node: BlockNode, _ path: String) -> String {
    path == node.path ? node.path : "\(node.path) (named \(path))"
  }

  // MARK: Which device

  private mutating func resolve() -> BlockNode? {
    let path = request.path
    var info = stat()
    do throws(HarnessError) {
      try checkErrno(
        Int(stat(path, &info)), path, "stat", remedy: "lsblk shows what there is", code: .refused)
    } catch {
      findings.add(error, as: .node)
      return nil
    }
    let kinds: [mode_t: String] = [
      S_IFREG: "regular file", S_IFDIR: "directory", S_IFCHR: "character device", S_IFIFO: "pipe",
      S_IFSOCK: "socket",
    ]
    if let kind = kinds[info.st_mode & S_IFMT] {
      findings.refuse(
        .node, path, "is a \(kind), not a block device",
        "name a block device (lsblk), or make image files in a directory: --loop DIR")
      return nil
    }
    let number = DeviceNumber(UInt64(info.st_rdev))
    guard let node = BlockNode(number: number.description) else {
      findings.refuse(
        .node, path, "is a node of \(number), which the kernel has no device of",
        "name a block device: lsblk")
      return nil
    }
    guard DeviceNumber(block: node.path) == number else {
      findings.refuse(
        .node, path, "is \(number), which is not what \(node.path) is here",
        "\(node.path) must be its node, as devtmpfs makes it")
      return nil
    }
    findings.ok(.node, Self.object(node, path), "is a block device, \(number)")
    return node
  }

  private mutating func checkKind(_ node: BlockNode, _ object: String) {
    let kinds = [
      ("zram", "is compressed memory"), ("ram", "is memory"), ("sr", "is an optical drive"),
      ("fd", "is a floppy drive"), ("mtdblock", "is raw flash"),
    ]
    let digits = node.name.drop { !$0.isNumber }
    let kind = kinds.first { node.name.hasPrefix($0.0) && node.name == $0.0 + digits }
    if let kind {
      findings.refuse(.kind, object, kind.1, "name a disk, or use an image file: --loop DIR")
    }
    guard let file = node.backingFile else {
      if kind == nil { findings.ok(.kind, object, node.attribute("device/model") ?? "is a disk") }
      return
    }
    let others = File.names(in: "/sys/block").map(BlockNode.init)
      .filter { $0 != node.disk && $0.backingFile == file }
    for other in others {
      findings.refuse(
        .kind, object, "its file \(file) is also behind \(other.path)",
        "detach one of them: losetup -d \(other.path)")
    }
    if others.isEmpty {
      findings.warn(
        .kind, object, "is a loop device of \(file), and so measures that file system as well",
        "--loop DIR makes one that bypasses the page cache")
    }
  }

  private mutating func identify(_ node: BlockNode, _ object: String) {
    do throws(HarnessError) {
      let opened = try Descriptor(open: node.path, O_RDONLY | O_NONBLOCK, code: .refused)
      let identity = try DeviceIdentity(opened, node.path)
      device = NamedDevice(
        path: node.path, identity: identity, model: node.disk.attribute("device/model"))
      var text = "\(identity.size) bytes"
      if let serial = identity.serials.first { text += ", serial \(serial)" }
      if identity.sequence > 0 { text += ", diskseq \(identity.sequence)" }
      findings.ok(.identity, object, text)
    } catch {
      findings.add(error, as: .identity)
    }
  }

  // MARK: Who uses it

  private mutating func checkUsers(_ node: BlockNode, _ object: String) {
    claim(node, object)
    let above = node.above
    do throws(HarnessError) {
      try findMounts(above, object)
    } catch {
      findings.add(error, as: .mounted)
    }
    for path in Swap.active() {
      guard let number = DeviceNumber(block: path),
        let user = BlockNode(number: number.description), above.contains(user)
      else { continue }
      findings.refuse(
        .swap, object, user == node ? "is swap in use" : "\(user.label) is swap in use",
        "swapoff \(user.path), if nobody needs it")
    }
    if findings.isClear(.swap) { findings.ok(.swap, object, "is no swap in use") }
    let numbers = Set(above.compactMap(\.number))
    do throws(HarnessError) {
      let users = try Self.openers(of: numbers)
      for user in users {
        findings.refuse(
          .openers, object, "is open in \(user)",
          "end that process, if it is to lose what is there")
      }
      if users.isEmpty { findings.ok(.openers, object, "no process has it open") }
    } catch {
      findings.add(error, as: .openers)
    }
  }

  private mutating func claim(_ node: BlockNode, _ object: String) {
    // Its own question: the kernel lets a read-only device be opened for writing.
    let isReadOnly = node.attribute("ro") == "1"
    if isReadOnly {
      findings.refuse(
        .writable, object, "is read-only",
        "blockdev --setrw \(node.path), if that was not on purpose")
    } else {
      findings.ok(.writable, object, "can be written")
    }
    let fd = attemptErrno(
      Int(open(node.path, O_RDWR | O_EXCL | O_NONBLOCK | O_CLOEXEC)), node.path, "open exclusively")
    if fd >= 0 {
      close(Int32(fd))
      findings.ok(.claim, object, "nobody has it for himself (O_EXCL)")
      return
    }
    let errno = Errno(rawValue: Int32(-fd))
    if isReadOnly, errno != .resourceBusy { return }
    findings.add(
      HarnessError(
        .refused, object, "open with O_RDWR|O_EXCL", errno: errno,
        remedy: errno == .resourceBusy
          ? "it is in use: what follows says by whom, if that can be told" : "name another device"),
      as: .claim)
  }

  private mutating func findMounts(
    _ above: Set<BlockNode>, _ object: String
  ) throws(HarnessError) {
    for (process, entries) in try MountTable.namespaces() {
      for entry in entries {
        guard let user = entry.nodes.first(where: above.contains) else { continue }
        let place = process.map { " in the mount namespace of \($0)" } ?? ""
        findings.refuse(
          .mounted, object, "\(user.label) is mounted at \(entry.point)\(place)",
          "umount \(entry.point)\(process.map { " there (nsenter -m -t \($0.pid))" } ?? "")")
      }
    }
    if findings.isClear(.mounted) { findings.ok(.mounted, object, "is mounted nowhere") }
  }

  /// Processes that have one of the devices open: proc(5), /proc/PID/fd. udev looks at what has just been closed,
  /// and has it for moments only.
  private static func openers(of numbers: Set<String>) throws(HarnessError) -> [RunningProcess] {
    try RunningProcess.all().filter { process in
      if process.pid == getpid() || process.comm.holds("udev") { return false }
      let directory = "/proc/\(process.pid)/fd"
      return File.names(in: directory).contains { name in
        // Of other files nothing is asked: a server that is gone would not answer.
        let link = "\(directory)/\(name)"
        guard File.link(link)?.hasPrefix("/dev/") == true, let number = DeviceNumber(block: link)
        else { return false }
        return numbers.contains(number.description)
      }
    }
  }

  private mutating func checkParts(_ node: BlockNode, _ object: String) {
    for holder in node.holders {
      findings.refuse(
        .holders, object, "\(holder.label) is made of it",
        "take that away first (dmsetup remove, vgchange -an, mdadm --stop), if nobody needs it")
    }
    if node.holders.isEmpty { findings.ok(.holders, object, "no other device is made of it") }
    let names = node.partitions.map(\.path)
    if !names.isEmpty {
      findings.refuse(
        .partitions, object, "has partitions: \(names.joined(separator: ", "))",
        "name one of them, or, if nobody needs what is on them: wipefs -a "
          + (names + [node.path]).joined(separator: " "))
    } else {
      findings.ok(.partitions, object, "has no partitions")
    }
  }

  // MARK: What is on it

  private mutating func checkContents(_ node: BlockNode, _ object: String) {
    do throws(HarnessError) {
      // Before blkid, which finds nothing where it cannot read.
      let opened = try Descriptor(open: node.path, O_RDONLY | O_NONBLOCK, code: .refused)
      let members = try BtrfsSuperblock.devices(on: opened, node.path) ?? 1
      guard let signature = try Signature(of: node.path) else {
        findings.ok(.signature, object, "has no signature that blkid knows")
        return
      }
      if signature.type == "btrfs", members > 1 {
        findings.refuse(
          .signature, object, "is one of \(members) devices of a btrfs",
          "btrfs device remove, or, if nobody needs any of them: wipefs -a \(node.path)")
      } else if signature.isOurs {
        findings.ok(
          .signature, object,
          "has what a trial left (\(signature.type ?? ""), label \(Signature.label))")
      } else {
        findings.refuse(
          .signature, object, signature.text, "if nobody needs it: wipefs -a \(node.path)")
      }
    } catch {
      findings.add(error, as: .signature)
    }
  }

  /// Where the machine itself lies: hier(7).
  private static let places = ["/", "/usr", "/var", "/boot", "/boot/efi", "/home"]

  private mutating func checkSystem(_ node: BlockNode, _ object: String) {
    let own = node.below
    // Those of the first process as well: this one may be in a chroot or in a container.
    var mounts = [("", MountTable.entries())]
    mounts.append((" of the first process", MountTable.entries("/proc/1/mountinfo")))
    for (whose, entries) in mounts {
      for place in Self.places {
        guard let entry = entries.last(where: { $0.point == place }) else { continue }
        refuse(object, own, entry, "\(place)\(whose) lies on the same disk")
      }
    }
    if let results = request.results, let entry = MountTable.entry(holding: results) {
      refuse(object, own, entry, "the results in \(results) lie on it", "name another --output")
    }
    if findings.isClear(.system) {
      findings.ok(.system, object, "neither the machine nor the results lie on that disk")
    }
  }

  private mutating func refuse(
    _ object: String, _ own: Set<BlockNode>, _ entry: MountEntry, _ found: String,
    _ remedy: String = "name another disk"
  ) {
    guard let shared = entry.nodes.flatMap(\.belowFiles).first(where: own.contains) else { return }
    findings.refuse(.system, object, "\(found): \(shared.disk.path)", remedy)
  }

  // MARK: What the user said

  private mutating func checkConfirmation(_ object: String) {
    guard let identity = device?.identity else { return }
    if identity.size < request.size {
      findings.refuse(
        .size, object,
        "has \(identity.size) bytes; the profile's device.size is \(request.size)",
        "name a larger one, or lower device.size")
    } else if request.size > 0 {
      findings.ok(.size, object, "\(request.size) bytes of \(identity.size) are used")
    }
    let remedy = "look it up with: wbstress check --device \(request.path)"
    guard let said = request.confirmation else {
      findings.refuse(
        .confirmation, object, "all that is on it will be lost, and nobody said so",
        "--yes-wipe SERIAL-OR-SIZE; \(remedy)")
      return
    }
    if !said.isEmpty, identity.serials.contains(said) || said == "\(identity.size)" {
      findings.ok(.confirmation, object, "--yes-wipe \(said) means it")
    } else {
      findings.refuse(
        .confirmation, object, "--yes-wipe \(said) is neither its serial number nor its size",
        remedy)
    }
  }
}
