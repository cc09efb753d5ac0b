// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore
import Synchronization

/// What commands print, on both streams and in its order: read as it comes, so that none waits for the harness, and
/// kept as its beginning and its end.
///
/// One thread reads all of them. What is kept has its memory before a command begins.
final class CommandOutput: @unchecked Sendable {
  /// Bytes kept of the beginning and of the end.
  static let headRoom = 8 << 10
  static let tailRoom = 24 << 10
  /// What one takes, and what all share, bytes.
  static let memory = headRoom + tailRoom
  static let sharedMemory = chunk + 512 << 10  // with the thread's stack
  private static let chunk = 64 << 10

  /// Of one command.
  final class Kept: Sendable {
    private struct State: ~Copyable, @unchecked Sendable {
      let head = UnsafeMutableRawBufferPointer.allocate(byteCount: headRoom, alignment: 8)
      let tail = UnsafeMutableRawBufferPointer.allocate(byteCount: tailRoom, alignment: 8)
      var total: UInt64 = 0

      init() {
        for buffer in [head, tail] { buffer.initializeMemory(as: UInt8.self, repeating: 0) }
      }
      deinit {
        head.deallocate()
        tail.deallocate()
      }

      mutating func take(_ bytes: UnsafeRawBufferPointer) {
        var rest = bytes[...]
        if total < UInt64(head.count) {
          let first = rest.prefix(head.count - Int(total))
          head.baseAddress!.advanced(by: Int(total))
            .copyMemory(from: first.base.baseAddress! + first.startIndex, byteCount: first.count)
          rest = rest.dropFirst(first.count)
          total += UInt64(first.count)
        }
        // More than the end has room for is not the end.
        total += UInt64(rest.count - min(rest.count, tail.count))
        rest = rest.suffix(tail.count)
        while !rest.isEmpty {
          let at = Int((total - UInt64(head.count)) % UInt64(tail.count))
          let part = rest.prefix(tail.count - at)
          tail.baseAddress!.advanced(by: at)
            .copyMemory(from: part.base.baseAddress! + part.startIndex, byteCount: part.count)
          total += UInt64(part.count)
          rest = rest.dropFirst(part.count)
        }
      }

      var text: (head: String, tail: String?, omitted: UInt64) {
        let beginning = head.prefix(Int(min(total, UInt64(head.count))))
        let rest = total - UInt64(beginning.count)
        if rest == 0 { return (String(decoding: beginning, as: UTF8.self), nil, 0) }
        let kept = min(rest, UInt64(tail.count))
        let start = Int((rest - kept) % UInt64(tail.count))
        let end = (0..<Int(kept)).map { tail[(start + $0) % tail.count] }
        if rest == kept {
          return (String(decoding: Array(beginning) + end, as: UTF8.self), nil, 0)
        }
        return (
          String(decoding: beginning, as: UTF8.self), String(decoding: end, as: UTF8.self),
          rest - kept
        )
      }
    }
    private let state = Mutex(State())
    fileprivate let descriptor: Descriptor

    fileprivate init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }

    fileprivate func take(_ bytes: UnsafeRawBufferPointer) {
      state.withLock { (state: inout State) in state.take(bytes) }
    }

    /// Bytes that were printed so far.
    var total: UInt64 { state.withLock { $0.total } }
    /// All of it, or its beginning, its end and how many bytes are missing between them.
    var text: (head: String, tail: String?, omitted: UInt64) { state.withLock { $0.text } }
  }

  /// Not in any record: what the reader is to look at anew.
  private let newcomers = Mutex<[Kept]>([])
  /// A byte for every newcomer; closed at the end.
  private let control: Descriptor
  private let controlEnd: Int32
  private var thread: Thread?

  init() throws(HarnessError) {
    var ends: [Int32] = [-1, -1]
    try check(cl_pipe(&ends), "commands' output", "pipe2")
    control = Descriptor(owning: ends[0])
    controlEnd = ends[1]
    thread = try Thread("wb-output") { [self] in loop() }
  }

  /// A pipe for a command that is about to start: what is kept of it, and the end that is the command's.
  func add() throws(HarnessError) -> (Kept, Int32) {
    var ends: [Int32] = [-1, -1]
    try check(cl_pipe(&ends), "a command's output", "pipe2")
    let kept = Kept(Descriptor(owning: ends[0]))
    newcomers.withLock { $0.append(kept) }
    var byte: UInt8 = 0
    attemptErrno(write(controlEnd, &byte, 1), "commands' output", "write", .again)
    return (kept, ends[1])
  }

  /// Takes what is still in the pipes, and ends; whoever has one open then writes to nobody.
  func finish() {
    guard let thread else { return }
    close(controlEnd)
    thread.join()
    self.thread = nil
  }

  private func loop() {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.chunk, alignment: 4096)
    defer { buffer.deallocate() }
    var streams: [Kept] = []
    var isEnding = false
    while true {
      var entries = [pollfd(fd: isEnding ? -1 : control.raw, events: Int16(POLLIN), revents: 0)]
      entries += streams.map { pollfd(fd: $0.descriptor.raw, events: Int16(POLLIN), revents: 0) }
      let ready = Glibc.poll(&entries, nfds_t(entries.count), isEnding ? 0 : -1)
      if ready == 0, isEnding { return }
      if ready < 0 { continue }
      var ended: [Int] = []
      for (index, entry) in entries.dropFirst().enumerated() where entry.revents != 0 {
        let got = attemptErrno(
          read(entry.fd, buffer.baseAddress, buffer.count), "a command's output", "read", .again)
        if got > 0 {
          streams[index].take(UnsafeRawBufferPointer(rebasing: buffer[..<got]))
        } else if got != -Int(EINTR) {
          ended.append(index)
        }
      }
      for index in ended.reversed() { streams.remove(at: index) }
      if entries[0].revents != 0 {
        let got = attemptErrno(
          read(control.raw, buffer.baseAddress, buffer.count), "commands' output", "read", .again)
        if got == 0 { isEnding = true }
        streams += newcomers.withLock { list in
          defer { list.removeAll() }
          return list
        }
      }
    }
  }
}
