// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore
import SystemPackage

/// Where on this machine a trial's cgroups go.
package enum CgroupPlace: Sendable, Equatable {
  /// Below the root, on a machine whose cgroups nobody manages.
  case root
  /// In a unit of its own that systemd delegates.
  case unit
  /// In a cgroup that somebody has delegated, by its path below the v2 mount.
  case delegated(String)

  /// - Parameter path: what the user named: a directory of the v2 mount, or a path below it; nil: as this machine
  ///   wants it.
  package init(_ path: String?) throws(HarnessError) {
    guard let path else {
      self = DelegatedUnit.isNeeded ? .unit : .root
      return
    }
    self = .delegated(try Self.location(path))
  }

  /// A cgroup's path below the v2 mount.
  ///
  /// - Parameter path: as the user named it with --cgroup, with or without the mount's own.
  package static func location(_ path: String) throws(HarnessError) -> String {
    let below =
      path.hasPrefix(Cgroup.mount + "/") ? path.dropFirst(Cgroup.mount.count) : path[...]
    let names = below.split(separator: "/")
    guard !names.isEmpty, !names.contains("..") else {
      throw HarnessError(
        .usage, "--cgroup \(path)", "is no cgroup below \(Cgroup.mount)",
        remedy: "name one as /proc/self/cgroup does, without '0::'")
    }
    return names.joined(separator: "/")
  }

  /// The cgroup that is there before a trial, and below which it makes others.
  package var existingBase: Cgroup {
    guard case .delegated(let path) = self else { return Cgroup(path: "") }
    return Cgroup(path: "", base: path)
  }

  /// What keeps a trial out of this place; changes nothing.
  ///
  /// - Returns: every problem.
  package func problems(_ controllers: [String]) -> [HarnessError] {
    var problems: [HarnessError] = []
    func attempt(_ body: () throws(HarnessError) -> Void) {
      do throws(HarnessError) { try body() } catch { problems.append(error) }
    }
    switch self {
    case .root: attempt { () throws(HarnessError) in try CgroupTree.check(controllers) }
    case .unit:
      attempt { () throws(HarnessError) in try CgroupTree.check(controllers) }
      attempt { () throws(HarnessError) in try DelegatedUnit.probe() }
    case .delegated(let path):
      let group = Cgroup(path: "", base: path)
      guard File.exists(group.file("cgroup.procs")) else {
        return [
          HarnessError(
            .refused, group.directory, "is no cgroup", errno: .noSuchFileOrDirectory,
            remedy: "name one that exists and is delegated to you: --cgroup PATH")
        ]
      }
      attempt { () throws(HarnessError) in try CgroupTree.check(controllers, in: group) }
      problems += Self.occupants(group)
      for file in ["cgroup.procs", "cgroup.subtree_control"] {
        let path = group.file(file)
        attempt { () throws(HarnessError) in
          try accept(
            attemptErrno(Int(access(path, W_OK)), path, "access"), path, "cannot be written",
            remedy: "it is not delegated to you", code: .refused)
        }
      }
    }
    return problems
  }

  /// Processes that keep controllers from being enabled below a cgroup: all but this one, which can leave.
  private static func occupants(_ group: Cgroup) -> [HarnessError] {
    let others = ((try? File.text(group.file("cgroup.procs"))) ?? "").split(separator: "\n")
      .filter { $0 != "\(getpid())" }
    guard !others.isEmpty else { return [] }
    return [
      HarnessError(
        .refused, group.directory,
        "has processes of its own (pid \(others.joined(separator: ", ")))",
        remedy:
          "controllers cannot be enabled below it: move them into a cgroup below, or name an empty one"
      )
    ]
  }
}

extension CgroupTree {
  /// Takes this process back to the group that it came from. That may be gone, where nobody else was in it:
  /// systemd removes a scope that is empty. Then into the nearest one above it that takes processes.
  package static func leave(for origin: Cgroup) throws(HarnessError) {
    var names = origin.location.split(separator: "/")
    while true {
      do throws(HarnessError) {
        return try enter(Cgroup(path: names.joined(separator: "/")))
      } catch {
        // ENOENT, ENODEV: it is gone. EBUSY: it has controllers enabled below it. EOPNOTSUPP: it is threaded.
        let passable: [Errno] = [
          .noSuchFileOrDirectory, .operationNotSupportedByDevice, .resourceBusy,
          .notSupportedOnSocket,
        ]
        guard passable.contains(where: { $0 == error.errno }), names.popLast() != nil
        else { throw error }
      }
    }
  }
}
