import Testing

@testable import StressKit

struct MarkupTests {
  @Test func interpolatedTextIsNoMarkup() {
    let hostile = "</td><img src=x onerror=\"a('b')\"> & more"
    let cell: Markup = "<td title=\"\(hostile)\">\(hostile)</td>"
    let escaped =
      "&lt;/td&gt;&lt;img src=x onerror=&quot;a(&#39;b&#39;)&quot;&gt; &amp; more"
    #expect(cell.text == "<td title=\"\(escaped)\">\(escaped)</td>")
    let row: Markup = "<tr>\([cell, cell])\(3)</tr>"
    #expect(row.text == "<tr>\(cell.text)\(cell.text)3</tr>")
  }

  /// Line breaks, an escape sequence, a turned direction, a mark without width.
  @Test(arguments: [
    ("a\nb", "a\\u{a}b"), ("\u{1b}[31m", "\\u{1b}[31m"), ("x\u{202e}y", "x\\u{202e}y"),
    ("\u{2066}\u{2069}", "\\u{2066}\\u{2069}"), ("\u{2028}", "\\u{2028}"),
    ("\u{feff}\u{85}", "\\u{feff}\\u{85}"), ("\r\n", "\\u{d}\\u{a}"),
    ("plain text, äöü 漢字", "plain text, äöü 漢字"),
  ])
  func nothingHides(text: String, seen: String) {
    #expect(Markup.visible(text) == seen)
    let markup: Markup = "\(text)"
    #expect(markup.text == seen)
  }

  /// Neither `</script>` nor `<!--` nor a line separator of JavaScript can come of it.
  @Test func dataCannotEndItsElement() throws {
    let value: JSON = ["</script><!--": "a & b\u{2028}\u{2029}\u{0}"]
    let text = value.embedded
    for character in ["<", ">", "&", "\u{2028}", "\u{2029}", "\u{0}"] {
      #expect(!text.unicodeScalars.contains(Unicode.Scalar(character)!))
    }
    #expect(try JSON(parsing: text.utf8) == value)
  }
}
