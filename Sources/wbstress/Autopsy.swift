// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Glibc
import StressAnalysis
import StressCore
import StressRecord
import StressReport

struct Autopsy: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Analyse the OOM kills, blocked tasks and failed allocations in a kernel log.",
    discussion: """
      Reads any log of a kernel since 3.10: dmesg, journalctl (also -o json and -o export), syslog, \
      /dev/kmsg, a serial console, a mail that quotes one of them. What the log does not tell is \
      printed as unknown. docs/autopsy.md has the formats and the rules.
      """)

  enum Format: String, CaseIterable, ExpressibleByArgument {
    case text, json, excerpt
  }

  @Argument(
    help: ArgumentHelp("The logs; '-' or none: standard input.", valueName: "file"),
    completion: .file())
  var files: [String] = []

  @Option(
    help: ArgumentHelp(
      "text, json, or excerpt: the log's lines for a mail, with names and addresses replaced."))
  var format = Format.text

  @Option(
    help: ArgumentHelp(
      "Write a profile that tries to bring a kill about again; '-' prints it.", valueName: "file"))
  var profile: String?

  @Option(
    help: ArgumentHelp(
      "The kill for --profile, by its number; else the first with a whole report.",
      valueName: "number"))
  var kill: Int?

  @Flag(help: "Print every kill and task in full, not the first five.")
  var all = false

  func validate() throws {
    if kill != nil, profile == nil { throw ValidationError("--kill: only with --profile") }
    if profile != nil, files.count > 1 { throw ValidationError("--profile: of one log at a time") }
  }

  func run() throws {
    var isFirst = true
    for file in files.isEmpty ? ["-"] : files {
      if !isFirst, format != .json { Output.line("") }
      isFirst = false
      try report(file)
    }
  }

  private func report(_ file: String) throws(HarnessError) {
    // A log is read more than once: what comes through a pipe is kept.
    let log = try LogFile(file)
    var widths = LineWidths()
    try log.read { widths.feed($0) }
    var saved = SavedLog(cutWidth: widths.cut)
    var builder = LogAutopsyBuilder()
    try log.read { bytes in saved.feed(bytes) { builder.feed($0) } }
    saved.finish { builder.feed($0) }
    let autopsy = builder.finish()
    if let profile {
      let text = try LogProfile(log.name, autopsy, kill: kill).text
      if profile == "-" { return Output.bytes(Array(text.utf8)) }
      return try File.write(profile, Array(text.utf8))
    }
    switch format {
    case .text:
      Output.line(
        LogReport(log.name, autopsy, told: all ? .max : 5, style: .forTerminal()).text)
    case .json: Output.line(LogReport.json(log.name, autopsy).text)
    case .excerpt: try excerpt(log, autopsy)
    }
  }

  private func excerpt(_ log: LogFile, _ autopsy: LogAutopsy) throws(HarnessError) {
    var excerpt = LogExcerpt(autopsy, names: Machine.names)
    var number = 0
    var rest: [UInt8] = []
    func take(_ line: [UInt8]) {
      number += 1
      for line in excerpt.lines(String(decoding: line, as: UTF8.self), number: number) {
        Output.line(line)
      }
    }
    try log.read { bytes in
      rest += bytes
      var at = 0
      while let end = rest[at...].firstIndex(of: 0x0a) {
        take(Array(rest[at..<end]))
        at = end + 1
      }
      rest.removeFirst(at)
    }
    if !rest.isEmpty { take(rest) }
  }
}

/// A log that can be read again and again, a piece at a time.
private struct LogFile {
  let name: String
  /// nil: the file is read each time.
  private let contents: [UInt8]?
  private static let piece = 256 << 10

  init(_ path: String) throws(HarnessError) {
    name = path == "-" ? "standard input" : path
    var info = stat()
    let isFile = path != "-" && stat(path, &info) == 0 && info.st_mode & S_IFMT == S_IFREG
    contents = isFile ? nil : try File.read(path == "-" ? "/dev/stdin" : path, code: .usage)
  }

  func read(_ body: (UnsafeBufferPointer<UInt8>) -> Void) throws(HarnessError) {
    if let contents { return contents.withUnsafeBufferPointer(body) }
    let file = try Descriptor(open: name, code: .usage)
    var bytes = [UInt8](repeating: 0, count: Self.piece)
    while true {
      let got = try checkErrno(
        Glibc.read(file.raw, &bytes, bytes.count), name, "read", code: .usage)
      if got == 0 { return }
      bytes.withUnsafeBufferPointer { body(UnsafeBufferPointer(rebasing: $0[..<got])) }
    }
  }
}
