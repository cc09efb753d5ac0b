import Testing

@testable import StressKit

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
        0 samples, 0 kernel log lines
        """)
  }
}
