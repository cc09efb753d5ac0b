// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

@testable import StressCore

struct ProfileCatalogTests: ProfileSuite {
  /// Calls `body` with a directory that has the files, and removes it.
  private func withFiles(_ files: [String: String], _ body: (String) throws -> Void) throws {
    let directory = try TemporaryDirectory()
    for (name, text) in files { try directory.write(name, text) }
    try body(directory.root)
  }

  @Test func searchesTheEnvironmentThenBesideAndAboveTheExecutable() {
    #expect(
      ProfileCatalog.searchPath(configured: "/a:/b", executable: "/opt/wb/bin/wbstress") == [
        "/a", "/b", "profiles", "/opt/wb/share/wbstress/profiles", "/opt/wb/bin/profiles",
        "/opt/wb/profiles", "/opt/profiles", "/profiles",
      ])
    #expect(ProfileCatalog.searchPath(configured: nil, executable: nil) == ["profiles"])
    #expect(ProfileCatalog.executable()?.hasPrefix("/") == true)
  }

  @Test func findsNamesPathsAndVariants() throws {
    let files = [
      "a/x.yaml": "\(minimal)\nsummary: first\nvariants: {v: {pin: 2MiB}}",
      "b/x.yaml": "\(minimal)\nsummary: hidden",
      "b/y.yaml": "\(minimal)\nname: other\nsummary: second",
      "b/broken.yaml": "pinned: 1",
      "b/z.json": minimal,
      "b/.hidden.yaml": minimal,
      "c:d/e.yaml": minimal,
      "c:d/f:g.yaml": "\(minimal)\nname: fg",
    ]
    try withFiles(files) { root in
      let catalog = ProfileCatalog(directories: ["\(root)/a", "\(root)/none", "\(root)/b"])
      let entries = catalog.list()
      #expect(entries.map(\.name) == ["broken", "x", "y"])
      #expect(entries.map(\.summary) == ["", "first", "second"])
      #expect(entries.map(\.variants) == [[], ["v"], []])
      #expect(
        entries[0].problems?.description
          == "\(root)/b/broken.yaml:1:9: pinned: expected a list; found '1'")

      let plain = try catalog.find("x")
      #expect(plain.file.summary == "first" && plain.variant == nil)
      let varied = try catalog.find("x:v")
      #expect(varied.variant == "v")
      #expect(try varied.file.profile(variant: varied.variant).pinned[0].size == 2 << 20)
      #expect(try catalog.find("\(root)/b/x.yaml").file.summary == "hidden")
      #expect(try catalog.find("\(root)/a/x.yaml:v").variant == "v")
      #expect(try catalog.find("\(root)/c:d/e.yaml").variant == nil)
      #expect(try catalog.find("\(root)/c:d/f:g.yaml").file.name == "fg")

      #expect(
        problems { _ = try catalog.find("word") } == [
          "word: no such profile; known: broken, x, y"
        ])
      #expect(
        problems { _ = try catalog.find("borken") } == [
          "borken: no such profile; did you mean broken? known: broken, x, y"
        ])
      #expect(
        problems { _ = try catalog.find("x:u") } == [
          "\(root)/a/x.yaml: no variant 'u'; known: v"
        ])
      #expect(
        problems { _ = try catalog.find("\(root)/w.yaml") } == [
          "\(root)/w.yaml: open: ENOENT (no such file or directory)"
        ])
      #expect(
        problems { _ = try catalog.find("\(root)/a") } == [
          "\(root)/a: read: EISDIR (is a directory)"
        ])
      #expect(
        problems { _ = try ProfileCatalog(directories: ["\(root)/none"]).find("w") } == [
          "w: no such profile; there are none in \(root)/none"
        ])
    }
  }

  /// Each file of profiles/ is in the program, as it is; a file hides that.
  @Test func theProgramAloneKnowsTheShippedProfiles() throws {
    let files = File.names(in: shipped).filter { $0.hasSuffix(".yaml") }
    #expect(ShippedProfile.all.map { $0.name + ".yaml" } == files)
    for profile in ShippedProfile.all {
      let file = try File.read("\(shipped)/\(profile.name).yaml")
      #expect(file == profile.bytes, "\(profile.name)")
    }
    let alone = ProfileCatalog(directories: [], shipped: ShippedProfile.all)
    #expect(alone.list().allSatisfy { $0.path == nil && $0.problems == nil && !$0.summary.isEmpty })
    #expect(try alone.find("oracle-backup:data-journal").file.name == "oracle-backup")
    #expect(
      problems { _ = try alone.find("smoke:x") } == [
        "shipped/smoke.yaml: no variant 'x'; it has none"
      ])
    try withFiles(["smoke.yaml": "\(minimal)\nsummary: mine"]) { root in
      let both = ProfileCatalog(directories: [root], shipped: ShippedProfile.all)
      let mine = try both.find("smoke")
      #expect(mine.file.summary == "mine")
      #expect(both.list().count == files.count)
    }
  }

  @Test func aHugeFileIsNoProfile() {
    #expect(
      problems { _ = try ProfileFile(path: "/dev/zero") } == [
        "/dev/zero: is larger than the 1024 KiB that make sense here"
      ])
  }

  // MARK: The shipped profiles

  @Test func shippedProfilesAreSoundInEveryVariant() throws {
    let entries = ProfileCatalog(directories: [shipped]).list()
    #expect(entries.map(\.name).contains("oracle-backup"))
    #expect(entries.map(\.name).contains("smoke"))
    for entry in entries {
      #expect(entry.problems == nil, "\(entry.name)")
      #expect(!entry.summary.isEmpty, "\(entry.name)")
      let file = try ProfileFile(path: try #require(entry.path))
      #expect(file.name == entry.name)
      for variant in [nil] + file.variants.map(Optional.some) {
        let profile = try file.profile(variant: variant)
        let again = try ProfileFile(text: profile.json.text, name: "profile.json").profile()
        #expect(again == profile, "\(entry.name) \(variant ?? "")")
      }
    }
  }

  /// A positive control expects what it is a control of, and a negative one does not.
  @Test func shippedControlsExpectTheirKills() throws {
    for entry in ProfileCatalog(directories: [shipped]).list() {
      let file = try ProfileFile(path: try #require(entry.path))
      for variant in [nil] + file.variants.map(Optional.some) {
        let profile = try file.profile(variant: variant)
        let kills = profile.expect.first { $0.metric == .oomKill }
        switch profile.control {
        case .positive:
          #expect(kills == .init(.oomKill, .atLeast, 1), "\(entry.name) \(variant ?? "")")
        case .negative:
          let survives = kills == nil || kills == .init(.oomKill, .equal, 0)
          #expect(survives, "\(entry.name) \(variant ?? "")")
        case nil: break
        }
      }
    }
  }

  /// The device of a shipped profile takes any filesystem, since `--fs` varies it.
  @Test(arguments: Profile.Filesystem.Kind.allCases)
  func shippedProfilesRunOnEveryFilesystem(_ kind: Profile.Filesystem.Kind) throws {
    for entry in ProfileCatalog(directories: [shipped]).list() {
      let file = try ProfileFile(path: try #require(entry.path))
      let profile = try file.profile(overrides: [("fs", kind.rawValue, "--fs \(kind.rawValue)")])
      #expect(profile.filesystem.kind == kind)
    }
  }

  @Test func oracleBackupIsTheMeasuredCell() throws {
    let file = try ProfileFile(path: "\(shipped)/oracle-backup.yaml")
    var expected = Profile(name: "oracle-backup")
    expected.summary = file.summary
    expected.source = .init(
      list: "linux-fsdevel",
      subject: "AOP_WRITEPAGE_ACTIVATE (ext4 and btrfs refusing writepage under direct reclaim)",
      date: "2010")
    expected.limits = [.init("memory.max", "67108864"), .init("memory.swap.max", "0")]
    expected.pinned = [.init(name: "db", size: 54 << 20)]
    var stream = Profile.Stream(name: "backup")
    stream.size = 24 << 20
    stream.fsync = .end
    expected.streams = [stream]
    expected.device.bandwidth = 4 << 20
    expected.expect = [.init(.oomKill, .equal, 0)]
    #expect(try file.profile() == expected)

    var variant = expected
    variant.filesystem.mount = ["data=journal"]
    variant.control = .positive
    variant.expect = [.init(.oomKill, .atLeast, 1)]
    #expect(try file.profile(variant: "data-journal") == variant)
    variant.filesystem.mount = []
    variant.filesystem.kind = .tmpfs
    #expect(try file.profile(variant: "tmpfs") == variant)
    variant = expected
    variant.control = .negative
    variant.pinned = []
    #expect(try file.profile(variant: "nothing-pinned") == variant)
    variant.pinned = expected.pinned
    variant.limits.append(.init("memory.high", "62914560"))
    #expect(try file.profile(variant: "memory-high") == variant)
    variant.limits = expected.limits
    variant.kernel.strictLimit = true
    #expect(try file.profile(variant: "strict-limit") == variant)
    variant = expected
    variant.streams[0].engine = .pwrite
    variant.streams[0].depth = 1
    #expect(try file.profile(variant: "pwrite") == variant)
    #expect(file.variants.count == 6)
  }
}
