// SPDX-License-Identifier: Apache-2.0
import Glibc
import Synchronization
import SystemPackage

/// Why a run goes on without a word when a call fails, and is right to: said where the call is made, so that no other
/// call can be excused for it. InjectionTests asks.
package enum Waiver: String, CaseIterable, Sendable {
  /// It is removed in case that it is there.
  case nothingToRemove
  /// The close of the descriptor unlocks, too.
  case closeUnlocks
  /// The record does without room set aside.
  case reserve
  /// The record has an outage, which it tells itself.
  case outage
  /// One mark of several: the clock takes the others.
  case mark
  /// It is asked again for less at a time.
  case less
  /// It is asked or sent again.
  case again
  /// EBUSY is waited out; no other errno is.
  case busy
  /// What cannot be looked at is taken to be there, and the step that needs it tells.
  case takenToBeThere
  /// A journal's note that something is undone: the journal goes at the end.
  case undone
  /// What the record does not know of its machine is null in it.
  case unknown
  /// Fewer announcements of the kernel's, which the record tells.
  case announcement
}

/// The errno that the call about to be made is to fail with, without being made; nil: it is to be made. Every call
/// of the funnel (Funnel.swift) asks here first. In a release build the answer is nil, and nothing is left of it.
@inline(__always)
package func chosenFailure(
  _ object: @autoclosure () -> String, _ operation: @autoclosure () -> String,
  _ waiver: Waiver? = nil
) -> Errno? {
  #if DEBUG
    CallFailures.next(object, operation, waiver)
  #else
    nil
  #endif
}

#if DEBUG
  /// Makes the n-th of the calls that pass the funnel fail with an errno of the tester's choice: debug builds only.
  /// The kernel's Documentation/fault-injection does the same from below.
  ///
  /// For a whole process by its environment:
  ///
  ///     WBSTRESS_FAIL=[ROLE:]N:ERRNO[:SITE]    the n-th call, or the n-th at a site, such as 3:ENOSPC
  ///     WBSTRESS_FAIL_LIST=FILE                a line for each call, or with WBSTRESS_FAIL for the one that failed:
  ///                                            object, operation, errno, and the ``Waiver`` if it has one
  ///
  /// ROLE is a worker's (`pinned`, `stream`, `task`); without it the supervisor's calls are meant. A SITE is a line of
  /// the list without its number and errno. For unit tests, which share a process, on the calling thread alone:
  /// `failing` and `calls`.
  package enum CallFailures {
    /// A call that passed the funnel.
    package struct Call: Equatable, Sendable {
      package var object: String
      package var operation: String
      package var waiver: Waiver?

      /// Calls that differ in numbers only (processes, ticks, addresses) are made at one site: on one line, object
      /// and operation with a tab between them, and `#` for each number.
      package var site: String {
        var bytes: [UInt8] = []
        Self.visit(object, operation) { byte in
          bytes.append(byte)
          return true
        }
        return String(decoding: bytes, as: UTF8.self)
      }

      /// Gives the bytes of a site until `body` says no; each call of the process is asked for its site.
      fileprivate static func visit(
        _ object: @autoclosure () -> String, _ operation: @autoclosure () -> String,
        _ body: (UInt8) -> Bool
      ) {
        func visit(_ text: String) -> Bool {
          var wasDigit = false
          for byte in text.utf8 {
            let isDigit = byte &- UInt8(ascii: "0") < 10
            if isDigit && wasDigit { continue }
            wasDigit = isDigit
            let shown = isDigit ? UInt8(ascii: "#") : byte < 0x20 ? UInt8(ascii: " ") : byte
            if !body(shown) { return false }
          }
          return true
        }
        if visit(object()), body(UInt8(ascii: "\t")) { _ = visit(operation()) }
      }
    }

    private struct Choice {
      /// nil: of any thread.
      var thread: pthread_t?
      /// nil: none fails, all are listed.
      var failure: (number: Int, errno: Errno)?
      /// nil: any.
      var site: [UInt8]?
      /// Where calls are listed; -1: nowhere but in `passed`.
      var list: Int32 = -1
      var count = 0
      var passed: [Call] = []
      var failed: Call?

      private func isMeant(_ object: () -> String, _ operation: () -> String) -> Bool {
        guard let site else { return true }
        var at = 0
        Call.visit(object(), operation()) { byte in
          let isSame = at < site.count && site[at] == byte
          at = isSame ? at + 1 : -1
          return isSame
        }
        return at == site.count
      }

      mutating func take(
        _ object: () -> String, _ operation: () -> String, _ waiver: Waiver?,
        _ caller: pthread_t
      ) -> Errno? {
        if let thread, pthread_equal(thread, caller) == 0 { return nil }
        if failed != nil || !isMeant(object, operation) { return nil }
        count += 1
        let isChosen = count == failure?.number
        if !isChosen, failure != nil { return nil }
        let call = Call(object: object(), operation: operation(), waiver: waiver)
        if isChosen { failed = call }
        if thread != nil { passed.append(call) }
        if list >= 0 {
          let errno = isChosen ? failure?.errno.name ?? "" : ""
          let line = "\(call.site)\t\(errno)\(waiver.map { "\t\($0.rawValue)" } ?? "")\n"
          _ = line.withCString { Glibc.write(list, $0, strlen($0)) }
        }
        return isChosen ? failure?.errno : nil
      }
    }

    private static let failKey = "WBSTRESS_FAIL"
    private static let listKey = "WBSTRESS_FAIL_LIST"

    /// The process's own, and those of tests. An array, as keys of a dictionary that changes are copied: a call that
    /// passes while another thread has a choice allocates nothing.
    private static let choices = Mutex<[(number: Int, choice: Choice)]>(
      ofProcess.map { [(0, $0)] } ?? [])
    /// Asked without a lock at each call.
    private static let active = Atomic<Int>(ofProcess == nil ? 0 : 1)
    private static let numbers = Atomic<Int>(0)

    // MARK: The process's own

    private static func environment(_ key: String) -> String? {
      getenv(key).map { String(cString: $0) }
    }

    /// A failure's role, nil the supervisor's, and the rest of its text.
    private static func split(_ text: String) -> (role: String?, rest: Substring) {
      let role = text.prefix { $0 != ":" }
      if Int(role) != nil { return (nil, text[...]) }
      return (String(role), text[role.endIndex...].dropFirst())
    }

    private static let ofProcess: Choice? = {
      var choice = Choice()
      if let text = environment(failKey), !text.isEmpty {
        let (role, rest) = split(text)
        let parts = rest.split(separator: ":", maxSplits: 2)
        guard role == nil, parts.count >= 2, let number = Int(parts[0]), let errno = errno(parts[1])
        else { return nil }
        choice.failure = (number, errno)
        choice.site = parts.count > 2 ? Array(parts[2].utf8) : nil
      }
      if let path = environment(listKey) {
        choice.list = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
      }
      return choice.failure == nil && choice.list < 0 ? nil : choice
    }()

    private static func errno(_ text: Substring) -> Errno? {
      (1..<Int32(134)).lazy.map { Errno(rawValue: $0) }.first { $0.name == text }
    }

    /// What a worker's environment says of its own calls.
    package static func environment(of role: String) -> [String] {
      var variables: [String] = []
      if let text = environment(failKey) {
        let (of, rest) = split(text)
        if of == role { variables.append("\(failKey)=\(rest)") }
      }
      if let path = environment(listKey) { variables.append("\(listKey)=\(path).\(role)") }
      return variables
    }

    // MARK: A test's own

    /// Makes the n-th call of the calling thread within `body` fail. Returns that call; nil: there were fewer.
    package static func failing<E>(
      _ number: Int, _ errno: Errno, _ body: () throws(E) -> Void
    ) throws(E) -> Call? {
      try with(Choice(thread: pthread_self(), failure: (number, errno)), body).failed
    }

    /// The calling thread's calls within `body`.
    package static func calls<E>(_ body: () throws(E) -> Void) throws(E) -> [Call] {
      try with(Choice(thread: pthread_self()), body).passed
    }

    private static func with<E>(
      _ choice: Choice, _ body: () throws(E) -> Void
    ) throws(E) -> Choice {
      let number = numbers.add(1, ordering: .relaxed).newValue
      choices.withLock { $0.append((number, choice)) }
      active.add(1, ordering: .relaxed)
      func end() -> Choice {
        active.subtract(1, ordering: .relaxed)
        return choices.withLock { choices in
          choices.firstIndex { $0.number == number }.map { choices.remove(at: $0).choice }
        } ?? choice
      }
      do throws(E) {
        try body()
      } catch {
        _ = end()
        throw error
      }
      return end()
    }

    // MARK: The funnel's question

    static func next(
      _ object: () -> String, _ operation: () -> String, _ waiver: Waiver?
    ) -> Errno? {
      if active.load(ordering: .relaxed) == 0 { return nil }
      let thread = pthread_self()
      return choices.withLock { choices in
        var failure: Errno?
        for i in choices.indices {
          failure = choices[i].choice.take(object, operation, waiver, thread) ?? failure
        }
        return failure
      }
    }
  }
#endif
