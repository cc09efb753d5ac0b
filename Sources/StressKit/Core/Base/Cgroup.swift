// SPDX-License-Identifier: Apache-2.0

/// A cgroup by its path below a tree's base: the records' name for it, which is the same wherever the base is.
package struct Cgroup: Sendable, Equatable {
  /// Where cgroup v2 is mounted.
  package static let mount = "/sys/fs/cgroup"

  package var path: String
  /// The base's own path below the v2 mount; empty: the root.
  package var base: String

  package init(path: String, base: String = "") {
    self.path = path
    self.base = base
  }

  /// Path below the v2 mount, as /proc/PID/cgroup and the kernel log have it.
  package var location: String { base.isEmpty || path.isEmpty ? base + path : base + "/" + path }

  package var directory: String {
    location.isEmpty ? Self.mount : Self.mount + "/" + location
  }

  package func file(_ name: String) -> String { directory + "/" + name }

  /// The controller that a file belongs to: `memory` of memory.max.
  package static func controller(of file: String) -> String { String(file.prefix { $0 != "." }) }
}
