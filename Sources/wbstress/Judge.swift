// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import StressAnalysis
import StressCore
import StressLab
import StressMachine
import StressReport

struct Judge: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Judge whether a kernel is good or bad, for 'git bisect run'.",
    discussion: """
      Runs trials until it is known which of two rates of failing trials the kernel has; wrong at most once in a \
      hundred. Exits with 0 for good, 1 for bad, 125 for a kernel that cannot be judged (it does not build or boot, or \
      the trials do not tell), 128 if a control did not come true, 129 for everything else that keeps from judging, 130 \
      if interrupted. In a kernel tree: git bisect run wbstress judge oracle-backup --kernel git:. --good 0.05 --bad 0.8
      """)

  @Argument(
    help: "A profile: NAME, NAME:VARIANT or a path (see 'wbstress profiles list').",
    completion: Suggestions.profiles)
  var profile: String

  @Option(
    help: ArgumentHelp(
      "The kernel: \(KernelSpec.forms).", valueName: "kernel"),
    completion: Suggestions.kernels)
  var kernel: String

  @OptionGroup var judge: JudgeOptions
  @OptionGroup var source: KernelOptions

  @Option(
    help: ArgumentHelp(
      "Directory with a campaign for each kernel, new or to resume (default: wbstress-judge).",
      valueName: "dir"),
    completion: .directory)
  var output: String = "wbstress-judge"

  func run() throws {
    try Interrupt.ofProcess.takeSignals()
    let specs = try source.specs(kernel)
    guard let spec = specs.first, specs.count == 1 else {
      throw HarnessError(.usage, "--kernel \(kernel)", "is not one kernel")
    }
    _ = try judge.question()
    let store = try source.store()
    var name = spec.description
    if spec.isBuilt {
      switch try store.attemptBuild(spec, progress: { Output.progress("wbstress: \($0)\n") }) {
      case .built(let kernel): name = kernel.source.short
      case .failed(let error):
        Output.error("untestable: \(error)")
        throw ExitCode(Judgement.skip)
      }
    }
    let directory =
      File.plain(output) + "/" + String(name.map { $0.isLetter || $0.isNumber ? $0 : "-" })
    let judgement = try judge.judge(profile, spec, in: directory, store)
    Output.line(JudgementText.text(judgement))
    if judgement.exitCode != 0 { throw ExitCode(judgement.exitCode) }
  }
}
