// SPDX-License-Identifier: Apache-2.0
import StressCore

/// A transient unit of systemd that was delegated to the run.
package struct MadeUnit: Undoable {
  package static let kind = "unit"
  package static let endsWithBoot = true
  let name: String

  /// - Parameter name: has the run's pid in it, and so is nobody else's.
  init(_ name: String) { self.name = name }

  package init?(_ json: JSON) {
    guard let name = json["name"]?.string else { return nil }
    self.name = name
  }
  package var members: [(key: String, value: JSON)] { [("name", .string(name))] }
  package var description: String { "unit \(name)" }
  package var exists: Bool { DelegatedUnit.invocation(of: name) != nil }
  /// systemd.exec(5), $INVOCATION_ID: another each time that a unit is started.
  package var identity: JSON? { DelegatedUnit.invocation(of: name).map(JSON.string) }

  package func undo(
    _ identity: JSON?, _ patience: Patience
  ) throws(HarnessError) -> Undoing {
    guard let found = self.identity else { return .absent }
    if let identity, identity != found { return .left("it was started anew, by somebody else") }
    try DelegatedUnit.stop(name)
    return .undone
  }
}
