// SPDX-License-Identifier: Apache-2.0
import CAllocationCount
import StressCore
import Testing

@testable import StressMachine

/// The observer rule: a reading allocates nothing, in Swift or in the C library.
struct SamplerAllocationTests {
  @Test func readingAllocatesNothing() throws {
    let directory = try RecordFixture()
    let blocks = try directory.write("wb_stats", "WbCgIno: 1\nWbWriteback: 2 kB\nstate: f\n\n")
    let files = [
      CounterFile("/proc/vmstat", .keyed, prefix: "vmstat:"),
      CounterFile("/proc/self/oom_score", .single, prefix: "score"),
      CounterFile("/proc/loadavg", .keyed),
      CounterFile("/proc/meminfo", .labelled),
      CounterFile("/proc/self/statm", .fields(["size", "resident"])),
      CounterFile("/proc/stat", .processors),
      CounterFile(
        try directory.write("pressure", "some avg10=0.00 total=7\n"), .pressure),
      CounterFile(blocks, .blocks([.init(prefix: "root:", inode: 1)])),
    ].compactMap { $0 }
    try #require(files.count == 8)
    let flushers = try FlusherTimeTests.workers(in: directory, ["kworker/u8:0": 5])
    // Now each of them changes, so that keys are searched for and a worker dies in the loop.
    try directory.write("wb_stats", "WbCgIno: 2\nx\nWbCgIno: 1\nstate: f\nWbWriteback: 2 kB\n")
    try directory.write("100/schedstat", "")
    let sampler = Sampler(
      lane: "test", interval: 1, files: files + [flushers], capacity: 512)
    let before = ac_allocations()
    // Full after 512: dropping a reading must not allocate either.
    for i in 0..<600 { sampler.sample(at: UInt64(i)) }
    #expect(ac_allocations() == before)
    #expect(sampler.health.samples == 512 && sampler.health.dropped == 88)
  }

  /// Tests share a process: what one of them makes fail on its thread costs the others nothing.
  @Test func chosenFailureAllocatesNothingElsewhere() throws {
    let directory = try RecordFixture()
    let path = try directory.write("memory.current", "4096\n")
    let file = try #require(CounterFile(path, .single, prefix: "current"))
    let sampler = Sampler(lane: "test", interval: 1, files: [file], capacity: 2)
    let isFree = Flag()
    let calls = try CallFailures.calls { () throws(HarnessError) in
      try Thread("wb-test") {
        let before = ac_allocations()
        sampler.sample(at: 1)
        isFree.set(ac_allocations() == before)
      }.join()
    }
    #expect(isFree.value && sampler.health.samples == 1)
    #expect(!calls.contains { $0.operation == "pread" })
  }

  /// The same of the whole loop: the source reads the count of the thread that it is called on.
  @Test func loopAllocatesNothing() throws {
    struct Probe: CounterSource {
      let names = ["allocations"]
      let descriptors: [Int32] = []
      func sample(
        into values: UnsafeMutableBufferPointer<Int64>, scratch: UnsafeMutableRawBufferPointer
      ) {
        values[0] = Int64(ac_allocations())
      }
      func close() {}
    }
    let sampler = Sampler(lane: "test", interval: 500_000, files: [Probe()], capacity: 512)
    try sampler.start()
    #expect(eventually { sampler.health.samples >= 100 })
    sampler.stop()
    var counts: Set<Int64> = []
    // But for the first two: what Swift looks up once a process is looked up between them.
    var skipped = 0
    sampler.drain { values in
      if skipped >= 2 { counts.insert(values[values.startIndex + 1]) }
      skipped += 1
    }
    #expect(counts.count == 1)
  }

  @Test func theCountSeesAllocations() {
    let before = ac_allocations()
    let array = [UInt8](repeating: 1, count: 1000 + Int.random(in: 0..<2))
    #expect(ac_allocations() > before)
    #expect(array.count >= 1000)
  }
}
