// SPDX-License-Identifier: Apache-2.0
import CLinux
import StressCore

/// The kernel's own NFS server, which exports one directory to this machine over its loopback interface.
///
/// There is one server for the whole machine, and what is written here replaces what rpc.nfsd(8), rpc.mountd(8) and
/// exportfs(8) would: this is for a guest. Its threads are the kernel's, in the root cgroup, and so are the pages
/// that they write. Only NFSv4 is offered: version 3 would want rpcbind and statd.
///
/// Sources: nfsd(7); Documentation/filesystems/nfs/rpc-cache.rst; exports(5), fs/nfsd/export.c
/// (`svc_export_parse`, `expkey_parse`), net/sunrpc/svcauth_unix.c (`ip_map_parse`).
enum NFSServer {
  private static let address = "127.0.0.1"
  /// The root of what is exported.
  static let source = address + ":/"
  /// Of the client's mount, before the profile's own (nfs(5)).
  static let clientOptions = ["vers=4.2", "addr=" + address, "clientaddr=" + address, "sec=sys"]

  private static let directory = "/proc/fs/nfsd"
  private static let caches = "/proc/net/rpc"
  /// As many threads as rpc.nfsd starts by itself.
  private static let threads = 8
  /// In which no file may be opened after a server's start; it cannot be shorter (fs/nfsd/nfsctl.c,
  /// `__nfsd4_write_time`), s.
  private static let grace = 10
  private static let patience: UInt64 = 60_000_000_000

  /// Starts the server, and returns when files can be opened.
  ///
  /// - Parameters:
  ///   - path: of the directory, where a file system is mounted that NFS can export.
  ///   - journal: by its undoing the server is stopped, and lets go of the directory.
  static func start(_ path: String, _ journal: CleanupJournal) throws(HarnessError) {
    // IFF_UP of the loopback interface, which gets its address by itself (netdevice(7)).
    try write("/sys/class/net/lo/flags", "0x9")
    try journal.make(MadeMount("nfsd", at: directory)) { () throws(HarnessError) in
      _ = try Mount("nfsd", at: directory, type: "nfsd")
    }
    for (file, value) in files { try write("\(directory)/\(file)", value) }
    for (cache, entry) in entries(path) {
      try write("\(caches)/\(cache)/channel", entry)
    }
    journal.own { () throws(HarnessError) in try write("\(directory)/threads", "0") }
    try write("\(directory)/threads", "\(threads)")
    try awaitGrace()
  }

  /// What is set before the threads start, in this order.
  static let files = [
    ("versions", "-2 -3 +4 +4.1 +4.2"), ("nfsv4gracetime", "\(grace)"), ("portlist", "tcp 2049"),
  ]

  /// Who may mount what: the server asks these caches, and nobody answers it but what they hold. The last member of
  /// the export, 0, makes it the root (fsid=0).
  static func entries(_ path: String) -> [(cache: String, entry: String)] {
    let (client, never) = ("wbstress", "2147483647")
    // rw, sync, no_root_squash, no_subtree_check, insecure, fsid (include/uapi/linux/nfsd/export.h).
    let flags = 0x400 | 0x2 | 0x2000
    let nobody = "65534 65534"
    return [
      ("auth.unix.ip", "nfsd \(address) \(never) \(client)"),
      ("nfsd.export", "\(client) \(path) \(never) \(flags) \(nobody) 0"),
      // The key of type 1 is that number (FSID_NUM), four bytes in hexadecimal.
      ("nfsd.fh", "\(client) 1 \\x00000000 \(never) \(path)"),
    ]
  }

  /// Writes one line.
  private static func write(_ path: String, _ line: String) throws(HarnessError) {
    do throws(HarnessError) {
      try File.set(path, line + "\n", code: .environment)
    } catch {
      throw HarnessError(
        .environment, path, "write \(line)", errno: error.errno,
        remedy: "the kernel needs CONFIG_NFSD_V4, and no other server may run")
    }
  }

  private static func awaitGrace() throws(HarnessError) {
    let file = "\(directory)/v4_end_grace"
    let isOver = try Patience().wait(atMost: patience) { () throws(HarnessError) in
      try File.text(file, code: .environment).hasPrefix("Y")
    }
    if !isOver {
      throw HarnessError(
        .environment, "the kernel's NFS server",
        "is in its grace period for more than \(patience / 1_000_000_000) s")
    }
  }
}
