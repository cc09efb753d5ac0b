// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import StressCore
import StressMachine

struct Profiles: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List, show and check profiles.",
    subcommands: [List.self, Show.self, Check.self])

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List the available profiles.")

    func run() throws {
      for entry in ProfileCatalog().list() {
        Output.line("\(entry.name): \(entry.summary)")
        if !entry.variants.isEmpty {
          Output.line("  variants: \(entry.variants.joined(separator: ", "))")
        }
        if let problems = entry.problems { Output.error(problems.description) }
      }
    }
  }

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Print a profile's file, as a start for your own.",
      discussion: """
        'profiles show NAME > my.yaml', then 'run ./my.yaml'. A variant, overrides or --defaults \
        print the profile as it runs instead: with all defaults filled in, as JSON (which is also \
        YAML).
        """)

    @Argument(help: "NAME, NAME:VARIANT or a path.", completion: Suggestions.profiles)
    var profile: String

    @Option(help: ArgumentHelp("Override a key; may be repeated.", valueName: "key=value"))
    var set: [String] = []

    @Flag(help: "Fill in all defaults, as JSON.")
    var defaults = false

    func run() throws {
      let choice = try ProfileCatalog().find(profile)
      if choice.variant == nil, set.isEmpty, !defaults {
        Output.bytes(choice.file.bytes)
        return
      }
      let overrides = try set.map { text -> ProfileFile.Override in
        guard let equals = text.firstIndex(of: "=") else {
          throw HarnessError(.usage, "--set \(text)", "expected KEY=VALUE")
        }
        return (
          key: String(text[..<equals]), value: String(text[text.index(after: equals)...]),
          origin: "--set \(text)"
        )
      }
      let profile = try choice.file.profile(variant: choice.variant, overrides: overrides)
      Output.line(profile.json.indentedText)
    }
  }

  struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Check profiles and all their variants, and report every problem.")

    @Argument(help: "Names or paths.", completion: Suggestions.profiles)
    var profiles: [String]

    func run() throws {
      var errors: [HarnessError] = []
      for text in profiles {
        do throws(HarnessErrors) {
          let choice = try ProfileCatalog().find(text)
          for variant in [nil] + choice.file.variants.map(Optional.some) {
            let profile = try choice.file.profile(variant: variant)
            if let refusal = SupervisorMemory.refusal(inGuest: profile) {
              throw HarnessErrors([refusal])
            }
          }
          Output.line("\(text): ok")
        } catch {
          errors += error.errors.filter { !errors.contains($0) }
        }
      }
      if !errors.isEmpty { throw HarnessErrors(errors) }
    }
  }
}
