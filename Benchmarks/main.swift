import Glibc

/// Measurements of the harness itself, for ci/bench. Each runs what it compares in one go, in turns, so that
/// a busy machine slows both down.
let subcommands: [String: () throws -> Void] = [
  "sampler": SamplerBench.run
]

guard CommandLine.arguments.count == 2, let run = subcommands[CommandLine.arguments[1]] else {
  print("usage: wbstress-bench \(subcommands.keys.sorted().joined(separator: "|"))")
  exit(2)
}
do {
  try run()
} catch {
  print("wbstress-bench: \(error)")
  exit(70)
}
