// SPDX-License-Identifier: Apache-2.0

/// page.css with its colours. The dark ones come twice: for a system that is dark, and for a reader who chose
/// them; the light ones once more for paper.
enum PageStyle {
  static let sheet =
    EmbeddedText.body(PackageResources.page_css)
    .replacing("/* light */", with: declarations(PackageResources.light_css))
    .replacing("/* dark */", with: declarations(PackageResources.dark_css))
    + "\n" + EmbeddedText.body(PackageResources.chart_css)

  /// Of a chart as an image of its own, which has nothing but the reader's system to go by.
  static let chart = """
    :root { \(declarations(PackageResources.light_css)) }
    @media (prefers-color-scheme: dark) { :root { \(declarations(PackageResources.dark_css)) } }
    \(EmbeddedText.body(PackageResources.chart_css))
    """

  /// What stands between the braces of a file with one rule.
  private static func declarations(_ file: [UInt8]) -> String {
    let rule = EmbeddedText.body(file)
    let lines = rule.split(separator: "\n").dropFirst().dropLast()
    return String(lines.joined(separator: "\n").drop { $0 == " " })
  }
}
