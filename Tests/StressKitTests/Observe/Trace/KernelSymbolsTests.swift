// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressCore
@testable import StressMachine

struct KernelSymbolsTests {
  private func names(_ addresses: [UInt64], _ text: String) throws -> [UInt64: String] {
    let directory = try TemporaryDirectory()
    let path = directory.path("kallsyms")
    try File.write(path, Array(text.utf8))
    return try KernelSymbols.names(of: addresses, path)
  }

  private static let some = """
    0000000000001000 T first
    0000000000001000 t alias
    0000000000001040 d data
    0000000000001080 t ext4_sync_file.isra.0
    0000000000001100 W weak
    0000000000000f00 A absolute
    0000000000002000 t late\t[ext4]
    0000000000001900 t __pfx_middle
    0000000000001910 t middle\t[xfs]

    """

  @Test func theNearestBeforeTheCall() throws {
    // 0x1100 is where a call at the end of ext4_sync_file returns to.
    let found = try names([0x1001, 0x1041, 0x1081, 0x1100, 0x1101, 0x1950, 0x2001], Self.some)
    #expect(
      found == [
        0x1001: "first", 0x1041: "first", 0x1081: "ext4_sync_file", 0x1100: "ext4_sync_file",
        0x1101: "weak", 0x1950: "middle", 0x2001: "late",
      ])
  }

  @Test func whatLiesBeforeAllHasNoName() throws {
    #expect(try names([0x0fff, 0x1000, 1], Self.some).isEmpty)
  }

  /// Behind the last that can matter, no more is looked at: the second `first` would be nearer.
  @Test func endsWhenAllAreFound() throws {
    let sorted = """
      0000000000000010 A percpu
      0000000000001000 T first
      0000000000001100 t second
      0000000000001200 t third
      0000000000001040 t nearer\t[module]

      """
    #expect(try names([0x1050, 0x1101], sorted) == [0x1050: "first", 0x1101: "second"])
    // Not while one of a module's is missing, above all or below.
    #expect(
      try names([0x1050, 0x3000], sorted + "0000000000002000 t late\t[module]\n")
        == [0x1050: "nearer", 0x3000: "late"])
    #expect(
      try names([0x0900, 0x1050], sorted + "0000000000000800 t early\t[module]\n")
        == [0x0900: "early", 0x1050: "nearer"])
    #expect(try names([], sorted).isEmpty)
  }

  /// kernel.kptr_restrict = 2.
  @Test func addressesThatAreKeptSecretAreNone() throws {
    #expect(try names([0x1001], "0000000000000000 T first\n0000000000000000 t next\n").isEmpty)
  }

  @Test func anotherFormIsNone() throws {
    #expect(
      try names([0x1001], "\nfirst\n1000\n1000 T\n1000 T \nzz T first\n1000Tfirst").isEmpty)
  }

  /// Many times a piece long, so that lines are cut; against a search of them all.
  @Test func aLongFileIsReadPiecewise() throws {
    var random = SplitMix64(seed: 8)
    var symbols: [(address: UInt64, name: String)] = []
    for i in 0..<20_000 { symbols.append((0x1_0000 + random.next() % (1 << 24), "f\(i)")) }
    let text = symbols.map { "\(String($0.address, radix: 16)) t \($0.name)\n" }.joined()
    #expect(text.utf8.count > 3 * 65_536)
    let sought = (0..<300).map { _ in 0x1_0000 + random.next() % (1 << 24) }
    let found = try names(sought, text)
    for address in sought {
      let before = symbols.filter { $0.address < address }.map(\.address).max()
      // The first of those at one address.
      let expected = symbols.first { $0.address == before }?.name
      #expect(found[address] == expected)
    }
  }
}
