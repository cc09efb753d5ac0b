// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Glibc
import StressCore
import StressLab
import StressMachine

struct Clean: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Undo what a run left on this machine when it was killed or the machine rebooted.",
    discussion: """
      A run on this machine writes to a journal what it is going to create or change: cgroups, \
      mounts, devices, image files, trace instances, settings. This command undoes the journals of \
      runs that have ended, in reverse order. Objects that do not belong to the run, and settings \
      that somebody else has changed since, are left alone and named. Repeating it does no harm. Records \
      of trials for other machines that none of these will fetch are removed, too. With --on all this \
      happens on that machine.
      """)

  @Flag(help: "Change nothing; list what would be undone.")
  var dryRun = false

  @OptionGroup var remote: RemoteOptions

  mutating func run() throws {
    let hosts = try remote.hosts()
    if !hosts.isEmpty { return try clean(hosts) }
    let journals = try LeftJournal.left()
    let runs = RemoteRun.all()
    if journals.isEmpty, runs.isEmpty {
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
    for run in runs {
      Output.line("\(run.path.visible) (a trial for another machine)")
      answers.append(run.isInUse ? .inUse : .cleaned)
      if run.isInUse {
        Output.line("  left alone: in use by a trial, or its record is to be fetched")
      } else if dryRun {
        Output.line("  would remove: its record, which nobody will fetch")
      } else {
        run.remove()
        Output.line("  removed: its record, which nobody would have fetched")
      }
    }
    if let failure = failures.first { throw ExitCode(failure.code.rawValue) }
    if dryRun || answers.allSatisfy({ $0 == .cleaned }) { return }
    let code: HarnessError.Code = answers.contains(.incomplete) ? .harness : .refused
    throw ExitCode(code.rawValue)
  }

  private func clean(_ hosts: [RemoteHost]) throws {
    var worst: Int32 = 0
    for host in hosts {
      let status = try RemoteClean.run(
        host, isDry: dryRun, progress: { Output.progress("wbstress: \($0)\n") },
        say: { Output.line(hosts.count > 1 ? "\(host.name): \($0)" : $0) })
      worst = max(worst, status)
    }
    if worst != 0 { throw ExitCode(worst) }
  }
}
