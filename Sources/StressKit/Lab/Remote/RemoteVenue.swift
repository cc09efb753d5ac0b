// SPDX-License-Identifier: Apache-2.0
import CLinux
import StressCore
import StressMachine
import StressRecord

/// Another machine that is reached by OpenSSH, one trial after the other.
package struct RemoteVenue: Venue {
  package struct Options: Sendable {
    package var place: RemotePlace
    package var limits = MachineLimits()
    /// How long a lost connection is tried again, and a record that nobody fetches is kept, ns.
    package var patience: UInt64 = Self.usualPatience

    /// A command that prints the machine's console, for sh(1) here; nil: none is known.
    package var console: String?

    package static let usualPatience: UInt64 = 600_000_000_000

    package init(_ place: RemotePlace) { self.place = place }
  }

  private let program: RemoteProgram
  private let options: Options
  private let findings: RemoteFindings

  /// Takes this program there and checks the machine.
  ///
  /// - Throws: every reason not to run there, at once.
  package static func prepare(
    _ matrix: Matrix, _ host: RemoteHost, _ options: Options, progress: (String) -> Void
  ) throws(HarnessErrors) -> RemoteVenue {
    let program: RemoteProgram
    let findings: RemoteFindings
    do throws(HarnessError) {
      program = try RemoteProgram.install(host, progress: progress)
      findings = try RemoteFindings.ask(program, options.place, matrix.cells.map(\.profile))
    } catch {
      throw HarnessErrors([error])
    }
    if let errors = findings.guards.errors { throw HarnessErrors(errors.errors.map(host.told)) }
    return RemoteVenue(program, options, findings)
  }

  private init(_ program: RemoteProgram, _ options: Options, _ findings: RemoteFindings) {
    self.program = program
    self.options = options
    self.findings = findings
  }

  private var host: RemoteHost { program.host }

  package var jobs: Int { 1 }
  package var place: String {
    "on \(host.name)" + (findings.device.map { ", on \($0)" } ?? "")
  }
  package var identity: [Profile.Setting] { findings.identity }
  package var lookInterval: UInt64 { 250_000_000 }

  package var warnings: [String] { findings.guards.warnings.map { "\(host.name): \($0)" } }

  package var remains: String? {
    findings.device.map { "\(host.name): " + LocalVenue.remains(on: $0) }
  }

  package func run(
    _ plan: TrialPlan, kernel: KernelSpec, directory: String, _ interrupt: Interrupt,
    progress: @escaping (String) -> Void
  ) throws(HarnessError) -> Ending {
    var trial = RemoteTrial(
      program: program, plan: plan, place: options.place, limits: options.limits,
      directory: directory, patience: options.patience)
    trial.console = options.console
    return try trial.run(interrupt, progress: progress)
  }

  package func refusal(after ending: Ending) -> HarnessError? {
    LocalVenue.refusal(after: ending, on: host.name)
  }

  /// - Throws: where another version answers (environment).
  static func check(_ hello: JSON, _ host: RemoteHost) throws(HarnessError) {
    let version = hello["version"]?.string ?? "?"
    let schema = hello["schema"]?.int ?? 0
    if version == Version.text, schema == RecordFile.schema { return }
    throw HarnessError(
      .environment, host.name,
      "answers as wbstress \(RemoteText.short(version, 40)), record schema \(schema); here are \(Version.text) and "
        + "\(RecordFile.schema)", remedy: "remove ~/.cache/wbstress/remote there")
  }
}

/// What the guards of another machine find.
package struct RemoteFindings: Sendable {
  package private(set) var guards = GuardFindings()
  /// By the kernel's name there.
  package private(set) var device: String?
  package private(set) var identity: [Profile.Setting] = []

  private static let patience: UInt64 = 300_000_000_000

  /// Takes this program there and asks.
  package static func ask(
    _ host: RemoteHost, _ place: RemotePlace, _ profiles: [Profile], progress: (String) -> Void
  ) throws(HarnessError) -> RemoteFindings {
    try ask(try RemoteProgram.install(host, progress: progress), place, profiles)
  }

  static func ask(
    _ program: RemoteProgram, _ place: RemotePlace, _ profiles: [Profile]
  ) throws(HarnessError) -> RemoteFindings {
    var request = RemoteRequest(.check, place)
    request.profiles = profiles
    let host = program.host
    let connection = try RemoteConnection(host, program.script(RemoteServer.command))
    connection.send(request.json)
    var stream = RemoteStream(host.name)
    let deadline = cl_monotonic() + patience
    while true {
      switch try connection.next(timeout: 200_000_000) {
      case .silence: break
      case .bytes(let bytes): stream.add(bytes)
      case .ended(let exit):
        var error = connection.failure(exit)
        if [.status(126), .status(127)].contains(exit) {
          error.operation = "does not run this program: " + (connection.complaint ?? "\(exit)")
          error.remedy = "use the static binary: ci/build, .build/static/wbstress"
        }
        throw error
      }
      while let item = try stream.next() {
        guard case .message(let message) = item else { continue }
        if let hello = message["hello"] { try RemoteVenue.check(hello, host) }
        if let error = message["errors"]?.array?.compactMap({ HarnessError($0) }).first {
          throw host.told(error)
        }
        if message["findings"] != nil { return try RemoteFindings(message, host) }
      }
      if Interrupt.ofProcess.isRequested {
        throw HarnessError(.interrupted, host.name, "was interrupted")
      }
      if cl_monotonic() > deadline {
        throw HarnessError(
          .environment, host.name, "had no answer within \(patience / 1_000_000_000) s")
      }
    }
  }

  init(_ message: JSON, _ host: RemoteHost) throws(HarnessError) {
    for told in message["findings"]?.array ?? [] {
      guard let finding = GuardFinding(told) else {
        throw HarnessError(.environment, host.name, "tells of a guard that wbstress does not have")
      }
      guards.add(finding)
    }
    device = message["device"]?.string.map { RemoteText.short($0) }
    for pair in message["identity"]?.array ?? [] {
      guard let words = pair.array?.compactMap(\.string), words.count == 2 else { continue }
      identity.append(
        Profile.Setting(RemoteText.short(words[0], 40), RemoteText.short(words[1], 200)))
    }
  }
}
