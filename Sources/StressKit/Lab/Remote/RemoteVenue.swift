// SPDX-License-Identifier: Apache-2.0
import CLinux
import StressCore
import StressMachine
import StressRecord

/// Other machines that are reached by OpenSSH, each with one trial after the other of its own cells.
package struct RemoteVenue: Venue {
  package struct Options: Sendable {
    package var place: RemotePlace
    package var limits = MachineLimits()
    /// How long a lost connection is tried again, and a record that nobody fetches is kept, ns.
    package var patience: UInt64 = Self.usualPatience

    /// Commands that print the machines' consoles, for sh(1) here: of each host in turn; empty: none is known.
    package var consoles: [String] = []

    package static let usualPatience: UInt64 = 600_000_000_000

    package init(_ place: RemotePlace) { self.place = place }
  }

  private struct Machine {
    let program: RemoteProgram
    let place: RemotePlace
    let findings: RemoteFindings
    let console: String?

    var host: RemoteHost { program.host }
  }

  private let machines: [Machine]
  private let options: Options

  /// Takes this program to each machine and checks it.
  ///
  /// - Throws: every reason not to run there, at once.
  package static func prepare(
    _ matrix: Matrix, _ hosts: [RemoteHost], _ options: Options, progress: (String) -> Void
  ) throws(HarnessErrors) -> RemoteVenue {
    var machines: [Machine] = []
    var problems: [HarnessError] = []
    for (index, host) in hosts.enumerated() {
      let cells = matrix.cells.filter { $0.host == host.name }
      do throws(HarnessError) {
        let program = try RemoteProgram.install(host, progress: progress)
        let findings = try RemoteFindings.ask(program, options.place, cells) {
          progress("\(host.name): \($0)")
        }
        problems += (findings.guards.errors?.errors ?? []).map(host.told)
        var place = options.place
        if let accelerator = findings.accelerator { place.guests?.accelerator = accelerator }
        machines.append(
          Machine(
            program: program, place: place, findings: findings,
            console: options.consoles.isEmpty ? nil : options.consoles[index]))
      } catch {
        problems.append(error)
      }
    }
    if !problems.isEmpty { throw HarnessErrors(problems) }
    return RemoteVenue(machines, options)
  }

  private init(_ machines: [Machine], _ options: Options) {
    self.machines = machines
    self.options = options
  }

  package var jobs: Int { machines.count }

  package func job(of cell: Matrix.Cell) -> Int? {
    machines.firstIndex { $0.host.name == cell.host }
  }

  package var place: String {
    machines.map { machine in
      let findings = machine.findings
      return "on \(machine.host.name)"
        + ((findings.device ?? findings.accelerator?.rawValue).map { " (\($0))" } ?? "")
    }.joined(separator: ", ")
  }

  package var identity: [Profile.Setting] {
    machines.flatMap { machine in
      machine.findings.identity.map {
        Profile.Setting(
          CampaignFile.identityKey($0.key, host: machine.host.name), $0.value)
      }
    }
  }

  package var lookInterval: UInt64 { 250_000_000 }

  package var warnings: [String] {
    machines.flatMap { machine in
      machine.findings.guards.warnings.map { "\(machine.host.name): \($0)" }
    }
  }

  package var remains: String? {
    let all = machines.compactMap { machine in
      machine.findings.device.map { "\(machine.host.name): " + LocalVenue.remains(on: $0) }
    }
    return all.isEmpty ? nil : all.joined(separator: "; ")
  }

  package func run(
    _ plan: TrialPlan, of cell: Matrix.Cell, directory: String, _ interrupt: Interrupt,
    progress: @escaping (String) -> Void
  ) throws(HarnessError) -> Ending {
    guard let machine = machines.first(where: { $0.host.name == cell.host }) else {
      throw HarnessError(.harness, cell.host ?? "host", "was not reached before the trials")
    }
    var trial = RemoteTrial(
      program: machine.program, plan: plan, place: machine.place, limits: options.limits,
      directory: directory, patience: options.patience)
    trial.kernel = cell.kernel
    trial.console = machine.console
    return try trial.run(interrupt, progress: progress)
  }

  package func refusal(of cell: Matrix.Cell, after ending: Ending) -> HarnessError? {
    options.place.guests == nil
      ? LocalVenue.refusal(after: ending, on: cell.host ?? "the machine") : nil
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
  /// Of guests there; nil: trials are on the machine itself.
  package private(set) var accelerator: Accelerator?
  package private(set) var identity: [Profile.Setting] = []

  private static let patience: UInt64 = 300_000_000_000

  /// Takes this program there and asks what its guards find.
  package static func ask(
    _ host: RemoteHost, _ place: RemotePlace, _ profiles: [Profile], progress: (String) -> Void
  ) throws(HarnessError) -> RemoteFindings {
    var request = RemoteRequest(.check, place)
    request.profiles = profiles
    return try ask(try RemoteProgram.install(host, progress: progress), request, progress)
  }

  static func ask(
    _ program: RemoteProgram, _ place: RemotePlace, _ cells: [Matrix.Cell],
    progress: (String) -> Void
  ) throws(HarnessError) -> RemoteFindings {
    var request = RemoteRequest(.check, place)
    request.profiles = cells.map(\.profile)
    if place.guests != nil { request.kernels = cells.map(\.kernel.description) }
    return try ask(program, request, progress)
  }

  private static func ask(
    _ program: RemoteProgram, _ request: RemoteRequest, _ progress: (String) -> Void
  ) throws(HarnessError) -> RemoteFindings {
    let host = program.host
    let connection = try RemoteConnection(
      host, program.script(RemoteServer.command, asRoot: request.place.guests == nil))
    connection.send(request.json)
    var stream = RemoteStream(host.name)
    var deadline = cl_monotonic() + patience
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
        if let errors = message["errors"]?.array?.compactMap({ HarnessError($0) }), !errors.isEmpty
        {
          throw host.told(HarnessErrors(errors).inOne)
        }
        if let words = message["progress"]?.string {
          deadline = cl_monotonic() + patience
          progress(RemoteText.short(words))
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
    accelerator = message["accelerator"]?.string.flatMap(Accelerator.init(rawValue:))
    for pair in message["identity"]?.array ?? [] {
      guard let words = pair.array?.compactMap(\.string), words.count == 2 else { continue }
      identity.append(
        Profile.Setting(RemoteText.short(words[0], 40), RemoteText.short(words[1], 200)))
    }
  }
}
