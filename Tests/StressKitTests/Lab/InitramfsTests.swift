// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

@testable import StressCore
@testable import StressLab
@testable import StressMachine

struct InitramfsTests {
  struct Member: Equatable {
    var name: String
    var mode: Int
    var inode: Int
    var device: [Int]
    var contents: [UInt8]
    var text: String { String(decoding: contents, as: UTF8.self) }
  }

  /// Reads archives that follow one another, as the kernel does (init/initramfs.c).
  static func members(_ bytes: [UInt8]) throws -> [Member] {
    var members: [Member] = []
    var at = 0
    while at < bytes.count {
      try #require(String(decoding: bytes[at..<at + 6], as: UTF8.self) == "070701")
      let fields = try (0..<13).map { field in
        let start = at + 6 + field * 8
        return try #require(
          Int(String(decoding: bytes[start..<start + 8], as: UTF8.self), radix: 16))
      }
      #expect(fields[5] == 0)
      let name = String(decoding: bytes[(at + 110)..<(at + 109 + fields[11])], as: UTF8.self)
      #expect(bytes[at + 109 + fields[11]] == 0)
      let start = (at + 110 + fields[11] + 3) & ~3
      members.append(
        Member(
          name: name, mode: fields[1], inode: fields[0], device: [fields[9], fields[10]],
          contents: Array(bytes[start..<start + fields[6]])))
      at = (start + fields[6] + 3) & ~3
    }
    try #require(at == bytes.count)
    #expect(members.last?.name == "TRAILER!!!")
    return members
  }

  let fixture: KernelFixture
  init() throws { fixture = try KernelFixture() }

  static func sample() -> [UInt8] {
    var archive = CPIOArchive()
    archive.add(directory: "/dev")
    archive.add(characterDevice: "dev/console", major: 5, minor: 1)
    for size in 0..<5 { archive.add(file: "f\(size)", Array("abcd".utf8.prefix(size))) }
    archive.add(file: "init", mode: 0o755, Array("x".utf8))
    return archive.finish()
  }

  @Test func archiveReadsBack() throws {
    let members = try Self.members(Self.sample())
    #expect(members[0].name == "dev" && members[0].mode == 0o40755)
    #expect(members[1].mode == 0o20600 && members[1].device == [5, 1])
    #expect(members[2...6].map(\.text) == ["", "a", "ab", "abc", "abcd"])
    #expect(members[7].mode == 0o100755)
    #expect(members.dropLast().map(\.inode) == Array(1...8))
    #expect(Self.sample() == Self.sample())
  }

  @Test(.enabled(if: Tool.path("cpio") != nil, "needs cpio"))
  func cpioReadsTheArchive() throws {
    let path = try fixture.write("a.cpio", Self.sample())
    let listing = String(
      decoding: try Tool.run("cpio", ["-itv", "--quiet", "-F", path], package: "cpio"),
      as: UTF8.self
    ).split(separator: "\n")
    #expect(listing.count == 8)
    #expect(listing[0].hasPrefix("drwxr-xr-x   2 root") && listing[0].hasSuffix(" dev"))
    #expect(listing[1].hasPrefix("crw-------") && listing[1].contains("5,   1"))
    #expect(listing[7].hasPrefix("-rwxr-xr-x   1 root"))
  }

  func modules() throws -> [ModuleFile] {
    var files: [ModuleFile] = []
    for (tool, compression) in [
      (nil, ModuleFile.Compression.none), ("xz", .xz), ("zstd", .zstd), ("gzip", .gzip),
    ] {
      if let tool, Tool.path(tool) == nil { continue }
      let name = tool ?? "plain"
      let path = try fixture.write("\(name).ko", KernelFixture.module(name))
      if let tool { try Tool.run(tool, ["-qk", path], package: tool) }
      files.append(
        ModuleFile(name: name, path: path + compression.suffix, isRequired: tool == nil))
    }
    return files
  }

  func build(_ modules: [ModuleFile]) throws -> String {
    try Initramfs.build(
      program: GuestProgram(file: fixture.path("binary")),
      kernel: Kernel(spec: .path("k", modules: nil), image: "/k", release: "6.9.1"),
      modules: modules, store: fixture.store())
  }

  @Test func holdsWhatAGuestNeeds() throws {
    try fixture.write("binary", "static")
    let modules = try modules()
    let path = try build(modules)
    let members = try Self.members(File.read(path))
    func member(_ name: String) throws -> Member {
      try #require(members.first { $0.name == name })
    }
    for directory in ["proc", "sys", "dev", "run", "mnt", "modules"] {
      #expect(try member(directory).mode == 0o40755)
    }
    #expect(try member("init").text == "static" && member("init").mode == 0o100755)
    #expect(try member("dev/console").device == [5, 1])
    let list = ModuleLoader.parse(list: try member("modules/list").text)
    #expect(list.map(\.file) == modules.enumerated().map { "0\($0)-\($1.name).ko" })
    #expect(list.map(\.isRequired) == modules.map(\.isRequired))
    for (entry, module) in zip(list, modules) {
      #expect(try member("modules/" + entry.file).contents == KernelFixture.module(module.name))
    }
  }

  @Test func isBuiltOncePerContent() throws {
    try fixture.write("binary", "static")
    let module = ModuleFile(
      name: "m", path: try fixture.write("m.ko", KernelFixture.module("m")), isRequired: true)
    let path = try build([module])
    var before = stat()
    var after = stat()
    stat(path, &before)
    #expect(try build([module]) == path)
    stat(path, &after)
    #expect(before.st_ino == after.st_ino)
    var optional = module
    optional.isRequired = false
    #expect(try build([optional]) != path)
    #expect(try build([]) != path)
    try fixture.write("binary", "another")
    #expect(try build([module]) != path)
    #expect(File.names(in: fixture.path("cache/initramfs")).count == 4)
  }

  @Test func forgetsOldOnes() throws {
    for i in 0..<20 {
      try fixture.write("binary", String(repeating: "x", count: i))
      let path = try build([])
      #expect(File.exists(path))
    }
    #expect(File.names(in: fixture.path("cache/initramfs")).count == 16)
  }

  @Test func refusesWhatIsNoModule() throws {
    try fixture.write("binary", "static")
    let path = try fixture.write("m.ko", "text")
    let error = #expect(throws: HarnessError.self) {
      try build([ModuleFile(name: "m", path: path, isRequired: true)])
    }
    #expect(error?.operation == "no kernel module")
    #expect(File.names(in: fixture.path("cache/initramfs")).isEmpty)
  }

  @Test func appendsFilesOfATrial() throws {
    let base = try fixture.write("a.cpio", Self.sample())
    let path = fixture.path("b.cpio")
    try Initramfs.append(
      [.init("/trial/x/profile", Array("p".utf8)), .init("trial/seed", mode: 0o600, [])],
      to: base, as: path)
    let members = try Self.members(File.read(path)).drop { $0.name != "TRAILER!!!" }.dropFirst()
    #expect(
      members.map(\.name) == ["trial", "trial/x", "trial/x/profile", "trial/seed", "TRAILER!!!"])
    #expect(members.map(\.mode) == [0o40755, 0o40755, 0o100644, 0o100600, 0])
    #expect(try File.read(base) == Self.sample())
  }

  @Test(
    .enabled(
      if: Tool.path("gcc") != nil && Tool.path("strip") != nil, "needs a compiler and binutils"))
  func stripsDebugInformation() throws {
    let source = "static char data[2 << 20] = {1}; char *f(void) { return data; }"
    try fixture.write("m.c", source)
    try Tool.run(
      "gcc", ["-g", "-c", "m.c", "-o", "m.ko"], package: "gcc", directory: fixture.root)
    let file = ModuleFile(name: "m", path: fixture.path("m.ko"), isRequired: true)
    let before = try #require(File.size(file.path))
    #expect(try UInt64(file.contents(scratch: fixture.path("s")).count) < before)

    // Signed: untouched.
    let signed = try File.read(file.path) + Array("~Module signature appended~\n".utf8)
    try fixture.write("m.ko", signed)
    #expect(try file.contents(scratch: fixture.path("s")) == signed)
  }
}
