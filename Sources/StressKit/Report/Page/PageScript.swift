// SPDX-License-Identifier: Apache-2.0

/// What makes the page answer: one script in strict mode, without a library. It draws and formats what is in
/// the page's data; it computes no figure. Texts get into the page as text nodes only.
enum PageScript {
  static let text = "(() => {\n'use strict';\n" + base + plots + tiles + trial + reader + "})();\n"
}
