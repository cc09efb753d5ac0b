// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

@testable import StressCore
@testable import StressLab
@testable import StressMachine

/// What a build does around make(1): a tree whose Makefile has the targets of the kernel's, and builds in no time.
@Suite(
  .enabled(if: ["git", "make", "cc"].allSatisfy { Tool.path($0) != nil }, "needs git, make, cc"))
struct KernelBuildTests {
  private static let makefile = """
    tinyconfig:
    \tprintf '# CONFIG_PSI is not set\\nCONFIG_TINY=y\\n' >$(O)/.config
    # Sorted, without what this kernel lacks.
    olddefconfig:
    \tgrep -v "$$(cat lacks)" $(O)/.config >$(O)/sorted && mv $(O)/sorted $(O)/.config
    bzImage: $(O)/main.o
    \tmkdir -p $(O)/arch/x86/boot
    \tcp image $(O)/arch/x86/boot/bzImage
    \tprintf 'kernel/fs/ext4/ext4.ko\\n' >$(O)/modules.builtin
    \techo "$(CC) $(LOCALVERSION) $(KBUILD_BUILD_TIMESTAMP)" >$(O)/variables
    $(O)/main.o: main.c
    \t@echo '  CC      main.o'
    \tcc -c -o $@ $<

    """

  let fixture: GitFixture
  private let store: KernelStore
  private let tools = BuildTools(compiler: "cc 12", command: "cc")
  private let commit: String

  init() throws {
    fixture = try GitFixture()
    store = try KernelStore(root: fixture.path("cache"), archives: [NoArchive()])
    try fixture.write("tree/image", KernelFixture.bzImage("6.12.0-gabc"))
    commit = try fixture.commit(
      ["Makefile": Self.makefile, "main.c": "int main;\n", "lacks": "CONFIG_NOTHING\n"],
      "Begin it")
  }

  private func spec(_ revision: String? = "HEAD", config: String? = nil) -> KernelSpec {
    .git(tree: fixture.tree, revision: revision, config: config)
  }

  private func result(
    _ spec: KernelSpec, _ tools: BuildTools? = nil, progress: (String) -> Void = { _ in }
  ) throws(HarnessError) -> KernelStore.BuildResult {
    try store.attemptBuild(spec, with: tools ?? self.tools, progress: progress)
  }

  private func built(_ spec: KernelSpec, _ tools: BuildTools? = nil) throws -> BuiltKernel {
    switch try result(spec, tools) {
    case .built(let kernel): return kernel
    case .failed(let error): throw error
    }
  }

  private func failure(_ spec: KernelSpec) throws -> HarnessError? {
    if case .failed(let error) = try result(spec) { error } else { nil }
  }

  @Test func buildsOnceAndKeepsAllOfIt() throws {
    let before = fixture.state
    var told: [String] = []
    guard case .built(let kernel) = try result(spec(), progress: { told.append($0) }) else {
      Issue.record("not built")
      return
    }
    let place = fixture.path("cache/trees/\(try GitTree(fixture.tree).key)")
    #expect(
      told == [
        "git:\(fixture.tree)@HEAD: taking the files of \(commit.prefix(12))",
        "git:\(fixture.tree)@HEAD: building, make -j\(EnvironmentProbe.onlineCPUs); see \(place)/log",
      ])
    #expect(kernel.source == .init(commit: commit) && kernel.subject == "Begin it")
    #expect(kernel.release == "6.12.0-gabc" && kernel.compiler == "cc 12")
    #expect(try File.text(kernel.log).contains("  CC      main.o\n"))
    #expect(try File.text(kernel.config).contains("CONFIG_PSI=y\n"))
    #expect(fixture.state == before)
    let output = try #require(File.names(in: place).first { $0.hasPrefix("build-") })
    #expect(
      try File.text("\(place)/\(output)/variables")
        == "cc -g\(commit.prefix(12)) Mon, 30 Nov 2026 12:00:00 +0000\n")

    told = []
    guard case .built(let again) = try result(spec("main"), progress: { told.append($0) }) else {
      Issue.record("not built")
      return
    }
    #expect(again == kernel && told.isEmpty)
    #expect(store.builtKernels() == [kernel])
    // What is listed as built in is no module that is missing; another is, with its option.
    var booted = Kernel(
      spec: spec(), image: kernel.image, release: kernel.release, modules: kernel.path)
    booted.built = kernel
    #expect(try booted.moduleFiles(["ext4"]).isEmpty)
    let error = #expect(throws: HarnessError.self) { try booted.moduleFiles(["f2fs"]) }
    #expect(
      error?.remedy == "ask for CONFIG_F2FS_FS in a file: git:TREE@REV,config=FILE")
  }

  @Test func buildsAnewForAnotherCommitConfigurationOrCompiler() throws {
    let first = try built(spec())
    let other = try built(spec(), BuildTools(compiler: "cc 13", command: "cc"))
    let file = try fixture.write("fragment", "CONFIG_TINY=y\nCONFIG_MORE=y\n")
    let configured = try built(spec(config: file))
    try fixture.write("tree/main.c", "int main = 1;\n")
    let changed = try built(spec(nil))
    #expect(changed.source.commit == commit && changed.source.changes != nil)
    #expect(Set([first, other, configured, changed].map(\.path)).count == 4)
    #expect(configured.configuration != first.configuration)
    #expect(other.configuration == first.configuration)
    let removed = try store.removeBuilt(.git(tree: fixture.tree, revision: nil, config: nil))
    #expect(removed.count == 4 && store.builtKernels().isEmpty)
    #expect(File.names(in: store.buildTrees.path).count == 1)
    let error = #expect(throws: HarnessError.self) { try store.removeBuilt(spec()) }
    #expect(error?.code == .usage)
  }

  @Test func saysWhatFailedFirst() throws {
    try fixture.commit(["main.c": "int main(void) { return none; }\n"])
    let error = try #require(try failure(spec()))
    #expect(error.object == "kernel git:\(fixture.tree)@HEAD" && error.code == .environment)
    #expect(
      error.operation.hasPrefix(
        "make bzImage: exit status 2: main.c:1:25: error: ‘none’ undeclared"))
    let log = try #require(error.remedy?.split(separator: " ").last.map(String.init))
    #expect(error.remedy == "all that make said is in \(log)")
    #expect(try File.text(log).contains("‘none’ undeclared"))
    #expect(store.builtKernels().isEmpty)
    #expect(File.names(in: fixture.path("cache/built")).isEmpty)
  }

  @Test func saysWhichOptionTheKernelLacks() throws {
    try fixture.commit(["lacks": "CONFIG_PSI\n"])
    let error = try #require(try failure(spec()))
    #expect(
      error.operation
        == "make olddefconfig dropped what guests need: CONFIG_PSI (pressure, waits of tasks): "
        + "this kernel lacks it, or what it depends on")
  }

  /// What a killed build left of its objects is not believed; what one left that ended is.
  @Test func throwsAwayWhatAKilledBuildLeft() throws {
    _ = try built(spec())
    let place = fixture.path("cache/trees/\(try GitTree(fixture.tree).key)")
    let output =
      place + "/" + (try #require(File.names(in: place).first { $0.hasPrefix("build-") }))
    try fixture.commit(["other": "x"])
    let object = File.inode(output + "/main.o")
    _ = try built(spec())
    #expect(File.inode(output + "/main.o") == object)
    try fixture.commit(["other": "y"])
    try File.write(output + "/.unfinished", [])
    try File.write(output + "/half", [])
    _ = try built(spec())
    #expect(!File.exists(output + "/half") && File.exists(output + "/main.o"))
  }

  /// The second of two builds of one tree waits, and finds what the first has made.
  @Test func excludesABuildOfTheSameTree() throws {
    let kernel = try built(spec())
    File.remove(kernel.path)
    let key = try GitTree(fixture.tree).key
    let path = fixture.path("cache/trees/\(key)/lock")
    let lock = try Descriptor(open: path)
    try checkErrno(Int(flock(lock.raw, LOCK_EX)), path, "flock")
    let raw = lock.raw
    var told: [String] = []
    guard
      case .built(let again) = try result(
        spec(),
        progress: { text in
          told.append(text)
          if text.hasPrefix("waiting") { attemptErrno(Int(flock(raw, LOCK_UN)), path, "unlock") }
        })
    else {
      Issue.record("not built")
      return
    }
    #expect(
      told.first == "waiting for another wbstress that uses \(fixture.path("cache/trees/\(key)"))")
    #expect(again.path == kernel.path)
    _ = consume lock
  }

  @Test func refusesAConfigurationThatIsNotThere() throws {
    let error = #expect(throws: HarnessError.self) {
      try result(spec(config: fixture.path("none")))
    }
    #expect(error?.code == .usage && error?.object == "--config \(fixture.path("none"))")
  }
}
