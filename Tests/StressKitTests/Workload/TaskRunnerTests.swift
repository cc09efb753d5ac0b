// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import Testing

@testable import StressCore
@testable import StressMachine

@Suite(
  .serialized,
  .enabled(if: File.exists(Executable.path), "wbstress is not built beside the tests"))
struct TaskRunnerTests {
  private let fixture: WorkerFixture

  init() throws { fixture = try WorkerFixture() }

  private func run(
    _ action: Profile.Task.Action, at path: String? = nil,
    _ change: (inout Profile.Task) -> Void, until isOver: () -> Bool = { false }
  ) throws -> OperationRecorder {
    var task = Profile.Task(name: "it", action: action)
    task.rounds = 3
    task.every = 20_000_000
    change(&task)
    let recorder = try fixture.ready(
      WorkerProcess.task(
        task, at: path ?? fixture.path("it"), cgroup: nil, seed: 3, executable: Executable.path))
    try fixture.run(recorder, until: isOver)
    recorder.finish()
    return recorder
  }

  private static let drops: [Profile.Task.Action] = [.truncate, .unlink, .rename]

  // MARK: Dropping pages

  @Test(arguments: drops, Profile.Task.State.allCases)
  func timesTheDropAlone(_ action: Profile.Task.Action, _ state: Profile.Task.State) throws {
    let recorder = try run(action) {
      $0.state = state
      $0.size = 1_000_000
    }
    #expect(recorder.worker.exit == .status(0))
    let lines = try fixture.lines()
    let totals = try #require(lines.last("rounds"))
    #expect(totals["task"] == "it" && totals["rounds"] == 3 && totals["ended"] == "rounds")
    #expect(totals["bytes"] == 3_000_000 && totals["states_lost"] == 0)
    let kinds = SharedBlock.Kind.allCases.filter { totals["\($0.label)_max"] != nil }
    #expect(kinds.map(\.label) == [action.rawValue])
    #expect(totals["\(action.rawValue)s"] == 3)
    #expect(lines.lines("state").map { $0["round"]?.int } == [0, 1, 2])
    // Nothing is left of the pages.
    let left = File.names(in: fixture.root)
    #expect(left == (action == .unlink ? [] : ["it.0"]))
    if action != .unlink { #expect(File.size(fixture.path("it.0")) == 0) }
  }

  @Test func saysWhereItFails() throws {
    var task = Profile.Task(name: "it", action: .truncate)
    task.rounds = 1
    let recorder = try fixture.ready(
      WorkerProcess.task(
        task, at: fixture.path("none/it"), cgroup: nil, seed: 3, executable: Executable.path))
    try fixture.run(recorder)
    #expect(recorder.worker.exit == .status(1))
    #expect(recorder.worker.failure?.operation == "open")
  }

  // MARK: On the file systems themselves

  private func scratch(_ kind: Profile.Filesystem.Kind) throws -> LoopMount {
    let made = Result { () throws(HarnessError) in try LoopMount(kind, in: fixture) }
    if case .failure(let error) = made { try Test.cancel("\(error)") }
    return try made.get()
  }

  /// What a file's pages are when they are dropped is what was asked for, by the kernel's own account.
  @Test(
    .enabled(if: canPlaceMounts(), "needs root and loop devices"),
    arguments: [Profile.Filesystem.Kind.ext4, .xfs, .btrfs], Profile.Task.State.allCases)
  func statesOfPages(_ kind: Profile.Filesystem.Kind, _ state: Profile.Task.State) throws {
    let scratch = try scratch(kind)
    let size: UInt64 = 4 << 20
    _ = try run(.truncate, at: scratch.point + "/it") {
      $0.state = state
      $0.size = size
    }
    let states = try fixture.lines().lines("state")
    #expect(states.count == 3)
    for line in states {
      let delayed = line["delalloc_bytes"]?.int ?? -1
      let unwritten = line["unwritten_bytes"]?.int ?? -1
      let dirty = line["dirty_pages"]?.int
      switch (state, kind) {
      case (.delayed, _):
        #expect(delayed == size && unwritten == 0, "\(line.text)")
        if let dirty { #expect(dirty == 1024) }
      case (.allocated, _):
        #expect(delayed == 0 && unwritten == 0, "\(line.text)")
        if let dirty { #expect(dirty == 1024) }
      case (.writeback, _):
        // On btrfs until the I/O has ended.
        #expect(delayed == 0 || kind == .btrfs, "\(line.text)")
        if let dirty { #expect(dirty == 0) }
      }
      #expect((line["extents"]?.int ?? 0) >= 1)
    }
  }

  /// Asking writes nothing: delayed blocks stay so until a sync.
  @Test(
    .enabled(if: canPlaceMounts(), "needs root and loop devices"),
    arguments: [Profile.Filesystem.Kind.ext4, .xfs, .btrfs])
  func extentsBeforeAndAfterASync(_ kind: Profile.Filesystem.Kind) throws {
    let scratch = try scratch(kind)
    let file = try Descriptor(open: scratch.point + "/f", O_RDWR | O_CREAT)
    try file.writeAll([UInt8](repeating: 1, count: 1 << 20), "f")
    var extents = cl_extents()
    for _ in 0..<2 {
      #expect(cl_fiemap(file.raw, &extents) == 0)
      #expect(extents.count >= 1 && extents.delayed == 1 << 20)
    }
    #expect(fsync(file.raw) == 0)
    #expect(cl_fiemap(file.raw, &extents) == 0)
    #expect(extents.count >= 1 && extents.delayed == 0 && extents.unwritten == 0)
    // More extents than one call tells: every second block.
    let holes = try Descriptor(open: scratch.point + "/h", O_RDWR | O_CREAT)
    for i in 0..<100 as Range<Int> {
      _ = pwrite(holes.raw, "x", 1, off_t(i * 131_072))
      fsync(holes.raw)
    }
    #expect(cl_fiemap(holes.raw, &extents) == 0)
    #expect(extents.count >= 100 && extents.delayed == 0)
  }

  // MARK: Others

  @Test func probes() throws {
    _ = try run(.probe) {
      $0.rounds = 260
      $0.every = 1_000_000
    }
    let totals = try #require(try fixture.lines().last("rounds"))
    #expect(totals["rounds"] == 260 && totals["ended"] == "rounds")
    for kind in ["writes", "fsyncs", "faults"] { #expect(totals[kind] == 260) }
    // Round and round in a file that was whole before the first.
    #expect(File.size(fixture.path("it.0")) == 1 << 20)
    #expect(totals["bytes"] == 2_129_920)
  }

  /// Rounds begin on a grid; what is missed is not made up.
  @Test func keepsToItsGrid() throws {
    var operations: [SharedBlock.Operation] = []
    var task = Profile.Task(name: "it", action: .huge)
    task.every = 50_000_000
    task.size = 2 << 20
    let recorder = try fixture.ready(
      WorkerProcess.task(
        task, at: "", cgroup: nil, seed: 3, executable: Executable.path))
    let worker = recorder.worker
    try #require(worker.isReady)
    try worker.start(at: cl_boottime())
    #expect(eventually { worker.totals.rounds >= 2 })
    kill(worker.pid, SIGSTOP)
    cl_sleep_until(cl_boottime() + 230_000_000)
    kill(worker.pid, SIGCONT)
    #expect(eventually { worker.totals.rounds >= 5 })
    worker.requestStop()
    #expect(eventually { worker.hasEnded() } && worker.exit == .status(0))
    worker.drain { operations.append($0) }
    let first = worker.totals.firstStart
    let late = operations.prefix(5).map { ($0.start - first) % 50_000_000 }
    // All but the one that came after the stall begin on it, and that one only once.
    #expect(late.count { $0 > 20_000_000 } <= 1, "\(late)")
    #expect(operations[4].start - operations[0].start >= 300_000_000)
  }

  @Test func touchesHugePages() throws {
    _ = try run(.huge) { $0.size = 5 << 20 }
    let totals = try #require(try fixture.lines().last("rounds"))
    #expect(totals["huges"] == 9 && totals["bytes"]?.int == 9 << 21)
  }

  @Test(.enabled(if: geteuid() == 0, "needs root"))
  func compacts() throws {
    if access("/proc/sys/vm/compact_memory", W_OK) < 0 { try Test.cancel("not to be written") }
    _ = try run(.compact) { $0.rounds = 1 }
    #expect(try fixture.lines().last("rounds")?["compacts"] == 1)
  }
}

/// A file system in a file, mounted as long as its owner lives.
private final class LoopMount {
  let point: String
  private let device: String
  private let mount: Mount

  init(_ kind: Profile.Filesystem.Kind, in directory: TemporaryDirectory) throws(HarnessError) {
    let image = directory.path("image-\(kind.rawValue)")
    let file = try Descriptor(open: image, O_RDWR | O_CREAT)
    try checkErrno(Int(ftruncate(file.raw, 512 << 20)), image, "ftruncate")
    try Tool.run("mkfs.\(kind.rawValue)", ["-q", image], package: "")
    let output = try Tool.run("losetup", ["--find", "--show", image], package: "mount")
    device = String(decoding: output, as: UTF8.self).split(separator: "\n").joined()
    point = directory.path("mnt")
    do {
      mount = try Mount(device, at: point, type: kind.rawValue)
    } catch {
      _ = try? Tool.run("losetup", ["--detach", device], package: "mount")
      throw error
    }
  }

  deinit {
    try? Mount.unmount(mount.path, atMost: 5_000_000_000)
    _ = try? Tool.run("losetup", ["--detach", device], package: "mount")
  }
}
