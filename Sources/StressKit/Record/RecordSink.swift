// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore
import Synchronization
import SystemPackage

/// Where the lines of a record go, and what becomes of them while they cannot go there.
///
/// A write that fails, for want of space (ENOSPC, EDQUOT, EFBIG), for a disk that is gone (EIO) or read-only
/// (EROFS), begins an outage: lines are kept in a bounded backlog and tried again every second, the dear ones
/// longest (``RecordWorth``). An `outage` line behind them says what is missing. After an error of fdatasync(2) the
/// file is given up: what is told from then on is for the second place. One thread at a time uses a sink.
package final class RecordSink: @unchecked Sendable {
  /// Between two attempts during an outage, ns.
  package static let pause: UInt64 = 1_000_000_000
  /// Of what waits, bytes at most.
  package static let backlogSize = 8 << 20
  /// Room that is kept free behind a file's end, bytes.
  static let reserveSize: Int64 = 8 << 20

  package let object: String
  private let file: Descriptor
  private var backlog: RecordBacklog
  private let sync: RecordSync?
  private var reserve: RecordReserve?
  private var outage: RecordOutage?
  private var nextTry: UInt64 = 0
  /// The last line that went out has no end, and its rest is lost.
  private var isTorn = false
  private var failure: Errno?
  private let written = Atomic<UInt64>(0)

  /// Bytes that have gone out; any thread may ask.
  package var bytesWritten: UInt64 { written.load(ordering: .relaxed) }

  /// A record in a file, which is made or appended to. Its blocks lie ready ahead of its end until `finish`.
  package init(
    _ path: String, backlog size: Int = backlogSize, reserve: Int64 = reserveSize
  ) throws(HarnessError) {
    object = path
    file = try Descriptor(open: path, O_WRONLY | O_CREAT | O_APPEND, code: .environment)
    backlog = RecordBacklog(capacity: size)
    sync = try RecordSync(file, path)
    if reserve > 0 { self.reserve = RecordReserve(file, size: reserve) }
  }

  /// A port or a pipe: what it refuses is lost.
  package init(port: consuming Descriptor) {
    object = "record"
    file = port
    backlog = RecordBacklog(capacity: 0)
    sync = nil
  }

  /// Writes one line; those of the host's own have no time.
  package func emit<L: Line>(_ type: L.Type, _ fill: (inout L) -> Void) {
    var line = L()
    fill(&line)
    emit(line)
  }

  package func emit(_ line: some Line) {
    line.bytes.withUnsafeBytes { write($0) }
  }

  /// Writes whole lines, each with its end, or keeps them. Waits for nothing but write(2).
  package func write(_ lines: UnsafeRawBufferPointer) {
    if outage == nil, let error = sync?.failure {
      failure = error
      beginOutage()
    }
    if outage == nil, isTorn, !endTornLine() { beginOutage() }
    if outage != nil {
      keep(lines)
      return
    }
    let done = put(lines)
    if done < lines.count {
      beginOutage()
      let isTail = done > 0 && lines[done - 1] != 0x0a
      keep(UnsafeRawBufferPointer(rebasing: lines[done...]), isTail: isTail)
    } else if Self.matters(lines) {
      sync?.request()
    }
  }

  /// Tries again what waits, when it is time.
  package func retry(at now: UInt64) {
    // After an error of fdatasync(2), what write(2) takes may go nowhere, and nothing would say so.
    guard outage != nil, now >= nextTry, sync?.failure == nil else { return }
    nextTry = now + Self.pause
    if isTorn, !endTornLine() { return }
    let done = put(backlog.bytes)
    backlog.removeFirst(done)
    if !backlog.isEmpty { return }
    guard let line = outage?.line else { return }
    let told = line.withUnsafeBytes { put($0) }
    if told == line.count {
      outage = nil
      sync?.request()
    } else {
      isTorn = told > 0
    }
  }

  /// Ends the record: gives back what was reserved, and waits up to `patience` ns for an outage's end. What
  /// then still waits goes to a file in one of `others`.
  ///
  /// - Throws: where it is and what is lost (environment).
  package func finish(
    patience: UInt64 = 5_000_000_000, others: [String] = RecordSpill.directories
  ) throws(HarnessError) {
    let deadline = cl_boottime() + patience
    while outage != nil {
      nextTry = 0
      retry(at: cl_boottime())
      if outage == nil || sync?.failure != nil || cl_boottime() >= deadline { break }
      cl_sleep_until(cl_boottime() + Self.pause / 5)
    }
    reserve?.giveBack(file)
    let unsynced = sync?.finish()
    if let outage {
      throw RecordSpill.error(
        object, failure, outage, bytes: (isTorn ? [0x0a] : []) + backlog.bytes,
        isUnsynced: unsynced != nil, others)
    }
    if let unsynced {
      throw HarnessError(
        .environment, object, "fdatasync", errno: unsynced,
        remedy: "lines may be missing from it: look at the disk, and repeat the trial")
    }
  }

  /// Of a trial that could not begin.
  deinit {
    reserve?.giveBack(file)
    _ = sync?.finish()
  }

  // MARK: Outages

  private func beginOutage() {
    outage = RecordOutage(why: failure?.name ?? "?")
    nextTry = cl_boottime() + Self.pause
  }

  private func endTornLine() -> Bool {
    let end: [UInt8] = [0x0a]
    isTorn = end.withUnsafeBytes { put($0) } < 1
    return !isTorn
  }

  /// - Parameter isTail: the first of them is what is left of a line that is out in part.
  private func keep(_ lines: UnsafeRawBufferPointer, isTail: Bool = false) {
    var isTail = isTail
    RecordFile.forEachLine(lines) { line in
      let type = isTail ? "torn" : RecordFile.type(of: line)
      if backlog.append(line, isTail ? .essential : RecordWorth(type)) {
        outage?.keep(at: RecordFile.time(of: line))
      } else {
        outage?.lose(type, at: RecordFile.time(of: line))
        if isTail { isTorn = true }
      }
      isTail = false
    }
  }

  /// Bytes that write(2) took.
  private func put(_ bytes: UnsafeRawBufferPointer) -> Int {
    let descriptor = file.raw
    var done = 0
    while done < bytes.count {
      let wrote = attemptErrno(
        Glibc.write(descriptor, bytes.baseAddress! + done, bytes.count - done), object, "write",
        .outage)
      if wrote == -Int(EINTR) { continue }
      if wrote <= 0 {
        failure = wrote < 0 ? Errno(rawValue: Int32(-wrote)) : .ioError
        break
      }
      done += wrote
    }
    written.add(UInt64(done), ordering: .relaxed)
    reserve?.advance(done, file)
    return done
  }

  private static func matters(_ lines: UnsafeRawBufferPointer) -> Bool {
    var found = false
    RecordFile.forEachLine(lines) { line in
      // Nine of ten.
      if found || RecordFile.isSample(line) { return }
      found = LineTypes.synced.contains(RecordFile.type(of: line))
    }
    return found
  }
}
