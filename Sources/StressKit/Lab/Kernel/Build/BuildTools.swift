// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressCore
import StressMachine

/// What a machine must have to build a kernel, and which compiler it has.
struct BuildTools: Equatable, Sendable {
  /// A program, and the Debian package that it is in.
  struct Program: Sendable {
    var name: String
    var package: String
  }

  /// The first line of the compiler's `--version`: what the kernel calls its compiler.
  let compiler: String
  /// What make is given as CC and HOSTCC.
  let command: String

  /// Documentation/process/changes.rst; on x86 objtool needs libelf. Which of them a kernel needs depends on its
  /// version and configuration.
  static let programs: [Program] = [
    .init(name: "make", package: "make"), .init(name: "ld", package: "binutils"),
    .init(name: "flex", package: "flex"), .init(name: "bison", package: "bison"),
    .init(name: "bc", package: "bc"), .init(name: "perl", package: "perl"),
    .init(name: "gzip", package: "gzip"), .init(name: "awk", package: "mawk"),
    .init(name: "cmp", package: "diffutils"), .init(name: "find", package: "findutils"),
  ]
  /// Headers that the kernel's own tools are compiled with.
  static let headers: [Program] = [
    .init(name: "stdlib.h", package: "libc6-dev"), .init(name: "gelf.h", package: "libelf-dev"),
  ]
  private static let usual = Program(name: "gcc", package: "gcc")

  init(compiler: String, command: String) {
    self.compiler = compiler
    self.command = command
  }

  /// Looks at the machine.
  ///
  /// - Parameters:
  ///   - named: the compiler that the user wants (the environment's CC); nil: gcc.
  ///   - path: where a program is.
  ///   - hasHeader: whether the compiler finds a header.
  /// - Throws: every lack at once (environment).
  init(
    named: String? = getenv("CC").map { String(cString: $0) },
    path: (String) -> String? = Tool.path,
    hasHeader: (_ compiler: String, String) -> Bool = BuildTools.has,
    version: (String) throws(HarnessError) -> String = BuildTools.version
  ) throws(HarnessError) {
    let cc = Program(name: named ?? Self.usual.name, package: named ?? Self.usual.package)
    var missing = ([cc] + Self.programs).filter { path($0.name) == nil }
    if path(cc.name) != nil { missing += Self.headers.filter { !hasHeader(cc.name, $0.name) } }
    if !missing.isEmpty { throw Self.missing(missing) }
    compiler = try version(cc.name)
    // It knows what has been compiled before, in whatever tree.
    command = path("ccache") == nil ? cc.name : "ccache " + cc.name
  }

  /// "flex, bison and gelf.h not found ...".
  private static func missing(_ lacks: [Program]) -> HarnessError {
    let names = lacks.map(\.name)
    let list =
      names.count > 1
      ? names.dropLast().joined(separator: ", ") + " and " + names[names.count - 1] : names[0]
    var packages: [String] = []
    for lack in lacks where !packages.contains(lack.package) { packages.append(lack.package) }
    return HarnessError(
      .environment, "kernel build", "\(list) not found, which it needs",
      remedy: "install \(lacks.count > 1 ? "them" : "it") with: apt-get install "
        + packages.joined(separator: " "))
  }

  private static func has(_ compiler: String, _ header: String) -> Bool {
    let arguments = ["-fsyntax-only", "-include", header, "-x", "c", "/dev/null"]
    return (try? Tool.output(compiler, arguments, package: compiler))?.exit == .status(0)
  }

  private static func version(_ compiler: String) throws(HarnessError) -> String {
    let output = try Tool.run(compiler, ["--version"], package: compiler)
    return String(decoding: output.prefix { $0 != 0x0a }, as: UTF8.self)
  }
}
