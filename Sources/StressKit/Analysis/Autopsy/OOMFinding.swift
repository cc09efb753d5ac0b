// SPDX-License-Identifier: Apache-2.0
import StressRecord

/// What a kill says about reclaim, by a rule that looks at nothing but the kernel's dump.
package enum OOMFinding: Sendable, Equatable {
  /// Next to no page of a file was left to reclaim. Of slab that counts as reclaimable no dump tells how much could
  /// be freed: it does not count.
  case justified
  /// Clean, evictable pages of files were left, which cost nothing to reclaim.
  case premature
  /// Pages of files were dirty or under writeback: waiting for the disk would have helped.
  case writebackBound
  /// Neither; why.
  case undecided(Reason)

  package enum Reason: String, Sendable, Equatable {
    case noDump = "the kernel printed no dump (it is rate limited)"
    case cutDump = "the log lacks the dump's figures of memory, or some of them"
    case pageSize = "the dump counts pages, and the log does not tell how large a page is"
    case noLimit = "the dump names no limit"
    case sysrq = "asked for with sysrq-f"
    case constrained = "only some nodes were short of memory, the dump tells of all"
    case unknownNodes = "whether all nodes were short of memory, or only some, is not told"
    case journalledData =
      "data=journal: dirty data is in the journal's buffers, which the dump does not tell from clean pages"
    case swap = "anonymous memory was left, and swap for it"
    case unknownSwap = "anonymous memory was left, and whether there was swap for it is not told"
    case freeMemory = "free memory was left above the min watermarks: order, zone or CPU lists"
    case between = "file pages were left, but neither enough clean nor mostly dirty ones"
  }

  /// From this share of the limit on, clean evictable pages make a kill premature.
  package static let prematureShare = 0.05
  /// Below this share of the limit there was nothing of files left to reclaim.
  package static let nothingShare = 0.01
  /// With data=journal, this share of the cache dirty or under writeback is as much as shows.
  package static let journalledShare = 0.3

  /// The rule, as it stands in the output.
  package static let rule =
    "premature: clean evictable file pages are at least 5 % of the limit; else justified: all reclaimable"
    + " file pages together are below 1 % of it; else writeback-bound: dirty pages and those under"
    + " writeback are at least 1 % of it and no fewer than the clean ones."

  package static let names = [justified, premature, writebackBound, undecided(.between)].map(\.name)

  package var name: String {
    switch self {
    case .justified: "justified"
    case .premature: "premature"
    case .writebackBound: "writeback-bound"
    case .undecided: "undecided"
    }
  }

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
      self = Self.judge(memory, journalledData: journalledData)
    } else {
      self = .undecided(Self.lack(report))
    }
  }

  /// Why a report has no composition.
  private static func lack(_ report: OOMReport) -> Reason {
    if report.unsizedFigures > 0 { return .pageSize }
    if OOMComposition.lacksNothing(report) { return .noLimit }
    let isDumped = report.invoker != nil || report.constraint != nil || !report.memory.isEmpty
    return isDumped ? .cutDump : .noDump
  }

  private static func judge(_ memory: OOMComposition, journalledData: Bool) -> OOMFinding {
    guard let limit = memory.limit, limit > 0 else { return .undecided(.noLimit) }
    func share(_ bytes: Int64) -> Double { Double(bytes) / Double(limit) }
    let waiting = memory.awaitingWriteback
    let clean = memory.cleanEvictable
    if journalledData, share(clean + waiting) >= nothingShare {
      let isMost = Double(waiting) >= journalledShare * Double(clean + waiting)
      return isMost ? .writebackBound : .undecided(.journalledData)
    }
    if share(clean) >= prematureShare { return .premature }
    if share(clean + waiting) < nothingShare {
      let swap = memory.swapLeft ?? memory.anonEvictable
      if share(min(swap, memory.anonEvictable)) >= nothingShare {
        return .undecided(memory.swapLeft == nil ? .unknownSwap : .swap)
      }
      if let watermark = memory.watermark, share(memory[.free] - watermark) >= prematureShare {
        return .undecided(.freeMemory)
      }
      return .justified
    }
    return share(waiting) >= nothingShare && waiting >= clean
      ? .writebackBound : .undecided(.between)
  }
}
