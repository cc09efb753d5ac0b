import Glibc
import SystemPackage

// The funnel of system calls: each is made as an argument of one of these, which turn its answer into a value or an
// error that names what it was for, and which a debug build can make fail instead (CallFailures.swift).

/// Makes a call of CLinux, CUring or C that answers with a negated errno; its value, or an error.
@inline(__always) @discardableResult
package func check(
  _ call: @autoclosure () -> Int32, _ object: @autoclosure () -> String,
  _ operation: @autoclosure () -> String, remedy: @autoclosure () -> String? = nil,
  code: HarnessError.Code = .harness
) throws(HarnessError) -> Int32 {
  Int32(
    try accept(
      Int(attempt(call(), object(), operation())), object(), operation(), remedy: remedy(),
      code: code))
}

/// As `check`, for calls that answer -1 and set errno.
@inline(__always) @discardableResult
package func checkErrno(
  _ call: @autoclosure () -> Int, _ object: @autoclosure () -> String,
  _ operation: @autoclosure () -> String, remedy: @autoclosure () -> String? = nil,
  code: HarnessError.Code = .harness
) throws(HarnessError) -> Int {
  try accept(
    attemptErrno(call(), object(), operation()), object(), operation(), remedy: remedy(), code: code
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
  _ operation: @autoclosure () -> String
) -> Int32 {
  if let chosen = chosenFailure(object(), operation()) { return -chosen.rawValue }
  return call()
}

/// As `attempt`, for calls that answer -1 and set errno: their value, or a negated errno.
@inline(__always) @discardableResult
package func attemptErrno(
  _ call: @autoclosure () -> Int, _ object: @autoclosure () -> String,
  _ operation: @autoclosure () -> String
) -> Int {
  if let chosen = chosenFailure(object(), operation()) { return -Int(chosen.rawValue) }
  let result = call()
  return result >= 0 ? result : -Int(Errno.current.rawValue)
}

/// As `attempt`, for calls that answer with a pointer, or with nil and errno set.
@inline(__always)
package func attemptPointer<Pointer>(
  _ call: @autoclosure () -> Pointer?, _ object: @autoclosure () -> String,
  _ operation: @autoclosure () -> String
) -> Pointer? {
  chosenFailure(object(), operation()) == nil ? call() : nil
}

/// Maps memory to be read and written; nil, and errno is set, when that fails. The corresponding C function is
/// `mmap`.
package func attemptMap(
  _ length: Int, _ flags: Int32, of descriptor: Int32 = -1, from offset: off_t = 0,
  _ object: @autoclosure () -> String
) -> UnsafeMutableRawPointer? {
  func map() -> UnsafeMutableRawPointer? {
    let mapped = mmap(nil, length, PROT_READ | PROT_WRITE, flags, descriptor, offset)
    return mapped == MAP_FAILED ? nil : mapped
  }
  return attemptPointer(map(), object(), "mmap of \(length) bytes")
}
