// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressCore
@testable import StressLab

struct MatrixTests: ProfileSuite {
  // MARK: Axes

  @Test(arguments: [
    ("engine=io_uring,pwrite", "engine", ["io_uring", "pwrite"]),
    ("memory.max=64MiB", "memory.max", ["64MiB"]),
    ("mount=[data=journal,noatime],[noatime]", "mount", ["[data=journal,noatime]", "[noatime]"]),
    ("sysctl={vm.a: 1, vm.b: [2,3]},{}", "sysctl", ["{vm.a: 1, vm.b: [2,3]}", "{}"]),
    ("expect.oom_kill=>= 1,== 0", "expect.oom_kill", [">= 1", "== 0"]),
  ])
  func axis(_ text: String, _ key: String, _ values: [String]) throws {
    #expect(try Matrix.Axis(parsing: text) == Matrix.Axis(key: key, values: values))
  }

  @Test(arguments: [
    ("engine", "expected KEY=VALUE,VALUE; as in lru_gen=on,off"),
    ("=a", "expected KEY=VALUE,VALUE; as in lru_gen=on,off"),
    ("engine=", "an empty value"), ("engine=a,,b", "an empty value"),
    ("engine=a,", "an empty value"), ("engine=a,b,a", "the same value twice"),
    ("mount=[a,b],[a,b]", "the same value twice"),
  ])
  func badAxis(_ text: String, _ message: String) {
    let error = #expect(throws: HarnessError.self) { try Matrix.Axis(parsing: text) }
    #expect(error?.code == .usage && error?.description == "--vary \(text): \(message)")
  }

  // MARK: Cells

  private let text = """
    limits: {memory.max: 64MiB}
    pinned: [{size: 1MiB}]
    streams: [{name: s, block: 64KiB}]
    variants:
      on-btrfs: {filesystem.type: btrfs}
      large: {memory.max: 1GiB}
    """

  private func matrix(
    _ kernels: String = "debian:6.1", fs: [String] = [], vary: [String] = [],
    variant: String? = nil, calibrate: Bool = false
  ) throws -> Matrix {
    try Matrix(
      .init(file: try ProfileFile(text: text, name: "dir/p.yaml"), variant: variant),
      kernels: try KernelSpec.list(kernels) { _ in [] }, filesystems: fs,
      vary: try vary.map(Matrix.Axis.init(parsing:)), calibrate: calibrate)
  }

  private func labels(_ matrix: Matrix) -> [String] {
    matrix.cells.map { $0.axes.map { "\($0.key)=\($0.value)" }.joined(separator: " ") }
  }

  /// Two cells of the same name would be one in every table.
  @Test func nothingTwice() {
    #expect(
      problems { _ = try matrix("debian:6.1,debian:6.12,debian:6.1", fs: ["xfs", "xfs"]) } == [
        "--kernel debian:6.1,debian:6.12,debian:6.1: the same value twice",
        "--fs xfs,xfs: the same value twice",
      ])
  }

  @Test func oneCell() throws {
    let matrix = try matrix()
    #expect(matrix.label == "p")
    #expect(labels(matrix) == ["kernel=debian:6.1 fs=ext4"])
    #expect(matrix.cells[0].kernel == (try KernelSpec(parsing: "debian:6.1")))
    #expect(matrix.cells[0].profile == (try profile(text)).named("p"))
  }

  /// The kernel changes slowest, then the axes in the order of the command line.
  @Test func everyCombinationInOrder() throws {
    let matrix = try matrix(
      "debian:6.1,debian:6.12", fs: ["xfs", "ext4"], vary: ["engine=pwrite,mmap", "cpus=1"])
    #expect(
      labels(matrix) == [
        "kernel=debian:6.1 fs=xfs engine=pwrite cpus=1",
        "kernel=debian:6.1 fs=xfs engine=mmap cpus=1",
        "kernel=debian:6.1 fs=ext4 engine=pwrite cpus=1",
        "kernel=debian:6.1 fs=ext4 engine=mmap cpus=1",
        "kernel=debian:6.12 fs=xfs engine=pwrite cpus=1",
        "kernel=debian:6.12 fs=xfs engine=mmap cpus=1",
        "kernel=debian:6.12 fs=ext4 engine=pwrite cpus=1",
        "kernel=debian:6.12 fs=ext4 engine=mmap cpus=1",
      ])
    let cell = matrix.cells[5]
    #expect(cell.kernel == (try KernelSpec(parsing: "debian:6.12")))
    #expect(cell.profile.filesystem.kind == .xfs && cell.profile.streams[0].engine == .mmap)
    #expect(cell.profile.machine.cpus == 1 && cell.profile.streams[0].block == 64 << 10)
  }

  @Test func variantsAsAnAxis() throws {
    let matrix = try matrix(vary: ["variant=base,large,on-btrfs"])
    #expect(
      labels(matrix) == [
        "kernel=debian:6.1 fs=ext4 variant=base", "kernel=debian:6.1 fs=ext4 variant=large",
        "kernel=debian:6.1 fs=btrfs variant=on-btrfs",
      ])
    #expect(
      matrix.cells.map { $0.profile.limits[0].value } == ["67108864", "1073741824", "67108864"])
  }

  /// Two arms of each cell, whose profiles are equal.
  @Test func calibration() throws {
    let matrix = try matrix(vary: ["cpus=1,2"], calibrate: true)
    #expect(
      labels(matrix)
        == ["1", "2"].flatMap { cpus in
          ["A", "B"].map { "kernel=debian:6.1 fs=ext4 cpus=\(cpus) calibrate=\($0)" }
        })
    #expect(matrix.cells[0].profile == matrix.cells[1].profile)
    #expect(matrix.cells[1].profile != matrix.cells[2].profile)
    // It is no key of a profile.
    #expect(throws: HarnessErrors.self) { try self.matrix(vary: ["calibrate=A,B"]) }
    let error = #expect(throws: HarnessErrors.self) {
      try self.matrix(vary: ["calibrate=A,B"], calibrate: true)
    }
    #expect(error?.description.contains("sets the same key as") == true)
  }

  @Test func variantOfTheCommandLine() throws {
    let matrix = try matrix(vary: ["cpus=1,2"], variant: "on-btrfs")
    #expect(matrix.label == "p:on-btrfs")
    #expect(labels(matrix)[1] == "kernel=debian:6.1 fs=btrfs cpus=2")
    // The file system of the command line wins over the variant's.
    let fs = try self.matrix(fs: ["xfs"], variant: "on-btrfs")
    #expect(labels(fs) == ["kernel=debian:6.1 fs=xfs"])
    #expect(fs.cells[0].profile.filesystem.kind == .xfs)
  }

  /// The file system is told once, also when it is an axis like any other.
  @Test(arguments: ["fs", "filesystem.type"]) func filesystemAsAnAxis(_ key: String) throws {
    let matrix = try matrix(vary: ["\(key)=xfs,btrfs"])
    #expect(
      labels(matrix) == ["kernel=debian:6.1 \(key)=xfs", "kernel=debian:6.1 \(key)=btrfs"])
  }

  @Test(arguments: [
    (["xfs"], ["fs=ext4"]), (["xfs"], ["filesystem.type=ext4"]), ([], ["cpus=1", "cpus=2,4"]),
    ([], ["memory.max=1MiB", "limits.memory.max=2MiB"]), ([], ["variant=base", "variant=large"]),
  ])
  func sameAxisTwice(_ fs: [String], _ vary: [String]) throws {
    let error = #expect(throws: HarnessErrors.self) { try matrix(fs: fs, vary: vary) }
    #expect(error?.errors.count == 1)
    #expect(error?.errors.first?.code == .usage)
    #expect(error?.description.contains("sets the same key as") == true)
  }

  @Test func everyProblemOfEveryCellOnce() {
    let error = #expect(throws: HarnessErrors.self) {
      try matrix(
        "debian:6.1,debian:6.12", fs: ["ext4", "ext5"], vary: ["engine=nope,pwrite", "cpus=0"])
    }
    let texts = (error?.errors ?? []).map(\.description)
    #expect(texts.count == 3 && Set(texts).count == 3)
    for origin in ["--fs ext5", "--vary engine=nope", "--vary cpus=0"] {
      #expect(texts.contains { $0.contains(origin) }, "\(origin) in \(texts)")
    }
  }

  @Test func unknownKeysAndVariants() {
    #expect(throws: HarnessErrors.self) { try matrix(vary: ["no_such_key=1,2"]) }
    #expect(throws: HarnessErrors.self) { try matrix(vary: ["variant=base,none"]) }
  }
}

extension Profile {
  fileprivate func named(_ name: String) -> Profile {
    var profile = self
    profile.name = name
    return profile
  }
}
