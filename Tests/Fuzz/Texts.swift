// SPDX-License-Identifier: Apache-2.0
import StressCore

/// Texts that people and other programs write.
enum Texts {
  static func feedJSON(_ bytes: UnsafeRawBufferPointer) {
    guard let value = try? JSON(parsing: bytes) else { return }
    require((try? JSON(parsing: value.text.utf8)) == value, "JSON changes by being written")
    require(
      (try? JSON(parsing: value.indentedText.utf8)) == value, "JSON changes by being indented")
  }

  static func feedProfile(_ bytes: UnsafeRawBufferPointer) {
    let text = String(decoding: bytes, as: UTF8.self)
    do {
      let file = try ProfileFile(text: text, name: "fuzz.yaml")
      let profile = try file.profile(variant: nil, overrides: [])
      // What a guest gets is the profile's JSON, which is YAML too.
      let copy = try ProfileFile(text: profile.json.text, name: "copy.yaml")
        .profile(variant: nil, overrides: [])
      require(copy == profile, "the profile changes by being written")
    } catch {
      require(!"\(error)".isEmpty, "an error without a word")
    }
  }
}
