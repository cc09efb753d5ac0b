// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore
import StressMachine
import SystemPackage

/// One ssh(1) at work, and what it brings.
final class RemoteConnection {
  enum Event {
    case bytes([UInt8])
    /// Nothing came in the time.
    case silence
    case ended(Exit)
  }

  private static let chunkSize = 256 << 10
  /// Of what ssh(1) and the shell there have to say, bytes.
  private static let longestComplaint = 4096

  private let host: RemoteHost
  private let process: Process
  private let input: Descriptor
  private let output: Descriptor
  private let errors: Descriptor
  private var isComplaining = true
  private var complaints: [UInt8] = []
  private var chunk = [UInt8](repeating: 0, count: chunkSize)

  /// - Parameters:
  ///   - script: for sh(1) there, without single quotes.
  ///   - file: descriptor of what it gets as its input; nil: what is sent.
  init(_ host: RemoteHost, _ script: String, sending file: Int32? = nil) throws(HarnessError) {
    self.host = host
    var ends: [Int32] = [0, 0]
    // A socket: to write to one whose other end has gone is no signal.
    try check(cl_socket_pair(&ends), host.name, "socketpair")
    input = Descriptor(owning: ends[0])
    let theirInput = Descriptor(owning: ends[1])
    try check(cl_pipe(&ends), host.name, "pipe2")
    output = Descriptor(owning: ends[0])
    let theirOutput = Descriptor(owning: ends[1])
    try check(cl_pipe(&ends), host.name, "pipe2")
    errors = Descriptor(owning: ends[0])
    let theirErrors = Descriptor(owning: ends[1])
    process = try Process(
      host.arguments(script), environment: Tool.wholeEnvironment,
      descriptors: [file ?? theirInput.raw, theirOutput.raw, theirErrors.raw])
  }

  /// Sends a line. What it cannot be sent to has gone, which the next event tells.
  func send(_ message: JSON) {
    let descriptor = input.raw
    var rest = Array((message.text + "\n").utf8)[...]
    while !rest.isEmpty {
      let sent = attemptErrno(
        rest.withUnsafeBytes {
          Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }, host.name, "send", .again)
      if sent == -Int(EINTR) { continue }
      if sent <= 0 { return }
      rest = rest.dropFirst(sent)
    }
  }

  /// What comes next, within `timeout` ns.
  func next(timeout: UInt64) throws(HarnessError) -> Event {
    let deadline = cl_monotonic() + timeout
    while true {
      let now = cl_monotonic()
      var entries = [
        pollfd(fd: output.raw, events: Int16(POLLIN), revents: 0),
        pollfd(fd: isComplaining ? errors.raw : -1, events: Int16(POLLIN), revents: 0),
      ]
      let wait = Int32(clamping: now < deadline ? (deadline - now) / 1_000_000 + 1 : 0)
      let ready = attemptErrno(Int(poll(&entries, 2, wait)), host.name, "poll", .again)
      if ready < 0, ready != -Int(EINTR) { try accept(ready, host.name, "poll") }
      if entries[1].revents != 0 { hearComplaint() }
      if entries[0].revents != 0 {
        let got = attemptErrno(read(output.raw, &chunk, chunk.count), host.name, "read", .again)
        if got == -Int(EINTR) { continue }
        if try accept(got, host.name, "read") == 0 { return .ended(end()) }
        return .bytes(Array(chunk[..<got]))
      }
      if cl_monotonic() >= deadline { return .silence }
    }
  }

  private func hearComplaint() {
    var bytes = [UInt8](repeating: 0, count: Self.longestComplaint)
    let got = attemptErrno(read(errors.raw, &bytes, bytes.count), host.name, "read", .again)
    if got == -Int(EINTR) { return }
    isComplaining = got > 0
    if got > 0 { complaints = (complaints + bytes[..<got]).suffix(Self.longestComplaint) }
  }

  private func end() -> Exit {
    let exit = process.wait(timeout: 5_000_000_000)
    while isComplaining {
      var entry = pollfd(fd: errors.raw, events: Int16(POLLIN), revents: 0)
      if attemptErrno(Int(poll(&entry, 1, 100)), host.name, "poll", .again) <= 0 { break }
      hearComplaint()
    }
    return exit ?? .signal(SIGKILL)
  }

  /// The last of what ssh(1) and the shell there had to say; nil: nothing.
  var complaint: String? {
    let lines = String(decoding: complaints, as: UTF8.self)
      .split { $0 == "\n" || $0 == "\r" || $0 == "\r\n" }
    if lines.isEmpty { return nil }
    return lines.suffix(3).map { RemoteText.short(String($0)) }.joined(separator: " / ")
  }

  /// Its whole output and its end, of a script that says little.
  ///
  /// - Throws: when it has not ended within `patience` ns, or the user asks for the end.
  func finish(patience: UInt64) throws(HarnessError) -> (exit: Exit, output: String) {
    let deadline = cl_monotonic() + patience
    var bytes: [UInt8] = []
    while true {
      switch try next(timeout: 200_000_000) {
      case .bytes(let more): bytes = (bytes + more).suffix(1 << 20)
      case .ended(let exit): return (exit, String(decoding: bytes, as: UTF8.self))
      case .silence: break
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

  /// Why nothing came of it.
  func failure(_ exit: Exit) -> HarnessError {
    // ssh(1): 255 is its own.
    let isConnection = exit == .status(255)
    return HarnessError(
      .environment, host.name,
      (isConnection ? "cannot be reached" : "ended with \(exit.description)")
        + (complaint.map { ": \($0)" } ?? ""),
      remedy: isConnection
        ? "this must work without a question: \(host.command("true"))" : nil)
  }
}

extension RemoteHost {
  /// For the user to try.
  func command(_ command: String) -> String {
    "ssh -o BatchMode=yes " + (port.map { "-p \($0) " } ?? "") + "\(destination) \(command)"
  }
}

/// Texts of another machine.
enum RemoteText {
  /// In which nothing hides, and short enough for a message.
  static func short(_ text: String, _ most: Int = 300) -> String {
    let shown = text.prefix(most).description.visible
    return text.count > most ? shown + "..." : shown
  }
}
