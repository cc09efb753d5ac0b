import ArgumentParser
import Glibc
import StressCore
import StressMachine

struct Clean: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Undo what a killed run, or one that a reboot ended, left on this machine.",
    discussion: """
      A run with --loop writes down what it makes before it makes it: cgroups, mounts, devices, image \
      files, trace instances, changed settings. What is in the journals of runs that are gone is undone \
      in reverse; what is not the run's, or was changed by somebody else since, is left alone and named. \
      Once more does no harm.
      """)

  @Flag(help: "Change nothing; list what would be undone.")
  var dryRun = false

  mutating func run() throws {
    let journals = try LeftJournal.left()
    if journals.isEmpty {
      Output.line("nothing to clean in \(CleanupJournal.directory)")
      return
    }
    if geteuid() != 0 {
      throw HarnessError(
        .refused, CleanupJournal.directory, "cleaning needs root", remedy: "sudo wbstress clean")
    }
    var answers: [LeftJournal.Answer] = []
    var failures: [HarnessError] = []
    for journal in journals {
      let owner =
        journal.owner.map { "pid \($0.pid): \($0.command.visible)" } ?? "of an unknown run"
      Output.line("\(journal.path.visible) (\(owner))")
      do throws(HarnessError) {
        let answer = try journal.clean(isDry: dryRun) { Output.line("  " + $0) }
        if answer == .inUse { Output.line("  left alone: in use by a run or another clean") }
        answers.append(answer)
      } catch {
        // One that cannot be read does not keep the others from being cleaned.
        Output.line("  \(error.description)")
        failures.append(error)
      }
    }
    if let failure = failures.first { throw ExitCode(failure.code.rawValue) }
    if dryRun || answers.allSatisfy({ $0 == .cleaned }) { return }
    let code: HarnessError.Code = answers.contains(.incomplete) ? .harness : .refused
    throw ExitCode(code.rawValue)
  }
}
