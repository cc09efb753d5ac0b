import Glibc

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

  func write(_ path: String) throws(HarnessError) {
    try RecordFile.append(
      path, "header",
      [
        ("schema", .int(RecordFile.schema)), ("wbstress", .string(Version.text)),
        ("time", .int(Int64(time(nil)))), ("plan", plan.json),
        ("kernel", .string(kernel)), ("release", .string(release)),
        ("package", .optional(package)),
        ("accelerator", .string(accelerator)), ("disk_cache", .string(diskCache)),
        ("mkfs", .string(mkfs.command)), ("mkfs_version", .optional(mkfs.version)),
        ("fs_features", .optional(mkfs.features)),
        (
          "host",
          [
            "kernel": .optional(File.line("/proc/sys/kernel/osrelease")),
            "cpus": .int(Int64(EnvironmentProbe.onlineCPUs)),
            "loadavg": .optional(File.line("/proc/loadavg")),
            "qemu": .optional(qemu), "jobs": .int(Int64(jobs)),
          ]
        ),
      ])
  }

  /// The whole record of a trial whose file system could not be made. One cell's options are no reason to give up
  /// the others.
  func writeRefused(_ error: HarnessError, to path: String) throws(HarnessError) -> Ending {
    let ending = Ending(.invalid, reason: "mkfs", message: error.description)
    try write(path)
    try RecordFile.append(path, "end", ending.members)
    return ending
  }
}
