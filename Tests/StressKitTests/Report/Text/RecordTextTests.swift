// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressRecord
@testable import StressReport

struct RecordTextTests {
  private let directory: RecordFixture

  init() throws { directory = try RecordFixture() }

  private func text(_ path: String) throws -> String { RecordText(try RecordReader(path)).text }

  @Test func killedTrial() throws {
    try expectGolden(
      try text(try directory.record(from: RecordFixture.killed)), "record-oom.txt")
  }

  @Test func groupKilledTrial() throws {
    try expectGolden(
      try text(try directory.record(from: RecordFixture.groupKilled)), "record-group-kill.txt")
  }

  /// The lines that only some trials have.
  @Test func rareLines() throws {
    let text = try text(
      try directory.record(
        from: RecordFixture.completed,
        without: ["slow", "end", "stream"],
        adding: [
          "{\"type\":\"in-flight\",\"t\":11483000000,\"stream\":\"backup\",\"kind\":\"fsync\","
            + "\"start\":1,\"age\":2500000000,\"bytes\":0}",
          "{\"type\":\"worker\",\"t\":11484000000,\"name\":\"backup\",\"event\":\"failed\","
            + "\"exit\":\"exit status 1\",\"message\":\"worker backup: write: ENOSPC\"}",
          "{\"type\":\"worker\",\"t\":11484000000,\"name\":\"db\",\"event\":\"unkillable\"}",
          "{\"type\":\"oom-group-kill\",\"t\":11485000000,\"victim\":{\"pid\":158}}",
          "{\"type\":\"oom-without-kill\",\"t\":11486000000,\"reason\":\"no-victim\"}",
          "{\"type\":\"stream\",\"t\":11487000000,\"stream\":\"none\",\"bytes\":0,\"first_start\":0,"
            + "\"last_end\":0,\"inline\":0,\"punted\":0}",
          "{\"type\":\"lane\",\"t\":11487500000,\"lane\":\"fast\",\"samples\":9,\"late\":2,"
            + "\"missed\":3,\"dropped\":4,\"lateness\":{\"p50\":1,\"max\":70000000},\"cpu\":5}",
          "{\"type\":\"from-the-future\",\"t\":11488000000}", "{\"type\":\"sam",
        ]))
    try expectGolden(text, "record-rare.txt")
  }

  @Test func whatTheKernelDid() throws {
    let text = try text(
      try directory.write(
        "record.jsonl",
        """
        {"type":"header","plan":{"label":"p","axes":{},"number":1,"seed":1}}
        {"type":"phase","t":1000000000,"name":"set-up"}
        {"type":"task","t":1500000000,"pid":31,"comm":"kworker/u8:1+flush-254:0","cgroup":null}
        {"type":"event","t":2000000000,"of":"writeback_start","pid":31,"cpu":1,"reason":1}
        {"type":"event","t":2100000000,"of":"bdi_dirty_ratelimit","pid":31,"cpu":1}
        {"type":"span","t":3000000000,"of":"memcg-reclaim","ns":25000000,"pid":147}
        {"type":"span","t":3000000001,"of":"memcg-reclaim","ns":9000000,"pid":147}
        {"type":"event","t":3100000000,"of":"mark_victim","pid":147,"victim":143,"text":"wb-pinned"}
        {"type":"trace","t":4000000000,"decoded":2501,"lost":[{"overrun":3,"dropped":1},{"overrun":0}]}
        {"type":"trace","t":4000000000,"failed":"no tracefs"}

        """))
    #expect(
      text.split(separator: "\n").dropFirst(2).dropLast(2).joined(separator: "\n") == """
            0.000  phase set-up
            1.000  writeback starts for reason vmscan in kworker/u8:1+flush-254:0 (31)
            2.000  memcg-reclaim of 0.03 s in task (147)
            2.100  OOM victim marked: wb-pinned (143) in task (147)
            3.000  trace: 2501 records, 4 lost
            3.000  no trace: no tracefs
        """)
  }

  /// Pins, tasks and the timeline.
  @Test func whatTheWorkersDid() throws {
    let text = try text(
      try directory.write(
        "record.jsonl",
        """
        {"type":"header","plan":{"label":"p","axes":{},"number":1,"seed":1}}
        {"type":"phase","t":0,"name":"set-up"}
        {"type":"pin","t":1,"pinned":"db","size":62914560,"reached":43253760,"errno":"ENOMEM"}
        {"type":"pin","t":1,"pinned":"heap","size":1048576,"reached":1048576,"errno":null,"touches":256,"touch_max":30000000}
        {"type":"pin","t":1,"pinned":"old","touches":256,"touch_max":30000000}
        {"type":"moment","t":1000000000,"at":1000000000,"what":"bandwidth=1048576, start drop"}
        {"type":"device","t":1000000000,"bandwidth":1048576,"iops":50}
        {"type":"slow","t":2000000000,"task":"drop","pid":7,"kind":"truncate","latency":1200000000}
        {"type":"task","t":2000000000,"pid":7,"comm":"wb-task"}
        {"type":"state","t":2100000000,"task":"drop","round":3,"extents":null,"delalloc_bytes":4194304,"unwritten_bytes":0,"dirty_pages":1024,"writeback_pages":0}
        {"type":"state","t":2100000000,"task":"drop","round":4,"extents":12,"delalloc_bytes":null,"unwritten_bytes":null,"dirty_pages":null,"writeback_pages":null}
        {"type":"device","t":2200000000,"bandwidth":null,"iops":null}
        {"type":"touches","t":3000000000,"pinned":"heap","touches":1500,"touch_max":2000000,"behind":12}
        {"type":"rounds","t":3000000000,"task":"drop","pid":7,"ended":"rounds","rounds":5,"log_lost":0}
        {"type":"span","t":3000000001,"of":"memcg-reclaim","ns":25000000,"pid":7}
        {"type":"stack","t":3000000001,"id":2,"addresses":["0x1"]}
        {"type":"span","t":3000000002,"of":"off-cpu","ns":250000000,"pid":7,"state":"D","woken":null,"stack":2}
        {"type":"span","t":3000000003,"of":"off-cpu","ns":25000000,"pid":7,"state":"R","woken":null}
        {"type":"span","t":3000000004,"of":"off-cpu","ns":25000000,"pid":7,"state":"S","woken":1,"stack":3}
        {"type":"stack","t":4000000000,"id":2,"addresses":["0x1"],"frames":["io_schedule","a","b","c","d"]}

        """))
    #expect(
      text.split(separator: "\n").dropFirst(2).dropLast(2).joined(separator: "\n") == """
            0.000  phase set-up
            0.000  pin db has 41.3 MiB of 60.0 MiB (ENOMEM)
            0.000  pin heap has 1.0 MiB; 256 first touches, the longest 0.03 s
            0.000  pin old: 256 first touches, the longest 0.03 s
            1.000  at 1.00 s: bandwidth=1048576, start drop
            1.000  device: 1.0 MiB/s, 50 IOPS
            2.000  drop: truncate took 1.20 s
            2.100  drop round 3: 1024 pages dirty, 0 pages under writeback, 4.0 MiB not allocated, 0.0 MiB unwritten
            2.100  drop round 4: 12 extents
            2.200  device: unthrottled
            3.000  pin heap: 1500 touches, the longest 0.00 s, 12 behind
            3.000  task drop: 5 rounds, ended by rounds
            3.000  memcg-reclaim of 0.03 s in wb-task (7)
            3.000  off-cpu of 0.25 s in wb-task (7), D: io_schedule < a < b < c
            3.000  off-cpu of 0.03 s in wb-task (7), R
            3.000  off-cpu of 0.03 s in wb-task (7), S
        """)
  }

  /// A line of each type that a record can have, and of one that a later version may write: each is shown, or
  /// counted by its name.
  @Test func noKindOfLineIsDropped() throws {
    let types = LineTypes.names.sorted() + ["from-the-future"]
    var lines = [
      #"{"type":"header","plan":{"label":"p","axes":{},"number":1,"seed":1}}"#,
      #"{"type":"phase","t":0,"name":"set-up"}"#,
    ]
    for (i, type) in types.enumerated() where type != "header" {
      let lane = #","lane":"fast","names":["a"],"interval":1,"v":[1]"#
      lines.append(
        #"{"type":"\#(type)","t":\#(i + 1)000000000,"of":"memcg-reclaim","ns":1,"name":"n""#
          + (["columns", "sample", "lane"].contains(type) ? lane : "") + "}")
    }
    let text = try text(
      try directory.write("record.jsonl", lines.joined(separator: "\n") + "\n"))
    let shown = text.split(separator: "\n").map { $0.drop { $0 == " " } }
    let counted = try #require(shown.first { $0.hasPrefix("only counted: ") }).dropFirst(14)
      .split(separator: ", ").map(String.init)
    for (i, type) in types.enumerated() where type != "header" {
      let lines = shown.count { $0.hasPrefix("\(i + 1).000 ") }
      #expect(lines + counted.count { $0 == "\(type) 1" } == 1, "\(type)")
    }
  }

  /// A new type is a decision.
  @Test func everyTypeIsToldSomehow() {
    #expect(Set(RecordText.tellings.keys) == LineTypes.names)
  }

  /// Words that only a later version knows, and values that are of another kind than ours.
  @Test func whatIsUnknownIsShownAsItStands() throws {
    let text = try text(
      try directory.write(
        "record.jsonl",
        """
        {"type":"header","plan":{"label":"p","axes":{},"number":1,"seed":1}}
        {"type":"phase","t":1000000000,"name":"later","delay":null}
        {"type":"worker","t":1000000000,"name":"db","event":"moved"}
        {"type":"pin","t":1000000000,"pinned":"db","size":1048576,"reached":null,"errno":null,"touches":null}
        {"type":"kills","t":1000000000,"memory.events":{"oom":null,"max":2},"kill_lines":1}
        {"type":"lane","t":1000000000,"lane":"main","samples":3,"missed":0,"dropped":0,"worst_lateness":20000000}
        {"type":"from-the-future","t":1000000000,"a":{"b":[1]}}
        {"type":"end","outcome":"unheard-of","reason":"r","message":"m"}

        """))
    #expect(
      text.split(separator: "\n").dropFirst(2).dropLast(3).joined(separator: "\n") == """
            0.000  phase later of - s
            0.000  worker db: moved
            0.000  pin db has - MiB of 1.0 MiB; ? first touches
            0.000  memory.events: oom 0, max 2; 1 kill lines in the kernel log
            0.000  lane main: 3 samples, 0 ticks missed, 0 dropped, worst lateness 0.02 s
            0.000  from-the-future: a {"b":[1]}
                   end: unheard-of (r): m
        """)
  }

  /// What went wrong, and what the harness saw of a trial that stood still.
  @Test func evidence() throws {
    let text = try text(
      try directory.write(
        "record.jsonl",
        """
        {"type":"header","plan":{"label":"p","axes":{},"number":1,"seed":1}}
        {"type":"phase","t":0,"name":"set-up"}
        {"type":"modules","t":1500000000,"from":1000000000}
        {"type":"note","t":2000000000,"message":"cgroup db: rmdir: EBUSY (device or resource busy)"}
        {"type":"heartbeats","t":3000000000,"workload":61000000000,"oldest":60000000000,"storage":null,"patience":60000000000}
        {"type":"task-stack","t":3000000000,"worker":"backup","pid":7,"tid":8,"comm":"wb-stream","state":"D","wchan":"io_schedule","frames":["io_schedule","folio_wait_bit_common"]}
        {"type":"supervisor","t":4000000000,"cpu.stat":{"usage_usec":5},"memory.current":1048576,"memory.peak":null}
        {"type":"watchdog","t":4000000000,"pid":9,"looks":3,"ended":"killed"}
        {"type":"silence","silent":61000000000,"workload":null,"asked":["sysrq l"]}
        {"type":"host","seconds":12.5,"silent":null}

        """))
    #expect(
      text.split(separator: "\n").dropFirst(3).dropLast().joined(separator: "\n") == """
            1.500  modules: from 1000000000
            2.000  note: cgroup db: rmdir: EBUSY (device or resource busy)
            3.000  heartbeats: workload 61000000000, oldest 60000000000, storage ?, patience 60000000000
            3.000  task-stack: worker backup, pid 7, tid 8, comm wb-stream, state D, wchan io_schedule, frames ["io_schedule","folio_wait_bit_common"]
            4.000  supervisor: cpu.stat {"usage_usec":5}, memory.current 1048576, memory.peak ?
            4.000  watchdog: pid 9, looks 3, ended killed
                   silence: silent 61000000000, workload ?, asked ["sysrq l"]
                   host: seconds 12.5, silent ?
        """)
  }

  @Test func endWithAReason() throws {
    let text = try text(
      try directory.write(
        "record.jsonl",
        """
        {"type":"header","plan":{"label":"p","axes":{},"number":3,"seed":-1}}
        {"type":"end","outcome":"invalid","reason":"boot-failure","message":"why"}

        """))
    #expect(
      text == """
        p  trial 3, seed 18446744073709551615
        kernel ?, ?, disk cache ?, ?
                   end: invalid (boot-failure): why
        """)
  }
}
