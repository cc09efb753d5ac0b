// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressCore
import StressMachine
import StressReport

/// A job array of Slurm whose tasks take part in a campaign that others work on, too (sbatch(1), "Job Arrays").
package struct SlurmArray: Sendable {
  /// Its job number.
  package let job: String

  private static let package = "slurm-client"
  /// How long Slurm may say nothing, ns.
  private static let patience: UInt64 = 60_000_000_000

  /// - Parameters:
  ///   - options: of sbatch, as the user has them; without `--array` in them there are `tasks` tasks.
  ///   - command: what each task runs, in `directory`, which has the tasks' output.
  /// - Throws: what sbatch says (code environment).
  package static func submit(
    _ command: [String], options: [String], tasks: Int, in directory: String
  ) throws(HarnessError) -> SlurmArray {
    let script = directory + "/slurm.sh"
    try File.write(
      script,
      Array("#!/bin/sh\nexec \(command.map(ShellWord.quoted).joined(separator: " "))\n".utf8))
    let output = try Tool.run(
      "sbatch",
      ["--parsable", "--job-name=wbstress", "--output=\(directory)/slurm-%A_%a.log"]
        + (hasArray(options) ? [] : ["--array=1-\(tasks)"]) + options + [script],
      package: package, environment: environment, patience: patience)
    // sbatch(1): the job's number, and behind a semicolon the cluster's name.
    let line = String(decoding: output, as: UTF8.self).split(separator: "\n").last ?? ""
    let job = String(line.prefix { $0 != ";" })
    guard UInt64(job) != nil else {
      throw HarnessError(.environment, "sbatch", "printed no job number: \(line)")
    }
    return SlurmArray(job: job)
  }

  static func hasArray(_ options: [String]) -> Bool {
    options.contains { $0 == "-a" || $0 == "--array" || $0.hasPrefix("--array=") }
  }

  /// Where Slurm is configured, and where kernels are kept: a task has its submitter's environment.
  private static var environment: [String] {
    ["SLURM_CONF", "XDG_CACHE_HOME", "USER", "LOGNAME"].compactMap { (key: String) -> String? in
      getenv(key).map { "\(key)=\(String(cString: $0))" }
    }
  }

  /// The states of its tasks that wait or run; none: it is over.
  package func states() throws(HarnessError) -> [String] {
    let (exit, output) = try Tool.output(
      "squeue", ["--noheader", "--array", "--format=%T", "--jobs=\(job)"], package: Self.package,
      environment: Self.environment, patience: Self.patience)
    let lines = String(decoding: output, as: UTF8.self).split(separator: "\n").map(String.init)
    if exit == .status(0) { return lines }
    // Some minutes after its end (MinJobAge) nobody knows it.
    if lines.contains(where: { $0.contains("Invalid job id") }) { return [] }
    throw HarnessError(
      .environment, "squeue --jobs=\(job)",
      "\(exit.description): \(lines.suffix(2).joined(separator: " / "))")
  }

  /// Ends its tasks in order; what they had begun is run again when the campaign is resumed.
  package func cancel() throws(HarnessError) {
    try Tool.run(
      "scancel", [job], package: Self.package, environment: Self.environment,
      patience: Self.patience)
  }
}
