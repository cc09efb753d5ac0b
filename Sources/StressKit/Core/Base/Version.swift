// SPDX-License-Identifier: Apache-2.0

/// The program's version, as records and reports state it.
package enum Version {
  package static let text = "0.2.0"
}
