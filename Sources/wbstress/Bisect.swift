// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import StressAnalysis
import StressCore
import StressLab
import StressMachine
import StressRecord
import StressReport

struct Bisect: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Find the commit of a kernel tree from which on trials fail.",
    discussion: """
      Builds and judges one commit after another, both ends first. The tree, its checkout and its branches are left as \
      they are. Commits that do not build or boot are passed over. Rerun the same command to resume. At the end the \
      culprit and its parent are tried side by side, and mail.mbox in the directory is a draft to a kernel list. Exits \
      with 0 if the culprit is found, 3 if it is one of several or there is none.
      """)

  @Argument(
    help: "A profile: NAME, NAME:VARIANT or a path (see 'wbstress profiles list').",
    completion: Suggestions.profiles)
  var profile: String

  @Argument(
    help: ArgumentHelp("A commit without the fault.", valueName: "good-commit"))
  var first: String

  @Argument(help: ArgumentHelp("A later one with it.", valueName: "bad-commit"))
  var last: String

  @Option(
    help: ArgumentHelp("The git tree of the kernel.", valueName: "dir"), completion: .directory)
  var tree: String = "."

  @OptionGroup var judge: JudgeOptions
  @OptionGroup var configuration: ConfigOption

  @Option(
    help: ArgumentHelp(
      "Trials of the culprit and of its parent for the mail; 0: no mail.", valueName: "count"))
  var confirm: Int = 10

  @Option(
    help: ArgumentHelp(
      "Directory of the search, new or to resume (default: wbstress-bisect).", valueName: "dir"),
    completion: .directory)
  var output: String = "wbstress-bisect"

  func validate() throws {
    if !(0...CampaignFile.mostTrials).contains(confirm) {
      throw ValidationError("--confirm: 0 to \(CampaignFile.mostTrials)")
    }
  }

  private var directory: String { File.plain(output) }
  private var file: String { directory + "/bisect.json" }

  func run() throws {
    try Interrupt.ofProcess.takeSignals()
    let rates = try judge.question()
    let tree = try GitTree(self.tree)
    var bisection = try Bisection(tree, good: first, bad: last, rates: rates)
    try File.makeDirectory(directory)
    guard let lock = try File.lock(directory) else {
      throw HarnessError(
        .usage, directory, "is in use by another run", remedy: "name another --output directory")
    }
    if File.exists(file) {
      let bytes = try File.read(file, code: .environment)
      guard let json = try? JSON(parsing: bytes) else {
        throw HarnessError(.usage, file, "is damaged", remedy: "name another --output directory")
      }
      try bisection.resume(json, file)
    } else if try !File.list(directory).isEmpty {
      throw HarnessError(
        .usage, directory, "is not empty and holds no search",
        remedy: "name a new --output directory")
    }
    try save(bisection)
    let store = try KernelStore()
    let result = try search(&bisection, tree, store)
    let outcome = try bisection.outcome(result, in: tree)
    Output.line(BisectionText(outcome).text)
    if let culprit = outcome.culprit { try write(outcome, culprit, store) }
    withExtendedLifetime(lock) {}
    if outcome.culprit == nil { throw ExitCode(HarnessError.Code.inconclusive.rawValue) }
  }

  private func save(_ bisection: Bisection) throws(HarnessError) {
    try File.replace(file, Array((bisection.json.text + "\n").utf8))
  }

  private func search(
    _ bisection: inout Bisection, _ tree: GitTree, _ store: KernelStore
  ) throws -> Bisection.Result {
    while true {
      switch try bisection.next(in: tree) {
      case .end(let result): return result
      case .judge(let commit):
        let known = bisection.judged.count
        let left = known < 2 ? "an end" : "\(try bisection.left(in: tree)) left"
        Output.progress(
          "wbstress: \(commit.prefix(12)) \"\(try tree.show("%s", commit))\" (\(left))\n")
        let one = try judged(commit, store)
        Output.line("\(commit.prefix(12)) \(one.words)")
        bisection.take(one)
        try save(bisection)
      }
    }
  }

  private func spec(_ commit: String) -> KernelSpec {
    .git(tree: tree, revision: String(commit.prefix(12)), config: configuration.config)
  }

  private func judged(_ commit: String, _ store: KernelStore) throws -> JudgedCommit {
    let progress: (String) -> Void = { Output.progress("wbstress: \($0)\n") }
    if case .failed(let error) = try store.attemptBuild(spec(commit), progress: progress) {
      return JudgedCommit(
        commit: commit, verdict: .skipped, seen: Proportion(0, of: 0),
        words: "untestable: \(error.operation)", isBetween: false)
    }
    let judgement = try judge.judge(
      profile, spec(commit), in: "\(directory)/commits/\(commit.prefix(12))", store)
    let verdict: JudgedCommit.Verdict
    switch judgement.call {
    case .good: verdict = .good
    case .bad: verdict = .bad
    case .open, .undecided, .untestable: verdict = .skipped
    case .stopped(let why):
      throw HarnessError(
        .expectation, "commit \(commit.prefix(12))", why,
        remedy: "what trials show on it cannot be believed; see 'wbstress report' of "
          + "\(directory)/commits/\(commit.prefix(12))")
    }
    return JudgedCommit(
      commit: commit, verdict: verdict, seen: judgement.seen,
      words: JudgementText.text(judgement), isBetween: judgement.isBetween)
  }

  /// Trials of the culprit and its parent, and a draft that tells of both and of the search.
  private func write(
    _ outcome: BisectionOutcome, _ culprit: BisectionOutcome.Commit, _ store: KernelStore
  ) throws {
    guard confirm > 0, let parent = culprit.parents.first else { return }
    let campaign = directory + "/culprit"
    try judge.compare(
      profile, [spec(parent), spec(culprit.id)], trials: confirm, in: campaign, store)
    let draft: MailReport
    do throws(HarnessError) {
      draft = try MailReport(
        CampaignAnalysis(directory: campaign), ReportFormat.Choice(ownNames: Machine.names),
        bisection: outcome)
    } catch {
      if error.code != .usage { throw error }
      // Side by side they do not show what the search saw.
      return Output.error("no mail: \(error)")
    }
    let path = directory + "/mail.mbox"
    try File.replace(path, Array(draft.text.utf8))
    Output.line("a draft of a mail: \(path)")
  }
}
