// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore
import StressMachine

extension KernelStore {
  /// What became of a build.
  package enum BuildResult: Sendable {
    case built(BuiltKernel)
    /// This source cannot be built, or not with what a guest needs; with another it may work.
    case failed(HarnessError)
  }

  /// Builds a kernel of a git tree, unless the store has it.
  ///
  /// - Throws: what the user or the machine has wrong; a source that cannot be built (environment), with the first line
  ///   that failed and the log.
  package func build(
    _ spec: KernelSpec, progress: (String) -> Void = { _ in }
  ) throws(HarnessError) -> BuiltKernel {
    switch try attemptBuild(spec, progress: progress) {
    case .built(let kernel): return kernel
    case .failed(let error): throw error
    }
  }

  /// As `build`, but a source that cannot be built is an answer.
  package func attemptBuild(
    _ spec: KernelSpec, progress: (String) -> Void
  ) throws(HarnessError) -> BuildResult {
    try attemptBuild(spec, with: nil, progress: progress)
  }

  /// - Parameter tools: nil: the machine's.
  func attemptBuild(
    _ spec: KernelSpec, with tools: BuildTools?, progress: (String) -> Void
  ) throws(HarnessError) -> BuildResult {
    let (build, kernel) = try request(spec, with: tools)
    if let kernel { return .built(kernel) }
    let path = "\(built)/\(build.key)"
    return try holding(build.place.directory + "/lock", progress) { lock throws(HarnessError) in
      // The one that held the lock may have built it.
      if let kernel = BuiltKernel(in: path) { return .built(kernel) }
      try File.makeDirectory(built)
      // Under the lock, what has this name was left by a build that did not end.
      let work = "\(built)/.\(build.key)-\(build.tree.key)"
      File.remove(work, .nothingToRemove)
      defer { File.remove(work, .nothingToRemove) }
      if let failure = try build.run(into: work, lock: lock, progress) { return .failed(failure) }
      // Of another repository with the same commit.
      if !File.exists(path) { try publish(work, as: path) }
      guard let kernel = BuiltKernel(in: path) else {
        throw HarnessError(.harness, path, "cannot be read back")
      }
      return .built(kernel)
    }
  }

  /// What the store knows of a kernel that it has, for people: name and value.
  ///
  /// - Throws: when it has none (usage).
  package func facts(
    of spec: KernelSpec
  ) throws(HarnessError) -> [(name: String, value: String)] {
    let absent = HarnessError(
      .usage, "kernel \(spec)", "not in \(root)",
      remedy: "'wbstress kernels fetch' and 'wbstress kernels build' get it")
    switch spec {
    case .git:
      guard let kernel = try request(spec).kernel else { throw absent }
      return kernel.facts
    case .debian:
      guard let kernel = lookUp(spec) else { throw absent }
      return try Kernel(resolving: spec, store: self).facts
        + [("size", "\(kernel.size >> 20) MiB")]
    case .path, .running: return try Kernel(resolving: spec, store: self).facts
    }
  }

  /// What has been built here, the newest first.
  package func builtKernels() -> [BuiltKernel] {
    File.names(in: built).filter { !$0.hasPrefix(".") }
      .compactMap { BuiltKernel(in: "\(built)/\($0)") }.sorted { $0.time > $1.time }
  }

  /// Copies of trees and what make keeps there: the directory and its bytes.
  package var buildTrees: (path: String, size: UInt64) { (trees, Self.size(trees)) }

  /// Removes what was built of a tree: with a revision, of that commit; without, all of it and the copy of the tree.
  ///
  /// - Throws: when there is nothing (usage).
  package func removeBuilt(
    _ spec: KernelSpec, progress: (String) -> Void = { _ in }
  ) throws(HarnessError) -> [BuiltKernel] {
    guard case .git(let name, let revision, _) = spec else { return [] }
    let tree = try GitTree(name)
    let commit = try revision.map { revision throws(HarnessError) in
      try tree.commit(of: revision)
    }
    let place = try BuildPlace(trees + "/" + tree.key)
    return try holding(place.directory + "/lock", progress) { _ throws(HarnessError) in
      let found = builtKernels().filter { kernel in
        kernel.repository == tree.key && (commit == nil || kernel.source.commit == commit)
      }
      for kernel in found {
        let gone = temporary(in: built)
        try File.rename(kernel.path, gone)
        File.remove(gone)
      }
      if commit == nil { place.clear() }
      if found.isEmpty, commit != nil {
        throw HarnessError(
          .usage, "kernel \(spec)", "not in \(built)",
          remedy: "'wbstress kernels list' shows what is")
      }
      return found
    }
  }

  /// What is to be built, and the kernel if it has been.
  private func request(
    _ spec: KernelSpec, with tools: BuildTools? = nil
  ) throws(HarnessError) -> (build: KernelBuild, kernel: BuiltKernel?) {
    guard case .git(let name, let revision, let config) = spec else {
      throw HarnessError(.usage, "\(spec)", "not built here", remedy: "name git:TREE@REV")
    }
    let tree = try GitTree(name)
    let file = try config.map { path throws(HarnessError) in try text(path) }
    let place = try BuildPlace(trees + "/" + tree.key)
    let source: GitTree.Source
    if let revision {
      source = .init(commit: try tree.commit(of: revision), changes: nil)
    } else {
      source = try tree.workingTree(
        objects: place.objects, scratch: temporary(in: place.directory))
    }
    let found = if let tools { tools } else { try BuildTools() }
    let build = KernelBuild(
      tree: tree, source: source, base: GuestOptions.Base(file),
      tools: found, place: place, spec: spec)
    return (build, BuiltKernel(in: "\(built)/\(build.key)"))
  }

  private var built: String { root + "/built" }
  private var trees: String { root + "/trees" }

  private func text(_ path: String) throws(HarnessError) -> String {
    do throws(HarnessError) {
      return try File.text(path, code: .usage)
    } catch {
      var error = error
      error.object = "--config \(path)"
      throw error
    }
  }
}

/// Where kernels of one git tree are built.
struct BuildPlace: Sendable {
  let directory: String
  /// What git has of changes.
  var objects: String { directory + "/objects" }
  var source: String { directory + "/source" }
  var index: String { directory + "/index" }
  var log: String { directory + "/log" }

  init(_ directory: String) throws(HarnessError) {
    self.directory = directory
    try File.makeDirectory(objects)
    try File.makeDirectory(source)
  }

  /// Of one configuration and compiler: make builds anew what a commit has changed, and no more.
  func output(_ key: String) -> String { "\(directory)/build-\(key)" }

  /// What make printed of the last build of this key that failed.
  func failure(_ key: String) -> String { "\(directory)/failed-\(key).log" }

  /// Removes all but the lock, which its owner holds.
  func clear() {
    for name in File.names(in: directory) where name != "lock" {
      File.remove("\(directory)/\(name)")
    }
  }
}
