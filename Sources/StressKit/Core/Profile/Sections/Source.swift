// SPDX-License-Identifier: Apache-2.0

extension Profile {
  /// The mail that a profile takes its situation from.
  package struct Source: Equatable, Sendable {
    /// The mailing list or tracker.
    package var list: String
    package var subject: String
    /// As the source gives it: a day, a month or a year.
    package var date: String
    package init(list: String, subject: String, date: String) {
      self.list = list
      self.subject = subject
      self.date = date
    }
  }
}

extension Profile.Source: ProfilePart {
  static let usual = Self(list: "", subject: "", date: "")

  static let fields: [ProfileField<Self>] = [
    ProfileField("list", \.list, .line, isRequired: true, "the mailing list or tracker"),
    ProfileField("subject", \.subject, .line, isRequired: true, "the mail's subject"),
    ProfileField(
      "date", \.date, .line, isRequired: true, "as given by the source: a day, a month or a year"),
  ]
}
