// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressCore

/// What the fuzzers feed: each a parser of text that the harness did not write itself. Which one a run is for
/// stands in WBSTRESS_FUZZ_TARGET; `ci/fuzz` runs them all.
enum FuzzTarget: String, CaseIterable {
  case vmstat
  case pressure
  case cgroup
  case kmsg
  case oom
  case log
  case json
  case profile
  case record
  case campaign
  case journal
  case blocks
  case tracepage
  case traceformat

  static let chosen: FuzzTarget = {
    let name = getenv("WBSTRESS_FUZZ_TARGET").map { String(cString: $0) } ?? ""
    guard let target = FuzzTarget(rawValue: name) else {
      let known = allCases.map(\.rawValue).joined(separator: ", ")
      fatalError("WBSTRESS_FUZZ_TARGET must be one of \(known)")
    }
    return target
  }()

  func feed(_ bytes: UnsafeRawBufferPointer) {
    switch self {
    case .vmstat: Counters.feed(bytes, [.keyed])
    case .pressure: Counters.feed(bytes, [.pressure])
    // Nothing tells what a cgroup file holds but its name.
    case .cgroup: Counters.feed(bytes, [.keyed, .single, .pressure])
    case .kmsg: KernelLog.feedRecord(bytes)
    case .oom: KernelLog.feedLog(bytes)
    case .log: KernelLog.feedSaved(bytes)
    case .json: Texts.feedJSON(bytes)
    case .profile: Texts.feedProfile(bytes)
    case .record: Records.feed(bytes)
    case .campaign: Campaigns.feed(bytes)
    case .journal: Journals.feed(bytes)
    case .blocks:
      Counters.feed(
        bytes,
        [
          .blocks([.init(prefix: "a", inode: 1), .init(prefix: "b", inode: 156)]), .labelled, .disk,
          .processors, .task,
        ])
    case .tracepage: Trace.feedPage(bytes)
    case .traceformat: Trace.feedFormat(bytes)
    }
  }
}

/// libFuzzer's entry: https://llvm.org/docs/LibFuzzer.html#fuzz-target
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  FuzzTarget.chosen.feed(UnsafeRawBufferPointer(start: start, count: count))
  return 0
}

/// A finding that is no crash: two answers that must be one.
func require(_ holds: Bool, _ what: String) {
  if !holds { fatalError(what) }
}
