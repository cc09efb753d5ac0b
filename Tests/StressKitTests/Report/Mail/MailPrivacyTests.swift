// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressReport

struct MailPrivacyTests {
  private func redacted(_ lines: String...) -> [String] {
    var privacy = MailPrivacy(names: ["buildbox", "al"], directory: "/srv/runs/tuesday")
    return lines.map { privacy.redact($0) }
  }

  @Test(arguments: [
    ("Linux version 6.18.0 (me@mybox) (gcc 12)", "Linux version 6.18.0 (<address-1>) (gcc 12)"),
    ("mail alice.b@corp.example.net.", "mail <address-1>."),
    ("on buildbox, see buildbox.lan", "on <name-1>, see <name-1>.lan"),
    ("/home/alice/linux/bzImage", "/home/<user-1>/linux/bzImage"),
    ("disk=/home/alice", "disk=/home/<user-1>"),
    (
      "--kernel git:/home/alice/linux@0469d4d4702a",
      "--kernel git:/home/<user-1>/linux@0469d4d4702a"
    ),
    ("at /root/x and /root", "at <root-1>/x and <root-1>"),
    ("in /srv/runs/tuesday/trials/1-1", "in <campaign-1>/trials/1-1"),
    ("filesystem 55826309-e652-4c97-8e63-bea5cd79a683.", "filesystem <uuid-1>."),
    ("UUID=55826309-e652-4c97-8e63-bea5cd79a683", "UUID=<uuid-1>"),
    ("link 52:54:00:12:34:56 up", "link <mac-1> up"),
    ("to 10.0.2.15:22, 192.168.1.0/24", "to <ip-1>:22, <ip-2>/24"),
    ("from 10.0.2.15.", "from <ip-1>."),
    ("2001:db8::1 and fe80::5054:ff:fe12:3456/64", "<ip-1> and <ip-2>/64"),
    ("2001:0db8:0000:0000:0000:ff00:0042:8329", "<ip-1>"),
    ("Serial: WD-WX11A123456", "Serial: <serial-1>"),
  ])
  func isReplaced(_ line: String, _ wanted: String) { #expect(redacted(line) == [wanted]) }

  /// Figures, addresses of the kernel and of devices, versions, times, lists.
  @Test(arguments: [
    "::", "std::vector a::b dead::beef", "pci 0000:00:00.0 00:1f.2", "at 12:34:56",
    "2026-11-21 14:38:01",
    "6.12.117-1~deb12u1 6.1.192-2 7.2.22+deb12u18", "version 1.2.3.4", "1:7.2+dfsg-7+deb12u18+b3",
    "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/wbstress",
    "RIP: 0010:ffffffff81234567 RSP: 0018:ffffc90000123d40", "ffff888100a0b0c0 0xffff888100a0b0c0",
    "debian-kernel@lists.debian.org linux-mm@kvack.org regressions@lists.linux.dev",
    "linux-ext4@vger.kernel.org tester@example.org", "127.0.0.1 0.0.0.0 ::1",
    "gfp_mask=0x101c4a(GFP_NOFS|__GFP_WRITE)",
    "\"${writers[@]}\" ${#undo[@]}", "4.5.6", "256.1.1.1", "1.2.3.4.5", "/rootfs /homework",
    "also algae", "--kernel git:linux@0469d4d4702a,git:linux@v6.12",
    "a2e61d94-7c49-4a32", "swap: usage 0kB, limit 0kB", "wb_stats:254:0 8:16", "v6.1..v6.12",
    "[   13.600903] iou-wrk-151 invoked oom-killer: order=0",
  ])
  func staysAsItIs(_ line: String) { #expect(redacted(line) == [line]) }

  @Test func theSameThingGetsTheSamePlaceholder() {
    #expect(
      redacted("10.0.0.1 10.0.0.2", "10.0.0.2 me@a you@b", "you@b 10.0.0.1") == [
        "<ip-1> <ip-2>", "<ip-2> <address-1> <address-2>", "<address-2> <ip-1>",
      ])
  }

  /// A relative directory tells nothing, and is in every other word.
  @Test func relativeDirectories() {
    var privacy = MailPrivacy(names: [], directory: "ob")
    #expect(privacy.redact("an ob of ob") == "an ob of ob")
  }
}
