// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore
import Synchronization
import SystemPackage

/// Reads the raw buffers of a trace instance as they fill, on a thread of its own, and feeds the digest in
/// the order of time across CPUs.
///
/// The thread allocates nothing and takes no lock; it sleeps between looks, for a reader that is woken by
/// each page would be felt.
package final class TraceFollower: @unchecked Sendable {
  /// Between looks, ns. At 200,000 records a second of 80 bytes this is less than 1 MiB.
  private static let pause: UInt64 = 50_000_000
  /// Pages read from one CPU at a time.
  private static let pagesAtOnce = 256

  /// What the pages of one CPU take, bytes.
  package static let memoryOfBuffer = pagesAtOnce * TracePage.size

  /// One CPU's: a ring of pages that were read and are not done.
  private struct Buffer {
    let descriptor: Int32
    let cpu: Int32
    let pages: UnsafeMutableRawPointer
    /// The page that is gone through, and how many there are from it on.
    var head = 0
    var count = 0
    var page: TracePage?

    func slot(_ i: Int) -> UnsafeMutableRawPointer {
      pages + (head + i) % TraceFollower.pagesAtOnce * TracePage.size
    }
  }

  package static let object = "trace buffer"

  /// nil: pages of a file.
  private let instance: TraceInstance?
  private let decoder: TraceDecoder
  package let digest: TraceDigest
  private let buffers: UnsafeMutableBufferPointer<Buffer>
  private var isClosed = false
  private let stopping = Atomic<Bool>(false)
  private var thread: Thread?

  /// What the thread did; to be read when it has stopped.
  package private(set) var decoded = 0
  /// Records of no event that was learnt, or damaged.
  package private(set) var unknown = 0
  /// Records that the pages themselves say were overwritten before them.
  package private(set) var lostInPages: UInt64 = 0
  /// Pages given up for a damaged time in them or behind them.
  package private(set) var damagedPages = 0
  /// Why a buffer could not be read; the first time counts.
  package private(set) var failure: Errno?
  /// CPU time of the thread, ns.
  package private(set) var cpuTime: UInt64 = 0

  package convenience init(
    _ instance: TraceInstance, _ decoder: TraceDecoder, _ digest: TraceDigest
  ) throws(HarnessError) {
    self.init(try instance.openBuffers(), of: instance.cpus, decoder, digest, instance)
  }

  /// - Parameters:
  ///   - descriptors: of each CPU; they are closed by this.
  init(
    _ descriptors: [Int32], of cpus: [Int], _ decoder: TraceDecoder, _ digest: TraceDigest,
    _ instance: TraceInstance? = nil
  ) {
    self.instance = instance
    self.decoder = decoder
    self.digest = digest
    buffers = .allocate(capacity: descriptors.count)
    for (i, descriptor) in descriptors.enumerated() {
      let bytes = Self.pagesAtOnce * TracePage.size
      let pages = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: TracePage.size)
      // Touched now: a page fault later would be an allocation under pressure.
      pages.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
      buffers.initializeElement(
        at: i, to: Buffer(descriptor: descriptor, cpu: Int32(cpus[i]), pages: pages))
    }
  }

  deinit {
    closeBuffers()
    for buffer in buffers { buffer.pages.deallocate() }
    buffers.deallocate()
  }

  package func start() throws(HarnessError) {
    thread = try Thread("wb-trace") { [self] in loop() }
  }

  /// Ends the recording, takes what is left in the buffers, and ends the thread.
  package func stop() {
    instance?.stop()
    stopping.store(true, ordering: .releasing)
    thread?.join()
    thread = nil
  }

  /// Closes the buffers, so that the instance can be removed.
  package func closeBuffers() {
    if isClosed { return }
    isClosed = true
    for buffer in buffers { close(buffer.descriptor) }
  }

  private func loop() {
    while true {
      let last = stopping.load(ordering: .acquiring)
      if look(last: last) { continue }
      if last { break }
      cl_sleep_until(cl_boottime() + Self.pause)
    }
    digest.flushSums(cl_boottime())
    cpuTime = Thread.cpuTime
  }

  /// One look at all buffers. True when there is more to be had at once: each such look takes something out.
  func look(last: Bool) -> Bool {
    // A record that is newer than this may be earlier than what another CPU has yet to write: it waits.
    var limit = last ? UInt64.max : cl_boottime()
    var isMore = false
    for i in buffers.indices {
      while buffers[i].count < Self.pagesAtOnce {
        let got = attemptErrno(
          read(buffers[i].descriptor, buffers[i].slot(buffers[i].count), TracePage.size),
          Self.object, "read")
        if got == -Int(EINTR) { continue }
        if got < 0, got != -Int(EAGAIN), failure == nil { failure = Errno(rawValue: Int32(-got)) }
        if got < TracePage.size { break }
        buffers[i].count += 1
      }
      if buffers[i].page == nil { turn(i) }
      if buffers[i].count == Self.pagesAtOnce {
        // So is what comes behind the pages that there was room for: the last one's time is its first record's.
        limit = min(limit, buffers[i].slot(Self.pagesAtOnce - 1).loadUnaligned(as: UInt64.self))
        isMore = true
      }
    }
    var isTaken = false
    while true {
      var first = -1
      var earliest = UInt64.max
      for i in buffers.indices {
        guard let time = buffers[i].page?.time, time < earliest else { continue }
        earliest = time
        first = i
      }
      guard first >= 0, earliest <= limit, let page = buffers[first].page else {
        if isMore, !isTaken { makeRoom() }
        return isMore
      }
      isTaken = true
      if let record = decoder.decode(page.record, time: page.time, cpu: buffers[first].cpu) {
        decoded += 1
        digest.take(record)
      } else {
        unknown += 1
      }
      if buffers[first].page?.advance() != true { turn(first, isDone: true) }
    }
  }

  /// Gives up the oldest page of each full ring, with what is left of it: the time of a damaged page, it or the last,
  /// says that it is of years to come, or comes before all in front of it.
  private func makeRoom() {
    for i in buffers.indices where buffers[i].count == Self.pagesAtOnce {
      damagedPages += 1
      turn(i, isDone: true)
      // What had begun may have ended in it.
      if let page = buffers[i].page { digest.lose(before: min(page.time, cl_boottime())) }
    }
  }

  /// Goes to the first record of the next page that has one.
  private func turn(_ i: Int, isDone: Bool = false) {
    buffers[i].page = nil
    if isDone { drop(i) }
    while buffers[i].count > 0 {
      let bytes = UnsafeRawBufferPointer(start: buffers[i].slot(0), count: TracePage.size)
      if var page = TracePage(bytes) {
        lostInPages += page.lost
        if page.lost > 0 { digest.lose(before: page.time) }
        if page.advance() {
          buffers[i].page = page
          return
        }
      } else {
        unknown += 1
      }
      drop(i)
    }
  }

  private func drop(_ i: Int) {
    buffers[i].head = (buffers[i].head + 1) % Self.pagesAtOnce
    buffers[i].count -= 1
  }
}
