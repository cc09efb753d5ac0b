// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import StressCore
@testable import StressLab
@testable import StressMachine

struct GuardsTests {
  private func profile(_ limits: String?, _ groups: [(String, String?)] = []) -> Profile {
    var profile = Profile(name: "p")
    profile.limits = limits.map { [.init("memory.max", $0)] } ?? []
    for (name, limit) in groups {
      var group = Profile.Group(name: name)
      group.limits = limit.map { [.init("memory.max", $0)] } ?? []
      profile.cgroups.append(group)
    }
    return profile
  }

  private func pinned(_ size: UInt64, in group: String?) -> Profile.Pinned {
    var pinned = Profile.Pinned(name: "a", size: size)
    pinned.cgroup = group
    return pinned
  }

  /// Bytes of the machine that a profile takes at most.
  @Test func memoryOfAProfile() {
    var limited = profile("1000", [("a", "700"), ("b", "600")])
    limited.pinned = [pinned(5000, in: nil)]
    limited.cache = 10
    #expect(Guards.memory(of: limited) == 1010)
    var open = profile(nil, [("a", "700"), ("b", "max")])
    open.pinned = [pinned(50, in: "a"), pinned(3, in: "b"), pinned(4, in: nil)]
    open.machine.zram = 20
    #expect(Guards.memory(of: open) == 727)
  }

  /// By what is registered, or could be loaded.
  @Test func knowsWhatTheKernelMounts() throws {
    let directory = try TemporaryDirectory()
    _ = try directory.write("modules.dep", Array("kernel/fs/f2fs/f2fs.ko.xz:\n".utf8))
    func mounts(_ kind: Profile.Filesystem.Kind, _ known: String?) -> Bool {
      Guards.mounts(kind, known: known, modules: directory.root)
    }
    #expect(mounts(.ext3, "nodev\ttmpfs\n\text3\n\text4\n"))
    #expect(mounts(.f2fs, "nodev\ttmpfs\n"))
    #expect(!mounts(.xfs, "nodev\ttmpfs\n\txfs2\n"))
    #expect(mounts(.xfs, nil))
    #expect(!Guards.mounts(.xfs, known: "", modules: directory.path("none")))
  }

  /// The page says of each guard what it looks at.
  @Test func everyGuardIsDescribed() throws {
    let page = try File.text(
      URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../../docs/safety.md").standardized.path)
    for one in Guard.allCases {
      #expect(page.contains("| `\(one.rawValue)` |"), "\(one.rawValue)")
    }
  }

  @Test func listSaysWhyAndWhat() {
    var findings = GuardFindings()
    findings.ok(.node, "/dev/vdb", "is a block device, 254:16")
    findings.refuse(.mounted, "/dev/vdb", "/dev/vdb1 is mounted at /srv", "umount /srv")
    let text = CheckReport("here", findings, style: .init(colour: false)).text
    #expect(
      text == """
        here: 1 in the way
        ok       node          /dev/vdb: is a block device, 254:16
        refused  mounted       /dev/vdb: /dev/vdb1 is mounted at /srv
                 why: a mounted file system would be destroyed while in use
                 do:  umount /srv
        """)
  }
}
