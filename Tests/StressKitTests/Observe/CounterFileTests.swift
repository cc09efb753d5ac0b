import Glibc
import Testing

@testable import StressKit

struct CounterFileTests {
  private func parse(
    _ text: [UInt8], _ format: CounterFile.Format, columns: Int
  ) -> [Int64] {
    // What was there before must never be taken for a value.
    var values = [Int64](repeating: -7, count: columns)
    values.withUnsafeMutableBufferPointer { values in
      text.withUnsafeBytes { CounterFile.parse($0, format, into: values) }
    }
    return values
  }

  private func parse(_ text: String, _ format: CounterFile.Format, columns: Int) -> [Int64] {
    parse(Array(text.utf8), format, columns: columns)
  }

  private let unknown = CounterFile.unknown

  @Test(arguments: [
    (
      "vmstat-61.txt", 171,
      ["nr_free_pages": 174_837, "nr_page_table_pages": 14, "pgfree": 187_141, "pgfault": 659]
    ),
    (
      "vmstat-612.txt", 182,
      ["nr_free_pages": 175_194, "nr_page_table_pages": 27, "pgfree": 185_899, "pgfault": 639]
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
    let values = parse(text, .keyed, columns: count)
    #expect(!values.contains(unknown) && !values.contains(-7))
    for (key, value) in expected {
      let column = try #require(file.names.firstIndex(of: "vmstat:" + key))
      #expect(values[column] == value, "\(key)")
    }
    // The whole of it, by another reader of the same text.
    #expect(
      CounterFile.snapshot(String(decoding: text, as: UTF8.self)).map(\.value) == values)
  }

  @Test func memoryEvents() {
    #expect(
      parse(
        "low 0\nhigh 12\nmax 9223372036854775807\noom 1\noom_kill 1\noom_group_kill 0\n", .keyed,
        columns: 6) == [0, 12, .max, 1, 1, 0])
  }

  @Test func pressure() throws {
    let text =
      "some avg10=1.53 avg60=0.38 avg300=0.08 total=5263454\n"
      + "full avg10=0.00 avg60=0.00 avg300=0.00 total=5192375\n"
    #expect(parse(text, .pressure, columns: 2) == [5_263_454, 5_192_375])
    let directory = try RecordFixture()
    let path = try directory.write("io.pressure", text)
    let file = try #require(CounterFile(path, .pressure, prefix: "wb/io.pressure:"))
    defer { file.close() }
    #expect(file.names == ["wb/io.pressure:some", "wb/io.pressure:full"])
  }

  /// The cpu file of old kernels has no `full`.
  @Test func pressureOfOneLine() {
    #expect(
      parse("some avg10=0.00 avg60=0.00 avg300=0.00 total=7\n", .pressure, columns: 2)
        == [7, unknown])
  }

  @Test(
    arguments: [
      ("67108864\n", 67_108_864), ("0\n", 0), ("0", 0), ("max\n", CounterFile.unknown),
      ("", CounterFile.unknown), ("\n", CounterFile.unknown),
    ] as [(String, Int64)])
  func single(_ text: String, _ value: Int64) {
    #expect(parse(text, .single, columns: 1) == [value])
  }

  @Test(arguments: [
    ("", [Int64.min, .min, .min]), ("low 1\n", [1, .min, .min]),
    ("low 1\nhigh\nmax 3\n", [1, .min, 3]), ("low 1\nhigh 2\nma", [1, 2, .min]),
    ("low 1\nhigh x\nmax 3\n", [1, .min, 3]), ("low 1\nhigh 2\nmax 3\noom 4\n", [1, 2, 3]),
    ("\n", [.min, .min, .min]),
  ])
  func shortInput(_ text: String, _ values: [Int64]) {
    #expect(parse(text, .keyed, columns: 3) == values)
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
