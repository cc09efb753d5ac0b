// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressMachine

// Measurements of the harness itself, for ci/bench. Each runs what it compares in one go, in turns, so that
// a busy machine slows both down. The workers of a benchmark are this binary too, as in a trial.
let arguments = Array(CommandLine.arguments.dropFirst())
do {
  switch arguments.first {
  case Worker.command: Worker.run()
  case "sampler": try SamplerBench.run()
  case "trace": try TraceBench.run()
  case "digest": DigestBench.run()
  case "record": try RecordBench.run(arguments.dropFirst().compactMap { Int($0) })
  case RecordBench.child where arguments.count == 4:
    try RecordBench.read(arguments[1], arguments[2], to: arguments[3])
  case "writer": exit(WriterBench.main(Array(arguments.dropFirst())))
  default:
    Output.error("usage: wbstress-bench sampler|trace|digest|record|writer [options]\n")
    exit(2)
  }
} catch {
  Output.error("wbstress-bench: \(error)\n")
  exit(70)
}
