// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressCore
@testable import StressMachine

struct WatchTests {
  private func profile(
    _ observe: [Profile.Setting] = [], duration: String = "10m"
  ) throws(HarnessErrors) -> Profile {
    try Watch.profile(
      [Cgroup(path: "system.slice/none.service")], [.unit("none")], observe: observe,
      duration: duration)
  }

  @Test func aProfileTellsWhatIsWatched() throws {
    let profile = try profile([.init("fast", "10ms"), .init("sched", "off")])
    #expect(profile.watched == ["system.slice/none.service"])
    #expect(profile.limitedGroup == "system.slice/none.service")
    #expect(profile.summary == "--unit none" && profile.limits.isEmpty)
    #expect(profile.observe.fast == 10_000_000 && profile.observe.interval == 1_000_000_000)
    #expect(!profile.observe.sched && profile.observe.trace && profile.observe.rstat == nil)
    #expect(profile.duration == 600_000_000_000 && profile.workers.isEmpty)
    // As a campaign's directory keeps it.
    #expect(try Profile(json: profile.json, name: "x") == profile)
  }

  @Test func whatWouldDisturbIsNoOption() {
    let errors = #expect(throws: HarnessErrors.self) {
      try profile([.init("rstat", "1s"), .init("level", "bare")])
    }
    let known = "fast, interval, trace, trace_buffer, sched, slow"
    #expect(
      errors?.description == """
        --observe rstat: is no key that 'watch' knows; one of \(known)
        --observe level: is no key that 'watch' knows; one of \(known)
        """)
  }

  @Test func valuesAreAsAProfileHasThem() {
    let fast = #expect(throws: HarnessErrors.self) { try profile([.init("fast", "3")]) }
    #expect(
      fast?.description
        == "watch: observe.fast: expected a duration such as 30s; found the string \"3\"")
    let time = #expect(throws: HarnessErrors.self) { try profile(duration: "25h") }
    #expect(time?.description == "watch: duration: 25h is more than 24h")
  }

  /// No profile may have it: there is nothing in it to be run.
  @Test func aWatchCannotBeRun() {
    let errors = #expect(throws: HarnessErrors.self) {
      try ProfileFile(text: "watched: [system.slice]\n", name: "p.yaml")
    }
    #expect(
      errors?.description
        == "p.yaml:1:10: watched: of what 'wbstress watch' looked at, which cannot be run")
  }

  /// Nothing is read that flushes rstat: Documentation/admin-guide/cgroup-v2.rst has it of memory.stat, cpu.stat and
  /// io.stat.
  @Test func nothingIsFlushed() {
    let group = Cgroup(path: "any")
    let flushing = ["memory.stat", "cpu.stat", "io.stat", "memory.numa_stat"]
    let lanes = Lanes.fastFiles([group]) + Lanes.slowFiles(disk: "", backing: nil, [group])
    for file in lanes {
      #expect(!flushing.contains { file.path.hasSuffix("/" + $0) }, "\(file.path)")
    }
  }

  @Test func targetsAreFoundOrNamed() {
    func text(_ target: WatchTarget) -> String? {
      #expect(throws: HarnessError.self) { try target.find() }?.description
    }
    #expect(
      text(.cgroup("/sys/fs/cgroup/no.slice/such"))
        == "/sys/fs/cgroup/no.slice/such: is no cgroup: ENOENT (no such file or directory);"
        + " systemd-cgls shows those that there are"
    )
    #expect(
      text(.cgroup(".."))
        == "--cgroup ..: is no cgroup below /sys/fs/cgroup; name one as /proc/self/cgroup does, without '0::'"
    )
    #expect(
      text(.process(.max)) == "--pid 2147483647: there is no such process: ESRCH (no such process)")
  }

  /// proc(5), /proc/PID/status; a kernel thread has none of these lines.
  @Test func sizesOfAProcessAreBytes() {
    let status =
      "Name:\tpostgres\nVmLck:\t      64 kB\nRssAnon:\t    1234 kB\nVmSwap:\t       0 kB\n"
    #expect(ProcessTotals.bytes("RssAnon:", in: status) == 1234 << 10)
    #expect(ProcessTotals.bytes("VmLck:", in: status) == 64 << 10)
    #expect(ProcessTotals.bytes("VmSwap:", in: status) == 0)
    #expect(ProcessTotals.bytes("RssShmem:", in: status) == 0)
  }
}
