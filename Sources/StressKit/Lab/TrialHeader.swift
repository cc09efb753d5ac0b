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
    record.emit(
      "header",
      [
        ("schema", .int(RecordFile.schema)), ("wbstress", .string(Version.text)),
        ("time", .int(Int64(time(nil)))), ("plan", plan.json),
        ("kernel", .string(kernel)), ("release", .string(release)),
        ("package", .optional(package)),
        ("accelerator", .string(accelerator)), ("disk_cache", .string(diskCache)),
        ("images_allocated", isWhole.map { .bool($0) } ?? .null),
        ("mkfs", .string(mkfs.command)), ("mkfs_version", .optional(mkfs.version)),
        ("fs_features", .optional(mkfs.features)), ("disk", diskJSON),
        (
          "host",
          [
            "kernel": .optional(File.line("/proc/sys/kernel/osrelease")),
            "cpus": .int(Int64(EnvironmentProbe.onlineCPUs)),
            "loadavg": .optional(File.line("/proc/loadavg")),
            "qemu": .optional(qemu), "jobs": .int(Int64(jobs)),
            "oom_daemons": .array(daemons.map(JSON.string)),
          ]
        ),
      ])
  }

  /// Without its serial number: records are shown to others.
  private var diskJSON: JSON {
    guard let disk else { return .null }
    return [
      "path": .string(disk.path), "model": .optional(disk.model),
      "size": .uint(disk.identity.size), "used": .uint(plan.profile.device.size),
    ]
  }

  /// The whole record of a trial whose file system could not be made. One cell's options are no reason to give up
  /// the others.
  func writeRefused(
    _ error: HarnessError, to record: RecordSink
  ) throws(HarnessError) -> Ending {
    let ending = Self.refused(error)
    write(record)
    record.emit("end", ending.members)
    try record.finish()
    return ending
  }

  /// How a trial ends whose file system could not be made.
  static func refused(_ error: HarnessError) -> Ending {
    Ending(.invalid, reason: "mkfs", message: error.description)
  }
}
