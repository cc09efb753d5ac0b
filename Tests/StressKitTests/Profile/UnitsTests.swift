// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressCore

struct UnitsTests {
  @Test(
    arguments: [
      ("0", 0), ("4096", 4096), ("512B", 512), ("64KiB", 65_536), ("128MiB", 134_217_728),
      ("1GiB", 1_073_741_824), ("2TiB", 2_199_023_255_552), ("4K", 4096), ("64M", 67_108_864),
      ("1G", 1_073_741_824), ("1T", 1_099_511_627_776), ("4k", 4096), ("1m", 1_048_576),
      ("1kB", 1000), ("1KB", 1000), ("10MB", 10_000_000), ("1GB", 1_000_000_000),
      ("1TB", 1_000_000_000_000), ("1.5GiB", 1_610_612_736), ("0.5KiB", 512), ("1.50MB", 1_500_000),
      ("9223372036854775807", 9_223_372_036_854_775_807),
    ] as [(String, UInt64)])
  func sizes(_ text: String, _ bytes: UInt64) throws {
    #expect(try Units.size(text) == bytes)
  }

  @Test(arguments: [
    ("", "expected a size such as 64MiB; found ''"),
    ("MiB", "expected a size such as 64MiB; found 'MiB'"),
    ("64Mib", "expected a size such as 64MiB; found '64Mib'"),
    ("64 MiB", "expected a size such as 64MiB; found '64 MiB'"),
    ("-1", "expected a size such as 64MiB; found '-1'"),
    ("1.", "expected a size such as 64MiB; found '1.'"),
    (".5K", "expected a size such as 64MiB; found '.5K'"),
    ("1.5.5K", "expected a size such as 64MiB; found '1.5.5K'"),
    ("010", "expected a size such as 64MiB; found '010'"),
    ("1e3", "expected a size such as 64MiB; found '1e3'"),
    ("1s", "expected a size such as 64MiB; found '1s'"),
    ("1.3", "'1.3' is not a whole number of bytes"),
    ("0.0001KiB", "'0.0001KiB' is not a whole number of bytes"),
    ("9223372036854775808", "'9223372036854775808' is too large"),
    ("8388608TiB", "'8388608TiB' is too large"),
    ("100000000000000000000", "'100000000000000000000' has too many digits"),
  ])
  func refusesSizes(_ text: String, _ message: String) {
    #expect(throws: UnitError.self) { try Units.size(text) }
    do { _ = try Units.size(text) } catch { #expect(error.description == message) }
  }

  @Test(
    arguments: [
      ("250ns", 250), ("10us", 10_000), ("100ms", 100_000_000), ("30s", 30_000_000_000),
      ("1m", 60_000_000_000), ("1h", 3_600_000_000_000), ("0s", 0), ("1.5s", 1_500_000_000),
    ] as [(String, UInt64)])
  func durations(_ text: String, _ nanoseconds: UInt64) throws {
    #expect(try Units.duration(text) == nanoseconds)
  }

  @Test(arguments: ["30", "30S", "1M", "1 s", "s", "1.5ns", "1d", "3000000h"])
  func refusesDurations(_ text: String) {
    #expect(throws: UnitError.self) { try Units.duration(text) }
  }

  @Test(
    arguments: [
      ("20MiB/s", 20_971_520), ("1B/s", 1), ("4M/s", 4_194_304), ("100MB/s", 100_000_000),
      ("0.5KiB/s", 512),
    ] as [(String, UInt64)])
  func rates(_ text: String, _ bytesPerSecond: UInt64) throws {
    #expect(try Units.rate(text) == bytesPerSecond)
  }

  @Test(arguments: ["20MiB", "20", "20/s", "20MiB/m", "20MiBps"])
  func refusesRates(_ text: String) {
    #expect(throws: UnitError.self) { try Units.rate(text) }
  }

  @Test func textsAreShortAndExact() throws {
    #expect(
      [0, 1, 1023, 1024, 1 << 20, 3 << 19, 1 << 40].map(Units.sizeText)
        == ["0B", "1B", "1023B", "1KiB", "1MiB", "1536KiB", "1TiB"])
    #expect(
      [0, 1, 10_000, 100_000_000, 90_000_000_000, 60_000_000_000].map(Units.durationText)
        == ["0ns", "1ns", "10us", "100ms", "90s", "1m"])
  }
}
