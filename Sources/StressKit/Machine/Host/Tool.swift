// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore
import SystemPackage

/// Programs of the distribution that prepare a trial: mkfs, the package client, decompressors.
package enum Tool {
  /// How long a program may say nothing, ns: mkfs of a large slow disk says nothing while it discards and writes.
  package static let patience: UInt64 = 600_000_000_000

  /// Where programs are, in the order of their search.
  package static let directories = [
    "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin",
  ]

  /// The program's absolute path, nil when it is not installed. /sbin is searched even when PATH lacks it.
  package static func path(_ name: String) -> String? {
    if name.contains("/") { return File.exists(name) ? name : nil }
    let search = (getenv("PATH").map { String(cString: $0) } ?? "").split(separator: ":")
    return (search.map(String.init) + directories).map { $0 + "/" + name }
      .first { program in
        attemptErrno(Int(access(program, X_OK)), program, "access", .takenToBeThere) == 0
      }
  }

  /// The variables of this process's own environment, as it was started with, for a program that is the user's own.
  package static var wholeEnvironment: [String] {
    ((try? File.read("/proc/self/environ")) ?? []).split(separator: 0)
      .map { String(decoding: $0, as: UTF8.self) }
  }

  /// The error for a program that is not installed.
  package static func missing(_ name: String, package: String) -> HarnessError {
    HarnessError(
      .environment, name, "not found in PATH",
      remedy: "install it with: apt-get install \(package)")
  }

  /// Runs a program to its end and returns what it printed (both streams, in order).
  ///
  /// - Parameters:
  ///   - package: the Debian package that has the program, for the error when it is missing.
  ///   - environment: as ``output(_:_:package:directory:passing:environment:patience:grace:waiver:hear:)`` has it.
  /// - Throws: when it is missing, has to be killed, or does not exit with status 0; its last lines are in the message.
  @discardableResult
  package static func run(
    _ name: String, _ arguments: [String], package: String, directory: String? = nil,
    passing descriptor: Int32? = nil, environment: [String] = [], remedy: String? = nil,
    patience: UInt64 = Self.patience, waiver: Waiver? = nil
  ) throws(HarnessError) -> [UInt8] {
    let (exit, output) = try output(
      name, arguments, package: package, directory: directory, passing: descriptor,
      environment: environment, patience: patience, waiver: waiver)
    if exit != .status(0) {
      let lines = String(decoding: output, as: UTF8.self).split(separator: "\n")
      // apt says more behind its errors than they are long.
      let errors = lines.filter { $0.hasPrefix("E: ") }
      let said = (errors.isEmpty ? lines : errors).suffix(4)
      throw HarnessError(
        .environment, ([name] + arguments).joined(separator: " "),
        "\(exit.description): \(said.joined(separator: " / "))",
        remedy: remedy)
    }
    return output
  }

  /// Runs a program, whatever it exits with.
  ///
  /// - Parameters:
  ///   - descriptor: the program has it as its descriptor 3.
  ///   - environment: variables besides those that every program has, as in `LC_ALL=C`.
  ///   - patience: it is killed when it, or a child that keeps its output open, says nothing for as long, ns. So it is
  ///     when the user asks for the end meanwhile: a ^C does not reach its session.
  ///   - grace: how long it and its children have to end in order before they are killed, ns; 0: it alone is killed.
  ///   - waiver: of a program that nothing depends on.
  ///   - hear: is given what it prints as it comes.
  /// - Throws: when it is missing, or had to be killed: by the user's wish with the code `interrupted`.
  package static func output(
    _ name: String, _ arguments: [String], package: String, directory: String? = nil,
    passing descriptor: Int32? = nil, environment: [String] = [],
    patience: UInt64 = Self.patience, grace: UInt64 = 0, waiver: Waiver? = nil,
    hear: (ArraySlice<UInt8>) throws(HarnessError) -> Void = { _ in }
  ) throws(HarnessError) -> (exit: Exit, output: [UInt8]) {
    guard let program = path(name) else { throw missing(name, package: package) }
    var ends: [Int32] = [0, 0]
    try check(cl_pipe(&ends), name, "pipe2", waiver: waiver)
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
      argv, environment: inherited + ["LC_ALL=C.UTF-8"] + environment,
      descriptors: [-1, writer.raw, writer.raw] + (descriptor.map { [$0] } ?? []),
      waiver: waiver)
    _ = close(writer.release())
    var output: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 64 << 10)
    let requests = Interrupt.ofProcess.requests
    var heard = cl_monotonic()
    /// Until there is something to be read, or a look at the time is due.
    func isReadable() throws(HarnessError) -> Bool {
      var entry = pollfd(fd: reader.raw, events: Int16(POLLIN), revents: 0)
      let ready = attemptErrno(Int(poll(&entry, 1, 100)), name, "wait for its output", waiver)
      if ready == -Int(EINTR) { return false }
      return try accept(ready, name, "wait for its output") > 0
    }
    func giveUp() throws(HarnessError) {
      let why: String
      var code = HarnessError.Code.environment
      if Interrupt.ofProcess.requests > requests {
        why = "was interrupted, and killed"
        code = .interrupted
      } else if cl_monotonic() - heard > patience {
        why = "said nothing for \(patience / 1_000_000_000) s, and was killed"
      } else {
        return
      }
      if grace > 0 {
        process.signalGroup(SIGTERM)
        _ = process.wait(timeout: grace)
        process.signalGroup(SIGKILL)
      }
      let said = String(decoding: output, as: UTF8.self).split(separator: "\n").suffix(4)
      throw HarnessError(
        code, ([name] + arguments).joined(separator: " "),
        "\(why): \(said.joined(separator: " / "))")
    }
    while true {
      guard try isReadable() else {
        try giveUp()
        continue
      }
      let got = attemptErrno(read(reader.raw, &chunk, chunk.count), name, "read its output", waiver)
      if got == -Int(EINTR) { continue }
      if try accept(got, name, "read its output") == 0 { break }
      output.append(contentsOf: chunk[..<got])
      try hear(chunk[..<got])
      heard = cl_monotonic()
    }
    // It has closed its output: its end is near, or it goes on without a word.
    while true {
      if let exit = process.wait(timeout: 100_000_000) { return (exit, output) }
      try giveUp()
    }
  }
}
