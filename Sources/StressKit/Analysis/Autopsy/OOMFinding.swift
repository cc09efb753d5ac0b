// SPDX-License-Identifier: Apache-2.0
import StressRecord

/// What an OOM kill says about reclaim: the first of `rules` that what the memory consisted of meets. It looks at
/// nothing but the kernel's dump and at how the file system was mounted. A further finding is a case and its rule.
package enum OOMFinding: Sendable, Hashable {
  case premature, swapCached, justified, writebackBound
  case undecided(Undecided)

  /// Why no rule decides.
  package enum Undecided: String, Sendable {
    case noDump = "the kernel printed no dump (it is rate limited)"
    case cutDump = "the log lacks some or all of the dump's memory figures"
    case pageSize = "the dump counts pages, and the log does not say how large a page is"
    case noLimit = "the dump names no limit"
    case sysrq = "triggered by sysrq-f"
    case constrained = "only some nodes were short of memory, but the dump covers all"
    case unknownNodes = "the log does not say whether all nodes were short of memory, or only some"
    case journalledData =
      "data=journal: dirty data is in the journal's buffers, which the dump counts as clean pages"
    case swap = "anonymous memory was left, and swap for it"
    case unknownSwap =
      "anonymous memory was left, and the log does not say whether there was swap for it"
    case freeMemory = "free memory was left above the min watermarks: order, zone or CPU lists"
    case between = "file pages were left, but neither enough clean nor mostly dirty ones"
  }

  private struct Rule {
    var finding: OOMFinding
    var name: String
    /// When it is the finding, if none before it is.
    var condition: String
    var meaning: String
    var holds: @Sendable (Shares) -> Bool
  }

  /// From this share of the limit on, what is left is much.
  private static let much = 0.05
  /// Below this share of the limit, next to nothing is left.
  private static let nothing = 0.01
  /// With data=journal dirty data is in jbd2's buffers, so that only about 0.45 of the file pages show as dirty: this
  /// share of them dirty or under writeback is as much as shows.
  private static let journalled = 0.3

  private static let rules = [
    Rule(
      finding: .premature, name: "premature",
      condition: "clean evictable file pages are at least \(percent(much)) of the limit",
      meaning: "memory was left that costs nothing to reclaim"
    ) { !$0.hidesDirty && $0.clean >= much },
    Rule(
      finding: .swapCached, name: "swap-cached",
      condition:
        "swap cache (anonymous memory that no page table maps) is at least \(percent(much)) of the limit",
      meaning: "memory was left that swap has a copy of, or is about to have"
    ) { $0.swapCache >= much },
    // Of slab that counts as reclaimable no dump tells how much could be freed: it does not count.
    Rule(
      finding: .justified, name: "justified",
      condition:
        "all file pages together are below \(percent(nothing)) of the limit, anonymous memory that could be"
        + " swapped out is too, and free memory above the min watermarks is below \(percent(much))",
      meaning: "next to nothing was left to reclaim: anonymous memory, shmem or the kernel had it"
    ) { $0.cache < nothing && $0.swappable < nothing && $0.free < much },
    Rule(
      finding: .writebackBound, name: "writeback-bound",
      condition:
        "dirty pages and those under writeback are at least \(percent(nothing)) of the limit and no"
        + " fewer than the clean ones (with data=journal: \(percent(journalled)) of all file pages)",
      meaning: "waiting for the disk would have helped"
    ) {
      $0.hidesDirty
        ? $0.waitingOfCache >= journalled : $0.waiting >= nothing && $0.waiting >= $0.clean
    },
  ]

  private static func percent(_ share: Double) -> String { "\(Int((share * 100).rounded())) %" }

  private static let noRule = (
    name: "undecided", condition: "none of these holds, or the dump does not say",
    meaning: "the report says why"
  )

  /// All there are, in the rule's order.
  package static let all: [(name: String, condition: String, meaning: String)] =
    rules.map { ($0.name, $0.condition, $0.meaning) } + [noRule]

  /// All rules, as they stand in reports.
  package static let rule =
    rules.map { "\($0.name), if \($0.condition)" }.joined(separator: "; else ")
    + "; else \(noRule.name)."

  package var name: String {
    Self.rules.first { $0.finding == self }?.name ?? Self.noRule.name
  }

  /// Of an undecided one; nil: of any other.
  package var why: String? {
    if case .undecided(let why) = self { why.rawValue } else { nil }
  }

  /// The name, with why it is undecided.
  package var text: String { why.map { "\(name): \($0)" } ?? name }

  package init(_ report: OOMReport, _ memory: OOMComposition?, journalledData: Bool) {
    if report.order == -1 {
      self = .undecided(.sysrq)
    } else if let constraint = report.constraint,
      !["CONSTRAINT_NONE", "CONSTRAINT_MEMCG"].contains(constraint)
    {
      self = .undecided(.constrained)
    } else if report.constraint == nil, let nodes = report.nodes, nodes > 1 {
      self = .undecided(.unknownNodes)
    } else if let memory {
      guard let shares = Shares(memory, journalledData: journalledData) else {
        self = .undecided(.noLimit)
        return
      }
      self = Self.rules.first { $0.holds(shares) }?.finding ?? .undecided(shares.gap)
    } else {
      self = .undecided(Self.lack(report))
    }
  }

  /// Why a report has no composition.
  private static func lack(_ report: OOMReport) -> Undecided {
    if report.unsizedFigures > 0 { return .pageSize }
    if OOMComposition.lacksNothing(report) { return .noLimit }
    let isDumped = report.invoker != nil || report.constraint != nil || !report.memory.isEmpty
    return isDumped ? .cutDump : .noDump
  }

  /// What the rules look at, of the limit.
  private struct Shares {
    /// Clean evictable file pages.
    var clean: Double
    /// File pages that are dirty or under writeback.
    var waiting: Double
    /// Both.
    var cache: Double
    /// Of these, not of the limit.
    var waitingOfCache: Double
    /// Anonymous memory that no page table maps and swap has a place for.
    var swapCache: Double
    /// Evictable anonymous memory that there is swap for, or may be.
    var swappable: Double
    /// Free memory above the min watermarks; 0 where none is told.
    var free: Double
    /// Whether what looks clean may be dirty in the journal's buffers.
    var hidesDirty: Bool
    private var knowsSwap: Bool

    /// nil: without a limit there are none.
    init?(_ memory: OOMComposition, journalledData: Bool) {
      guard let limit = memory.limit, limit > 0 else { return nil }
      func share(_ bytes: Int64) -> Double { Double(bytes) / Double(limit) }
      clean = share(memory.cleanEvictable)
      waiting = share(memory.awaitingWriteback)
      let both = memory.cleanEvictable + memory.awaitingWriteback
      cache = share(both)
      waitingOfCache = both > 0 ? Double(memory.awaitingWriteback) / Double(both) : 0
      swappable = share(min(memory.swapLeft ?? memory.anonEvictable, memory.anonEvictable))
      swapCache = share(memory[.swapCache])
      free = memory.watermark.map { share(memory[.free] - $0) } ?? 0
      knowsSwap = memory.swapLeft != nil
      hidesDirty = journalledData && cache >= OOMFinding.nothing
    }

    /// Why no rule holds.
    var gap: Undecided {
      if hidesDirty { return .journalledData }
      if cache >= OOMFinding.nothing { return .between }
      if swappable >= OOMFinding.nothing { return knowsSwap ? .swap : .unknownSwap }
      return .freeMemory
    }
  }
}

extension Sequence<String> {
  /// How often each comes, most frequent first.
  package var tally: [(name: String, count: Int)] {
    Dictionary(map { ($0, 1) }, uniquingKeysWith: +).map { (name: $0.key, count: $0.value) }
      .sorted { ($1.count, $0.name) < ($0.count, $1.name) }
  }
}
