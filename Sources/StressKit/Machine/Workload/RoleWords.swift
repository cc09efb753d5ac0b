// SPDX-License-Identifier: Apache-2.0
import StressCore

/// What a worker of one role has in its shared block beside the header: what it is told, and what it tells.
protocol RoleWords: BitwiseCopyable {
  static var role: Worker.Role { get }
  init()
}

extension Worker.Role {
  /// Bytes of the role's own words.
  var wordsLength: Int {
    func length<Words: RoleWords>(_: Words.Type) -> Int { MemoryLayout<Words>.stride }
    return switch self {
    case .pinned: length(PinWords.self)
    case .stream: length(StreamWords.self)
    case .task: length(TaskWords.self)
    }
  }
}

struct StreamWords: RoleWords {
  static let role = Worker.Role.stream

  /// `Profile.Stream.Action`, `Engine` and `Access` by their codes.
  var action: UInt64 = 0
  var engine: UInt64 = 0
  var access: UInt64 = 0
  var files: UInt64 = 0
  /// 1: the files are another stream's, and their content is not known.
  var shares: UInt64 = 0
  /// Where in each file it begins, bytes.
  var offset: UInt64 = 0
  /// 1: O_DIRECT, and RWF_DONTCACHE.
  var direct: UInt64 = 0
  var dontcache: UInt64 = 0
  /// Bytes of a file after which they are advised away; 0: never.
  var dontneed: UInt64 = 0
  /// 0: none; 1: at the end; else after each so many bytes.
  var fsync: UInt64 = 0
  /// The call that `fsync` asks for, `Profile.Stream.SyncCall` by its code.
  var sync: UInt64 = 0
  /// Bytes written to a file after which they are read back; 0: never.
  var readBack: UInt64 = 0
  /// Percent of each page that are zeros.
  var compressible: UInt64 = 0
  var preallocate: UInt64 = 0
  /// Bytes per second; 0: as fast as can be.
  var rate: UInt64 = 0
  /// 1: latencies are from the submission in spite of a rate.
  var closed: UInt64 = 0

  var inline: UInt64 = 0
  var punted: UInt64 = 0

  /// The kind whose bytes are not what the stream is to do: what one that writes reads back.
  var uncounted: SharedBlock.Kind? {
    Profile.Stream.Action(code: action) == .read ? nil : .read
  }
}

struct PinWords: RoleWords {
  static let role = Worker.Role.pinned

  /// `Profile.Pinned.Mode` and `Distribution` by their codes, and `PinnedMemory.Huge`.
  var mode: UInt64 = 0
  var distribution: UInt64 = 0
  var huge: UInt64 = 0
  /// Bytes per second; 0: all at once, and that within so many ns (0: whenever).
  var growth: UInt64 = 0
  var within: UInt64 = 0
  var workingSet: UInt64 = 0
  /// Touches of hot memory per second.
  var rate: UInt64 = 0
  /// First touches at least this long are logged, ns.
  var slow: UInt64 = 0
  /// Percent of each page that are zeros.
  var compressible: UInt64 = 0
  /// How often all pages are written.
  var passes: UInt64 = 1

  var touches: UInt64 = 0
  /// The longest first touch, ns.
  var touchMax: UInt64 = 0
  /// Bytes that are there for certain; what is being faulted in or locked comes on top.
  var reached: UInt64 = 0
  /// The errno with which the kernel refused the next byte; 0: it did not.
  var shortfall: UInt64 = 0
  /// When the touches of hot memory began, CLOCK_BOOTTIME; 0: not yet.
  var scheduled: UInt64 = 0
  /// Touches of hot memory that have ended; of memory that is freed again, how often it was.
  var rounds: UInt64 = 0
}

struct TaskWords: RoleWords {
  static let role = Worker.Role.task

  /// `Profile.Task.Action` and `State` by their codes.
  var action: UInt64 = 0
  var dropState: UInt64 = 0
  /// From one round's beginning to the next, ns.
  var every: UInt64 = 0
  /// 0: until it is told to stop.
  var roundLimit: UInt64 = 0

  /// Rounds that have ended.
  var rounds: UInt64 = 0
}
