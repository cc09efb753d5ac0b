// SPDX-License-Identifier: Apache-2.0
import CLinux
import Testing

@testable import StressMachine

struct SamplerTests {
  private let directory: RecordFixture
  private let path: String

  init() throws {
    directory = try RecordFixture()
    path = try directory.write("memory.current", "1\n")
  }

  private func sampler(_ interval: UInt64, capacity: Int = 256) throws -> Sampler {
    let file = try #require(CounterFile(path, .single, prefix: "memory.current"))
    return Sampler(lane: "test", interval: interval, files: [file], capacity: capacity)
  }

  private func drain(_ lane: Sampler) -> [(time: Int64, value: Int64)] {
    var samples: [(Int64, Int64)] = []
    lane.drain { values in
      #expect(values.count == 2)
      samples.append((values[values.startIndex], values[values.startIndex + 1]))
    }
    return samples
  }

  /// Deadlines are absolute: what lies between two samples is a multiple of the interval, but for how
  /// late each was, and those left out are counted.
  @Test func samplesAtItsInterval() throws {
    let interval: UInt64 = 4_000_000
    let lane = try sampler(interval)
    #expect(lane.names == ["memory.current"])
    try lane.start()
    #expect(eventually { lane.health.samples >= 10 })
    lane.stop()
    let samples = drain(lane)
    let health = lane.health
    #expect(samples.count == health.samples && health.dropped == 0)
    #expect(samples.allSatisfy { $0.value == 1 })
    #expect(zip(samples, samples.dropFirst()).allSatisfy { $0.time < $1.time })
    let first = try #require(samples.first).time
    let last = try #require(samples.last).time
    let due = Int64(samples.count - 1 + health.missed) * Int64(interval)
    let lateness = try #require(health.lateness)
    #expect(abs(last - first - due) <= Int64(lateness.max))
    #expect(lateness.p50 <= lateness.p99 && lateness.p99 <= lateness.p999)
    #expect(lateness.p999 <= lateness.max && health.late <= health.samples)
    #expect(try #require(health.cpu) > 0)
    #expect(drain(lane).isEmpty)
  }

  @Test func countsWhatNobodyTakes() throws {
    let lane = try sampler(1_000_000, capacity: 2)
    try lane.start()
    #expect(eventually { lane.health.dropped >= 3 })
    lane.stop()
    #expect(lane.health.samples == 2)
    #expect(drain(lane).count == 2)
  }

  /// A source that takes longer than the interval: deadlines pass unserved, and the ticks are late.
  @Test func countsWhatItMissed() throws {
    struct Slow: CounterSource {
      let names = ["slow"]
      let descriptors: [Int32] = []
      func sample(
        into values: UnsafeMutableBufferPointer<Int64>, scratch: UnsafeMutableRawBufferPointer
      ) {
        cl_sleep_until(cl_boottime() + 18_000_000)
        values[0] = 1
      }
      func close() {}
    }
    let lane = Sampler(lane: "test", interval: 4_000_000, files: [Slow()])
    try lane.start()
    #expect(eventually { lane.health.samples >= 5 })
    #expect(lane.health.lateness == nil && lane.health.cpu == nil)
    lane.stop()
    let samples = drain(lane)
    let health = lane.health
    // The last reading is asked for, not due.
    let first = try #require(samples.first).time
    let last = samples[samples.count - 2].time
    #expect(health.missed >= 4 * (samples.count - 2))
    #expect(health.missed + samples.count >= Int((last - first) / 4_000_000))
  }

  @Test func ringGoesRound() throws {
    let lane = try sampler(1_000_000, capacity: 3)
    try lane.start()
    var samples: [(time: Int64, value: Int64)] = []
    #expect(
      eventually {
        samples += drain(lane)
        return samples.count >= 10
      })
    lane.stop()
    samples += drain(lane)
    #expect(samples.count == lane.health.samples)
    #expect(zip(samples, samples.dropFirst()).allSatisfy { $0.time < $1.time })
  }

  @Test func stopTakesALastSample() throws {
    let lane = try sampler(100_000_000)
    try lane.start()
    #expect(eventually { lane.health.samples == 1 })
    try directory.write("memory.current", "2\n")
    let asked = Int64(cl_boottime())
    lane.stop()
    let samples = drain(lane)
    #expect(samples.map(\.value) == [1, 2])
    #expect(try #require(samples.last).time >= asked)
  }
}
