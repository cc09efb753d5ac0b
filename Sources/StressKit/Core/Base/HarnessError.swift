// SPDX-License-Identifier: Apache-2.0
import CLinux
import SystemPackage

/// What went wrong, on which object, in which operation, and what the user can do about it.
///
/// Printed as `OBJECT: OPERATION: ERRNO (text); REMEDY`.
package struct HarnessError: Error, CustomStringConvertible, Sendable, Equatable {
  /// The process's exit code for this class of error.
  package enum Code: Int32, CaseIterable, Sendable {
    case expectation = 1
    case usage = 2
    case inconclusive = 3
    case refused = 4
    case environment = 5
    case harness = 70
    case interrupted = 130
  }

  package var code: Code
  package var object: String
  package var operation: String
  package var errno: Errno?
  package var remedy: String?

  package init(
    _ code: Code, _ object: String, _ operation: String, errno: Errno? = nil,
    remedy: String? = nil
  ) {
    self.code = code
    self.object = object
    self.operation = operation
    self.errno = errno
    self.remedy = remedy
  }

  /// What went wrong, without the object and the way out.
  package var what: String {
    let error = errno.map { "\($0.name) (\($0.description.lowercased()))" }
    return [operation, error ?? ""].filter { !$0.isEmpty }.joined(separator: ": ")
  }

  package var description: String {
    // A name with a line break in it must not look like two messages.
    let object = object.visible
    var text = what.isEmpty ? object : "\(object): \(what)"
    if let remedy { text += "; \(remedy)" }
    return text
  }
}

/// Every problem found in one go: preflight and profile checks never stop at the first.
package struct HarnessErrors: Error, CustomStringConvertible, Sendable {
  package var errors: [HarnessError]
  package init(_ errors: [HarnessError]) { self.errors = errors }
  package var description: String { errors.map(\.description).joined(separator: "\n") }

  /// The first, with the others in its remedy: where only one can be told.
  package var inOne: HarnessError {
    guard var first = errors.first else { return HarnessError(.harness, "error", "without a word") }
    if errors.count > 1 {
      let others = errors.dropFirst().map(\.description).joined(separator: "; ")
      first.remedy = (first.remedy.map { $0 + "; " } ?? "") + "and: " + others
    }
    return first
  }
}

extension Errno {
  /// The symbolic name, as in `EACCES`. The corresponding C function is `strerrorname_np`.
  package var name: String {
    cl_errno_name(rawValue).map { String(cString: $0) } ?? "errno \(rawValue)"
  }

  /// There is no such thing: a name that is not there, or a kernel object that has gone.
  package var isAbsence: Bool {
    let absences: [Errno] = [
      .noSuchFileOrDirectory, .notDirectory, .noSuchAddressOrDevice, .operationNotSupportedByDevice,
    ]
    return absences.contains(self)
  }
}
