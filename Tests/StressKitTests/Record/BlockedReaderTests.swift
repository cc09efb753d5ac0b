// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import Testing

@testable import StressCore
@testable import StressMachine
@testable import StressRecord

/// A host that does not read the record must not be felt by the sampler.
struct BlockedReaderTests {
  @Test func samplingGoesOnWhileNobodyReads() throws {
    var ends: [Int32] = [0, 0]
    try check(cl_pipe(&ends), "test", "pipe2")
    let reader = Descriptor(owning: ends[0])
    let writer = RecordWriter(Descriptor(owning: ends[1]))
    let vmstat = try #require(CounterFile("/proc/vmstat", .keyed, prefix: "vmstat:"))
    // A pipe holds 64 KiB, the ring 50 readings: both are full long before the end.
    let sampler = Sampler(lane: "main", interval: 2_000_000, files: [vmstat], capacity: 50)
    try writer.start()
    writer.add(sampler)
    try sampler.start()
    cl_sleep_until(cl_boottime() + 600_000_000)
    sampler.stop()

    let health = sampler.health
    #expect(health.dropped > 0, "nobody took the readings away")
    // 300 deadlines, but for what the machine itself was late with; a blocked sampler would have met 70.
    #expect(health.samples + health.dropped + health.missed >= 290)
    #expect(health.samples + health.dropped > 100)

    // What was not dropped is all there once somebody reads.
    let readEnd = reader.raw
    let drained = try Thread("drain") {
      var chunk = [UInt8](repeating: 0, count: 65_536)
      while read(readEnd, &chunk, chunk.count) > 0 {}
    }
    writer.finish()
    #expect(sampler.health.samples == health.samples)
    var left = 0
    sampler.drain { _ in left += 1 }
    #expect(left == 0)
    // The writer's end closes with its last owner; only then does the reader see the end.
    release(consume writer)
    drained.join()
  }

  private func release(_ writer: consuming RecordWriter) {}
}
