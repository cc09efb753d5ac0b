// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import SystemPackage

// The funnel of system calls: each is made as an argument of one of these, which turn its answer into a value or an
// error that names what it was for, and which a debug build can make fail instead (CallFailures.swift).

/// Makes a call of CLinux, CUring or C that answers with a negated errno; its value, or an error.
@inline(__always) @discardableResult
package func check(
  _ call: @autoclosure () -> Int32, _ object: @autoclosure () -> String,
  _ operation: @autoclosure () -> String, remedy: @autoclosure () -> String? = nil,
  code: HarnessError.Code = .harness, waiver: Waiver? = nil
) throws(HarnessError) -> Int32 {
  Int32(
    try accept(
      Int(attempt(call(), object(), operation(), waiver)), object(), operation(), remedy: remedy(),
      code: code))
}

/// As `check`, for calls that answer -1 and set errno.
@inline(__always) @discardableResult
package func checkErrno(
  _ call: @autoclosure () -> Int, _ object: @autoclosure () -> String,
  _ operation: @autoclosure () -> String, remedy: @autoclosure () -> String? = nil,
  code: HarnessError.Code = .harness, waiver: Waiver? = nil
) throws(HarnessError) -> Int {
  try accept(
    attemptErrno(call(), object(), operation(), waiver), object(), operation(), remedy: remedy(),
    code: code
  )
}

/// Turns an answer of `attempt` or `attemptErrno` into a value or an error.
@discardableResult
package func accept(
  _ result: Int, _ object: @autoclosure () -> String, _ operation: @autoclosure () -> String,
  remedy: @autoclosure () -> String? = nil, code: HarnessError.Code = .harness
) throws(HarnessError) -> Int {
  if result >= 0 { return result }
  throw HarnessError(
    code, object(), operation(), errno: Errno(rawValue: Int32(-result)), remedy: remedy())
}

/// As `check`, for calls whose failure the caller looks at: their value, or a negated errno.
@inline(__always) @discardableResult
package func attempt(
  _ call: @autoclosure () -> Int32, _ object: @autoclosure () -> String,
  _ operation: @autoclosure () -> String, _ waiver: Waiver? = nil
) -> Int32 {
  if let chosen = chosenFailure(object(), operation(), waiver) { return -chosen.rawValue }
  return call()
}

/// As `attempt`, for calls that answer -1 and set errno: their value, or a negated errno.
@inline(__always) @discardableResult
package func attemptErrno(
  _ call: @autoclosure () -> Int, _ object: @autoclosure () -> String,
  _ operation: @autoclosure () -> String, _ waiver: Waiver? = nil
) -> Int {
  if let chosen = chosenFailure(object(), operation(), waiver) { return -Int(chosen.rawValue) }
  let result = call()
  // The C strings that Swift has made of the call's arguments are freed by now. That leaves errno as it is: free(3)
  // keeps it since glibc 2.33, which is older than any other that this is built with.
  return result >= 0 ? result : -Int(Errno.current.rawValue)
}

/// As `attempt`, for calls that answer with a pointer, or with nil and errno set.
@inline(__always)
package func attemptPointer<Pointer>(
  _ call: @autoclosure () -> Pointer?, _ object: @autoclosure () -> String,
  _ operation: @autoclosure () -> String
) -> Result<Pointer, Errno> {
  if let chosen = chosenFailure(object(), operation()) { return .failure(chosen) }
  guard let pointer = call() else { return .failure(.current) }
  return .success(pointer)
}

/// Turns an answer of `attemptPointer` or `attemptMap` into a pointer or an error.
package func accept<Pointer>(
  _ result: Result<Pointer, Errno>, _ object: @autoclosure () -> String,
  _ operation: @autoclosure () -> String, remedy: @autoclosure () -> String? = nil,
  code: HarnessError.Code = .harness
) throws(HarnessError) -> Pointer {
  switch result {
  case .success(let pointer): return pointer
  case .failure(let errno):
    throw HarnessError(code, object(), operation(), errno: errno, remedy: remedy())
  }
}

/// Maps memory, by default to be read and written. The corresponding C function is `mmap`.
package func attemptMap(
  _ length: Int, _ flags: Int32, protection: Int32 = PROT_READ | PROT_WRITE,
  of descriptor: Int32 = -1, from offset: off_t = 0,
  _ object: @autoclosure () -> String
) -> Result<UnsafeMutableRawPointer, Errno> {
  func map() -> UnsafeMutableRawPointer? {
    let mapped = mmap(nil, length, protection, flags, descriptor, offset)
    return mapped == MAP_FAILED ? nil : mapped
  }
  return attemptPointer(map(), object(), "mmap of \(length) bytes")
}

extension Errno {
  /// The calling thread's errno; to be read right after the call that failed, and so here alone.
  fileprivate static var current: Errno { Errno(rawValue: cl_errno()) }
}
