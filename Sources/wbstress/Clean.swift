// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Glibc
import StressCore
import StressMachine

struct Clean: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Undo what a run left on this machine when it was killed or the machine rebooted.",
    discussion: """
      A run on this machine writes to a journal what it is going to create or change: cgroups, \
      mounts, devices, image files, trace instances, settings. This command undoes the journals of \
      runs that have ended, in reverse order. Objects that do not belong to the run, and settings \
      that somebody else has changed since, are left alone and named. Repeating it does no harm.
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
        journal.owner.map { "pid \($0.pid): \($0.command.visible)" } ?? "unknown run"
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
