// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressCore
@testable import StressLab

struct KernelSpecTests {
  @Test(arguments: [
    ("debian:6.1", KernelSpec.debian(version: "6.1", flavour: .cloud)),
    ("debian:6.12-amd64", .debian(version: "6.12", flavour: .generic)),
    ("debian:6.12.43", .debian(version: "6.12.43", flavour: .cloud)),
    ("./bzImage", .path("./bzImage", modules: nil)),
    ("/boot/vmlinuz,modules=/m", .path("/boot/vmlinuz", modules: "/m")),
    ("./odd:name", .path("./odd:name", modules: nil)),
    ("git:.", .git(tree: ".", revision: nil, config: nil)),
    ("git:../linux@v6.12", .git(tree: "../linux", revision: "v6.12", config: nil)),
    ("git:/l@HEAD@{1},config=/c", .git(tree: "/l", revision: "HEAD@{1}", config: "/c")),
  ])
  func parsesWhatItPrints(_ text: String, _ spec: KernelSpec) throws {
    #expect(try KernelSpec(parsing: text) == spec)
    #expect(spec.description == text)
  }

  @Test func takesTheDefaultFlavourInFull() throws {
    #expect(try KernelSpec(parsing: "debian:6.12-cloud-amd64").description == "debian:6.12")
  }

  @Test(arguments: [
    "", "debian:", "debian:6", "debian:6.12.1.2", "debian:*-rt", "debian:6.x", "debian:6.12-",
    "debian:6.12-rt-amd64",
    "debain:6.1", "6.12", "bzImage,module=/m", "bzImage,modules=", "bzImage,modules=a,modules=b",
    "git:", "git:@HEAD", "git:linux@", "git:linux,modules=m", "git:linux@x,config=",
  ])
  func refusesWithTheForms(_ text: String) {
    let error = #expect(throws: HarnessError.self) { try KernelSpec(parsing: text) }
    #expect(error?.code == .usage)
    #expect(error?.remedy?.contains(KernelSpec.forms) == true)
  }

  private func none(_: KernelSpec.Flavour) throws(HarnessError) -> [KernelSpec] { [] }

  @Test func splitsAList() throws {
    #expect(
      try KernelSpec.list("debian:6.1,./a,modules=m,./b", expand: none).map(\.description)
        == ["debian:6.1", "./a,modules=m", "./b"])
    #expect(
      try KernelSpec.list("git:l@a,git:l@b,config=c", expand: none).map(\.description)
        == ["git:l@a", "git:l@b,config=c"])
    #expect(throws: HarnessError.self) { try KernelSpec.list("modules=m,./b", expand: none) }
    #expect(throws: HarnessError.self) { try KernelSpec.list("./a,,./b", expand: none) }
  }

  /// A kernel's own configuration comes before that of all.
  @Test func takesAConfigurationForAll() throws {
    let specs = try KernelSpec.list("git:l@a,git:l@b,config=c,./k", expand: none)
    #expect(
      specs.map { $0.configured(with: "d").description }
        == ["git:l@a,config=d", "git:l@b,config=c", "./k"])
    #expect(specs.map(\.isBuilt) == [true, true, false])
  }
}
