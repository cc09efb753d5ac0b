// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressCore
@testable import StressMachine
@testable import StressRecord

/// The formats of a kernel, by `system:name`.
enum TraceFormats {
  static func texts(_ kernel: String) throws -> [String: String] {
    let all = try File.text(Fixtures.path("trace/formats-\(kernel).txt"))
    var texts: [String: String] = [:]
    for part in all.split(separator: "== ") {
      guard let end = part.firstIndex(of: "\n") else { continue }
      texts[String(part[..<end])] = String(part[part.index(after: end)...])
    }
    return texts
  }

  static func format(_ kernel: String, _ event: TraceEvent) throws -> TraceFormat? {
    try texts(kernel)[event.label].flatMap {
      TraceFormat(Array($0.utf8), system: event.definition.system)
    }
  }
}

struct TraceFormatTests {
  private static let kernels = ["k61", "k612", "k618"]

  @Test(arguments: kernels)
  func everyFormatOfAKernel(_ kernel: String) throws {
    let texts = try TraceFormats.texts(kernel)
    #expect(texts.count > 100)
    for (label, text) in texts {
      let parts = label.split(separator: ":")
      let format = TraceFormat(Array(text.utf8), system: String(parts[0]))
      let read = try #require(format, "\(label)")
      #expect(read.name == parts[1])
      #expect(read.fields.count == text.split(separator: "\n").count { $0.hasPrefix("\tfield:") })
      #expect(read["common_type"]?.offset == 0 && read["common_pid"]?.offset == 4, "\(label)")
    }
  }

  @Test func fieldsOfThrottled() throws {
    let format = try #require(try TraceFormats.format("k612", .throttled))
    #expect(format.id == 593)
    #expect(
      format["usec_delayed"]
        == .init(
          name: "usec_delayed", offset: 16, size: 4, isSigned: true, isElsewhere: false))
    #expect(format["nr_taken"] == nil)
  }

  @Test func textThatIsElsewhere() throws {
    let comm = try #require(try TraceFormats.format("k612", .markVictim)?["comm"])
    #expect(comm.isElsewhere && comm.size == 4)
    let bdi = try #require(try TraceFormats.format("k612", .balanceDirtyPages)?["bdi"])
    #expect(!bdi.isElsewhere && bdi.size == 32)
  }

  /// Each event that the harness records can be decoded on each kernel that has it.
  @Test(arguments: kernels)
  func everyEventIsLearnt(_ kernel: String) throws {
    let texts = try TraceFormats.texts(kernel)
    let decoder = TraceDecoder()
    for event in TraceEvent.allCases {
      guard let text = texts[event.label] else { continue }
      let format = TraceFormat(Array(text.utf8), system: event.definition.system)
      #expect(decoder.learn(event, format), "\(event.label)")
    }
    #expect(decoder.missing.isEmpty)
  }

  /// An element of an array is a field by itself; what is none is not there.
  @Test func elementsOfArrays() throws {
    let format = try #require(TraceFormat(Array(Self.sysEnter.utf8), system: "raw_syscalls"))
    #expect(
      format["args[2]"]
        == .init(name: "args", offset: 32, size: 8, isSigned: false, isElsewhere: false))
    #expect(format["args"]?.size == 48 && format["args"]?.count == 6)
    for name in ["args[6]", "args[-1]", "args[]", "[0]", "id[0]", "args[0", "none[0]"] {
      #expect(format[name] == nil, "\(name)")
    }
    let decoder = TraceDecoder()
    #expect(decoder.learn(.sysEnter, format) && decoder.missing.isEmpty)
    var bytes = [UInt8](repeating: 0, count: 64)
    bytes[0] = UInt8(truncatingIfNeeded: format.id)
    bytes[1] = UInt8(format.id >> 8)
    bytes[4] = 9
    for (i, value) in [1, 3, 0xff, 5].enumerated() { bytes[8 + 8 * i] = UInt8(value) }
    try bytes.withUnsafeBytes { bytes in
      let record = try #require(decoder.decode(bytes, time: 1, cpu: 0))
      #expect(record.pid == 9)
      #expect((0..<3).map { record.values[$0] } == [1, 3, 5])
    }
  }

  private static let sysEnter = """
    name: sys_enter
    ID: 348
    format:
    \tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;
    \tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;
    \tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;
    \tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;

    \tfield:long id;\toffset:8;\tsize:8;\tsigned:1;
    \tfield:unsigned long args[6];\toffset:16;\tsize:48;\tsigned:0;

    print fmt: "NR %ld", REC->id

    """

  @Test func missingFieldsAreNamed() throws {
    let text = try #require(try TraceFormats.texts("k612")[TraceEvent.throttled.label])
    let decoder = TraceDecoder()
    let renamed = text.replacing("usec_delayed;", with: "usec_waited;")
    let format = TraceFormat(Array(renamed.utf8), system: "vmscan")
    #expect(!decoder.learn(.throttled, format))
    #expect(!decoder.learn(.xfsLogForce, nil))
    #expect(decoder.missing == ["vmscan:mm_vmscan_throttled.usec_delayed", "xfs:xfs_log_force"])
  }

  /// Before 6.9 (and its backports) mark_victim had a pid only.
  @Test func optionalFieldsMayBeMissing() throws {
    let text = try #require(try TraceFormats.texts("k612")[TraceEvent.markVictim.label])
    let short = text.split(separator: "\n", omittingEmptySubsequences: false)
      .filter { !$0.contains("field:") || $0.contains(" common_") || $0.contains(" pid;") }
      .joined(separator: "\n")
    let decoder = TraceDecoder()
    let format = try #require(TraceFormat(Array(short.utf8), system: "oom"))
    #expect(decoder.learn(.markVictim, format))
    #expect(decoder.missing.count == 6)
  }

  /// Found by the fuzzer: where a text is takes four bytes to say.
  @Test func aPlaceThatIsTooShortIsNone() throws {
    let text = try #require(try TraceFormats.texts("k612")[TraceEvent.markVictim.label])
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
      line.contains(" comm;")
        ? String(line).replacing("size:4;", with: "size:1;") : String(line)
    }
    let format = try #require(TraceFormat(Array(lines.joined(separator: "\n").utf8), system: "oom"))
    let decoder = TraceDecoder()
    #expect(decoder.learn(.markVictim, format))
    #expect(decoder.missing == ["oom:mark_victim.comm"])
  }

  @Test(arguments: [
    "", "name: x\n", "name: x\nID: 1\nformat:\n",
    "name: x\nID: 99999999\nformat:\n\tfield:int a;\n",
    "name: x\nID: 70000\nformat:\n\tfield:int a;\toffset:0;\tsize:4;\tsigned:1;\n",
    "name: x\nID: 7\nformat:\n\tfield:int a;\toffset:0;\tsize:4\n", "\u{0}\u{1}",
  ])
  func whatIsNoFormat(_ text: String) {
    #expect(TraceFormat(Array(text.utf8), system: "x") == nil)
  }
}
