// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

@testable import StressCore
@testable import StressLab
@testable import StressMachine
@testable import StressRecord

struct VirtualMachineTests {
  private func arguments(
    _ accelerator: Accelerator = .tcg, disks: [VirtualMachine.Disk] = [], boot: [String] = [],
    console: String = "/c", record: Int? = nil
  ) -> [String] {
    VirtualMachine.arguments(
      .init(
        kernel: "/boot/a,b", initramfs: "/tmp/i,j", accelerator: accelerator, memory: 768 << 20,
        cpus: 3, boot: boot, disks: disks, console: console),
      qmp: 3, go: 4, record: record)
  }

  /// The values of every occurrence of an option.
  private func values(_ option: String, _ arguments: [String]) -> [String] {
    arguments.indices.filter { arguments[$0] == option }.map { arguments[$0 + 1] }
  }

  @Test func accelerators() {
    let kvm = arguments(.kvm)
    #expect(values("-accel", kvm) == ["kvm"] && values("-cpu", kvm) == ["host"])
    let tcg = arguments(.tcg)
    #expect(values("-accel", tcg) == ["tcg,thread=multi"] && values("-cpu", tcg) == ["max"])
  }

  @Test func machine() {
    let all = arguments(boot: ["quiet", "a=b"])
    #expect(values("-smp", all) == ["3"] && values("-m", all) == ["768M"])
    #expect(values("-object", all) == ["memory-backend-ram,id=ram,size=768M,prealloc=on"])
    // These two are no option lists: a comma is a comma.
    #expect(values("-kernel", all) == ["/boot/a,b"] && values("-initrd", all) == ["/tmp/i,j"])
    #expect(values("-append", all)[0].hasSuffix(" quiet a=b"))
    #expect(values("-append", all)[0].hasPrefix("console=ttyS0 "))
    #expect(all.contains("-nodefaults") && all.contains("-no-reboot"))
    #expect(values("-drive", all).isEmpty && !all.contains { $0.contains("virtserialport") })
    #expect(values("-chardev", all).contains("socket,id=qmp,fd=3"))
  }

  private func nodes(_ nodes: Int, memory: UInt64, cpus: Int) -> [String] {
    VirtualMachine.arguments(
      .init(
        kernel: "/k", initramfs: "/i", accelerator: .tcg, memory: memory, nodes: nodes, cpus: cpus,
        boot: [], disks: [], console: "/c"), qmp: 3, go: 4, record: nil)
  }

  @Test func nodesDivideMemoryAndCPUs() {
    let two = nodes(2, memory: 1025 << 20, cpus: 3)
    #expect(values("-machine", two) == ["pc"] && values("-m", two) == ["1025M"])
    #expect(
      values("-object", two) == [
        "memory-backend-ram,id=ram0,size=512M,prealloc=on",
        "memory-backend-ram,id=ram1,size=513M,prealloc=on",
      ])
    #expect(
      values("-numa", two) == [
        "node,nodeid=0,memdev=ram0,cpus=0-0", "node,nodeid=1,memdev=ram1,cpus=1-2",
      ])
    let more = nodes(4, memory: 512 << 20, cpus: 2)
    #expect(
      values("-numa", more) == [
        "node,nodeid=0,memdev=ram0,cpus=0-0", "node,nodeid=1,memdev=ram1,cpus=1-1",
        "node,nodeid=2,memdev=ram2", "node,nodeid=3,memdev=ram3",
      ])
    #expect(values("-numa", nodes(1, memory: 1 << 30, cpus: 2)).isEmpty)
  }

  /// Disks are named by the guest in this order.
  @Test func disks() {
    let all = arguments(
      disks: [
        .init(path: "/no/such/a.img"), .init(path: "/no/such/b,c,.img", readOnly: true),
        .init(path: "/no/such/d.img"),
      ])
    #expect(
      values("-drive", all) == [
        "if=none,id=disk0,format=raw,file=/no/such/a.img,cache=writeback",
        "if=none,id=disk1,format=raw,file=/no/such/b,,c,,.img,cache=writeback,readonly=on",
        "if=none,id=disk2,format=raw,file=/no/such/d.img,cache=writeback",
      ])
    #expect(
      values("-device", all) == ["virtio-serial-pci"]
        + (0...2).map { "virtio-blk-pci,drive=disk\($0)" })
  }

  @Test func commasInTheLogsPaths() {
    let all = arguments(console: "/x,y/console.log", record: 5)
    #expect(
      values("-chardev", all) == [
        "stdio,id=console,signal=off", "socket,id=qmp,fd=3",
        "socket,id=record,fd=5", "socket,id=go,fd=4",
      ])
    #expect(
      values("-device", all) == [
        "virtio-serial-pci", "virtserialport,chardev=record,name=wbstress.record",
        "virtserialport,chardev=go,name=wbstress.go",
      ])
  }

  @Test func cacheMode() throws {
    let path = try RecordFixture().path("none.img")
    #expect(VirtualMachine.cacheMode(path) == "writeback")
    // procfs takes no O_DIRECT.
    #expect(VirtualMachine.cacheMode("/proc/self/oom_score_adj") == "writeback")
  }

  // MARK: The trial around it

  @Test func patience() throws {
    var profile = Profile(name: "p")
    profile.duration = 7
    let kvm = GuestTrial.Patience(profile, .kvm)
    #expect(kvm.boot == 30_000_000_000 && kvm.silence == 10_000_000_000)
    #expect(kvm.total == 120_000_000_007)
    let tcg = GuestTrial.Patience(profile, .tcg)
    #expect(tcg.boot == 90_000_000_000 && tcg.silence == 30_000_000_000)
    #expect(tcg.total == 360_000_000_007)
    // A guest that lives says so more often than the host loses patience.
    #expect(RecordWriter.heartbeat * 5 <= kvm.silence)
  }

  @Test func killLinesOfASavedConsole() throws {
    let directory = try RecordFixture()
    let path = try directory.write("console.log", try RecordFixture.text("console-612.log"))
    #expect(GuestTrial.killLines(path) == 3)
  }

  /// A serial console ends its lines with "\r\n", which Swift takes for one character.
  @Test(arguments: ["\n", "\r\n"]) func killLines(_ end: String) throws {
    let directory = try RecordFixture()
    let lines = [
      "SeaBIOS", "[    6.425729] Memory cgroup out of memory: Killed process 157 (wb-pinned) total",
      "[    6.425730] wb-stream invoked oom-killer: gfp_mask=0x101c4a",
      "[    6.425731] Out of memory: Killed process 158 (wb-stream) total-vm:75208kB",
      "[    6.425732] Memory cgroup out of memory: Killed process 159 (x) total-vm:1kB",
      "[    6.425733] oom_reaper: reaped process 157 (wb-pinned), now anon-rss:0kB",
      "Out of memory and no killable processes...", "",
    ]
    let path = try directory.write("console.log", lines.joined(separator: end))
    #expect(GuestTrial.killLines(path) == 3)
    #expect(GuestTrial.killLines(directory.path("none")) == 0)
  }

  @Test func emulatorFaults() {
    #expect(GuestTrial.isEmulatorFault("[    2.437748] int3: 0000 [#1] PREEMPT SMP NOPTI"))
    #expect(!GuestTrial.isEmulatorFault("[    2.437748] Oops: 0000 [#1] PREEMPT SMP NOPTI"))
    #expect(!GuestTrial.isEmulatorFault("exc_int3+0x1/0x10"))
    // Of a double fault in __kmalloc under QEMU 7.2, and of an ordinary dump.
    let dump = "[    5.496836] RSP: 0018:ff7a919dc063b650 EFLAGS: "
    #expect(GuestTrial.isEmulatorFault(dump + "01039e62"))
    #expect(!GuestTrial.isEmulatorFault(dump + "00010246") && !GuestTrial.isEmulatorFault(dump))
  }

  // MARK: Disks

  @Test(arguments: [false, true]) func scratchFiles(_ keepDisk: Bool) throws {
    let directory = try RecordFixture()
    do {
      let scratch = try Scratch(directory.path("t/1-1"), keepDisk: keepDisk)
      for path in [scratch.disk, scratch.cache, scratch.swap, scratch.initramfs] {
        try Scratch.sparse(path, size: 10 << 20)
        #expect(File.size(path) == 10 << 20)
      }
      try directory.write("t/1-1/record.jsonl", "")
    }
    #expect(
      File.names(in: directory.path("t/1-1"))
        == (keepDisk ? ["record.jsonl", "scratch.img"] : ["record.jsonl"]))
  }

  @Test func scratchWithoutADirectory() {
    let error = #expect(throws: HarnessError.self) {
      try Scratch.sparse("/no/such/scratch.img", size: 1)
    }
    #expect(error?.code == .environment && error?.errno == .noSuchFileOrDirectory)
  }
}
