// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore
import StressMachine

/// The user land of a guest's commands, as an image of ext4: a Debian release with packages, made once and kept in the
/// store; or what the user names.
///
/// Its features are those that ext4 of Linux 5.10 has. It is large and sparse, so that commands find room in it.
package enum RootImage {
  /// What the guest needs to mount it.
  static let modules = ["ext4"]
  private static let prefix = "debian:"
  private static let size = "8G"
  private static let layout = "1"
  private static let features = "^metadata_csum_seed,^orphan_file"

  /// What names an image.
  package struct Name: Hashable, Sendable {
    package var root: String
    var prepare: String

    package init(_ profile: Profile) {
      root = profile.machine.root
      prepare = profile.machine.prepare
    }
  }

  /// Finds or makes the image.
  ///
  /// - Returns: its path; nil: the profile needs none.
  /// - Throws: `.usage` for a path that is neither a directory nor an image, and for commands without a user land;
  ///   `.environment` when a program is missing or fails.
  package static func find(
    for profile: Profile, store: KernelStore, progress: (String) -> Void = { _ in }
  ) throws(HarnessError) -> String? {
    let machine = profile.machine
    if machine.root.isEmpty {
      if profile.commands.isEmpty { return nil }
      throw HarnessError(
        .usage, profile.name, "has commands, and no user land for them in a guest",
        remedy:
          "name one, such as machine.root: debian:trixie; or run it on this machine (--loop DIR)")
    }
    if machine.root.utf8.starts(with: prefix.utf8) {
      return try debian(machine, store, progress)
    }
    return try ofUser(machine.root, store, progress)
  }

  // MARK: Debian

  private static func debian(
    _ machine: Profile.Machine, _ store: KernelStore, _ progress: (String) -> Void
  ) throws(HarnessError) -> String {
    let parts = machine.root.dropFirst(prefix.count).split(
      separator: "+", maxSplits: 1, omittingEmptySubsequences: false)
    let packages = parts.count > 1 ? parts[1].split(separator: ",").map(String.init) : []
    let isName = { (text: Substring) in
      !text.isEmpty
        && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "+-.".contains($0)) }
    }
    guard let release = parts.first.map({ $0 }), isName(release),
      packages.allSatisfy({ isName($0[...]) }),
      parts.count == 1 || !packages.isEmpty
    else {
      throw HarnessError(
        .usage, "machine.root", "'\(machine.root)' is not debian:RELEASE+PACKAGE,PACKAGE")
    }
    var key = ContentKey()
    for text in [layout, machine.root, machine.prepare] { key.add(text) }
    return try kept(key.text, store, progress) { work throws(HarnessError) in
      progress("machine.root: making \(machine.root)")
      let mirror = try store.debianMirror()
      // Where that is not the user, mmdebstrap is root in a name space of its own, with other user ids.
      let isRoot = geteuid() == 0
      let shared = isRoot ? work : "/var/tmp/wbstress-root-\(getpid())"
      defer { if !isRoot { File.remove(shared) } }
      try File.write(shared, [])
      if !isRoot {
        try checkErrno(Int(chmod(shared, 0o666)), shared, "chmod", code: .environment)
      }
      var hooks: [String] = []
      if !machine.prepare.isEmpty {
        // A server that the script leaves would keep the root busy, and mmdebstrap waiting for its output.
        hooks.append(
          """
          chroot "$1" /bin/sh -ec \(quoted(machine.prepare)) </dev/null; status=$?; \
          for process in /proc/[0-9]*; do \
          [ "$(readlink "$process/root")" != "$1" ] || kill -9 "${process#/proc/}"; done; \
          exit $status
          """)
      }
      // A bind mount leaves out what is mounted in it.
      hooks.append(
        """
        mkdir "$1.bare" && mount --bind "$1" "$1.bare" && \
        mkfs.ext4 -q -F -m 0 -O \(features) -d "$1.bare" \(quoted(shared)) \(size) && \
        umount "$1.bare" && rmdir "$1.bare"
        """)
      try Tool.run(
        "mmdebstrap",
        ["--variant=minbase", "--format=null"]
          + (packages.isEmpty ? [] : ["--include=" + packages.joined(separator: ",")])
          + hooks.map { "--customize-hook=" + $0 } + [String(release), "/dev/null", mirror],
        package: "mmdebstrap e2fsprogs",
        remedy: "check machine.root's release and packages, and machine.prepare")
      if !isRoot {
        try Tool.run("cp", ["--sparse=always", shared, work], package: "coreutils")
      }
    }
  }

  /// As a word of the shell.
  private static func quoted(_ text: String) -> String {
    "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''")
      + "'"
  }

  // MARK: The user's own

  private static func ofUser(
    _ path: String, _ store: KernelStore, _ progress: (String) -> Void
  ) throws(HarnessError) -> String {
    var info = stat()
    guard stat(path, &info) == 0 else {
      throw HarnessError(
        .usage, "machine.root", path, errno: .noSuchFileOrDirectory,
        remedy: "give debian:RELEASE+PACKAGES, a directory, or an image of ext4")
    }
    if info.st_mode & S_IFMT != S_IFDIR {
      guard isExt4(path) else {
        throw HarnessError(
          .usage, "machine.root", "\(path) is neither a directory nor an image of ext4")
      }
      return path
    }
    var key = ContentKey()
    key.add(layout)
    key.add(tree: path)
    return try kept(key.text, store, progress) { work throws(HarnessError) in
      progress("machine.root: making an image of \(path)")
      try Tool.run(
        "mkfs.ext4", ["-q", "-F", "-m", "0", "-O", features, "-d", path, work, size],
        package: "e2fsprogs")
    }
  }

  /// By the superblock's magic number (Documentation/filesystems/ext4/super.rst).
  private static func isExt4(_ path: String) -> Bool {
    guard let file = try? Descriptor(open: path) else { return false }
    var magic: UInt16 = 0
    let got = attemptErrno(pread(file.raw, &magic, 2, 1024 + 0x38), path, "read", .unknown)
    return got == 2 && UInt16(littleEndian: magic) == 0xef53
  }

  // MARK: The store

  private static func kept(
    _ key: String, _ store: KernelStore, _ progress: (String) -> Void,
    _ make: (String) throws(HarnessError) -> Void
  ) throws(HarnessError) -> String {
    let directory = store.root + "/images"
    let path = "\(directory)/\(key).ext4"
    if File.exists(path) { return path }
    return try store.locked(progress) { () throws(HarnessError) in
      if File.exists(path) { return path }
      try File.makeDirectory(directory)
      // Under the lock: what a making left that did not end.
      for name in File.names(in: directory) where name.hasPrefix(".") {
        File.remove("\(directory)/\(name)")
      }
      let work = store.temporary(in: directory)
      defer { File.remove(work) }
      try make(work)
      try store.publish(work, as: path)
      return path
    }
  }
}
