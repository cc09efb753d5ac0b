// SPDX-License-Identifier: Apache-2.0

extension Profile {
  /// Something done again and again beside the streams, each time timed.
  package struct Task: Equatable, Sendable {
    package enum Action: String, CaseIterable, Sendable {
      /// Drops a file's pages by ftruncate(2) to 0, by unlink(2) of its last name, by rename(2) of another
      /// over it.
      case truncate, unlink, rename
      /// One small buffered write and its fsync, and one page fault.
      case probe
      /// 1 to /proc/sys/vm/compact_memory, from outside the limits.
      case compact
      /// Maps memory that asks for huge pages, touches each once, and lets it go.
      case huge

      fileprivate static func meaning(_ action: Action) -> String {
        switch action {
        case .truncate: "drops a file's pages by truncating it to 0"
        case .unlink: "drops a file's pages by unlinking its last name"
        case .rename: "drops a file's pages by renaming another file over it"
        case .probe: "one small buffered write with fsync, and one page fault"
        case .compact: "writes 1 to /proc/sys/vm/compact_memory, outside the limits"
        case .huge: "maps memory with MADV_HUGEPAGE, touches each huge page once, and unmaps it"
        }
      }
    }
    /// What a file's pages are when they are dropped.
    package enum State: String, CaseIterable, Sendable {
      /// Dirty over blocks that they already have, not under I/O.
      case allocated
      /// Under I/O.
      case writeback
      /// Dirty, their blocks not yet chosen.
      case delayed

      fileprivate static func meaning(_ state: State) -> String {
        switch state {
        case .allocated: "dirty, with blocks already allocated"
        case .writeback: "under I/O"
        case .delayed: "dirty, with delayed allocation"
        }
      }
    }
    package var name: String
    package var cgroup: String?
    package private(set) var action: Action
    /// From one beginning to the next, ns; one that takes longer is followed at once.
    package var every: UInt64
    /// Of the file, the write or the mapping, bytes.
    package var size: UInt64
    package var state: State = .delayed
    /// How often; nil: until the streams end.
    package var rounds: Int?
    package init(name: String, action: Action) {
      self.name = name
      self.action = action
      (every, size) = Self.defaults(of: action)
    }

    /// The action with what it brings: setting it sets the default period and size.
    fileprivate var `do`: Action {
      get { action }
      set {
        action = newValue
        (every, size) = Self.defaults(of: newValue)
      }
    }

    private static func defaults(of action: Action) -> (every: UInt64, size: UInt64) {
      switch action {
      case .truncate, .unlink, .rename: (1_000_000_000, 8 << 20)
      case .probe: (100_000_000, 4096)
      case .compact: (1_000_000_000, 0)
      case .huge: (1_000_000_000, 16 << 20)
      }
    }

    /// What a report says of it beside what it does, how often and in which group.
    package var differences: [String] { differences(from: Self(name: name, action: action)) }
  }
}

extension Profile.Task: ProfilePart {
  static let usual = Self(name: "", action: .truncate)
  static let word = "task"

  static let fields: [ProfileField<Self>] = [
    .name(\.name, "of the worker"),
    ProfileField.group(\.cgroup)
      .where("the task has memory of its own") { $0.action != .compact },
    ProfileField("do", \.do, .choice(Action.meaning), isRequired: true, told: "", ""),
    ProfileField(
      "every", \.every, .duration(in: 1_000_000...3_600_000_000_000), usual: "1s; `probe` 100ms",
      told: "", "period; an operation that takes longer is followed by the next one immediately"),
    ProfileField(
      "size", \.size, .size(in: 4096...Units.largest),
      usual: "files 8MiB, `probe` 4KiB, `huge` 16MiB", told: "",
      "of the file, the write or the mapping"
    ).where("the task has memory of its own") { $0.action != .compact },
    ProfileField(
      "state", \.state, .choice(State.meaning), told: "", "state of the dropped file's pages"
    ).where("a file is dropped") { [.truncate, .unlink, .rename].contains($0.action) },
    ProfileField(
      "rounds", \.rounds, ProfileType<Int>.count(in: 1...1_000_000).optional,
      usual: "until the streams end", told: "", "number of operations"),
  ]
}
