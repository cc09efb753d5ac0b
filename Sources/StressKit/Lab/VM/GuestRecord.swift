// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore
import StressRecord
import Synchronization
import SystemPackage

/// What a guest says through its port, taken in as it comes by a thread of its own: into the record, and for
/// whoever watches the trial.
///
/// A full disk of the host is not felt by the guest, and does not make it look dead: what was heard counts, not
/// what could be written.
package final class GuestRecord: @unchecked Sendable {
  /// What came since the last look.
  struct News {
    /// All but samples, without their ends.
    var lines: [[UInt8]] = []
    /// Whether anything did.
    var isAlive = false
  }

  /// Bytes taken at a time; a port's message has 32 KiB at most.
  private static let chunkSize = 256 << 10

  private let socket: Descriptor
  private let record: RecordSink
  private let news = Mutex(News())
  private let hooks: TrialHooks
  private var thread: Thread?

  /// - Parameter socket: one end of a socket pair; QEMU has the other.
  init(
    _ socket: consuming Descriptor, into record: RecordSink, _ hooks: TrialHooks
  ) throws(HarnessError) {
    self.socket = socket
    self.record = record
    self.hooks = hooks
    thread = try Thread("wb-port") { [self] in loop() }
  }

  func takeNews() -> News {
    news.withLock { news in
      let taken = news
      news = News()
      return taken
    }
  }

  /// Takes in what is still on its way, once QEMU has ended; the record is the caller's again.
  func finish() {
    // What has arrived can still be read.
    shutdown(socket.raw, Int32(SHUT_RD))
    thread?.join()
    thread = nil
  }

  private func loop() {
    var chunk = [UInt8](repeating: 0, count: Self.chunkSize)
    /// Of a line whose end has not come yet.
    var partial: [UInt8] = []
    var total = 0
    while true {
      var entry = pollfd(fd: socket.raw, events: Int16(POLLIN), revents: 0)
      let isReady = poll(&entry, 1, Int32(RecordSink.pause / 1_000_000)) > 0
      record.retry(at: cl_boottime())
      if !isReady { continue }
      hooks.readsOn(after: total)
      let got = attemptErrno(read(socket.raw, &chunk, chunk.count), record.object, "read")
      if got == -Int(EINTR) { continue }
      if got <= 0 { break }
      total += got
      chunk.withUnsafeBytes { take(UnsafeRawBufferPointer(rebasing: $0[..<got]), &partial) }
    }
    // The guest has gone in the middle of a line: it is torn, and what the host says is not.
    if !partial.isEmpty {
      partial.append(0x0a)
      partial.withUnsafeBytes { record.write($0) }
    }
  }

  /// Writes what is whole, in one go; keeps the rest.
  private func take(_ bytes: UnsafeRawBufferPointer, _ partial: inout [UInt8]) {
    guard let last = bytes.lastIndex(of: 0x0a) else {
      partial.append(contentsOf: bytes)
      // No line of a guest's is that long: what comes is no record.
      if partial.count > LinePlace.longest { partial.removeAll() }
      return
    }
    let whole = UnsafeRawBufferPointer(rebasing: bytes[...last])
    if partial.isEmpty {
      deliver(whole)
    } else {
      partial.append(contentsOf: whole)
      partial.withUnsafeBytes { deliver($0) }
      partial.removeAll(keepingCapacity: true)
    }
    partial.append(contentsOf: bytes[(last + 1)...])
  }

  private func deliver(_ lines: UnsafeRawBufferPointer) {
    record.write(lines)
    news.withLock { news in
      news.isAlive = true
      // Samples are nine of ten lines, and only their coming matters.
      RecordFile.forEachLine(lines) { line in
        if !RecordFile.isSample(line) { news.lines.append(Array(line.dropLast())) }
      }
    }
  }
}
