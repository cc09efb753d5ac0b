// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore
import StressMachine

/// One build of a kernel for guests: files, configuration, make.
struct KernelBuild {
  let tree: GitTree
  let source: GitTree.Source
  let base: GuestOptions.Base
  let tools: BuildTools
  let place: BuildPlace
  /// As the user named it, for messages.
  let spec: KernelSpec
  var options = GuestOptions.shipped

  /// What is put into the image beside what these say; to be changed with it.
  private static let layout = "1"
  /// make says nothing while it links.
  private static let patience: UInt64 = 1_800_000_000_000
  /// To end in order, make has to remove half a file at most.
  private static let grace: UInt64 = 10_000_000_000
  private static let progressInterval: UInt64 = 60_000_000_000

  /// Configuration and compiler: what all that make keeps depends on.
  private var outputKey: String {
    var key = ContentKey()
    key.add(Self.layout)
    key.add(Architecture.own.name)
    key.add(tools.compiler)
    options.add(base, to: &key)
    return key.text
  }

  /// Commit or changes, configuration and compiler.
  var key: String { "\(source.tree.prefix(16))-\(outputKey)" }

  /// - Parameters:
  ///   - result: a directory that is made here, with all that the store keeps.
  ///   - lock: held by make and its children, too, as long as one of them lives.
  /// - Returns: why this source cannot be built; nil: it was.
  func run(
    into result: String, lock: borrowing Descriptor, _ progress: (String) -> Void
  ) throws(HarnessError) -> HarnessError? {
    let began = cl_monotonic()
    progress("\(spec): taking the files of \(source.short)")
    try tree.checkOut(source, into: place.source, index: place.index, objects: place.objects)
    let output = place.output(outputKey)
    let mark = output + "/.unfinished"
    // What a process left that did not end in order may be half written, and newer than its source.
    if File.exists(mark) { File.remove(output) }
    try File.makeDirectory(output)
    try File.write(mark, [])
    let log = try BuildOutput(place.log)
    let make = try Make(self, output, lock.raw, log)
    let failure: String?
    do throws(HarnessError) {
      failure = try build(make, progress)
    } catch {
      // Then make has ended in order, and removed what it was about to write.
      if error.code == .interrupted { File.remove(mark) }
      throw error
    }
    File.remove(mark)
    if let failure {
      let kept = place.failure(key)
      try File.rename(place.log, kept)
      return HarnessError(
        .environment, "kernel \(spec)", failure, remedy: "all that make said is in \(kept)")
    }
    try collect(output, into: result, seconds: Int((cl_monotonic() - began) / 1_000_000_000))
    return nil
  }

  private func build(
    _ make: borrowing Make, _ progress: (String) -> Void
  ) throws(HarnessError) -> String? {
    let file = make.output + "/.config"
    if base.isTiny, let failure = try make.run("tinyconfig") { return failure }
    try File.write(
      file,
      Array(options.merged(over: base.isTiny ? try File.text(file) : "", base).utf8))
    if let failure = try make.run("olddefconfig") { return failure }
    let lost = options.lost(in: KernelConfiguration(parsing: try File.text(file)), base)
    if !lost.isEmpty {
      return "make olddefconfig dropped what guests need: \(GuestOptions.words(lost)): "
        + "this kernel lacks it, or what it depends on"
    }
    progress("\(spec): building, make -j\(Make.jobs); see \(place.log)")
    var told = cl_monotonic()
    let began = told
    return try make.run(target) { steps in
      let now = cl_monotonic()
      if now - told < Self.progressInterval { return }
      told = now
      progress("\(spec): \(steps) steps in \((now - began) / 1_000_000_000) s")
    }
  }

  /// "bzImage" of "arch/x86/boot/bzImage".
  private var target: String {
    let path = Architecture.own.image.path
    return String(path[(path.lastIndex(of: "/").map(path.index(after:)) ?? path.startIndex)...])
  }

  /// make's variables. By the commit's time and not by now: the same source makes the same image.
  fileprivate func variables() throws(HarnessError) -> [String] {
    [
      "CC=" + tools.command, "HOSTCC=" + tools.command, "LOCALVERSION=-g" + source.short,
      "KBUILD_BUILD_TIMESTAMP=" + (try tree.show("%cD", source.commit)),
      "KBUILD_BUILD_VERSION=1", "KBUILD_BUILD_USER=wbstress", "KBUILD_BUILD_HOST=wbstress",
    ]
  }

  private func collect(
    _ output: String, into result: String, seconds: Int
  ) throws(HarnessError) {
    try File.makeDirectory(result)
    func copy(_ name: String, _ new: String) throws(HarnessError) {
      try File.write("\(result)/\(new)", try File.read("\(output)/\(name)", code: .environment))
    }
    try copy(Architecture.own.image.path, BuiltKernel.imageName)
    try copy(".config", "config")
    try File.write(result + "/log", try File.read(place.log, code: .environment))
    // What a guest can have no module of is built in, and listed there; depmod(8) has nothing to add.
    for name in ["modules.builtin", "modules.builtin.modinfo"]
    where File.exists("\(output)/\(name)") {
      try copy(name, name)
    }
    try File.write(result + "/modules.dep", [])
    var configuration = ContentKey()
    configuration.add(contents: try File.read(result + "/config", code: .environment))
    let kernel = BuiltKernel(
      path: result, tree: tree.name, repository: tree.key, source: source,
      subject: try tree.show("%s", source.commit),
      release: try BootHeader(of: "\(result)/\(BuiltKernel.imageName)").release,
      configuration: configuration.text, compiler: tools.compiler, time: Int(time(nil)),
      seconds: seconds)
    try File.write("\(result)/\(BuiltKernel.about)", Array((kernel.json.text + "\n").utf8))
  }
}

extension KernelBuild {
  /// What make prints, as it comes, in a file.
  fileprivate struct BuildOutput: ~Copyable {
    let path: String
    private let file: Descriptor

    init(_ path: String) throws(HarnessError) {
      self.path = path
      file = try Descriptor(open: path, O_WRONLY | O_CREAT | O_TRUNC, code: .environment)
    }

    borrowing func add(_ bytes: ArraySlice<UInt8>) throws(HarnessError) {
      try file.writeAll(bytes, path, code: .environment)
    }
  }

  /// make(1) with all that is the same in each of its runs.
  fileprivate struct Make: ~Copyable {
    static var jobs: Int { EnvironmentProbe.onlineCPUs }

    let output: String
    private let arguments: [String]
    private let lock: Int32
    private let log: BuildOutput

    init(
      _ build: KernelBuild, _ output: String, _ lock: Int32, _ log: consuming BuildOutput
    ) throws(HarnessError) {
      self.output = output
      self.lock = lock
      self.log = log
      arguments =
        ["-C", build.place.source, "O=" + output, "-j\(Self.jobs)"] + (try build.variables())
    }

    /// - Parameter hear: told of the steps so far.
    /// - Returns: what failed, in words; nil: nothing.
    borrowing func run(
      _ target: String, _ hear: (_ steps: Int) -> Void = { _ in }
    ) throws(HarnessError) -> String? {
      var steps = 0
      let (exit, output) = try Tool.output(
        "make", arguments + [target], package: "make", passing: lock,
        patience: KernelBuild.patience,
        grace: KernelBuild.grace
      ) { bytes throws(HarnessError) in
        try log.add(bytes)
        steps += bytes.count { $0 == 0x0a }
        hear(steps)
      }
      if exit == .status(0) { return nil }
      let first = BuildLog.firstFailure(String(decoding: output, as: UTF8.self))
      return "make \(target): \(exit): \(first ?? "it does not say why")"
    }
  }
}
