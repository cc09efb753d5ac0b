/// How to see it again: with this program, and without.
struct MailReproduction {
  private let told: MailCase

  init(_ told: MailCase) { self.told = told }

  var text: MailText {
    var text = MailText()
    text.add("The command that made these runs:")
    text.verbatim(command)
    guard let script = told.script else {
      text.add("There is no script without wbstress: \(told.scriptless?.operation ?? "").")
      return text
    }
    text.add("Without wbstress, for a machine that may be lost:")
    text.verbatim(script.lines.map { $0.isEmpty ? "" : "  " + $0 })
    return text
  }

  /// Broken before its options, as a shell takes it.
  private var command: [String] {
    var lines = [""]
    for word in told.campaign.summary.command.split(separator: " ") {
      let line = lines[lines.count - 1]
      let isLong = line.count + word.count + 6 > MailText.widest
      if isLong, word.hasPrefix("-") {
        lines[lines.count - 1] = line + " \\"
        lines.append("  " + word)
      } else {
        lines[lines.count - 1] = line.isEmpty ? String(word) : line + " " + word
      }
    }
    return lines.map { "  " + $0 }
  }
}
