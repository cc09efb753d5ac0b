// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressAnalysis

struct VmstatNamesTests {
  private func value(
    _ name: String, _ growth: [String: Int64], seconds: Double? = 10
  ) throws -> Double? {
    try #require(
      VmstatNames.figures(growth, seconds: seconds).first { $0.name == name }, "\(name)"
    ).value
  }

  @Test func derivedFigures() throws {
    let growth: [String: Int64] = [
      "pgscan_kswapd": 8000, "pgsteal_kswapd": 6000, "pgscan_direct": 2000, "pgsteal_direct": 500,
      "pgfault": 120, "pgmajfault": 20, "nr_vmscan_write": 70, "pswpout": 50,
      "allocstall_normal": 3, "allocstall_movable": 4,
    ]
    #expect(try value("Kswapd efficiency %", growth) == 75)
    #expect(try value("Direct efficiency %", growth) == 25)
    #expect(try value("Kswapd velocity", growth) == 800)
    #expect(try value("Direct velocity", growth) == 200)
    #expect(try value("Percentage direct scans", growth) == 20)
    #expect(try value("Minor Faults", growth) == 100)
    #expect(try value("Page writes file", growth) == 20)
    #expect(try value("Page writes anon", growth) == 50)
    #expect(try value("Allocation stalls", growth) == 7)
  }

  /// mmtests would print 100 % of nothing, and speeds over no time.
  @Test func undefinedIsNotANumber() throws {
    let idle: [String: Int64] = [
      "pgscan_kswapd": 0, "pgsteal_kswapd": 0, "pgscan_direct": 0, "pgsteal_direct": 0,
    ]
    #expect(try value("Kswapd efficiency %", idle) == nil)
    #expect(try value("Direct efficiency %", idle) == nil)
    #expect(try value("Percentage direct scans", idle) == nil)
    #expect(try value("Direct velocity", idle, seconds: nil) == nil)
    #expect(try value("Direct velocity", idle, seconds: 0) == nil)
    #expect(try value("Direct pages scanned", idle) == 0)
    // What a kernel does not count is unknown, not zero.
    #expect(try value("Page reclaim immediate", idle) == nil)
    #expect(try value("Page writes file", ["nr_vmscan_write": 1]) == nil)
  }

  /// The counters of the kernels that are run have a place: a name that none of them knows is a typo.
  @Test(arguments: ["vmstat-61.txt", "vmstat-612.txt", "vmstat-618.txt"])
  func kernelsHaveTheCounters(_ file: String) throws {
    let text = String(decoding: try KernelLogTests.fixture(file), as: UTF8.self)
    var growth: [String: Int64] = [:]
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ")
      if words.count == 2, let value = Int64(words[1]) { growth[String(words[0])] = value }
    }
    let figures = VmstatNames.figures(growth, seconds: 1)
    let unknown = figures.filter { $0.value == nil }.map(\.name)
    // Efficiencies of a machine that never reclaimed.
    #expect(
      Set(unknown).isSubset(
        of: ["Kswapd efficiency %", "Direct efficiency %", "Percentage direct scans"]),
      "\(unknown)")
  }
}
