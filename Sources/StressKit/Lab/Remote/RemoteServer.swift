// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore
import StressMachine
import StressRecord

/// What a connection from another machine runs here (``RemoteMessages``). It ends with the connection; a trial that it
/// began does not (``RemoteRun``).
package struct RemoteServer {
  package static let command = "remote-serve"

  /// Between two looks at the record: each takes from the CPU under test, ns.
  private static let lookInterval: Int32 = 500
  /// Without anything to tell it says that it is there, ns.
  private static let aliveInterval: UInt64 = 10_000_000_000
  private static let longestRequest = 16 << 20
  private static let pieceSize = 256 << 10

  private var pending: [UInt8] = []
  private var heard = cl_monotonic()

  /// The program's whole life, with the connection as its standard input and output.
  package static func run() -> Never {
    // A reader that has gone is told by write(2).
    signal(SIGPIPE, SIG_IGN)
    var server = RemoteServer()
    do throws(HarnessErrors) {
      try server.serve()
    } catch {
      _ = try? server.send(["errors": .array(error.errors.map(\.json))])
      exit(error.errors.first?.code.rawValue ?? HarnessError.Code.harness.rawValue)
    }
    exit(0)
  }

  private mutating func serve() throws(HarnessErrors) {
    var request: RemoteRequest?
    do throws(HarnessError) {
      try send(RemoteMessages.hello)
      if let line = try receive(wait: -1) { request = try RemoteRequest.parse(line) }
    } catch {
      throw HarnessErrors([error])
    }
    guard let request else { return }
    if request.wish == .check, let guests = request.place.guests {
      return try check(guests, request)
    }
    do throws(HarnessError) {
      switch request.wish {
      case .check: try check(request)
      case .trial: try follow(request)
      }
    } catch {
      throw HarnessErrors([error])
    }
  }

  // MARK: Messages

  private mutating func send(
    _ message: JSON, with bytes: ArraySlice<UInt8> = []
  ) throws(HarnessError) {
    let all = Array((message.text + "\n").utf8) + bytes
    var rest = all[...]
    while !rest.isEmpty {
      let wrote = attemptErrno(
        rest.withUnsafeBytes { Glibc.write(1, $0.baseAddress, $0.count) }, "connection", "write",
        .again)
      if wrote == -Int(EINTR) { continue }
      try accept(wrote, "connection", "write", code: .environment)
      rest = rest.dropFirst(wrote)
    }
    heard = cl_monotonic()
  }

  /// The next line from the other machine; empty: none has come in `wait` ms; nil: it has gone.
  private mutating func receive(wait: Int32) throws(HarnessError) -> [UInt8]? {
    var chunk = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      if let end = pending.firstIndex(of: 0x0a) {
        let line = Array(pending[..<end])
        pending.removeFirst(end + 1)
        if !line.isEmpty { return line }
        continue
      }
      if pending.count > Self.longestRequest {
        throw HarnessError(.usage, "request", "is longer than \(Self.longestRequest >> 20) MiB")
      }
      var entry = pollfd(fd: 0, events: Int16(POLLIN), revents: 0)
      let ready = attemptErrno(Int(poll(&entry, 1, wait)), "connection", "poll", .again)
      if ready == -Int(EINTR) { continue }
      if try accept(ready, "connection", "poll") == 0 { return [] }
      let got = attemptErrno(read(0, &chunk, chunk.count), "connection", "read", .again)
      if got == -Int(EINTR) { continue }
      if try accept(got, "connection", "read", code: .environment) == 0 { return nil }
      pending.append(contentsOf: chunk[..<got])
    }
  }

  // MARK: Wishes

  private static func json(_ identity: [Profile.Setting]) -> JSON {
    .array(identity.map { .array([.string($0.key), .string($0.value)]) })
  }

  private mutating func check(
    _ guests: RemoteGuests, _ request: RemoteRequest
  ) throws(HarnessErrors) {
    let (venue, _) = try guests.venue(request.profiles, request.kernels) { words in
      // Who has gone is told by the answer.
      _ = try? send(["progress": .string(words)])
    }
    do throws(HarnessError) {
      try send([
        "findings": [], "accelerator": .string(venue.accelerator.rawValue),
        "identity": Self.json(venue.identity),
      ])
    } catch {
      throw HarnessErrors([error])
    }
  }

  private mutating func check(_ request: RemoteRequest) throws(HarnessError) {
    let guards = Guards(request.profiles, try request.place.local(results: RemoteRun.root))
    try send([
      "findings": .array(guards.findings.all.map(\.json)),
      "device": .optional(guards.device?.path),
      "identity": Self.json(Preflight.identity(guards.device)),
    ])
  }

  private mutating func follow(_ request: RemoteRequest) throws(HarnessError) {
    guard let run = RemoteRun(request.run) else {
      throw HarnessError(.usage, "run", "has no name of a run")
    }
    if !run.exists {
      if request.isBegun { return try send(["end": ["lost": true]]) }
      if geteuid() != 0, request.place.guests == nil {
        throw HarnessError(
          .refused, "user", "is not root: trials on the machine need it",
          remedy: "name root (ssh:root@HOST), or let the user call 'sudo -n' without a password")
      }
      do throws(HarnessError) {
        try run.start(request.json)
      } catch {
        // Nobody would ever ask for it.
        run.remove()
        throw error
      }
    }
    let lock = try run.follow()
    var offset = request.offset
    while true {
      // Before the look at the record: what was written before it is all there.
      let result = run.result
      let isAlive = run.owner?.isAlive == true
      try sendRecord(run, &offset)
      if let result {
        try send(["end": result])
        break
      }
      if !isAlive, run.result == nil {
        try send(["end": Self.gone(run)])
        break
      }
      if cl_monotonic() - heard > Self.aliveInterval { try send(["alive": true]) }
      guard let line = try receive(wait: Self.lookInterval) else { return }
      if Self.wish(line) == "stop" { run.stop() }
    }
    while let line = try receive(wait: -1) {
      if Self.wish(line) != "forget" { continue }
      try run.forget()
      try send(["forgotten": true])
    }
    withExtendedLifetime(lock) {}
  }

  private static func wish(_ line: [UInt8]) -> String? {
    (try? JSON(parsing: line))?["do"]?.string
  }

  private mutating func sendRecord(
    _ run: RemoteRun, _ offset: inout Int
  ) throws(HarnessError) {
    // It is not there yet, or the trial had nothing to record.
    guard File.exists(run.recordPath) else { return }
    let file = try Descriptor(open: run.recordPath, code: .environment)
    while true {
      let piece = try file.read(Self.pieceSize, at: offset, run.recordPath)
      if piece.isEmpty { return }
      try send(["chunk": .int(Int64(piece.count))], with: piece[...])
      offset += piece.count
    }
  }

  /// Of a run whose process has gone without a word.
  private static func gone(_ run: RemoteRun) -> JSON {
    guard let owner = run.owner, owner.isOfAnotherBoot else {
      return ["gone": .string(run.lastWords)]
    }
    let words = LastWords.find(of: owner.bootID, since: run.begun)
    return [
      "rebooted": .array(
        words.map { ["source": .string($0.source), "lines": .array($0.lines.map(JSON.string))] })
    ]
  }
}
