// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressCore
@testable import StressReport

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

  /// What steers instead of being seen is spelled out (``VisibleTextTests``).
  @Test func nothingHides() {
    let hostile = "a\u{1b}[31m<\u{202e}"
    let markup: Markup = "\(hostile)"
    #expect(markup.text == "a\\u{1b}[31m&lt;\\u{202e}")
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
