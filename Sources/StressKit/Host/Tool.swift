import CLinux
import Glibc
import SystemPackage

/// Programs of the distribution that prepare a trial: mkfs, the package client, decompressors.
package enum Tool {
  private static let directories = [
    "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin",
  ]

  /// The program's absolute path, nil when it is not installed. /sbin is searched even when PATH lacks it.
  package static func path(_ name: String) -> String? {
    if name.contains("/") { return File.exists(name) ? name : nil }
    let search = (getenv("PATH").map { String(cString: $0) } ?? "").split(separator: ":")
    return (search.map(String.init) + directories).map { $0 + "/" + name }
      .first { program in attemptErrno(Int(access(program, X_OK)), program, "access") == 0 }
  }

  /// The error for a program that is not installed.
  package static func missing(_ name: String, package: String) -> HarnessError {
    HarnessError(
      .environment, name, "not found in PATH",
      remedy: "install it with: apt-get install \(package)")
  }

  /// Runs a program to its end and returns what it printed (both streams, in order).
  ///
  /// - Parameter package: the Debian package that has the program, for the error when it is missing.
  /// - Throws: when it is missing or does not exit with status 0; its last lines are in the message.
  @discardableResult
  package static func run(
    _ name: String, _ arguments: [String], package: String, directory: String? = nil,
    passing descriptor: Int32? = nil, remedy: String? = nil
  ) throws(HarnessError) -> [UInt8] {
    let (exit, output) = try output(
      name, arguments, package: package, directory: directory, passing: descriptor)
    if exit != .status(0) {
      let lines = String(decoding: output, as: UTF8.self).split(separator: "\n")
      // apt says more behind its errors than they are long.
      let errors = lines.filter { $0.hasPrefix("E: ") }
      let said = (errors.isEmpty ? lines : errors).suffix(4)
      throw HarnessError(
        .environment, ([name] + arguments).joined(separator: " "),
        "\(exit?.description ?? "did not end"): \(said.joined(separator: " / "))",
        remedy: remedy)
    }
    return output
  }

  /// Runs a program, whatever it exits with; nil: it did not end within a minute of its last word.
  ///
  /// - Parameter descriptor: the program has it as its descriptor 3.
  package static func output(
    _ name: String, _ arguments: [String], package: String, directory: String? = nil,
    passing descriptor: Int32? = nil
  ) throws(HarnessError) -> (exit: Exit?, output: [UInt8]) {
    guard let program = path(name) else { throw missing(name, package: package) }
    var ends: [Int32] = [0, 0]
    try check(cl_pipe(&ends), name, "pipe2")
    let reader = Descriptor(owning: ends[0])
    let writer = Descriptor(owning: ends[1])
    let passed: [String] = [
      "HOME", "PATH", "http_proxy", "https_proxy", "no_proxy", "APT_CONFIG",
    ]
    let inherited = passed.compactMap { (key: String) -> String? in
      getenv(key).map { "\(key)=\(String(cString: $0))" }
    }
    var argv = [program] + arguments
    if let directory {
      argv = ["/usr/bin/env", "--chdir=\(directory)", program] + arguments
    }
    let process = try Process(
      argv, environment: inherited + ["LC_ALL=C.UTF-8"],
      descriptors: [-1, writer.raw, writer.raw] + (descriptor.map { [$0] } ?? []))
    _ = close(writer.release())
    var output: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let got = attemptErrno(read(reader.raw, &chunk, chunk.count), name, "read its output")
      if got == -Int(EINTR) { continue }
      if try accept(got, name, "read its output") == 0 { break }
      output.append(contentsOf: chunk[..<got])
    }
    return (process.wait(timeout: 60_000_000_000), output)
  }
}
