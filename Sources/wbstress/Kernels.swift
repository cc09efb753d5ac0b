import ArgumentParser
import StressKit

struct Kernels: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Fetch and list the kernels that guests boot.",
    subcommands: [List.self, Fetch.self])

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "What is in the cache, and what the distribution's archive offers.")

    func run() throws {
      let store = try KernelStore()
      let cached = store.cached()
      for kernel in cached {
        Output.line(
          "\(pad(kernel.image.spec.description, 24)) \(pad(kernel.image.version.description, 24)) "
            + "cached, \(kernel.size >> 20) MiB, \(kernel.path)")
      }
      for image in try store.available() where !cached.contains(where: { $0.image == image }) {
        Output.line(
          "\(pad(image.spec.description, 24)) \(pad(image.version.description, 24)) can be fetched")
      }
    }

    private func pad(_ text: String, _ width: Int) -> String {
      text + String(repeating: " ", count: max(0, width - text.count))
    }
  }

  struct Fetch: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Download and unpack kernels; nothing is installed.")

    @Argument(help: ArgumentHelp("Kernels: \(KernelSpec.forms).", valueName: "kernel"))
    var kernels: [String]

    @Flag(help: "Look for a newer package of a series that is cached already.")
    var newest = false

    func run() throws {
      let store = try KernelStore()
      for text in kernels {
        let kernel = try store.fetch(
          try KernelSpec(parsing: text), newest: newest,
          progress: { Output.progress("wbstress: \($0)\n") })
        Output.line("\(kernel.image.spec) \(kernel.image.version) \(kernel.path)")
      }
    }
  }
}
