// SPDX-License-Identifier: Apache-2.0
import StressCore

/// What a person reads of a script before running it.
extension ReproducerScript {
  var heading: [String] {
    let tool =
      (isOnDisk ? mkfs.split(separator: " ").prefix(1).map(String.init) : [])
      + (usesRing ? ["cc"] : [])
    let tools = (tool + programs).map { ", " + $0 }.joined()
    let machine = profile.machine
    let seen = seen.map {
      ", which saw OOM in \($0.killed.events) of \($0.killed.trials) runs on \($0.release)"
    }
    let text =
      [
        "\(label) on \(profile.filesystem.kind.rawValue): does the OOM killer come? Prints \"OOM\""
          + " (exit code 1) or \"no OOM\" (0). As root, on a machine of its own"
          + (isOnDisk ? "; its argument is a directory on a disk" : "")
          + ". Needs bash, coreutils, util-linux\(tools), cgroup v2, no swap."
          + " Made by wbstress \(Version.text)\(seen ?? "") with \(machine.cpus) CPUs and"
          + " \(Units.sizeText(machine.memory)). What it does otherwise:"
      ]
      + differences.enumerated().map { index, words in
        let isLast = index == differences.count - 1
        return "- " + (isLast && words.hasSuffix(";") ? words.dropLast() + "." : words)
      }
    return ["#!/bin/bash"]
      + text.flatMap { line in
        Format.broken(line.visible, width: 74, indent: line.hasPrefix("- ") ? 2 : 0).map {
          "# " + $0
        }
      }
  }

  /// What is done otherwise, each a line or two of the heading.
  private var differences: [String] {
    var all: [String] = []
    if isOnDisk, profile.device.bandwidth != nil || profile.device.iops != nil {
      all.append("the disk is a loop file slowed by io.max, not a slow virtual disk;")
    }
    if !profile.pinned.isEmpty {
      let modes = Set(profile.pinned.map(\.mode.rawValue)).sorted().joined(separator: ", ")
      all.append(
        "a dd whose output nobody reads holds the memory (there: \(modes)): anonymous, not"
          + " locked, and as good as that while there is no swap for it;")
    }
    let engines = Set(
      profile.streams.filter { $0.engine != .ioUring }.map(\.engine.rawValue)
    ).sorted()
    if !engines.isEmpty {
      all.append("dd has one write(2) at a time (there: \(engines.joined(separator: "; "))).")
    }
    let machine = profile.machine
    if !machine.root.isEmpty {
      all.append("the commands are this machine's own (there: \(machine.root));")
    }
    if !machine.modules.isEmpty {
      all.append("load these modules first: \(machine.modules.joined(separator: " "));")
    }
    if profile.streams.contains(where: { $0.rate != nil }) { all.append("dd writes at any rate;") }
    if profile.streams.contains(where: { $0.readBack != nil }) {
      all.append("nothing is read back;")
    }
    if profile.machine.nodes > 1 { all.append("it had \(profile.machine.nodes) NUMA nodes;") }
    if !profile.kernel.boot.isEmpty {
      all.append("boot the kernel with: \(profile.kernel.boot.joined(separator: " "))")
    }
    return all
  }
}
