// SPDX-License-Identifier: Apache-2.0

extension Profile {
  /// A worker that writes, reads or copies files.
  package struct Stream: Equatable, Sendable {
    package enum Action: String, CaseIterable, Sendable {
      case write
      /// Files of its own that are on the device and not in the page cache before.
      case read
      /// Files of its own that are in the page cache before, to new ones.
      case copy

      fileprivate static func meaning(_ action: Action) -> String {
        switch action {
        case .write: "writes its files"
        case .read:
          "reads files written and synced before the streams start, not in the page cache, and compares "
            + "them with what was written"
        case .copy:
          "copies files written before the streams start, in the page cache and outside the limits, to new "
            + "ones"
        }
      }

      /// The usual one first.
      package var engines: [Engine] {
        switch self {
        case .write: [.ioUring, .pwrite, .mmap]
        case .read: [.ioUring, .pread, .mmap]
        case .copy: [.copyFileRange, .splice]
        }
      }

      fileprivate var accesses: [Access] {
        switch self {
        case .write: [.append, .overwrite, .random]
        case .read: [.sequential, .random]
        case .copy: [.append]
        }
      }
    }
    package enum Engine: String, CaseIterable, Sendable {
      case ioUring = "io_uring"
      case pwrite, mmap, pread
      case copyFileRange = "copy_file_range"
      case splice

      fileprivate static func meaning(_ engine: Engine) -> String {
        switch engine {
        case .ioUring, .mmap: "to write or read"
        case .pwrite: "to write"
        case .pread: "to read"
        case .copyFileRange:
          "to copy; btrfs and xfs may share the blocks instead (reflink), and write nothing"
        case .splice: "to copy, through a pipe"
        }
      }
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
      /// Over files that the supervisor has written and synced before; from their beginning again at their end.
      case overwrite
      /// Whole blocks of such files, each as likely as any other at each turn.
      case random
      /// Of a reader: from the beginning to the end, and again.
      case sequential

      fileprivate static func meaning(_ access: Access) -> String {
        switch access {
        case .append: "to the end of new files"
        case .overwrite:
          "over files written and synced before the streams start; wraps around at their end"
        case .random: "writes or reads blocks of such files at random"
        case .sequential: "reads such files from beginning to end, repeatedly"
        }
      }

      fileprivate static func words(_ access: Access) -> String {
        switch access {
        case .append: "appending"
        case .overwrite: "overwriting"
        case .random: "at random offsets"
        case .sequential: "sequential"
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
    package private(set) var action: Action = .write
    package var engine: Engine = .ioUring
    /// Processes that work side by side, each `files` of its own and its share of `size` and `rate`.
    package var jobs = 1
    package var files = 1
    package var block: UInt64 = 256 << 10
    /// Operations in flight; always 1 but for io_uring, since the other engines are synchronous.
    package var depth = 8
    /// Bytes in all, over all files; nil: until the profile's duration ends.
    package var size: UInt64?
    package var fsync: Sync = .none
    package var sync: SyncCall = .fsync
    package var access: Access = .append
    /// Bytes of the files that are there before, over all of them; nil: `size`.
    package var fileSize: UInt64?
    /// The stream whose files it takes instead of its own.
    package var sharing: String?
    /// Where in each of its files it begins.
    package var offset: UInt64 = 0
    /// O_DIRECT.
    package var direct = false
    /// RWF_DONTCACHE at each write or read.
    package var dontcache = false
    /// Bytes of a file after which it says POSIX_FADV_DONTNEED of them; nil: never.
    package var dontneed: UInt64?
    /// Whenever it has written so many bytes of a file, it reads them back; nil: never.
    package var readBack: UInt64?
    /// Percent of each page that are zeros.
    package var compressible = 0
    package var preallocate = false
    /// Bytes per second; nil: as fast as possible.
    package var rate: UInt64?
    package var pace: Pace = .open
    package init(name: String) { self.name = name }

    /// The action with what it brings: setting it sets the engine and the access that are usual with it.
    var `do`: Action {
      get { action }
      set {
        action = newValue
        engine = newValue.engines[0]
        access = newValue.accesses[0]
      }
    }

    /// Whether its files are there before it starts.
    package var usesPrepared: Bool { action != .write || access != .append }

    /// Bytes of the files that are there before it starts, over all of them.
    package var prepared: UInt64 { fileSize ?? size ?? 0 }

    /// What a report says of it beside its engine, its files, its calls and its group.
    package var differences: [String] {
      var usual = Self.usual
      usual.do = action
      return differences(from: usual)
    }
  }
}

extension Profile.Stream: ProfilePart {
  static let usual = Self(name: "")
  static let word = "stream"

  static let fields: [ProfileField<Self>] = [
    .name(\.name, "of the worker and of the directory with its files"),
    .group(\.cgroup),
    ProfileField("do", \.do, .choice(Action.meaning), told: "", ""),
    ProfileField(
      "engine", \.engine, .choice(Engine.meaning),
      usual: "`io_uring`; to copy `copy_file_range`", told: "", "how it does so"),
    ProfileField(
      "jobs", \.jobs, .count(in: 1...64), told: "",
      "parallel processes, `NAME-0`, `NAME-1`, ..., each with its own files and its share of `size` "
        + "and `rate`"),
    ProfileField(
      "files", \.files, .count(in: 1...1024), told: "", "files per job, taken in turn"),
    ProfileField(
      "block", \.block, .size(in: 512...64 << 20, multipleOf: 512), told: "",
      "bytes per operation. The harness holds one block outside the limits for each operation in flight "
        + "of each job; a profile is refused if these do not fit into `machine.memory`"),
    ProfileField(
      "depth", \.depth, .count(in: 1...4096), told: "",
      "operations in flight; more than 1 only with `io_uring`, because the others are synchronous"),
    ProfileField(
      "size", \.size, ProfileType<UInt64>.memory(orNone: false).or("unlimited"), told: "",
      "total bytes to write, read or copy, over all files"),
    ProfileField(
      "fsync", \.fsync, .sync, told: "",
      "`end`: once per file after the last write; a size: after each such amount, with no write in "
        + "flight"
    ).where("it writes or copies") { $0.action != .read },
    ProfileField(
      "sync", \.sync, .choice(SyncCall.meaning), told: "", "the call that `fsync` uses"
    ).where("it writes or copies") { $0.action != .read },
    ProfileField(
      "access", \.access, ProfileType<Access>.choice(Access.meaning).told(Access.words),
      usual: "`append`; to read `sequential`", told: "*", ""
    ).where("it writes or reads") { $0.action != .copy },
    ProfileField(
      "file_size", \.fileSize, ProfileType<UInt64>.memory(orNone: false).optional,
      usual: "`size`", told: "files of *",
      "bytes of the files that are there before the streams start, over all of them"
    ).where("its files are there before") { $0.usesPrepared },
    ProfileField(
      "files_of", \.sharing, ProfileType<String>.line.formed("a stream above it").optional,
      usual: "its own", told: "in the files of *",
      "takes the files of that stream, which must be there before the streams start"
    ).where("its files are there before") { $0.usesPrepared },
    ProfileField(
      "offset", \.offset, .size(in: 0...Units.largest, multipleOf: 4096), told: "from *",
      "where in each of its files it begins; what is before is left alone"
    ).where("its files are there before") { $0.usesPrepared },
    ProfileField(
      "direct", \.direct, .flag, told: "O_DIRECT",
      "opens its files with O_DIRECT; `block` and `size` must be multiples of 4KiB"
    ).where("the engine is io_uring, pwrite or pread") { $0.hasFlags },
    ProfileField(
      "dontcache", \.dontcache, .flag, told: "RWF_DONTCACHE",
      "RWF_DONTCACHE at each operation: its pages leave the page cache when it is done. xfs has it on 6.16, "
        + "ext4 since 6.17, btrfs not up to 7.3; without it the trial is invalid"
    ).where("the engine is io_uring, pwrite or pread") { $0.hasFlags },
    ProfileField(
      "dontneed", \.dontneed, ProfileType<UInt64>.size(in: 4096...Units.largest).optional,
      usual: "never", told: "POSIX_FADV_DONTNEED every *",
      "posix_fadvise(POSIX_FADV_DONTNEED) over each such amount of a file; what is dirty stays"
    ),
    ProfileField(
      "read_back", \.readBack, ProfileType<UInt64>.size(in: 4096...Units.largest).optional,
      usual: "never", told: "read back every *",
      "reads back each such amount of a file after writing it"
    ).where("it writes, and not at random") { $0.action == .write && $0.access != .random },
    ProfileField(
      "compressible", \.compressible, .count(in: 0...100), told: "* % compressible",
      "percentage of zeros in each page"),
    ProfileField(
      "preallocate", \.preallocate, .flag, told: "preallocated",
      "allocates the files' blocks first (fallocate); needs a `size`"
    ).where("it writes") { $0.action == .write },
    ProfileField(
      "rate", \.rate, ProfileType<UInt64>.rate.or("unlimited"), told: "* at most",
      "maximum bytes per second"),
    ProfileField(
      "pace", \.pace, .choice(), told: "* pace",
      "where an operation's latency begins. `open`: when the rate schedules it, so that those "
        + "queued behind a stall count the wait; `closed`: when it is submitted"
    ).where("there is a rate") { $0.rate != nil },
  ]

  /// Whether its calls take flags of their own.
  private var hasFlags: Bool { [.ioUring, .pwrite, .pread].contains(engine) }

  mutating func check(_ section: ProfileSection) {
    if engine != .ioUring { depth = 1 }
    checkAction(section)
    if sync == .dsync, fsync != .none {
      section["sync"]?.fail("dsync makes each write durable: fsync must be none")
    }
    if sync == .dsync, engine == .mmap {
      section["sync"]?.fail("O_DSYNC means nothing to a mapping: use fsync, or another engine")
    }
    if size == nil, preallocate {
      section["preallocate"]?.fail("a stream without a size cannot be preallocated")
    }
    checkFiles(section)
    if jobs > 1, let cursor = section["jobs"] {
      if let size, size < UInt64(jobs) * block {
        cursor.fail("\(jobs) jobs need as many blocks; size is \(Units.sizeText(size))")
      }
      for job in each { cursor.take(job.name) }
    }
  }

  /// What holds between the action, the engine and the access.
  private func checkAction(_ section: ProfileSection) {
    func words(_ cases: [some RawRepresentable<String>]) -> String {
      cases.map(\.rawValue).joined(separator: ", ")
    }
    if !action.engines.contains(engine) {
      section["engine"]?.fail(
        "\(engine.rawValue) does not \(action.rawValue); engines that do: \(words(action.engines))")
    }
    if action != .copy, !action.accesses.contains(access) {
      section["access"]?.fail(
        "\(access.rawValue) is no way to \(action.rawValue); it may be \(words(action.accesses))")
    }
    guard direct else { return }
    if dontcache { section["dontcache"]?.fail("O_DIRECT leaves nothing in the page cache") }
    if dontneed != nil { section["dontneed"]?.fail("O_DIRECT leaves nothing in the page cache") }
    for (key, bytes) in [("block", block), ("size", size ?? 0), ("file_size", fileSize ?? 0)]
    where !bytes.isMultiple(of: 4096) {
      section[key]?.fail("must be a multiple of 4096 with O_DIRECT")
    }
  }

  /// What holds for files that are there before.
  private func checkFiles(_ section: ProfileSection) {
    guard usesPrepared else { return }
    if size == nil, fileSize == nil, sharing == nil {
      let cursor = section["access"] ?? section["do"]
      cursor?.fail(
        "a stream without a size has no file to \(action == .write ? "write over" : action.rawValue);"
          + " set size or file_size")
    }
    if sharing != nil, fileSize != nil {
      section["file_size"]?.fail("the files are another stream's")
    }
    let share = prepared / UInt64(jobs) / UInt64(files)
    if sharing == nil, offset > 0, offset >= share {
      section["offset"]?.fail("is not within the files, which have \(Units.sizeText(share)) each")
    }
    if sharing != nil, jobs > 1 {
      section["jobs"]?.fail("each job would have files of its own; files_of needs a single one")
    }
    if access == .random, sharing == nil, share > 0, share - offset < block {
      (section["file_size"] ?? section["size"])?.fail(
        "a file has \(Units.sizeText(share)), less than one block of \(Units.sizeText(block))")
    }
  }
}

extension Profile.Stream {
  /// What holds between a stream and the one whose files it takes.
  static func checkSharing(_ streams: [(Self, ProfileSection)]) {
    for (index, (stream, section)) in streams.enumerated() {
      guard let name = stream.sharing, let key = section["files_of"] else { continue }
      let above = streams[..<index].map(\.0)
      guard let owner = above.first(where: { $0.name == name }) else {
        let known = ProfileKeys.known(above.map(\.name), name, "there are none")
        key.fail("no stream '\(name)' above it; \(known)")
        continue
      }
      if !owner.usesPrepared || owner.sharing != nil || owner.jobs > 1 {
        key.fail(
          "'\(name)' has no files before the streams start, takes another's, or has jobs")
      } else if stream.files > owner.files {
        key.fail("'\(name)' has \(owner.files) files, fewer than \(stream.files)")
      }
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
