// SPDX-License-Identifier: Apache-2.0
import CLinux
import StressCore
import StressMachine
import StressRecord

/// One trial on another machine, seen from here: its record comes as it is written, over as many connections as it
/// takes.
struct RemoteTrial {
  var program: RemoteProgram
  var plan: TrialPlan
  var place: RemotePlace
  var limits: MachineLimits
  /// Where the record goes here.
  var directory: String
  /// How long a lost connection is tried again, ns.
  var patience: UInt64
  /// A command that prints the machine's console; nil: none is known.
  var console: String?
  /// Of a guest there.
  var kernel = KernelSpec.running

  private var host: RemoteHost { program.host }

  /// Stable words of endings.
  static let restarted = "restarted"
  static let connection = "connection"
  static let gone = "remote-gone"

  /// Carries the trial out. Whatever becomes of it or the connection is an ending, with the record kept; what is thrown
  /// is a machine that lacks something, or that sends what it should not.
  func run(
    _ interrupt: Interrupt, progress: (String) -> Void
  ) throws(HarnessError) -> Ending {
    try File.makeDirectory(directory)
    let path = directory + "/" + RecordFile.name
    File.remove(path, .nothingToRemove)
    let earlier = Self.begun(before: directory, on: host)
    let request = try request(taking: earlier)
    let sink = try RecordSink(path)
    let started = cl_monotonic()
    let words = try console.map { command throws(HarnessError) in
      try RemoteConsole(command, into: directory + "/" + GuestTrial.consoleName)
    }
    defer { words?.end() }
    let follower = RemoteFollower(self, request, isTakenUp: earlier != nil, into: sink, words)
    let ending: Ending
    do throws(HarnessError) {
      ending = try follower.run(interrupt, progress)
    } catch {
      if !follower.hasRecord { throw error }
      let lost = Ending(.harnessLost, reason: Self.gone, message: error.description)
      try end(sink, follower, lost, since: started)
      throw error
    }
    try end(sink, follower, ending, since: started)
    // Such a trial is not asked for again.
    if !ending.isRepeated { forgotten() }
    return ending
  }

  private func end(
    _ sink: RecordSink, _ follower: RemoteFollower, _ ending: Ending, since started: UInt64
  ) throws(HarnessError) {
    for note in follower.notes { sink.emit(NoteLine(note)) }
    if !follower.hasEnd {
      sink.emit(HostLine.self) { $0.seconds = Double(cl_monotonic() - started) / 1e9 }
      sink.emit(EndLine(ending))
    }
    try sink.finish()
  }

  // MARK: What an earlier program began

  /// Beside the record, until that is whole: the machine and the name that the trial has there.
  private static let noteName = "remote.json"

  /// The name of the trial on the machine, where a program that was killed, or that gave up, began it and did not fetch
  /// it; nil: there is none.
  private static func begun(before directory: String, on host: RemoteHost) -> String? {
    guard let last = Campaign.lastAttempt(before: directory),
      let bytes = try? File.read("\(last)/\(noteName)", atMost: 4096),
      let note = try? JSON(parsing: bytes), note["host"]?.string == host.name,
      let name = note["run"]?.string, RemoteRun(name) != nil
    else { return nil }
    return name
  }

  private func request(taking earlier: String?) throws(HarnessError) -> RemoteRequest {
    var request = RemoteRequest(.trial, place)
    request.run = earlier ?? RemoteRun.newName()
    request.plan = plan
    if place.guests != nil { request.kernels = [kernel.description] }
    request.limits = limits
    request.patience = patience
    try note(request.run)
    return request
  }

  /// That the trial is called so there.
  func note(_ run: String) throws(HarnessError) {
    let note: JSON = ["host": .string(host.name), "run": .string(run)]
    try File.write("\(directory)/\(Self.noteName)", Array((note.text + "\n").utf8))
  }

  /// Nothing of it is there any more.
  func forgotten() { File.remove("\(directory)/\(Self.noteName)", .nothingToRemove) }
}

/// The connections of one trial.
final class RemoteFollower {
  private enum Answer {
    case ended(Ending)
    /// Its process has gone without a word but these.
    case gone(String)
    case restarted([LastWords])
    /// There is nothing of it any more.
    case lost
    /// The connection broke, or could not be made.
    case cut(HarnessError)
  }

  private let trial: RemoteTrial
  private let host: RemoteHost
  private let sink: RecordSink
  /// nil: there is none.
  private let console: RemoteConsole?
  private var request: RemoteRequest
  private var record: RemoteRecord
  /// When anything of the trial came.
  private var heard = cl_monotonic()
  /// Whether the machine has answered: then the trial may have begun.
  private var isGreeted = false
  /// Whether an earlier program began it.
  private var isTakenUp: Bool
  private(set) var notes: [String] = []

  /// Between two attempts to connect, ns: twice as long each time.
  private static let pauses: ClosedRange<UInt64> = 1_000_000_000...30_000_000_000
  /// A machine that is well says something more often, ns.
  private static let silence: UInt64 = 60_000_000_000
  private static let look: UInt64 = 200_000_000

  init(
    _ trial: RemoteTrial, _ request: RemoteRequest, isTakenUp: Bool, into sink: RecordSink,
    _ console: RemoteConsole?
  ) {
    self.trial = trial
    self.request = request
    self.isTakenUp = isTakenUp
    self.console = console
    host = trial.program.host
    self.sink = sink
    record = RemoteRecord(host.name, into: sink)
  }

  /// Whether anything of the record has come, and its last line.
  var hasRecord: Bool { record.offset > 0 }
  var hasEnd: Bool { record.ending != nil }

  func run(_ interrupt: Interrupt, _ progress: (String) -> Void) throws(HarnessError) -> Ending {
    var pause = Self.pauses.lowerBound
    while true {
      let before = heard
      let answer = try converse(interrupt, progress)
      if case .cut(let error) = answer {
        if heard > before { pause = Self.pauses.lowerBound }
        if interrupt.isRequested { return interrupted(error) }
        if cl_monotonic() - heard > trial.patience { return unreachable(error) }
        progress("reconnecting")
        wait(pause, interrupt)
        pause = min(2 * pause, Self.pauses.upperBound)
        continue
      }
      if case .lost = answer, isTakenUp, !hasRecord {
        // Nothing is left of what was begun: once more, from the start.
        isTakenUp = false
        request.run = RemoteRun.newName()
        try trial.note(request.run)
        continue
      }
      if case .lost = answer { trial.forgotten() }
      record.finish()
      if let exit = console?.exit() {
        notes.append("the --console command ended before the trial (\(exit.description))")
      }
      if record.strange > 0 {
        notes.append(
          "\(record.strange) lines that came from \(host.name) are no lines of a record, and are not in this one"
        )
      }
      return ending(answer)
    }
  }

  private func wait(_ time: UInt64, _ interrupt: Interrupt) {
    let deadline = cl_monotonic() + time
    while cl_monotonic() < deadline, !interrupt.isRequested {
      cl_sleep_until(cl_boottime() + Self.look / 2)
      sink.retry(at: cl_boottime())
    }
  }

  // MARK: Endings

  private func interrupted(_ error: HarnessError) -> Ending {
    var ending = Ending.interrupted
    if isGreeted {
      ending.message =
        "stopped by a signal without a connection (\(error.what)): the trial goes on there to its end; afterwards: "
        + "wbstress clean --on \(host.name)"
    }
    return ending
  }

  private func unreachable(_ error: HarnessError) -> Ending {
    let time = Units.durationText((cl_monotonic() - heard) / 1_000_000_000 * 1_000_000_000)
    let words = [console?.words].compactMap(\.self)
    return panic(words, "\(host.name) was not heard of for \(time)")
      ?? Ending(
        .harnessLost, reason: RemoteTrial.connection,
        message:
          "\(host.name) was not heard of for \(time): \(error.what); whether the machine or the network "
          + "died is not known"
          + (isGreeted ? "; what it recorded since is kept there for as long" : "")
          + Self.told(words))
  }

  /// nil: the words tell of none.
  private func panic(_ words: [LastWords], _ what: String) -> Ending? {
    for word in words {
      guard let line = word.lines.first(where: LastWords.tellsOfPanic) else { continue }
      return Ending(
        .panic, reason: "panic",
        message: "\(line); \(what); \(word.source):\n" + word.lines.joined(separator: "\n"))
    }
    return nil
  }

  private static func told(_ words: [LastWords]) -> String {
    if words.isEmpty { return "" }
    let texts = words.map { "\($0.source):\n" + $0.lines.joined(separator: "\n") }
    return "; its last words:\n" + texts.joined(separator: "\n")
  }

  private func ending(_ answer: Answer) -> Ending {
    // The record's own word is the last.
    if let ending = record.ending { return ending }
    switch answer {
    case .ended(let ending): return ending
    case .gone(let words):
      return Ending(
        .harnessLost, reason: RemoteTrial.gone,
        message: "the trial's process on \(host.name) was killed or died"
          + (words.isEmpty ? "" : ": \(words)"))
    case .restarted(let words):
      let words = words + [console?.words].compactMap(\.self)
      return panic(words, "\(host.name) restarted")
        ?? Ending(
          .harnessLost, reason: RemoteTrial.restarted,
          message: "\(host.name) restarted, and nothing tells of a panic"
            + (words.isEmpty
              ? " (there is neither pstore nor a journal of that boot)" : Self.told(words)))
    case .lost, .cut:
      return Ending(
        .harnessLost, reason: RemoteTrial.gone,
        message:
          "\(host.name) has nothing of the trial any more: somebody has cleaned, or what it keeps does not "
          + "outlast a restart")
    }
  }

  // MARK: A connection

  private func converse(
    _ interrupt: Interrupt, _ progress: (String) -> Void
  ) throws(HarnessError) -> Answer {
    request.offset = record.offset
    // What was begun and is not there is lost; to ask for it anew would make another.
    request.isBegun = hasRecord || isTakenUp
    let connection = try RemoteConnection(
      host, trial.program.script(RemoteServer.command, asRoot: trial.place.guests == nil))
    connection.send(request.json)
    var stream = RemoteStream(host.name)
    var stops = 0
    let begun = cl_monotonic()
    var answers = false
    while true {
      sink.retry(at: cl_boottime())
      if answers {
        // Once: in order. Twice: without waiting.
        while stops < min(interrupt.requests, 2) {
          connection.send(["do": "stop"])
          stops += 1
        }
      } else if interrupt.isRequested {
        return .cut(HarnessError(.interrupted, host.name, "was not reached yet"))
      }
      switch try connection.next(timeout: Self.look) {
      case .silence:
        if cl_monotonic() - max(heard, begun) > Self.silence {
          return .cut(
            HarnessError(
              .environment, host.name,
              "said nothing for \(Self.silence / 1_000_000_000) s, though the connection stands"))
        }
      case .ended(let exit):
        let error = connection.failure(exit)
        // The program there ended by itself, which no other connection mends; 255 is ssh(1)'s own.
        if case .status(let code) = exit, code != 255 { throw error }
        return .cut(error)
      case .bytes(let bytes):
        stream.add(bytes)
        while let item = try stream.next() {
          switch item {
          case .piece(let piece):
            heard = cl_monotonic()
            try record.take(piece, progress)
          case .message(let message):
            if let hello = message["hello"] {
              try RemoteVenue.check(hello, host)
              answers = true
              isGreeted = true
              continue
            }
            heard = cl_monotonic()
            if let answer = try answer(message, connection, &stream) {
              return answer
            }
          }
        }
      }
    }
  }

  /// - Returns: nil: the conversation goes on.
  private func answer(
    _ message: JSON, _ connection: RemoteConnection, _ stream: inout RemoteStream
  ) throws(HarnessError) -> Answer? {
    if let told = message["errors"] {
      let errors = (told.array ?? [told]).compactMap { HarnessError($0) }
      throw errors.first.map(host.told)
        ?? HarnessError(.harness, host.name, "failed without a word")
    }
    guard let end = message["end"] else { return nil }
    let answer: Answer
    if let told = end["ending"] {
      guard let ending = Ending(told) else {
        throw HarnessError(.environment, host.name, "tells of an end that is none of wbstress's")
      }
      answer = .ended(ending)
    } else if let told = end["errors"] {
      let errors = (told.array ?? []).compactMap { HarnessError($0) }
      // What was recorded stays there: the error may say what to do with it.
      if !hasRecord { forget(connection, &stream) }
      throw errors.first.map(host.told)
        ?? HarnessError(.harness, host.name, "failed without a word")
    } else if let words = end["gone"]?.string {
      answer = .gone(RemoteText.short(words, 1000))
    } else if let words = end["rebooted"]?.array {
      answer = .restarted(
        words.prefix(20).map { word in
          LastWords(
            source: RemoteText.short(word["source"]?.string ?? "?"),
            lines: (word["lines"]?.array ?? []).prefix(LastWords.mostLines).map {
              RemoteText.short($0.string ?? "")
            }
          )
        })
    } else {
      return .lost
    }
    forget(connection, &stream)
    return answer
  }

  /// Has the machine remove what it keeps of the trial, and undo what that left.
  private func forget(_ connection: RemoteConnection, _ stream: inout RemoteStream) {
    connection.send(["do": "forget"])
    let deadline = cl_monotonic() + Self.silence
    var why = "no answer"
    do throws(HarnessError) {
      while cl_monotonic() < deadline {
        while let item = try stream.next() {
          guard case .message(let message) = item else { continue }
          if message["forgotten"] == true { return trial.forgotten() }
          if let error = (message["errors"]?.array ?? []).compactMap({ HarnessError($0) }).first {
            throw error
          }
        }
        switch try connection.next(timeout: Self.look) {
        case .bytes(let bytes): stream.add(bytes)
        case .silence: break
        case .ended(let exit): throw connection.failure(exit)
        }
      }
    } catch {
      why = error.description
    }
    notes.append(
      "\(host.name) may keep what it has of the trial: \(why); wbstress clean --on \(host.name)")
  }
}
