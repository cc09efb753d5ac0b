// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore
import StressMachine
import Synchronization

/// Who of several programs on a shared directory is at which trial: a file for each, which only one of them can make.
///
/// Files, and no locks of the kernel's: a directory on NFS has them as well (open(2), O_EXCL), and what a dead node
/// leaves behind grows old. A claim's owner touches it; one that nobody has touched for the length of a lease is taken
/// over. All ages are by the clock of whoever keeps the directory.
package final class TrialClaims: Sendable {
  /// s.
  package static let lease: Int64 = 60
  private static let touchInterval: UInt64 = 10_000_000_000
  private static let pause: UInt64 = 200_000_000

  private let directory: String
  private let lease: Int64
  /// What tells this program from all others.
  private let owner: String
  private let held = Mutex<Set<String>>([])
  private let isOver = Atomic<Bool>(false)

  /// - Parameters:
  ///   - campaign: its directory.
  ///   - lease: after how many seconds an untouched claim is nobody's.
  package init(in campaign: String, lease: Int64 = TrialClaims.lease) throws(HarnessError) {
    directory = campaign + "/claims"
    self.lease = lease
    let host = File.line("/proc/sys/kernel/hostname") ?? "?"
    let token = String(UInt64.random(in: .min ... .max), radix: 16)
    owner = "\(host)-\(getpid())-\(token)"
    try File.makeDirectory(directory)
  }

  /// Keeps what is claimed from growing old, until `end`.
  package func keep() throws(HarnessError) -> Thread {
    try Thread("wb-claims") { [self] in
      var due = cl_boottime()
      while !isOver.load(ordering: .acquiring) {
        if cl_boottime() >= due {
          due = cl_boottime() + Self.touchInterval
          for name in held.withLock({ $0 }) where isOwn(name) { try? touch(path(name)) }
        }
        cl_sleep_until(cl_boottime() + Self.pause)
      }
    }
  }

  /// Gives back what is still claimed, and ends the thread that keeps it.
  package func end(_ thread: Thread) {
    isOver.store(true, ordering: .releasing)
    thread.join()
    for name in held.withLock({ $0 }) { release(name) }
    File.remove(clock, .nothingToRemove)
  }

  private func path(_ name: String) -> String { directory + "/" + name }
  private static func name(_ trial: Campaign.Trial) -> String {
    "\(trial.cell + 1)-\(trial.number)"
  }

  /// Claims a trial.
  ///
  /// - Returns: whether it is ours now; else somebody else is at it.
  /// - Throws: when the directory cannot be written.
  package func take(_ trial: Campaign.Trial) throws(HarnessError) -> Bool {
    let name = Self.name(trial)
    if try make(name) { return true }
    guard try isOld(name) else { return false }
    // One of those who see it can take it away, under a name of its own.
    let taken = path("\(name).\(owner)")
    do throws(HarnessError) {
      try File.rename(path(name), taken)
    } catch {
      return false
    }
    defer { File.remove(taken, .nothingToRemove) }
    if let age = try age(of: taken), age <= lease {
      // Between the look and the taking another has taken it over: back to its place, if that is still free.
      try File.linkUnlessThere(taken, path(name))
      return false
    }
    return try make(name)
  }

  /// Gives a trial back, done or not.
  package func release(_ trial: Campaign.Trial) { release(Self.name(trial)) }

  private func release(_ name: String) {
    if isOwn(name) { File.remove(path(name), .nothingToRemove) }
    _ = held.withLock { $0.remove(name) }
  }

  /// Somebody who took us for dead may have it.
  private func isOwn(_ name: String) -> Bool { File.line(path(name)) == owner }

  private func make(_ name: String) throws(HarnessError) -> Bool {
    guard try File.writeUnlessThere(path(name), Array((owner + "\n").utf8)) else { return false }
    _ = held.withLock { $0.insert(name) }
    return true
  }

  // MARK: Ages

  /// Touched to learn the time of whoever keeps the directory.
  private var clock: String { path("clock.\(owner)") }

  private func touch(_ path: String) throws(HarnessError) {
    try checkErrno(Int(utimes(path, nil)), path, "utimes", code: .environment)
  }

  private func isOld(_ name: String) throws(HarnessError) -> Bool {
    // Gone since: the next look tells.
    guard let age = try age(of: path(name)) else { return false }
    return age > lease
  }

  /// s; nil: there is no such file.
  private func age(of path: String) throws(HarnessError) -> Int64? {
    if try !File.writeUnlessThere(clock, []) { try touch(clock) }
    guard let now = File.modified(clock), let then = File.modified(path) else { return nil }
    return now - then
  }
}
