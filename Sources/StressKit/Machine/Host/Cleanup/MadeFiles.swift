// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressCore
import SystemPackage

/// What is found again by its path, and told from others by what stat(2) says of it.
package protocol MadePath: Undoable {
  var path: String { get }
  init(path: String)
}

extension MadePath {
  package init?(_ json: JSON) {
    guard let path = json["path"]?.string else { return nil }
    self.init(path: path)
  }
  package var members: [(key: String, value: JSON)] { [("path", .string(path))] }
  package var description: String { "\(Self.kind) \(path)" }
  package var exists: Bool { get throws(HarnessError) { try FileIdentity.of(path) != nil } }
  package var identity: JSON? { get throws(HarnessError) { try FileIdentity.of(path)?.json } }
}

/// A file that was not there before: an image.
package struct MadeFile: MadePath {
  package static let kind = "file"
  package static let endsWithBoot = false
  package let path: String
  package init(path: String) { self.path = path }

  package func undo(
    _ identity: JSON?, _ patience: Patience
  ) throws(HarnessError) -> Undoing {
    if let reprieve = try FileIdentity.reprieve(path, identity, Self.kind) { return reprieve }
    try checkErrno(Int(unlink(path)), path, "unlink")
    return .undone
  }
}

/// A directory that was not there before: a mount point, or that of the images.
package struct MadeDirectory: MadePath {
  package static let kind = "directory"
  package static let endsWithBoot = false
  package let path: String
  package init(path: String) { self.path = path }

  package func undo(
    _ identity: JSON?, _ patience: Patience
  ) throws(HarnessError) -> Undoing {
    if let reprieve = try FileIdentity.reprieve(path, identity, Self.kind) { return reprieve }
    let result = attemptErrno(Int(rmdir(path)), path, "rmdir", .busy)
    if result == 0 { return .undone }
    let errno = Errno(rawValue: Int32(-result))
    guard errno == .directoryNotEmpty, let inside = File.names(in: path).first else {
      throw HarnessError(.harness, path, "rmdir", errno: errno)
    }
    throw HarnessError(
      .harness, path, "rmdir", errno: errno,
      remedy: "wbstress did not make \(path)/\(inside): move it away, then wbstress clean")
  }
}
