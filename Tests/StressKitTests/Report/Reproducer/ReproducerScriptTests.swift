// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressCore
@testable import StressMachine
@testable import StressReport

struct ReproducerScriptTests: ProfileSuite {
  private func backup() throws -> Profile {
    try ProfileFile(path: shipped + "/oracle-backup.yaml").profile()
  }

  private func script(_ profile: Profile) throws -> ReproducerScript {
    try ReproducerScript(profile, label: "test", mkfs: "mkfs.ext4 -q", seen: nil)
  }

  @Test func ofACell() throws {
    let fixture = try MailFixture(trials: 1)
    let text = try ReproducerReport.script(fixture.analysis, cell: 1).text
    try expectGolden(String(text.dropLast()), "reproducer.txt")
  }

  /// Every profile either has a script that bash can read, of 60 lines at most, or says why not.
  @Test func everyProfile() throws {
    let directory = try RecordFixture()
    var told = 0
    for name in File.names(in: shipped) {
      let file = try ProfileFile(path: shipped + "/" + name)
      for variant in [nil] + file.variants.map(Optional.some) {
        let profile = try file.profile(variant: variant)
        let made = Result { () throws(HarnessError) in
          try ReproducerScript(profile, label: name, mkfs: "mkfs.ext4", seen: nil)
        }
        switch made {
        case .success(let script):
          #expect(script.lines.count <= 60, "\(name) \(variant ?? ""): \(script.lines.count) lines")
          for line in script.lines { #expect(line.count <= 78, "\(name): \(line)") }
          let path = directory.path("script")
          try File.write(path, Array(script.text.utf8))
          try Tool.run("bash", ["-n", path], package: "bash")
          told += 1
        case .failure(let error):
          #expect(error.code == .usage && error.operation.hasPrefix("cannot have "), "\(error)")
        }
      }
    }
    #expect(told > 10)
  }

  @Test func refusals() throws {
    var profile = try backup()
    profile.limits = []
    #expect(throws: HarnessError.self) { try script(profile) }
    profile = try backup()
    profile.device.delay = 1
    let error = #expect(throws: HarnessError.self) { try script(profile) }
    #expect(error?.operation == "cannot have device.delay")
    profile = try backup()
    profile.machine.swap = 1 << 20
    profile.pinned[0].growth = 1 << 20
    profile.filesystem.kind = .nfs
    let others = #expect(throws: HarnessError.self) { try script(profile) }
    #expect(
      others?.operation
        == "cannot have nfs above ext4, swap, a pin that is filled while the streams run")
  }

  /// What is set is put back.
  @Test func settings() throws {
    var profile = try backup()
    profile.kernel.lruGen = false
    profile.kernel.sysctl = [.init("vm.dirty_ratio", "5")]
    let lines = try script(profile).lines
    #expect(lines.contains("put /proc/sys/vm/dirty_ratio \"5\""))
    #expect(lines.contains("put /sys/kernel/mm/lru_gen/enabled \"n\""))
    #expect(lines.contains { $0.contains("> \"${undo[i]}\"") })
  }
}
