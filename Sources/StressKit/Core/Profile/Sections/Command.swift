// SPDX-License-Identifier: Apache-2.0

extension Profile {
  /// Any program, in a cgroup of its own.
  package struct Command: Equatable, Sendable {
    /// When it runs.
    package enum When: String, CaseIterable, Sendable {
      case with, beside, before, service

      fileprivate static func meaning(_ when: When) -> String {
        switch when {
        case .with:
          "begins with the streams; the trial lasts until it has ended, as it does for a stream"
        case .beside: "begins with the streams, and is stopped when they have ended"
        case .before: "runs to its end before the streams, on the mounted file system"
        case .service:
          "begins before the streams, which wait for `ready`, and is stopped when they have ended"
        }
      }
    }

    /// How it is asked to end: signal(7).
    package enum StopSignal: String, CaseIterable, Sendable {
      case term = "TERM"
      case int = "INT"
      case quit = "QUIT"
      case hup = "HUP"
      case kill = "KILL"
    }

    /// A number that the program prints of itself.
    package struct Figure: Equatable, Sendable {
      package var name: String
      /// What stands around it in a line; `*` is the number.
      package var pattern: String

      package init(_ name: String, _ pattern: String) {
        self.name = name
        self.pattern = pattern
      }

      static let star = UInt8(ascii: "*")
    }

    /// What a figure cannot be called: the command's own.
    static let time = "time"

    package var name: String
    /// nil: the limited one.
    package var cgroup: String?
    /// In a cgroup beside the limited one.
    package var isOutside = false
    package var run: [String] = []
    package var environment: [Setting] = []
    package var when = When.with
    /// Asked again and again, outside the limits, until it exits with 0.
    package var ready: [String] = []
    /// Until it must have ended (`before`) or be ready (`service`), ns.
    package var within: UInt64 = 60_000_000_000
    package var stop = StopSignal.term
    /// From `stop` to SIGKILL, ns.
    package var grace: UInt64 = 5_000_000_000
    /// The statuses that it may exit with; nil: any.
    package var exit: [Int]? = [0]
    /// The names of its threads (comm) that are traced.
    package var threads: [String] = []
    package var figures: [Figure] = []
    package init(name: String) { self.name = name }

    /// What a report says of it beside its name, its program and its group.
    package var differences: [String] { differences(from: .usual) }

    /// Whether it begins when the streams do.
    package var isTimed: Bool { when == .with || when == .beside }

    /// The program's name as the kernel has it for its threads: 15 bytes of the file's name (execve(2)).
    fileprivate var comm: String {
      let program = run.first ?? ""
      let file = program.utf8.lastIndex(of: 0x2f).map { program[program.utf8.index(after: $0)...] }
      return String(decoding: (file ?? program[...]).utf8.prefix(15), as: UTF8.self)
    }

    /// Those of its threads that are traced, by their names.
    package var traced: [String] {
      (threads.isEmpty ? [comm] : threads).filter { !$0.isEmpty && Self.isPlain($0) }
    }

    /// It means itself in a filter of the trace.
    fileprivate static func isPlain(_ name: String) -> Bool {
      name.utf8.allSatisfy { $0.isLetterOrDigit || "._-+:/@".utf8.contains($0) }
    }
  }
}

extension Profile.Command: ProfilePart {
  static let usual = Self(name: "")
  static let word = "command"

  static let fields: [ProfileField<Self>] = [
    .name(\.name, "of the command"),
    .group(\.cgroup).where("the command is inside the limits") { !$0.isOutside },
    ProfileField(
      "outside", \.isOutside, .flag, told: "outside the limits",
      "whether its cgroup is beside the limited one: a server, say, whose client is limited"),
    ProfileField(
      "run", \.run, .arguments, isRequired: true, told: "",
      "the program and its arguments, or one text for `/bin/sh -c`. The scratch file system is at "
        + "`/mnt/wbstress`"),
    ProfileField(
      "environment", \.environment, .environment, told: "",
      "added to `PATH`, `HOME=/root` and `LC_ALL=C.UTF-8`"),
    ProfileField("when", \.when, .choice(When.meaning), told: "*", ""),
    ProfileField(
      "ready", \.ready, ProfileType<[String]>.arguments.leftOut(\.isEmpty), usual: "at once",
      told: "", "run outside the limits every 100 ms until it exits with 0"
    ).where("when is service") { $0.when == .service },
    ProfileField(
      "within", \.within, .duration(in: 1_000_000...3_600_000_000_000), told: "within *",
      "time to end (`before`) or to be ready (`service`); then the trial is invalid"
    ).where("when is before or service") { !$0.isTimed },
    ProfileField(
      "stop", \.stop, .choice(), told: "stopped by SIG*", "the signal that asks it to end"),
    ProfileField(
      "grace", \.grace, .duration(in: 0...600_000_000_000), told: "",
      "from that signal to SIGKILL for all in its cgroup"),
    ProfileField(
      "exit", \.exit, .statuses, told: "exit status *",
      "the statuses that it may exit with by itself. With any other the trial is invalid, unless the "
        + "kernel has killed something"),
    ProfileField(
      "threads", \.threads, ProfileType<[String]>.words(commas: true).leftOut(\.isEmpty),
      usual: "the program's name", told: "",
      "names of its threads (`comm`, 15 bytes) whose waiting the trace records"),
    ProfileField(
      "figures", \.figures, .figures, told: "",
      "numbers that it prints of itself, for reports: a name, and the text around the number in a "
        + "line, with `*` for it, as in `tps: \"tps = * (\"`. The last line that fits counts"),
  ]

  mutating func check(_ section: ProfileSection) {
    section.cursor.names.figures[name] = [Self.time] + figures.map(\.name)
    for name in threads {
      if name.utf8.count > 15 {
        section["threads"]?.fail("'\(name)' has more than the 15 bytes of a thread's name")
      } else if !Self.isPlain(name) {
        section["threads"]?.fail("'\(name)' is not a name of letters, digits and . _ - + : / @")
      }
    }
  }
}

extension ProfileType<[String]> {
  /// A command's arguments.
  fileprivate static var arguments: Self {
    Self(
      form: "list, or text for `/bin/sh -c`",
      read: { cursor in
        if let text = cursor.node.text, !cursor.node.isNull {
          return cursor.text().flatMap { _ in
            if text.isEmpty { cursor.fail("is empty") }
            return ["/bin/sh", "-c", text]
          }
        }
        guard let items = cursor.items() else { return nil }
        if items.isEmpty { cursor.fail("is empty: there is no program") }
        let words = items.enumerated().compactMap { index, item in
          index == 0 ? item.line() : item.text()
        }
        return words.count == items.count ? words : nil
      },
      json: { .array($0.map(JSON.string)) },
      text: { $0.isEmpty ? nil : $0.joined(separator: " ") })
  }
}

extension ProfileType<[Profile.Setting]> {
  fileprivate static var environment: Self {
    Self(
      form: "mapping",
      read: { cursor in
        cursor.settings("the name of an environment variable") { name in
          name.utf8.allSatisfy { $0.isLetterOrDigit || $0 == 0x5f }
            && name.utf8.first.map { !(0x30...0x39 ~= $0) } ?? false
        }
      },
      json: { .object($0.map { ($0.key, .string($0.value)) }) }, text: { _ in nil }
    ).leftOut(\.isEmpty)
  }
}

extension ProfileType<[Int]?> {
  /// A program's exit statuses, or `any`.
  fileprivate static var statuses: Self {
    let statuses = ProfileType<[Int]>(
      form: "0 to 255, or a list",
      read: { cursor in
        if case .sequence = cursor.node.content {
          let items = cursor.items() ?? []
          if items.isEmpty { cursor.fail("is empty: use any") }
          return items.compactMap { $0.count(in: 0...255) }
        }
        return cursor.count(in: 0...255).map { [$0] }
      },
      json: { .array($0.map { .int(Int64($0)) }) },
      text: { $0.map { "\($0)" }.joined(separator: ", ") })
    return statuses.or("any")
  }
}

extension ProfileType<[Profile.Command.Figure]> {
  fileprivate static var figures: Self {
    Self(
      form: "mapping",
      read: { cursor in
        let settings = cursor.settings("a name of a-z, 0-9 and '-'", ProfileCursor.isName)
        return settings?.map { setting in
          if setting.value.utf8.count(where: { $0 == Profile.Command.Figure.star }) != 1 {
            cursor.child(setting.key)?.fail("has not one * for the number")
          }
          if setting.key == Profile.Command.time {
            cursor.child(setting.key)?.fail("is the time that the command takes: use another name")
          }
          return Profile.Command.Figure(setting.key, setting.value)
        }
      },
      json: { .object($0.map { ($0.name, .string($0.pattern)) }) }, text: { _ in nil }
    ).leftOut(\.isEmpty)
  }
}
