// SPDX-License-Identifier: Apache-2.0
import Foundation
import Synchronization
import Testing

@testable import StressCore
@testable import StressLab
@testable import StressMachine
@testable import StressRecord

/// `wbstress run --on ssh:...` with a real sshd, in a machine that systemd runs and that is reached by a port of this
/// one's loopback.
@Suite(.serialized, .enabled(if: GuestLab.binary != nil, "WBSTRESS_BINARY is not set; see ci/test"))
struct RemoteTests {
  /// What the machine does by itself: it cuts all connections in the middle of the first trial, looks at what is left
  /// when that has been fetched, and panics in the middle of the second.
  private static func script(key: String) -> String {
    #"""
    export PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb
    mkdir -p /root/.ssh /run/sshd /scratch/images; echo '\#(key)' >/root/.ssh/authorized_keys
    ip address add 10.0.2.15/24 dev eth0; ip link set eth0 up; systemctl start ssh; echo READY
    streams() { n=0; until grep -q '"name":"stream"' /var/lib/wbstress/remote/*/trial/record.jsonl 2>/dev/null \
      || [ $n -gt 400 ]; do n=$((n+1)); sleep 0.25; done; }
    streams; sleep 1
    for stat in /proc/[0-9]*/stat; do
      read pid name state parent rest <$stat && [ "$name" = "(sshd)" ] && [ $parent != 1 ] && kill -KILL $pid && echo CUT
    done 2>/dev/null
    n=0; while [ -e /var/lib/wbstress/remote/* ] && [ $n -lt 400 ]; do n=$((n+1)); sleep 0.25; done
    echo "LEFT:$(ls -A /var/lib/wbstress/remote)$(ls -A /scratch/images)"; /init clean
    streams; sleep 1; echo c >/proc/sysrq-trigger

    """#
  }

  private static func freePort() throws -> UInt16 {
    let socket = Descriptor(owning: Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let raw = socket.raw
    let isBound = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(raw, $0, length) == 0 && getsockname(raw, $0, &length) == 0
      }
    }
    try #require(isBound)
    return UInt16(bigEndian: address.sin_port)
  }

  @Test func aTrialOutlivesItsConnectionAndARecordItsMachine() throws {
    try GuestLab.withDirectory { directory in
      try FileManager.default.createDirectory(
        atPath: directory + "/bin", withIntermediateDirectories: true)
      _ = try GuestLab.output(
        "ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", directory + "/key"])
      let port = try Self.freePort()
      try File.write(
        directory + "/config",
        Array(
          """
          Host box
            HostName 127.0.0.1
            Port \(port)
            User root
            IdentityFile \(directory)/key
            StrictHostKeyChecking no
            UserKnownHostsFile /dev/null
            LogLevel ERROR

          """.utf8))
      // The user's own configuration is in a place of its own.
      try File.write(
        directory + "/bin/ssh",
        Array("#!/bin/sh\nexec /usr/bin/ssh -F \(directory)/config \"$@\"\n".utf8))
      #expect(chmod(directory + "/bin/ssh", 0o755) == 0)
      var guest = try ShellGuest("debian:6.12")
      guest.system = try SystemImage.path()
      guest.modules = ["virtio_net"]
      guest.devices = [
        "-netdev", "user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:\(port)-:22", "-device",
        "virtio-net-pci,netdev=net",
      ]
      let machine = guest
      let key = try File.text(directory + "/key.pub").split(separator: "\n")[0]
      let console = Mutex<[String]>([])
      let isOver = Mutex(false)
      let thread = try StressCore.Thread("machine") {
        let lines = (try? machine.run(Self.script(key: String(key)), in: directory)) ?? []
        console.withLock { $0 = lines }
        isOver.withLock { $0 = true }
      }
      defer { thread.join() }
      let log = directory + "/console.log"
      while !File.consoleLines(log).contains("READY"), !isOver.withLock(\.self) { usleep(200_000) }

      func run(_ arguments: String...) throws -> (exit: Exit, text: String) {
        let (exit, output) = try Tool.output(
          "env",
          [
            "PATH=\(directory)/bin:/usr/bin:/bin", try #require(GuestLab.binary), "run",
            "\(GuestLab.profiles)/smoke.yaml", "--on", "ssh:box", "--loop", "/scratch/images",
            "--vary", "device.bandwidth=512KiB/s", "--vary", "observe.trace=off", "--trials", "1",
            "--seed", "\(GuestLab.campaignSeed)",
          ] + arguments, package: "coreutils")
        return (exit, String(decoding: output, as: UTF8.self))
      }
      let cut = try run("--output", directory + "/cut")
      #expect(cut.exit == .status(0), "\(cut.text)")
      let path = directory + "/cut/trials/1-1/record.jsonl"
      #expect(RecordReader.ending(path) == Ending(.completed), "\(cut.text)")
      let record = try RecordReader(path)
      #expect(record.defects.isEmpty, "\(record.defects.texts)")

      let died = try run(
        "--output", directory + "/died", "--reconnect", "3s", "--console", "tail -n 0 -F \(log)")
      let ending = RecordReader.ending(directory + "/died/trials/1-1/record.jsonl")
      #expect(ending?.outcome == .panic, "\(died.text)")
      #expect(
        ending?.message?.contains("sysrq triggered crash") == true, "\(String(describing: ending))")
      #expect(File.names(in: directory + "/died/trials/1-1") == ["console.log", "record.jsonl"])

      while !isOver.withLock(\.self) { usleep(200_000) }
      let lines = console.withLock(\.self)
      #expect(lines.contains("CUT"), "\(lines.joined(separator: "\n"))")
      #expect(lines.contains("LEFT:"), "\(lines.joined(separator: "\n"))")
      #expect(lines.contains { $0.hasPrefix("nothing to clean") })
    }
  }
}
