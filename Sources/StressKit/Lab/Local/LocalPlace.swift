// SPDX-License-Identifier: Apache-2.0
import StressMachine

/// Where on this machine the user wants trials, and what is no reason to refuse them.
package struct LocalPlace: Sendable {
  /// The directory that image files go to; nil: a device is named, and no profile needs an image.
  package var images: String?
  /// The block device that is wiped for each trial; nil: a loop device of an image takes its place.
  package var device: String?
  /// The device's serial number or size, as the user gave it.
  package var confirmation: String?
  /// Where the cgroups go.
  package var cgroups: CgroupPlace
  /// Where the records go.
  package var results: String?
  /// Profiles without memory.max are let through.
  package var wholeMachine = false
  package var allowsDaemons = false
  package var allowsDesktop = false

  package init(images: String?, device: String?, cgroups: CgroupPlace) {
    self.images = images
    self.device = device
    self.cgroups = cgroups
  }
}
