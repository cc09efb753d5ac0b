import CAllocationCount
import Testing

@testable import StressKit

/// The observer rule: a reading allocates nothing, in Swift or in the C library.
struct SamplerAllocationTests {
  @Test func readingAllocatesNothing() throws {
    let files = [
      CounterFile("/proc/vmstat", .keyed, prefix: "vmstat:"),
      CounterFile("/proc/self/oom_score", .single, prefix: "score"),
      CounterFile("/proc/loadavg", .keyed),
    ].compactMap { $0 }
    try #require(files.count == 3)
    let sampler = Sampler(lane: "test", interval: 1, files: files, capacity: 512)
    let before = ac_allocations()
    // Full after 512: dropping a reading must not allocate either.
    for i in 0..<600 { sampler.sample(at: UInt64(i)) }
    #expect(ac_allocations() == before)
    #expect(sampler.health.samples == 512 && sampler.health.dropped == 88)
  }

  @Test func theCountSeesAllocations() {
    let before = ac_allocations()
    let array = [UInt8](repeating: 1, count: 1000 + Int.random(in: 0..<2))
    #expect(ac_allocations() > before)
    #expect(array.count >= 1000)
  }
}
