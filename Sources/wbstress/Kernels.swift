// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import StressCore
import StressLab

/// Where Debian kernels come from.
struct MirrorOption: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Debian mirror for kernels outside this machine's suites (default: as in its apt sources).",
      valueName: "uri"))
  var mirror: String?

  func store() throws(HarnessError) -> KernelStore { try KernelStore(mirror: mirror) }
}

struct Kernels: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Fetch, list and remove the kernels that guests boot.",
    subcommands: [List.self, Fetch.self, Remove.self])

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List cached kernels and those in Debian's archive, the newest series first.")

    @OptionGroup var source: MirrorOption

    func run() throws {
      let store = try source.store()
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

    @OptionGroup var source: MirrorOption

    func run() throws {
      let store = try source.store()
      let progress: (String) -> Void = { Output.progress("wbstress: \($0)\n") }
      for spec in try kernels.flatMap({ try store.specs($0, progress: progress) }) {
        let kernel = try store.fetch(spec, newest: newest, progress: progress)
        Output.line("\(spec) \(kernel.image.version) \(kernel.path)")
      }
    }
  }

  struct Remove: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Remove kernels from the cache.")

    @Argument(help: ArgumentHelp("Such as debian:6.12 or debian:6.12.43.", valueName: "kernel"))
    var kernels: [String]

    func run() throws {
      let store = try KernelStore()
      for text in kernels {
        for kernel in try store.remove(try KernelSpec(parsing: text)) {
          Output.line("removed \(kernel.image.name) \(kernel.image.version)")
        }
      }
    }
  }
}
