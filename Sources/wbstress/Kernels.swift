// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import StressCore
import StressLab
import StressMachine

/// Where kernels come from.
struct KernelOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Debian mirror for kernels outside this machine's suites (default: as in its apt sources).",
      valueName: "uri"))
  var mirror: String?

  @OptionGroup var configuration: ConfigOption

  func store() throws(HarnessError) -> KernelStore { try KernelStore(mirror: mirror) }

  /// Parses `--kernel`.
  func specs(_ text: String) throws(HarnessError) -> [KernelSpec] {
    try store().specs(text) { Output.progress("wbstress: \($0)\n") }
      .map { $0.configured(with: configuration.config) }
  }
}

/// What kernels of a git tree are built with.
struct ConfigOption: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      For kernels of a git tree: a .config to build with, or some options in its form that complete the small \
      configuration for guests.
      """, valueName: "file"),
    completion: .file())
  var config: String?
}

struct Kernels: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Fetch, build, list and remove the kernels that guests boot.",
    subcommands: [List.self, Show.self, Fetch.self, Build.self, Remove.self])

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: """
        List kernels that were built here, cached ones, and those in Debian's archive, the newest series first.
        """)

    @OptionGroup var source: KernelOptions

    func run() throws {
      let store = try source.store()
      for kernel in store.builtKernels() {
        Output.line("\(kernel.name)  \(kernel.release)  built in \(kernel.path)")
      }
      let cached = store.cached()
      for kernel in cached {
        Output.line(
          Self.row(
            kernel.image, "-", "\(kernel.size >> 20) MiB", "cached in \(kernel.path)"))
      }
      let offers = try store.available(progress: { Output.progress("wbstress: \($0)\n") })
      for offer in offers where !cached.contains(where: { $0.image == offer.image }) {
        let state =
          offer.missing.isEmpty
          ? "can be fetched"
          : "cannot be fetched: the archive has no "
            + offer.missing.map(\.name).joined(separator: ", ")
        Output.line(
          Self.row(
            offer.image, offer.suite, offer.size.map { "\($0 >> 20) MiB" } ?? "-", state))
      }
      let lists = store.lists
      Output.line("package lists of Debian's suites: \(lists.size >> 20) MiB in \(lists.path)")
      let trees = store.buildTrees
      if trees.size > 0 {
        Output.line(
          "git trees and what make keeps of them: \(trees.size >> 20) MiB in \(trees.path)")
      }
    }

    private static func row(
      _ image: ImagePackage, _ suite: String, _ size: String, _ state: String
    ) -> String {
      let columns = [(image.spec.description, 18), (image.version.description, 22), (suite, 20)]
      return columns.map { text, width in
        text + String(repeating: " ", count: max(0, width - text.count))
      }.joined(separator: " ")
        + String(repeating: " ", count: max(0, 8 - size.count)) + size + "  " + state
    }
  }

  struct Fetch: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Download and unpack kernels; nothing is installed.")

    @Argument(
      help: ArgumentHelp(
        "Kernels: \(KernelSpec.forms); 'debian:*' is the newest of every series.",
        valueName: "kernel"))
    var kernels: [String]

    @Flag(help: "Look for a newer package of a series that is already cached.")
    var newest = false

    @OptionGroup var source: KernelOptions

    func run() throws {
      let store = try source.store()
      let progress: (String) -> Void = { Output.progress("wbstress: \($0)\n") }
      for spec in try kernels.flatMap({ try store.specs($0, progress: progress) }) {
        let kernel = try store.fetch(spec, newest: newest, progress: progress)
        Output.line("\(spec) \(kernel.image.version) \(kernel.path)")
      }
    }
  }

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Show what is known of a kernel in the cache: image, release, package or commit.")

    @Argument(
      help: ArgumentHelp(
        "A kernel: \(KernelSpec.forms). It is neither fetched nor built.", valueName: "kernel"))
    var kernel: String

    @OptionGroup var configuration: ConfigOption

    func run() throws {
      let spec = try KernelSpec(parsing: kernel).configured(with: configuration.config)
      for (name, value) in try KernelStore().facts(of: spec) { Output.line("\(name): \(value)") }
    }
  }

  struct Build: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Build kernels of git trees, ahead of 'run'.",
      discussion: """
        Nothing is written to the tree or its repository: the files of a revision, or of the working tree as it is, are \
        copied into the cache and built there. What a commit leaves unchanged is not compiled again.
        """)

    @Argument(
      help: ArgumentHelp(
        "git:TREE@REV, or git:TREE for the working tree with its changes.", valueName: "kernel"))
    var kernels: [String]

    @OptionGroup var configuration: ConfigOption

    func run() throws {
      try Interrupt.ofProcess.takeSignals()
      let store = try KernelStore()
      for text in kernels {
        let spec = try KernelSpec(parsing: text).configured(with: configuration.config)
        let kernel = try store.build(spec) { Output.progress("wbstress: \($0)\n") }
        Output.line("\(spec) \(kernel.release) \(kernel.path)")
      }
    }
  }

  struct Remove: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Remove kernels from the cache.",
      discussion: """
        Of a git tree with a revision, what was built of that commit; without, all that was built of the tree, and the \
        copy of its files.
        """)

    @Argument(
      help: ArgumentHelp(
        "Such as debian:6.12, debian:6.12.43 or git:TREE@REV.", valueName: "kernel"))
    var kernels: [String]

    func run() throws {
      let store = try KernelStore()
      for text in kernels {
        let spec = try KernelSpec(parsing: text)
        if spec.isBuilt {
          for kernel in try store.removeBuilt(spec) { Output.line("removed \(kernel.name)") }
          continue
        }
        for kernel in try store.remove(spec) {
          Output.line("removed \(kernel.image.name) \(kernel.image.version)")
        }
      }
    }
  }
}
