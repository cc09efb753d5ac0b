// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

@testable import StressCore
@testable import StressMachine
@testable import StressRecord
@testable import StressReport

struct CounterFileTests {
  /// Values of a reading, in columns that another reading of the file had.
  private func parse(
    _ reading: [UInt8], _ format: CounterFile.Format, learnt first: String
  ) -> [Int64] {
    let layout = CounterLayout(format, prefix: "", learning: first)
    // What was there before must never be taken for a value.
    var values = [Int64](repeating: -7, count: layout.names.count)
    values.withUnsafeMutableBufferPointer { values in
      reading.withUnsafeBytes { layout.parse($0, into: values) }
    }
    return values
  }

  private func parse(
    _ reading: String, _ format: CounterFile.Format, learnt first: String? = nil
  ) -> [Int64] {
    parse(Array(reading.utf8), format, learnt: first ?? reading)
  }

  private let unknown = SampleLine.unknown

  /// What does not fit is not known: wrapped around it would be a number that nobody counted.
  @Test(arguments: [
    "9223372036854775808", "18446744073709551615", "99999999999999999999999999999999999999",
  ])
  func numbersThatDoNotFit(_ digits: String) {
    #expect(parse(digits + "\n", .single) == [unknown])
    #expect(parse("a 1\nb \(digits)\nc 3\n", .keyed) == [1, unknown, 3])
    #expect(
      parse("some total=\(digits)\nfull total=5\n", .pressure) == [unknown, 5])
    #expect(parse("9223372036854775807\n", .single) == [.max])
  }

  @Test(arguments: [
    (
      "vmstat-61.txt", 171,
      ["nr_free_pages": 174_837, "nr_page_table_pages": 14, "pgfree": 187_141, "pgfault": 659]
    ),
    (
      "vmstat-612.txt", 182,
      ["nr_free_pages": 175_194, "nr_page_table_pages": 27, "pgfree": 185_899, "pgfault": 639]
    ),
    (
      "vmstat-618.txt", 192,
      [
        "nr_free_pages": 948_749, "nr_free_pages_blocks": 798_208, "pgpgout": 8_846_334,
        "pgscan_proactive": 0,
      ]
    ),
  ])
  func vmstat(_ name: String, _ count: Int, _ expected: [String: Int64]) throws {
    let directory = try RecordFixture()
    let text = try KernelLogTests.fixture(name)
    let path = try directory.write("vmstat", String(decoding: text, as: UTF8.self))
    let file = try #require(CounterFile(path, .keyed, prefix: "vmstat:"))
    defer { file.close() }
    #expect(file.names.count == count)
    #expect(file.names.first == "vmstat:nr_free_pages" && file.names.last == "vmstat:nr_unstable")
    let values = sample(file)
    #expect(!values.contains(unknown) && !values.contains(-7))
    for (key, value) in expected {
      let column = try #require(file.names.firstIndex(of: "vmstat:" + key))
      #expect(values[column] == value, "\(key)")
    }
    // The whole of it, by another reader of the same text.
    #expect(
      CounterFile.snapshot(String(decoding: text, as: UTF8.self)).map(\.value) == values)
  }

  /// 4.19 (a mailed /proc/vmstat), a backing device of a kernel with pages of 64 KiB, and PSI of 6.0 that cannot be:
  /// the parser gives what is there.
  @Test func filesOfOtherKernels() throws {
    func values(_ name: String, _ format: CounterFile.Format) throws -> [String: Int64] {
      let text = String(decoding: try KernelLogTests.fixture(name), as: UTF8.self)
      let layout = CounterLayout(format, prefix: "", learning: text)
      return Dictionary(uniqueKeysWithValues: zip(layout.names, parse(text, format)))
    }
    let vmstat = try values("vmstat-419.txt", .keyed)
    #expect(vmstat.count == 129 && !vmstat.values.contains(unknown))
    #expect(vmstat["pgfree"] == 26_637_215_947 && vmstat["compact_free_scanned"] == 67_985_619_651)
    #expect(vmstat["nr_dirty"] == 495 && vmstat["swap_ra_hit"] == 0)
    let device = try values("bdi-stats-64k.txt", .labelled)
    #expect(
      device == [
        "BdiWriteback": 0, "BdiReclaimable": 480, "BdiDirtyThresh": 1_664_700,
        "DirtyThresh": 554_900, "BackgroundThresh": 277_108, "BdiDirtied": 82_752,
        "BdiWritten": 82_752, "BdiWriteBandwidth": 205_116, "b_dirty": 6, "b_io": 0,
        "b_more_io": 0, "b_dirty_time": 0, "bdi_list": 1, "state": 1,
      ])
    let pressure = try values("pressure-60.txt", .pressure)
    #expect(pressure == ["some": 8_367_757_640_799_118, "full": 4_426_019_660_641_432])
  }

  /// Every line of a real kernel, in the order of another: each value under its own name.
  @Test func vmstatOfAnotherKernel() throws {
    let old = String(decoding: try KernelLogTests.fixture("vmstat-61.txt"), as: UTF8.self)
    let new = String(decoding: try KernelLogTests.fixture("vmstat-618.txt"), as: UTF8.self)
    let layout = CounterLayout(.keyed, prefix: "", learning: old)
    let values = parse(new, .keyed, learnt: old)
    let expected = Dictionary(
      uniqueKeysWithValues: CounterFile.snapshot(new).map { ($0.key, $0.value) })
    for (name, value) in zip(layout.names, values) {
      #expect(value == expected[name] ?? unknown, "\(name)")
    }
    #expect(values.contains(unknown) && values.filter { $0 != unknown }.count > 150)
  }

  /// Cut anywhere, or upside down: a value is right or unknown.
  @Test func vmstatCutShort() throws {
    let whole = try KernelLogTests.fixture("vmstat-618.txt")
    let text = String(decoding: whole, as: UTF8.self)
    let values = parse(text, .keyed)
    for length in stride(from: 0, to: whole.count, by: 13) {
      let cut = parse(Array(whole[..<length]), .keyed, learnt: text)
      let known = cut.prefix { $0 != unknown }
      #expect(known.elementsEqual(values.prefix(known.count)))
      #expect(cut.dropFirst(known.count).allSatisfy { $0 == unknown })
      #expect(known.count == whole[..<length].count { $0 == UInt8(ascii: "\n") })
    }
    let reversed = text.split(separator: "\n").reversed().joined(separator: "\n") + "\n"
    #expect(parse(reversed, .keyed, learnt: text) == values)
  }

  /// One file out of a dump of a fresh cgroup's files.
  private func cgroupFile(_ name: String, of dump: String) throws -> String {
    let text = String(decoding: try KernelLogTests.fixture(dump), as: UTF8.self)
    let parts = text.split(separator: "=== ").map { $0.split(separator: "\n", maxSplits: 1) }
    return try String(#require(parts.first { $0[0] == name })[1])
  }

  @Test(arguments: ["cgroup-files-61.txt", "cgroup-files-612.txt"])
  func filesOfACgroup(_ dump: String) throws {
    func check(_ file: String, _ format: CounterFile.Format, _ names: [String]) throws {
      let text = try cgroupFile(file, of: dump)
      #expect(CounterLayout(format, prefix: file + ":", learning: text).names == names)
      #expect(parse(text, format) == names.map { _ in 0 }, "\(file)")
    }
    let events = ["low", "high", "max", "oom", "oom_kill", "oom_group_kill"]
    for file in ["memory.events", "memory.events.local"] {
      try check(file, .keyed, events.map { "\(file):\($0)" })
    }
    for file in ["memory.pressure", "io.pressure", "cpu.pressure"] {
      try check(file, .pressure, ["\(file):some", "\(file):full"])
    }
    try check("memory.current", .single, ["memory.current:"])
  }

  @Test func memoryEvents() {
    #expect(
      parse(
        "low 0\nhigh 12\nmax 9223372036854775807\noom 1\noom_kill 1\noom_group_kill 0\n", .keyed)
        == [0, 12, .max, 1, 1, 0])
  }

  @Test func pressure() throws {
    let text =
      "some avg10=1.53 avg60=0.38 avg300=0.08 total=5263454\n"
      + "full avg10=0.00 avg60=0.00 avg300=0.00 total=5192375\n"
    #expect(parse(text, .pressure) == [5_263_454, 5_192_375])
    let directory = try RecordFixture()
    let path = try directory.write("io.pressure", text)
    let file = try #require(CounterFile(path, .pressure, prefix: "wb/io.pressure:"))
    defer { file.close() }
    #expect(file.names == ["wb/io.pressure:some", "wb/io.pressure:full"])
    // The cpu file of old kernels has no `full`; a lone `full` is never `some`.
    #expect(parse("some avg10=0.00 total=7\n", .pressure, learnt: text) == [7, unknown])
    #expect(parse("full avg10=0.00 total=7\n", .pressure, learnt: text) == [unknown, 7])
    #expect(
      parse("some avg10=0.00 avg60\nfull total=\n", .pressure, learnt: text)
        == [unknown, unknown])
  }

  @Test(
    arguments: [
      ("67108864\n", 67_108_864), ("0\n", 0), ("max\n", SampleLine.unknown),
      ("", SampleLine.unknown), ("\n", SampleLine.unknown), ("-1\n", SampleLine.unknown),
      // Cut short, it would be another number.
      ("671", SampleLine.unknown), ("12x\n", SampleLine.unknown),
      ("9223372036854775808\n", SampleLine.unknown),
      ("18446744073709551617\n", SampleLine.unknown),
      ("000000000000000000000000000001\n", SampleLine.unknown),
    ] as [(String, Int64)])
  func single(_ text: String, _ value: Int64) {
    #expect(parse(text, .single) == [value])
  }

  @Test(arguments: [
    ("", [Int64.min, .min, .min]), ("low 1\n", [1, .min, .min]),
    ("low 1\nhigh\nmax 3\n", [1, .min, 3]), ("low 1\nhigh 2\nma", [1, 2, .min]),
    ("low 1\nhigh 2\nmax 3", [1, 2, .min]), ("low 1\nhigh x\nmax 3\n", [1, .min, 3]),
    ("low 1\nhigh 2\nmax 3\noom 4\n", [1, 2, 3]), ("\n", [.min, .min, .min]),
    // A line more, a line less, another order, a name that begins like another.
    ("sock_throttled 9\nlow 1\nhigh 2\nmax 3\n", [1, 2, 3]),
    ("low 1\nnew 9\nhigh 2\nmax 3\n", [1, 2, 3]), ("high 2\nmax 3\n", [.min, 2, 3]),
    ("low 1\nmax 3\n", [1, .min, 3]), ("max 3\nhigh 2\nlow 1\n", [1, 2, 3]),
    ("lower 9\nhigh 2\nmaximum 3\nlo 4\n", [.min, 2, .min]),
    ("\0\u{1}\n\n\nhigh  2\n", [.min, 2, .min]),
  ])
  func otherLines(_ text: String, _ values: [Int64]) {
    #expect(parse(text, .keyed, learnt: "low 0\nhigh 0\nmax 0\n") == values)
  }

  private static let bdiStats = """
    BdiWriteback:             4704 kB
    BdiReclaimable:        1294496 kB
    BdiDirtyThresh:      204208088 kB
    DirtyThresh:         195259944 kB
    BackgroundThresh:     32503588 kB
    BdiDirtied:           48519296 kB
    BdiWritten:           47225696 kB
    BdiWriteBandwidth:     1173892 kBps
    b_dirty:                     1
    b_io:                        0
    b_more_io:                   1
    b_dirty_time:                0
    bdi_list:                    1
    state:                       1f

    """

  /// As mm/backing-dev.c prints it: units stay out of the names, the state's bits are hexadecimal.
  @Test func backingDevice() {
    let layout = CounterLayout(.labelled, prefix: "bdi:", learning: Self.bdiStats)
    #expect(
      layout.names == [
        "bdi:BdiWriteback", "bdi:BdiReclaimable", "bdi:BdiDirtyThresh", "bdi:DirtyThresh",
        "bdi:BackgroundThresh", "bdi:BdiDirtied", "bdi:BdiWritten", "bdi:BdiWriteBandwidth",
        "bdi:b_dirty", "bdi:b_io", "bdi:b_more_io", "bdi:b_dirty_time", "bdi:bdi_list", "bdi:state",
      ])
    #expect(
      parse(Self.bdiStats, .labelled) == [
        4704, 1_294_496, 204_208_088, 195_259_944, 32_503_588, 48_519_296, 47_225_696, 1_173_892,
        1, 0, 1, 0, 1, 31,
      ])
    #expect(
      parse("DirtyThresh: 5 kB\nb_io:\nstate: f", .labelled, learnt: Self.bdiStats)
        == (0..<14).map { $0 == 3 ? 5 : unknown })
  }

  /// One block of wb_stats: the keys of mm/backing-dev.c, WbWriteback and state as given.
  private func block(_ inode: UInt64, _ writeback: Int, state: String = "1") -> String {
    """
    WbCgIno:           \(inode)
    WbWriteback:       \(writeback) kB
    WbReclaimable:         676480 kB
    WbDirtyThresh:        6004624 kB
    WbDirtied:           23348192 kB
    WbWritten:           22614592 kB
    WbWriteBandwidth:      593204 kBps
    b_dirty:                    1
    b_io:                       2
    b_more_io:                  3
    b_dirty_time:               4
    state:                      \(state)


    """
  }

  private func values(_ writeback: Int64, state: Int64 = 1) -> [Int64] {
    [writeback, 676_480, 6_004_624, 23_348_192, 22_614_592, 593_204, 1, 2, 3, 4, state]
  }

  /// Blocks appear, vanish and change places during a trial; columns are the owners', once for all.
  @Test func writebackOfCgroups() {
    let format = CounterFile.Format.blocks([
      .init(prefix: "root:", inode: 1), .init(prefix: "wb/a:", inode: 4208),
      .init(prefix: "wb/b:", inode: 42),
    ])
    let first = block(1, 0)
    let names = CounterLayout(format, prefix: "", learning: first).names
    #expect(names.count == 33)
    #expect(names[0] == "root:WbWriteback" && names[10] == "root:state")
    #expect(names[11] == "wb/a:WbWriteback" && names[32] == "wb/b:state")
    let none = [Int64](repeating: unknown, count: 11)
    func read(_ blocks: String...) -> [Int64] {
      parse(blocks.joined(), format, learnt: first)
    }
    #expect(read(first) == values(0) + none + none)
    #expect(
      read(first, block(42, 7, state: "7"), block(4208, 9))
        == values(0) + values(9) + values(7, state: 7))
    #expect(read(block(4208, 9)) == none + values(9) + none)
    // Strangers, an owner whose number begins like another's, two blocks of one owner.
    #expect(read(block(99, 5), first, block(420, 6)) == values(0) + none + none)
    #expect(read(block(42, 5), block(42, 6)) == none + none + values(6))
    #expect(read("WbWriteback: 3 kB\n") == none + none + none)
    #expect(read("") == none + none + none)
    // Cut short: what is missing is unknown, and what stands behind a broken head is nobody's.
    #expect(
      read(String(block(42, 5).prefix { $0 != "B" }) + "B")
        == none + none + values(5).prefix(1) + none.dropFirst())
    #expect(read("WbCgIno: x\n" + block(1, 3).drop { $0 != "\n" }) == none + none + none)
    #expect(parse("", format).isEmpty, "a device without a block has no columns")
  }

  @Test func fields() {
    let disk = CounterFile.Format.disk
    let text =
      "  666820    61485 58226353   936508   204787   196469 48927922   199368        0   130508"
      + "  1155099   159846       12 71164296    17804    23989     1418\n"
    #expect(
      parse(text, disk) == [
        666_820, 61_485, 58_226_353, 936_508, 204_787, 196_469, 48_927_922, 199_368, 0, 130_508,
        1_155_099, 159_846, 12, 71_164_296, 17_804, 23_989, 1418,
      ])
    // Kernels before 4.18 have eleven fields: eleven columns.
    #expect(
      CounterLayout(disk, prefix: "", learning: "1 2 3 4 5 6 7 8 9 10 11\n").names.count == 11)
    #expect(parse("1 2 x 4\n", .fields(["a", "b", "c", "d"])) == [1, 2, unknown, unknown])
    #expect(parse("1 2\n3 4\n", .fields(["a", "b", "c"]), learnt: "1 2 3") == [1, 2, unknown])
    #expect(parse("", .fields(["a"]), learnt: "1\n") == [unknown])
  }

  @Test func processors() {
    let cpu = CounterFile.Format.processors
    let text = "cpu  763752 531 94338 1558098 7813 0 1215 1608 0 0\ncpu0 1 2 3\nintr 5\n"
    #expect(parse(text, cpu) == [763_752, 531, 94_338, 1_558_098, 7813, 0, 1215, 1608, 0, 0])
    #expect(parse("cpu0 1 2 3\n", cpu, learnt: text) == [Int64](repeating: unknown, count: 10))
  }

  @Test func aFileThatTheKernelLacks() throws {
    #expect(CounterFile(try RecordFixture().path("memory.peak"), .single) == nil)
  }

  private func sample(_ file: CounterFile) -> [Int64] {
    let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 8)
    defer { scratch.deallocate() }
    var values = [Int64](repeating: -7, count: file.names.count)
    values.withUnsafeMutableBufferPointer { file.sample(into: $0, scratch: scratch) }
    return values
  }

  @Test func readsTheFileAnewEachTime() throws {
    let directory = try RecordFixture()
    let path = try directory.write("memory.events", "low 1\nmax 20\n")
    let file = try #require(CounterFile(path, .keyed))
    defer { file.close() }
    #expect(sample(file) == [1, 20])
    try directory.write("memory.events", "low 100\nmax 3\n")
    #expect(sample(file) == [100, 3])
    try directory.write("memory.events", "")
    #expect(sample(file) == [unknown, unknown])
  }

  /// As a cgroup's files do when it is removed, a file of a process that has ended gives an error.
  @Test func aFileThatVanishes() throws {
    let process = try Process(["/bin/sleep", "60"])
    let file = try #require(CounterFile("/proc/\(process.pid)/oom_score", .single, prefix: "score"))
    defer { file.close() }
    #expect(sample(file)[0] >= 0)
    process.kill()
    #expect(sample(file) == [unknown])
  }

  @Test func snapshot() {
    let text = "low 1\nbad\nworse x\ntwo words 3\nmax 4\n"
    #expect(CounterFile.snapshot(text).map(\.key) == ["low", "max"])
    #expect(CounterFile.snapshot(text).map(\.value) == [1, 4])
    #expect(CounterFile.snapshot("").isEmpty)
  }
}
