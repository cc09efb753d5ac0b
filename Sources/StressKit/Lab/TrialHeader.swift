// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressCore
import StressMachine
import StressRecord

/// A record's first line: what is tried, and where.
struct TrialHeader {
  var plan: TrialPlan
  var kernel: String
  var release: String
  var package: String?
  /// What the kernel was built of, if that was here.
  var built: BuiltKernel?
  /// What executes the kernel's instructions; `none` where it is the machine itself.
  var accelerator: String
  /// How the image is read and written: past the host's page cache (`none`) or not.
  var diskCache: String
  var mkfs: MadeFilesystem
  var qemu: String?
  var jobs = 1
  /// Whether all blocks of the images were there before the trial: then neither takes the other's room.
  var isWhole: Bool?
  /// The device that the user named, of which device.size is used.
  var disk: NamedDevice?
  /// Programs on the machine that kill when memory is short.
  var daemons: [String] = []

  func write(_ record: RecordSink) {
    record.emit(HeaderLine.self) {
      $0.schema = RecordFile.schema
      $0.wbstress = Version.text
      $0.time = Int64(time(nil))
      $0.plan = plan.line
      $0.kernel = kernel
      $0.release = release
      $0.package = package
      $0.build = buildLine
      $0.accelerator = accelerator
      $0.diskCache = diskCache
      $0.imagesAllocated = isWhole
      $0.mkfs = mkfs.command
      $0.mkfsVersion = mkfs.version
      $0.fsFeatures = mkfs.features
      $0.disk = diskLine
      var host = HeaderLine.Host()
      host.kernel = File.line("/proc/sys/kernel/osrelease")
      host.cpus = Int64(EnvironmentProbe.onlineCPUs)
      host.loadavg = File.line("/proc/loadavg")
      host.qemu = qemu
      host.jobs = Int64(jobs)
      host.oomDaemons = daemons
      $0.host = host
    }
  }

  /// Without the tree's path, for the same reason as the disk's serial number.
  private var buildLine: HeaderLine.Build? {
    guard let built else { return nil }
    var line = HeaderLine.Build()
    line.commit = built.source.commit
    line.changes = built.source.changes
    line.configuration = built.configuration
    return line
  }

  /// Without its serial number: records are shown to others.
  private var diskLine: HeaderLine.Disk? {
    guard let disk else { return nil }
    var line = HeaderLine.Disk()
    line.path = disk.path
    line.model = disk.model
    line.size = Int64(clamping: disk.identity.size)
    line.used = Int64(clamping: plan.profile.device.size)
    return line
  }

  /// The whole record of a trial whose file system could not be made. One cell's options are no reason to give up
  /// the others.
  func writeRefused(
    _ error: HarnessError, to record: RecordSink
  ) throws(HarnessError) -> Ending {
    let ending = Self.refused(error)
    write(record)
    record.emit(EndLine(ending))
    try record.finish()
    return ending
  }

  /// How a trial ends whose file system could not be made.
  static func refused(_ error: HarnessError) -> Ending {
    Ending(.invalid, reason: "mkfs", message: error.description)
  }
}
