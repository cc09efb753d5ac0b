// SPDX-License-Identifier: Apache-2.0

extension Profile {
  /// Memory held during the whole trial, as a database holds its buffer pool.
  package struct Pinned: Equatable, Sendable {
    package enum Mode: String, CaseIterable, Sendable {
      /// mlock(2): unevictable.
      case locked
      /// Written once; reclaim may swap it out.
      case touched
      /// Written once, and then touched again and again at `rate`, each touch timed.
      case hot
      /// As `touched`, of shared anonymous memory: pages of tmpfs.
      case shmem
      /// Written while the streams run, freed when all of it is there, and written again.
      case churn

      fileprivate static func meaning(_ mode: Mode) -> String {
        switch mode {
        case .locked: "mlocked: unevictable"
        case .touched: "written once; reclaim may swap it out"
        case .hot: "as `touched`, then touched repeatedly; each touch is timed"
        case .shmem: "as `touched`, with shared anonymous memory (tmpfs pages)"
        case .churn:
          "written from stream start on, freed (MADV_DONTNEED) when all of it is there, written again, and so on"
        }
      }
    }
    /// Which page a touch of hot memory goes to.
    package enum Distribution: String, CaseIterable, Sendable {
      case uniform
      /// The nth page of a fixed random order as often as 1/n.
      case zipf
      /// From the first to the last, and again.
      case sequential
    }
    package var name: String
    /// The group that the worker's own cgroup is in; nil: the limited one.
    package var cgroup: String?
    /// Not 0: a profile that says 0 has no such pin.
    package var size: UInt64
    package var mode: Mode = .locked
    /// Bytes per second that it grows by from the streams' start; nil: all of it is there before.
    package var growth: UInt64?
    /// MADV_HUGEPAGE or MADV_NOHUGEPAGE; nil: as the kernel is set.
    package var huge: Bool?
    /// How long it may take until all is there, ns; what is not there then is given up and admitted.
    package var within: UInt64 = 60_000_000_000
    /// Touches of hot memory per second.
    package var rate: UInt64 = 1000
    package var distribution: Distribution = .uniform
    /// How much of hot memory is touched again, from its beginning, bytes; nil: all.
    package var workingSet: UInt64?
    /// Percent of each page that are zeros.
    package var compressible = 0
    /// How often all pages are written once they are there, the first time included.
    package var passes = 1
    package init(name: String, size: UInt64) {
      self.name = name
      self.size = size
    }

    /// Whether it takes its memory while the streams run, and not before.
    package var isLate: Bool { growth != nil || mode == .churn }

    /// What a report says of it beside its size, its mode and its group.
    package var differences: [String] { differences(from: .usual) }
  }
}

extension Profile.Pinned: ProfilePart {
  static let usual = Self(name: "", size: 0)
  static let word = "pin"

  static let fields: [ProfileField<Self>] = [
    .name(\.name, "of the worker"),
    .group(\.cgroup),
    ProfileField(
      "size", \.size, .memory(), isRequired: true, told: "",
      "bytes. A pin of 0 is no pin, so that an axis can include 0"),
    ProfileField("mode", \.mode, .choice(Mode.meaning), told: "", ""),
    ProfileField(
      "growth", \.growth, ProfileType<UInt64>.rate.optional, usual: "all before the streams",
      told: "grows by *", "growth rate from stream start"),
    ProfileField(
      "huge", \.huge, ProfileType<Bool>.flag.told { $0 ? "huge pages" : "no huge pages" }.optional,
      usual: "the kernel's setting", told: "*", "MADV_HUGEPAGE or MADV_NOHUGEPAGE"
    ).where("the memory is anonymous") { $0.mode != .shmem },
    ProfileField(
      "within", \.within, .duration(in: 1_000_000...3_600_000_000_000), told: "within *",
      "time limit for pinning; the rest is given up"),
    ProfileField(
      "rate", \.rate, .number(in: 1...1_000_000), told: "* touches/s", "touches per second"
    ).where("mode is hot") { $0.mode == .hot },
    ProfileField(
      "distribution", \.distribution, .choice(), told: "*",
      "order of the touches; `zipf`: in a fixed random order of the pages, the nth page is touched "
        + "with frequency 1/n"
    ).where("mode is hot") { $0.mode == .hot },
    ProfileField(
      "working_set", \.workingSet,
      ProfileType<UInt64>.size(in: 4096...Units.largest).formed("4KiB to `size`").optional,
      usual: "`size`", told: "working set *",
      "the part that is touched repeatedly, from the beginning"
    ).where("mode is hot") { $0.mode == .hot },
    ProfileField(
      "compressible", \.compressible, .count(in: 0...100), told: "* % compressible",
      "percentage of zeros in each page, for zswap and zram"
    ).where("the memory is not locked") { $0.mode != .locked },
    ProfileField(
      "passes", \.passes, ProfileType<Int>.count(in: 1...1000).leftOut { $0 == 1 },
      told: "written * times",
      "how often all pages are written, the first time included: each further pass faults in what "
        + "was swapped out. With `churn` that often before each time that they are freed"
    ).where("mode is touched, shmem or churn") { $0.mode != .locked && $0.mode != .hot },
  ]

  mutating func check(_ section: ProfileSection) {
    if let workingSet, workingSet > size, size > 0 {
      section["working_set"]?.fail(
        "\(Units.sizeText(workingSet)) is more than the pin's \(Units.sizeText(size))")
    }
  }
}
