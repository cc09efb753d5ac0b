// SPDX-License-Identifier: Apache-2.0
import StressCore

/// Whom a mail goes to, by what it is about. Lists only: maintainers change, and `scripts/get_maintainer.pl` knows
/// them.
///
/// Source: MAINTAINERS of 6.18.
struct MailRouting: Equatable {
  private(set) var to: [String] = []
  private(set) var cc: [String] = []

  private static let mm = "linux-mm@kvack.org"
  private static let fsdevel = "linux-fsdevel@vger.kernel.org"
  static let regressions = "regressions@lists.linux.dev"

  /// What was seen.
  struct Symptoms: Equatable {
    /// The OOM killer ran, and whether a cgroup's limit was the reason.
    var isKilled = false
    var isMemcg = false
    /// Writeback, or dirty throttling, was too late.
    var isWriteback = false
    /// Writes stalled, or the machine hung.
    var isStall = false
    var usesRing = false
    var isRegression = false
    /// All file systems on which it was seen.
    var filesystems: [Profile.Filesystem.Kind] = []
  }

  init(_ symptoms: Symptoms) {
    if symptoms.isKilled || !symptoms.isWriteback { to.append(Self.mm) }
    if symptoms.isMemcg { to.append("cgroups@vger.kernel.org") }
    if symptoms.isWriteback || symptoms.isStall { to.append(Self.fsdevel) }
    for list in symptoms.filesystems.compactMap(\.traits.list) where !cc.contains(list) {
      cc.append(list)
    }
    if symptoms.usesRing, symptoms.isStall { cc.append("io-uring@vger.kernel.org") }
    if symptoms.isRegression { cc.append(Self.regressions) }
    cc.append("linux-kernel@vger.kernel.org")
  }
}
