// SPDX-License-Identifier: Apache-2.0

extension Profile {
  /// A buffered streaming writer.
  package struct Stream: Equatable, Sendable {
    package enum Engine: String, CaseIterable, Sendable {
      case ioUring = "io_uring"
      case pwrite
      case mmap
    }
    package enum Sync: Equatable, Sendable {
      case none
      /// One fsync(2) of each file after the stream's last write.
      case end
      /// An fsync(2) of each file whenever the stream has written so many bytes, with no write in flight.
      case every(UInt64)
    }
    /// The call that `fsync` asks for.
    package enum SyncCall: String, CaseIterable, Sendable {
      case fsync, fdatasync
      /// sync_file_range(2) that writes and waits: data alone, no metadata and no flush.
      case syncFileRange = "sync_file_range"
      /// None: the files are opened with O_DSYNC, and each write is as durable as fdatasync makes it.
      case dsync

      fileprivate static func meaning(_ call: SyncCall) -> String {
        switch call {
        case .fsync: "all data and metadata"
        case .fdatasync: "data, and the metadata that reading it needs"
        case .syncFileRange:
          "sync_file_range(2), write and wait: data only, no metadata and no flush"
        case .dsync:
          "no call: the files are opened with O_DSYNC. Needs `fsync: none`; not with `mmap`"
        }
      }
    }
    package enum Access: String, CaseIterable, Sendable {
      case append
      /// Over files of the stream's size that the supervisor has written and synced before; from their
      /// beginning again at their end.
      case overwrite

      fileprivate static func words(_ access: Access) -> String {
        switch access {
        case .append: "appending"
        case .overwrite: "overwriting"
        }
      }
    }
    /// What a latency begins with, where there is a rate.
    package enum Pace: String, CaseIterable, Sendable {
      /// The moment at which the schedule wanted the write: what queues behind a stall counts it.
      case open
      /// The moment at which it was submitted.
      case closed
    }
    package var name: String
    /// The group that the worker's own cgroup is in; nil: the limited one.
    package var cgroup: String?
    package var engine: Engine = .ioUring
    /// Processes that write side by side, each `files` of its own and its share of `size` and `rate`.
    package var jobs = 1
    package var files = 1
    package var block: UInt64 = 256 << 10
    /// Writes in flight; always 1 but for io_uring, since the other engines are synchronous.
    package var depth = 8
    /// Bytes in all, over all files; nil: until the profile's duration ends.
    package var size: UInt64?
    package var fsync: Sync = .none
    package var sync: SyncCall = .fsync
    package var access: Access = .append
    /// Whenever it has written so many bytes of a file, it reads them back; nil: never.
    package var readBack: UInt64?
    /// Percent of each page that are zeros.
    package var compressible = 0
    package var preallocate = false
    /// Bytes per second; nil: as fast as possible.
    package var rate: UInt64?
    package var pace: Pace = .open
    package init(name: String) { self.name = name }

    /// What a report says of it beside its engine, its files, its calls and its group.
    package var differences: [String] { differences(from: .usual) }
  }
}

extension Profile.Stream: ProfilePart {
  static let usual = Self(name: "")
  static let word = "stream"

  static let fields: [ProfileField<Self>] = [
    .name(\.name, "of the worker and of the directory with its files"),
    .group(\.cgroup),
    ProfileField("engine", \.engine, .choice(), told: "", "how it writes"),
    ProfileField(
      "jobs", \.jobs, .count(in: 1...64), told: "",
      "parallel processes, `NAME-0`, `NAME-1`, ..., each with its own files and its share of `size` "
        + "and `rate`"),
    ProfileField(
      "files", \.files, .count(in: 1...1024), told: "", "files per job, written in turn"),
    ProfileField(
      "block", \.block, .size(in: 512...64 << 20, multipleOf: 512), told: "",
      "bytes per write. The harness holds one block outside the limits for each write in flight of "
        + "each job; a profile is refused if these do not fit into `machine.memory`"),
    ProfileField(
      "depth", \.depth, .count(in: 1...4096), told: "",
      "writes in flight; more than 1 only with `io_uring`, because the others are synchronous"),
    ProfileField(
      "size", \.size, ProfileType<UInt64>.memory(orNone: false).or("unlimited"), told: "",
      "total bytes over all files"),
    ProfileField(
      "fsync", \.fsync, .sync, told: "",
      "`end`: once per file after the last write; a size: after each such amount, with no write in "
        + "flight"),
    ProfileField(
      "sync", \.sync, .choice(SyncCall.meaning), told: "", "the call that `fsync` uses"),
    ProfileField(
      "access", \.access, ProfileType<Access>.choice().told(Access.words), told: "*",
      "`overwrite`: overwrites files of the stream's `size`, written and synced before; wraps around "
        + "at their end"),
    ProfileField(
      "read_back", \.readBack, ProfileType<UInt64>.size(in: 4096...Units.largest).optional,
      usual: "never", told: "read back every *",
      "reads back each such amount of a file after writing it"),
    ProfileField(
      "compressible", \.compressible, .count(in: 0...100), told: "* % compressible",
      "percentage of zeros in each page"),
    ProfileField(
      "preallocate", \.preallocate, .flag, told: "preallocated",
      "allocates the files' blocks first (fallocate); needs a `size`"),
    ProfileField(
      "rate", \.rate, ProfileType<UInt64>.rate.or("unlimited"), told: "* at most",
      "maximum bytes per second"),
    ProfileField(
      "pace", \.pace, .choice(), told: "* pace",
      "where a write's latency begins. `open`: when the rate schedules the write, so that writes "
        + "queued behind a stall count the wait; `closed`: when it is submitted"
    ).where("there is a rate") { $0.rate != nil },
  ]

  mutating func check(_ section: ProfileSection) {
    if engine != .ioUring { depth = 1 }
    if sync == .dsync, fsync != .none {
      section["sync"]?.fail("dsync makes each write durable: fsync must be none")
    }
    if sync == .dsync, engine == .mmap {
      section["sync"]?.fail("O_DSYNC means nothing to a mapping: use fsync, or another engine")
    }
    if size == nil {
      if preallocate {
        section["preallocate"]?.fail("a stream without a size cannot be preallocated")
      }
      if access == .overwrite {
        section["access"]?.fail("a stream without a size has no file to write over")
      }
    }
    if jobs > 1, let cursor = section["jobs"] {
      if let size, size < UInt64(jobs) * block {
        cursor.fail("\(jobs) jobs need as many blocks; size is \(Units.sizeText(size))")
      }
      for job in each { cursor.take(job.name) }
    }
  }
}

extension ProfileType<Profile.Stream.Sync> {
  fileprivate static var sync: Self {
    let size = ProfileType<UInt64>.size(in: 512...Units.largest)
    return Self(
      form: "`none`, `end`, or a \(size.form)",
      read: { cursor in
        switch cursor.node.text {
        case "none": return Profile.Stream.Sync.none
        case "end": return .end
        default:
          var cursor = cursor
          cursor.words = ["none", "end"]
          return size.read(cursor).map { .every($0) }
        }
      },
      json: { when in
        switch when {
        case .none: "none"
        case .end: "end"
        case .every(let bytes): size.json(bytes)
        }
      },
      text: { when in
        switch when {
        case .none: "none"
        case .end: "end"
        case .every(let bytes): size.text(bytes)
        }
      })
  }
}
