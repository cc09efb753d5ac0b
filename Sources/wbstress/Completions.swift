// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import StressCore
import StressLab
import StressReport

struct Completions: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print a shell's completion script.",
    discussion: """
      For bash, write it to ~/.local/share/bash-completion/completions/wbstress; for zsh, to \
      _wbstress in a directory of fpath; for fish, to ~/.config/fish/completions/wbstress.fish. It \
      completes commands, options, profiles and their variants, fetched kernels, file systems, \
      formats, keys of --vary, and the terms of 'wbstress explain'.
      """)

  enum Shell: String, CaseIterable, ExpressibleByArgument {
    case bash, zsh, fish
  }

  @Argument(help: "The shell.")
  var shell: Shell

  func run() {
    switch shell {
    case .bash: Output.line(CommandLineTool.completionScript(for: .bash) + "\n" + Self.wholeWords)
    case .zsh: Output.line(CommandLineTool.completionScript(for: .zsh))
    case .fish: Output.line(CommandLineTool.completionScript(for: .fish))
    }
  }

  /// bash breaks words at colons, which are in kernels' and variants' names: they are put together before the
  /// completion proper, and what stands before the last colon is taken off its answers.
  private static let wholeWords = """
    _wbstress_whole_words() {
        local -a words=()
        local -i index current=0
        local joins=false
        for ((index = 0; index < ${#COMP_WORDS[@]}; index++)); do
            if ((index > 1)) && { "${joins}" || [[ "${COMP_WORDS[index]}" = :* ]]; }; then
                words[${#words[@]} - 1]+="${COMP_WORDS[index]}"
            else
                words+=("${COMP_WORDS[index]}")
            fi
            joins=false
            [[ "${COMP_WORDS[index]}" = *: ]] && joins=true
            ((index == COMP_CWORD)) && current=$((${#words[@]} - 1))
        done
        local -a COMP_WORDS=("${words[@]}")
        local -i COMP_CWORD="${current}"
        local -r word="${words[current]}"
        _wbstress "${1}" "${word}" "${words[current - 1]}"
        if [[ "${COMP_WORDBREAKS}" = *:* && "${word}" = *:* ]]; then
            COMPREPLY=("${COMPREPLY[@]#"${word%"${word##*:}"}"}")
        fi
    }
    complete -o filenames -F _wbstress_whole_words wbstress
    """
}

/// What a shell may offer, besides what the parser itself knows.
enum Suggestions {
  /// Profiles, and each with its variants.
  static let profiles = CompletionKind.custom { _, _, _ in
    ProfileCatalog().list().flatMap { entry in
      [entry.name] + entry.variants.map { "\(entry.name):\($0)" }
    }
  }

  /// Kernels in the cache; of a list the last one.
  static let kernels = CompletionKind.custom { _, _, prefix in
    let cached = (try? KernelStore().cached().map { $0.image.spec.description }) ?? []
    return list(cached, prefix)
  }

  static let filesystems = CompletionKind.custom { _, _, prefix in
    list(Profile.Filesystem.Kind.allCases.map(\.rawValue), prefix)
  }

  static let terms = CompletionKind.custom { _, _, _ in Glossary.all.names }

  /// Each word behind those of a list with commas that stand there already.
  private static func list(_ words: [String], _ prefix: String) -> [String] {
    let lead = prefix.lastIndex(of: ",").map { prefix[...$0] } ?? ""
    let chosen = Set(lead.split(separator: ",").map(String.init))
    return words.filter { !chosen.contains($0) }.map { lead + $0 }
  }
}
