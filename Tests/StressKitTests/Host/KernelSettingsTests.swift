// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressCore
@testable import StressMachine

struct KernelSettingsTests {
  @Test(arguments: [
    ("[always] madvise never", "always"), ("always [madvise] never", "madvise"),
    ("always madvise [never]", "never"), ("20", "20"), ("0x0007", "0x0007"),
    ("4096\t131072\t6291456", "4096\t131072\t6291456"), ("", ""), ("]odd[", "]odd["),
  ])
  func tellsWhatToWriteBack(_ text: String, _ value: String) {
    #expect(KernelSetting.present(in: text) == value)
  }

  /// Its classic LRU is what a profile without MGLRU asks for.
  @Test(.enabled(if: !File.exists(KernelSetting.lruGen), "this kernel has MGLRU"))
  func aKernelWithoutMGLRUHasItSwitchedOff() throws {
    try KernelSettings.setLRUGen(false, CleanupJournal())
    let error = #expect(throws: HarnessError.self) {
      try KernelSettings.setLRUGen(true, CleanupJournal())
    }
    #expect(error?.description.contains("CONFIG_LRU_GEN") == true)
  }
}
