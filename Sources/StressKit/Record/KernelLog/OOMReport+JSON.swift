// SPDX-License-Identifier: Apache-2.0
import StressCore

extension OOMReport {
  /// The `report` member of a record line. Keys are the kernel's words, sizes bytes, times ns.
  package var json: JSON {
    [
      "invoker": .optional(invoker), "invoker_pid": number(invokerPID),
      "invoker_oom_score_adj": number(invokerScoreAdj), "invoked_time": number(invokedTime),
      "invoked_seq": number(invokedSequence), "gfp_mask": number(gfpMask),
      "gfp_flags": .optional(gfpFlags), "order": number(order),
      "constraint": .optional(constraint), "global": global.map { .bool($0) } ?? .null,
      "oom_memcg": .optional(oomCgroup), "task_memcg": .optional(taskCgroup),
      "chosen_pid": number(chosenPID), "usage": number(usage), "limit": number(limit),
      "failcnt": number(failcnt), "swap_usage": number(swapUsage), "swap_limit": number(swapLimit),
      "page_size": number(pageSize), "unsized_figures": .number(unsizedFigures),
      "nodes": number(nodes),
      "memory": .object(memory.map { ($0.key, .uint($0.value)) }),
      "tasks": .array(tasks.map(\.json)), "victims": .array(victims.map(\.json)),
    ]
  }

  /// nil for anything but what `json` gives; a missing member is as good as null.
  package init?(json: JSON) {
    guard json.members != nil else { return nil }
    var reader = MemberReader(json)
    invoker = reader.string("invoker")
    invokerPID = reader.number("invoker_pid")
    invokerScoreAdj = reader.number("invoker_oom_score_adj")
    invokedTime = reader.number("invoked_time")
    invokedSequence = reader.number("invoked_seq")
    gfpMask = reader.number("gfp_mask")
    gfpFlags = reader.string("gfp_flags")
    order = reader.number("order")
    constraint = reader.string("constraint")
    global = reader.value("global", \.bool)
    oomCgroup = reader.string("oom_memcg")
    taskCgroup = reader.string("task_memcg")
    chosenPID = reader.number("chosen_pid")
    usage = reader.number("usage")
    limit = reader.number("limit")
    failcnt = reader.number("failcnt")
    swapUsage = reader.number("swap_usage")
    swapLimit = reader.number("swap_limit")
    pageSize = reader.number("page_size")
    unsizedFigures = reader.number("unsized_figures") ?? 0
    nodes = reader.number("nodes")
    for (key, value) in reader.value("memory", \.members) ?? [] {
      guard let number = value.int, let figure = UInt64(exactly: number) else { return nil }
      memory.append(Figure(key, figure))
    }
    for row in reader.value("tasks", \.array) ?? [] {
      guard let task = TaskRow(json: row) else { return nil }
      tasks.append(task)
    }
    for line in reader.value("victims", \.array) ?? [] {
      guard let victim = Victim(json: line) else { return nil }
      victims.append(victim)
    }
    if reader.failed { return nil }
  }
}

extension OOMReport.Victim {
  package var json: JSON {
    [
      "pid": number(pid), "comm": .string(comm), "total_vm": number(totalVM),
      "anon_rss": number(anonRSS), "file_rss": number(fileRSS), "shmem_rss": number(shmemRSS),
      "uid": number(uid), "pgtables": number(pageTables), "oom_score_adj": number(oomScoreAdj),
      "time": number(time), "seq": number(sequence),
    ]
  }

  package init?(json: JSON) {
    var reader = MemberReader(json)
    guard let pid: Int32 = reader.number("pid"), let comm = reader.string("comm"),
      let time: UInt64 = reader.number("time"), let sequence: UInt64 = reader.number("seq")
    else { return nil }
    self.init(pid: pid, comm: comm, time: time, sequence: sequence)
    totalVM = reader.number("total_vm")
    anonRSS = reader.number("anon_rss")
    fileRSS = reader.number("file_rss")
    shmemRSS = reader.number("shmem_rss")
    uid = reader.number("uid")
    pageTables = reader.number("pgtables")
    oomScoreAdj = reader.number("oom_score_adj")
    if reader.failed { return nil }
  }

  /// The pid of one whose other members may be missing.
  package static func pid(of json: JSON?) -> Int64? { json?["pid"]?.int }
}

extension OOMReport.TaskRow {
  package var json: JSON {
    [
      "pid": number(pid), "uid": number(uid), "tgid": number(tgid), "total_vm": number(totalVM),
      "rss": number(rss), "rss_anon": number(rssAnon), "rss_file": number(rssFile),
      "rss_shmem": number(rssShmem), "pgtables": number(pageTables), "swap": number(swap),
      "oom_score_adj": number(oomScoreAdj), "name": .string(name),
    ]
  }

  package init?(json: JSON) {
    var reader = MemberReader(json)
    guard let pid: Int32 = reader.number("pid"), let name = reader.string("name") else {
      return nil
    }
    self.init(pid: pid, name: name)
    uid = reader.number("uid")
    tgid = reader.number("tgid")
    totalVM = reader.number("total_vm")
    rss = reader.number("rss")
    rssAnon = reader.number("rss_anon")
    rssFile = reader.number("rss_file")
    rssShmem = reader.number("rss_shmem")
    pageTables = reader.number("pgtables")
    swap = reader.number("swap")
    oomScoreAdj = reader.number("oom_score_adj")
    if reader.failed { return nil }
  }
}

private func number(_ value: (some BinaryInteger)?) -> JSON {
  value.map { .int(Int64(clamping: $0)) } ?? .null
}

/// Reads members that may be missing or null, and remembers whether one had the wrong type.
private struct MemberReader {
  private let object: JSON
  private(set) var failed = false

  init(_ object: JSON) { self.object = object }

  mutating func value<T>(_ key: String, _ type: (JSON) -> T?) -> T? {
    guard let member = object[key], member != .null else { return nil }
    let value = type(member)
    if value == nil { failed = true }
    return value
  }

  mutating func string(_ key: String) -> String? { value(key, \.string) }

  mutating func number<T: BinaryInteger>(_ key: String) -> T? {
    value(key) { $0.int.flatMap { T(exactly: $0) } }
  }
}
