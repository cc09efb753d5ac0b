// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import SystemPackage

/// An open file descriptor with one owner: closed when the owner goes.
package struct Descriptor: ~Copyable, Sendable {
  package let raw: Int32

  package init(owning raw: Int32) { self.raw = raw }

  /// The corresponding C function is `open`; O_CLOEXEC is always set.
  package init(
    open path: String, _ flags: Int32 = O_RDONLY, mode: mode_t = 0o644,
    code: HarnessError.Code = .harness, waiver: Waiver? = nil
  ) throws(HarnessError) {
    raw = Int32(
      try accept(
        attemptErrno(Int(Glibc.open(path, flags | O_CLOEXEC, mode)), path, "open", waiver), path,
        "open", code: code))
  }

  deinit { close(raw) }

  /// Gives the descriptor away; the caller closes it.
  package consuming func release() -> Int32 {
    let fd = raw
    discard self
    return fd
  }
}

/// A lock that is held while this exists.
package final class FileLock: Sendable {
  private let descriptor: Descriptor
  init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }

  /// Outright, and not by the close alone: a child between its fork and its exec has the descriptor too, and
  /// would keep the lock that much longer.
  deinit { attemptErrno(Int(flock(descriptor.raw, LOCK_UN)), "lock", "unlock", .closeUnlocks) }
}

/// Whole-file access for set-up, take-down and reports; never used while a trial is sampled.
package enum File {
  /// Reads a whole file; works for procfs and sysfs, whose sizes are 0.
  ///
  /// - Parameter limit: a longer file is an error, before it fills the memory.
  package static func read(
    _ path: String, code: HarnessError.Code = .harness, atMost limit: Int = .max
  ) throws(HarnessError) -> [UInt8] {
    let fd = try Descriptor(open: path, code: code)
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let got = try checkErrno(Glibc.read(fd.raw, &chunk, chunk.count), path, "read", code: code)
      if got == 0 { return bytes }
      bytes.append(contentsOf: chunk[..<got])
      if bytes.count > limit {
        throw HarnessError(code, path, "is larger than the \(limit >> 10) KiB that make sense here")
      }
    }
  }

  package static func text(
    _ path: String, code: HarnessError.Code = .harness
  ) throws(HarnessError) -> String {
    String(decoding: try read(path, code: code), as: UTF8.self)
  }

  /// The lines of a text whose ends may be `\r\n`, as on a serial console: to Swift those two are one
  /// character, which a split at "\n" does not see. Empty lines are left out; no file has none.
  package static func consoleLines(_ path: String) -> [String] {
    ((try? read(path)) ?? []).split { $0 == 0x0a || $0 == 0x0d }
      .map { String(decoding: $0, as: UTF8.self) }
  }

  /// One line without its end; nil when the file cannot be read: for values that not every kernel has.
  package static func line(_ path: String) -> String? {
    guard let text = try? text(path) else { return nil }
    return text.split(separator: "\n", maxSplits: 1).first.map(String.init) ?? ""
  }

  /// As `line`, but nil only when there is no such file; what else keeps it from being read is thrown. For looks that
  /// an undoing depends on: what cannot be seen is not gone.
  package static func lineIfThere(_ path: String) throws(HarnessError) -> String? {
    do throws(HarnessError) {
      return try text(path).split(separator: "\n", maxSplits: 1).first.map(String.init) ?? ""
    } catch {
      if error.errno?.isAbsence == true { return nil }
      throw error
    }
  }

  /// Writes a new file, or one anew. What fails is by default the disk's fault, not the harness's.
  package static func write(
    _ path: String, _ bytes: [UInt8], code: HarnessError.Code = .environment
  ) throws(HarnessError) {
    let fd = try Descriptor(open: path, O_WRONLY | O_CREAT | O_TRUNC, code: code)
    try fd.writeAll(bytes, path, code: code)
  }

  /// Writes a file anew so that there is always a whole one, the old or the new, also after a loss of power: to
  /// `PATH.new`, to the disk, and then in its place.
  package static func replace(_ path: String, _ bytes: [UInt8]) throws(HarnessError) {
    let new = path + ".new"
    do throws(HarnessError) {
      let fd = try Descriptor(open: new, O_WRONLY | O_CREAT | O_TRUNC, code: .environment)
      try fd.writeAll(bytes, new)
      try fd.sync(new)
      try rename(new, path)
    } catch {
      remove(new)
      throw error
    }
    // The name, too.
    let directory = path.split(separator: "/", omittingEmptySubsequences: false).dropLast()
      .joined(separator: "/")
    try Descriptor(
      open: directory.isEmpty ? (path.hasPrefix("/") ? "/" : ".") : directory, O_DIRECTORY,
      code: .environment
    ).sync(path)
  }

  /// Writes a value to a kernel interface file.
  package static func set(
    _ path: String, _ value: String, remedy: String? = nil, code: HarnessError.Code = .harness
  ) throws(HarnessError) {
    let fd = try checkErrno(
      Int(Glibc.open(path, O_WRONLY | O_CLOEXEC)), path, "write \(value)", remedy: remedy,
      code: code)
    let owned = Descriptor(owning: Int32(fd))
    let bytes = Array(value.utf8)
    try checkErrno(
      Glibc.write(owned.raw, bytes, bytes.count), path, "write \(value)", remedy: remedy,
      code: code)
  }

  /// Takes a lock on a directory or file; nil when another process has it. It is kept until the
  /// last copy of what is returned goes. The corresponding C function is `flock`.
  ///
  /// - Parameter shared: others may have it at the same time, if they ask for it so.
  package static func lock(
    _ path: String, shared: Bool = false
  ) throws(HarnessError) -> FileLock? {
    let fd = try Descriptor(open: path, O_RDONLY, code: .environment)
    let kind = shared ? LOCK_SH : LOCK_EX
    let result = attemptErrno(Int(flock(fd.raw, kind | LOCK_NB)), path, "flock")
    if result == -Int(EWOULDBLOCK) { return nil }
    try accept(result, path, "flock", code: .environment)
    return FileLock(fd)
  }

  /// The corresponding C function is `rename`.
  package static func rename(
    _ old: String, _ new: String, remedy: String? = nil
  ) throws(HarnessError) {
    try checkErrno(
      Int(Glibc.rename(old, new)), old, "rename to \(new)", remedy: remedy, code: .environment)
  }

  /// A path that no program takes for an option (`-x`) or for a protocol (`nbd:x`, as QEMU's block layer does).
  package static func plain(_ path: String) -> String {
    let first = path.prefix { $0 != "/" }
    return first.hasPrefix("-") || first.contains(":") ? "./" + path : path
  }

  /// There is such a file, or it cannot be seen whether there is.
  package static func exists(_ path: String) -> Bool {
    let result = attemptErrno(Int(access(path, F_OK)), path, "access", .takenToBeThere)
    return result == 0 || !Errno(rawValue: Int32(-result)).isAbsence
  }

  /// What a symbolic link says, cut at 4096 bytes; nil when it cannot be read. The corresponding C function is
  /// `readlink`.
  package static func link(_ path: String, _ waiver: Waiver? = nil) -> String? {
    var buffer = [CChar](repeating: 0, count: 4096)
    let length = attemptErrno(readlink(path, &buffer, buffer.count), path, "readlink", waiver)
    if length <= 0 { return nil }
    return String(decoding: buffer[..<length].map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  /// The names in a directory, sorted, without `.` and `..`; empty when it cannot be read.
  package static func names(in directory: String) -> [String] { (try? list(directory)) ?? [] }

  /// As `names`, but what cannot be read is thrown.
  ///
  /// - Parameter type: what readdir(3) has to say of them, such as DT_DIR; nil: all of them.
  package static func list(
    _ directory: String, type: Int? = nil
  ) throws(HarnessError) -> [String] {
    let stream = try accept(
      attemptPointer(opendir(directory), directory, "opendir"), directory, "opendir",
      code: .environment)
    return names(of: stream, type: type)
  }

  /// Makes a directory and those above it.
  package static func makeDirectory(_ path: String) throws(HarnessError) {
    if path.isEmpty || exists(path) { return }
    try makeDirectory(String(FilePath(path).removingLastComponent().string))
    let result = attemptErrno(Int(mkdir(path, 0o755)), path, "mkdir")
    if result != -Int(EEXIST) { try accept(result, path, "mkdir", code: .environment) }
  }

  /// Removes a file or a directory with all in it; what is not there is no error. No symbolic link is followed, and
  /// what is mounted below is others': it stays, with the directories above it.
  ///
  /// - Parameter waiver: of a removal that nothing depends on.
  package static func remove(_ path: String, _ waiver: Waiver? = nil) {
    guard attemptErrno(Int(unlink(path)), path, "unlink", waiver) == -Int(EISDIR) else { return }
    let whole = FilePath(path)
    let parent = whole.removingLastComponent().string
    guard let name = whole.lastComponent?.string,
      let directory = try? Descriptor(open: parent.isEmpty ? "." : parent, O_RDONLY | O_DIRECTORY)
    else { return }
    removeDirectory(name, in: directory, path)
  }

  private static func removeDirectory(
    _ name: String, in parent: borrowing Descriptor, _ path: String
  ) {
    let above = parent.raw
    let opened = attempt(cl_open_directory(above, name), path, "openat2")
    if opened < 0 { return }
    let directory = Descriptor(owning: opened)
    let raw = directory.raw
    for entry in (try? names(inOpen: raw, path, type: nil)) ?? [] {
      let entryPath = path + "/" + entry
      if attemptErrno(Int(unlinkat(raw, entry, 0)), entryPath, "unlink") == -Int(EISDIR) {
        removeDirectory(entry, in: directory, entryPath)
      }
    }
    attemptErrno(Int(unlinkat(above, name, AT_REMOVEDIR)), path, "rmdir")
  }

  /// The names in a directory that is open; the descriptor stays its owner's.
  private static func names(
    inOpen descriptor: Int32, _ path: String, type: Int?
  ) throws(HarnessError) -> [String] {
    let own = try checkErrno(
      Int(fcntl(descriptor, F_DUPFD_CLOEXEC, 0)), path, "F_DUPFD_CLOEXEC", code: .environment)
    let result = attemptPointer(fdopendir(Int32(own)), path, "opendir")
    if case .failure = result { close(Int32(own)) }
    return names(of: try accept(result, path, "opendir", code: .environment), type: type)
  }

  private static func names(of stream: OpaquePointer, type: Int?) -> [String] {
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { raw in
        String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
      }
      if let type, Int(entry.pointee.d_type) != type { continue }
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  private static func status(_ path: String) -> stat? {
    var info = stat()
    return attemptErrno(Int(stat(path, &info)), path, "stat", .takenToBeThere) == 0 ? info : nil
  }

  /// Whether a file is there to be read at all, by its mode: some of the kernel's take a write only. False when there
  /// is no such file.
  package static func isReadable(_ path: String) throws(HarnessError) -> Bool {
    var info = stat()
    let result = attemptErrno(Int(stat(path, &info)), path, "stat")
    if result < 0, Errno(rawValue: Int32(-result)).isAbsence { return false }
    try accept(result, path, "stat")
    return info.st_mode & 0o444 != 0
  }

  /// When it was last written or touched, s since 1970; nil when there is no such file.
  package static func modified(_ path: String) -> Int64? {
    status(path).map { Int64($0.st_mtim.tv_sec) }
  }

  /// Writes a new file; false where one of that name is there.
  package static func writeUnlessThere(
    _ path: String, _ bytes: [UInt8]
  ) throws(HarnessError) -> Bool {
    let fd: Descriptor
    do throws(HarnessError) {
      fd = try Descriptor(open: path, O_WRONLY | O_CREAT | O_EXCL, code: .environment)
    } catch {
      if error.errno == .fileExists { return false }
      throw error
    }
    try fd.writeAll(bytes, path)
    return true
  }

  /// Gives a file a second name, unless something has it. The corresponding C function is `link`.
  package static func linkUnlessThere(_ old: String, _ new: String) throws(HarnessError) {
    let result = attemptErrno(Int(Glibc.link(old, new)), new, "link")
    if result != -Int(EEXIST) { try accept(result, new, "link", code: .environment) }
  }

  /// Inode number; nil when there is no such file.
  package static func inode(_ path: String) -> UInt64? { status(path).map { UInt64($0.st_ino) } }

  /// Size in bytes; nil when there is no such file.
  package static func size(_ path: String) -> UInt64? { status(path).map { UInt64($0.st_size) } }
}

extension Descriptor {
  /// The corresponding C function is `fsync`.
  package borrowing func sync(
    _ object: @autoclosure () -> String, code: HarnessError.Code = .environment
  ) throws(HarnessError) {
    try checkErrno(Int(fsync(raw)), object(), "fsync", code: code)
  }

  /// The corresponding C function is `pread`; less than `count` bytes at the end of what there is.
  package borrowing func read(
    _ count: Int, at offset: Int, _ object: @autoclosure () -> String
  ) throws(HarnessError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    let got = try checkErrno(pread(raw, &bytes, count, off_t(offset)), object(), "read")
    return Array(bytes.prefix(got))
  }

  /// Writes all of `bytes`, however many write(2) calls that takes.
  package borrowing func writeAll(
    _ bytes: some Collection<UInt8>, _ object: @autoclosure () -> String,
    code: HarnessError.Code = .environment
  ) throws(HarnessError) {
    let descriptor = raw
    var rest = Array(bytes)[...]
    while !rest.isEmpty {
      let wrote = attemptErrno(
        rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }, object(),
        "write")
      if wrote == -Int(EINTR) { continue }
      // A write of nothing would be tried again for ever.
      try accept(wrote == 0 ? -Int(ENOSPC) : wrote, object(), "write", code: code)
      rest = rest.dropFirst(wrote)
    }
  }
}
