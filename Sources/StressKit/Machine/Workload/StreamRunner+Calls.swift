// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore

/// The engines that do one operation at a time.
extension StreamRunner {
  /// Writes or reads with a call for each block; more where the kernel does less than asked for.
  mutating func runCalls() {
    let (block, flags) = (block, flags)
    switch action {
    case .read:
      runSynchronous(.read) { output, next in
        Self.readAll(
          output.descriptor,
          UnsafeMutableRawBufferPointer(start: block.buffer(0), count: Int(next.length)),
          next.offset, flags: flags)
      }
    case .write, .copy:
      runSynchronous(.write) { output, next in
        Self.writeAll(
          output.descriptor, block.buffer(0), Int(next.length), next.offset, flags: flags)
      }
    }
  }

  /// - Parameter call: answers with 0 or an errno. It reads into, or writes from, the only buffer.
  private mutating func runSynchronous(
    _ kind: SharedBlock.Kind, _ call: (_ output: Output, _ next: Next) -> Int32
  ) {
    while true {
      let wait = untilDue()
      if wait > 0 {
        header.pointee.paced += 1
        cl_sleep_until(cl_boottime() + wait)
      }
      guard let next = take() else { return }
      if kind == .write { stamp(0, next) }
      operations.begin(
        0, kind, bytes: UInt64(next.length), file: next.file, offset: next.offset, due: wantedAt)
      let errno = call(table[next.file], next)
      if errno != 0 { Worker.fail(header, Self.step(of: kind), errno) }
      let now = cl_boottime()
      // Still in flight, as what is read back.
      if kind == .read { verify(block.buffer(0), next.file, next.offset, Int(next.length)) }
      operations.finish(0, at: now)
      if isToPause(after: next) { pause() }
    }
  }

  static func step(of kind: SharedBlock.Kind) -> SharedBlock.Step {
    switch kind {
    case .read: .read
    case .copy: .copy
    default: .write
    }
  }

  /// pwritev2(2) until all is written. Returns 0 or an errno.
  static func writeAll(
    _ fd: Int32, _ buffer: UnsafeMutableRawPointer, _ length: Int, _ offset: UInt64,
    flags: Int32 = 0
  ) -> Int32 {
    var done = 0
    while done < length {
      let wrote = attempt(
        cl_write_at(fd, buffer + done, length - done, Int64(offset) + Int64(done), flags),
        "worker", "pwrite")
      if wrote == -EINTR { continue }
      if wrote < 0 { return -wrote }
      // It would be tried again for ever: as with io_uring, the device is full in the kernel's eyes.
      if wrote == 0 { return ENOSPC }
      done += Int(wrote)
    }
    return 0
  }

  /// preadv2(2) until all is read; what a file lacks at its end is read as zeros. Returns 0 or an errno.
  static func readAll(
    _ fd: Int32, _ buffer: UnsafeMutableRawBufferPointer, _ offset: UInt64, flags: Int32
  ) -> Int32 {
    var done = 0
    while done < buffer.count, let start = buffer.baseAddress {
      let got = attempt(
        cl_read_at(fd, start + done, buffer.count - done, Int64(offset) + Int64(done), flags),
        "stream", "pread")
      if got == -EINTR { continue }
      if got < 0 { return -got }
      if got == 0 {
        memset(start + done, 0, buffer.count - done)
        return 0
      }
      done += Int(got)
    }
    return 0
  }

  // MARK: Mappings

  /// Dirties or reads through a shared mapping of each block. A file that is new grows sparse first, blocks come with
  /// the faults.
  mutating func runMapped() {
    let block = block
    if action == .read {
      return runSynchronous(.read) { output, next in
        Self.mapped(output.descriptor, next, PROT_READ) {
          block.buffer(0).copyMemory(from: $0, byteCount: Int(next.length))
        }
      }
    }
    // A file that was there before, or was preallocated, has its length already.
    let isPreallocated = stream.pointee.preallocate != 0
    runSynchronous(.write) { output, next in
      if output.end == .max, !isPreallocated {
        let result = attemptErrno(
          Int(ftruncate(output.descriptor, off_t(next.offset) + off_t(next.length))), "stream",
          "ftruncate")
        if result < 0 { return Int32(-result) }
      }
      return Self.mapped(output.descriptor, next, PROT_READ | PROT_WRITE) {
        $0.copyMemory(from: block.buffer(0), byteCount: Int(next.length))
      }
    }
  }

  /// Returns 0 or an errno.
  private static func mapped(
    _ fd: Int32, _ next: Next, _ protection: Int32, _ body: (UnsafeMutableRawPointer) -> Void
  ) -> Int32 {
    // The mapping must begin on a page; a block does when it is a multiple of 4 KiB.
    let lead = Int(next.offset % 4096)
    let length = Int(next.length) + lead
    switch attemptMap(
      length, MAP_SHARED, protection: protection, of: fd, from: off_t(next.offset) - off_t(lead),
      "stream")
    {
    case .success(let start):
      body(start + lead)
      return Int32(-attemptErrno(Int(munmap(start, length)), "stream", "munmap"))
    case .failure(let errno): return errno.rawValue
    }
  }

  // MARK: Copies

  /// A pipe for splice(2), its two ends.
  struct Pipe {
    var read: Int32
    var write: Int32
  }

  func makePipe() -> Pipe {
    var ends: [Int32] = [0, 0]
    let result = attempt(cl_pipe(&ends), "stream", "pipe2")
    if result < 0 { Worker.fail(header, .copy, -result) }
    return Pipe(read: ends[0], write: ends[1])
  }

  /// Copies from file to file within the kernel.
  ///
  /// - Parameter pipe: for splice(2); nil: copy_file_range(2).
  mutating func runCopies(through pipe: Pipe?) {
    runSynchronous(.copy) { output, next in
      var done = 0
      while done < Int(next.length) {
        let (offset, rest) = (Int64(next.offset) + Int64(done), Int(next.length) - done)
        let copied =
          if let pipe {
            attempt(
              cl_splice_range(
                output.source, output.descriptor, offset, rest, pipe.read, pipe.write),
              "stream", "splice")
          } else {
            attempt(
              cl_copy_range(output.source, output.descriptor, offset, rest), "stream",
              "copy_file_range")
          }
        if copied == -EINTR { continue }
        if copied < 0 { return -copied }
        // The file that is copied is shorter than it was.
        if copied == 0 { return ENODATA }
        done += Int(copied)
      }
      return 0
    }
  }
}
