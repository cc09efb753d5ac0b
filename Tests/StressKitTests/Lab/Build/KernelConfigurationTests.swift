// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressCore
@testable import StressLab

struct KernelConfigurationTests {
  private let options = GuestOptions(
    parsing: """
      # == needed

      # pressure
      CONFIG_PSI=y
      CONFIG_TASKSTATS=y

      # swap on zram
      CONFIG_ZRAM=y

      # == foreign

      CONFIG_SYSTEM_TRUSTED_KEYS=""
      # CONFIG_WERROR is not set

      # == small

      # as on servers
      CONFIG_HZ_250=y

      # == optional

      CONFIG_LRU_GEN=y
      """)

  private static let tiny = """
    CONFIG_CC_OPTIMIZE_FOR_SIZE=y
    # CONFIG_PSI is not set
    # CONFIG_64BIT is not set

    """
  /// As `make olddefconfig` begins it.
  private static let whole = """
    #
    # Automatically generated file; DO NOT EDIT.
    # Linux/x86 6.12.117 Kernel Configuration
    #
    CONFIG_HZ_1000=y
    CONFIG_ZRAM=m
    CONFIG_SYSTEM_TRUSTED_KEYS="debian/certs/debian-uefi-certs.pem"

    """

  @Test func readsWhatKconfigWrites() {
    let configuration = KernelConfiguration(
      parsing: "# a comment\nCONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C=\"x=y\"\nCONFIG_D=m\n")
    #expect(
      ["CONFIG_A", "CONFIG_B", "CONFIG_C", "CONFIG_D", "CONFIG_E"].map(configuration.value)
        == ["y", "n", "\"x=y\"", "m", "n"])
  }

  @Test func completesATinyConfiguration() {
    #expect(
      options.merged(over: Self.tiny, .tiny("# CONFIG_HZ_250 is not set\nCONFIG_F2FS_FS=y\n"))
        == """
        CONFIG_CC_OPTIMIZE_FOR_SIZE=y
        # CONFIG_64BIT is not set

        CONFIG_PSI=y
        CONFIG_TASKSTATS=y
        CONFIG_ZRAM=y
        CONFIG_SYSTEM_TRUSTED_KEYS=""
        # CONFIG_WERROR is not set
        CONFIG_LRU_GEN=y
        # CONFIG_HZ_250 is not set
        CONFIG_F2FS_FS=y

        """)
  }

  /// Nothing of it changes but what guests need and what keeps it from being built.
  @Test func leavesAWholeOneTheUsers() {
    let base = GuestOptions.Base(Self.whole)
    #expect(base == .whole(Self.whole))
    #expect(
      options.merged(over: "", base) == """
        #
        # Automatically generated file; DO NOT EDIT.
        # Linux/x86 6.12.117 Kernel Configuration
        #
        CONFIG_HZ_1000=y

        CONFIG_PSI=y
        CONFIG_TASKSTATS=y
        CONFIG_ZRAM=y
        CONFIG_SYSTEM_TRUSTED_KEYS=""
        # CONFIG_WERROR is not set

        """)
    #expect(GuestOptions.Base("CONFIG_F2FS_FS=y\n") == .tiny("CONFIG_F2FS_FS=y\n"))
    #expect(GuestOptions.Base(nil) == .tiny(""))
  }

  @Test func namesWhatDidNotSurvive() {
    let after = KernelConfiguration(parsing: "CONFIG_ZRAM=m\nCONFIG_TASKSTATS=y\n")
    let lost = options.lost(in: after, .tiny("CONFIG_F2FS_FS=y"))
    #expect(
      GuestOptions.words(lost)
        == "CONFIG_PSI (pressure); CONFIG_ZRAM (swap on zram); CONFIG_HZ_250 (as on servers); "
        + "CONFIG_F2FS_FS (of --config)")
    #expect(
      GuestOptions.words(options.lost(in: after, .whole(Self.whole)))
        == "CONFIG_PSI (pressure); CONFIG_ZRAM (swap on zram)")
    // What the user has switched off is not missed; what a guest needs is.
    let off = options.lost(
      in: KernelConfiguration(parsing: "CONFIG_TASKSTATS=y\nCONFIG_ZRAM=y\n"),
      .tiny("# CONFIG_HZ_250 is not set\n# CONFIG_PSI is not set\n"))
    #expect(off.map(\.name) == ["CONFIG_PSI"])
  }

  @Test func shippedOptionsSayWhatTheyAreFor() {
    let shipped = GuestOptions.shipped.options
    #expect(Set(shipped.map(\.part)) == Set(GuestOptions.Part.allCases))
    #expect(Set(shipped.map(\.name)).count == shipped.count)
    for option in shipped where [.needed, .small].contains(option.part) {
      #expect(!option.purpose.isEmpty, "\(option.name)")
    }
  }

  /// Every module that a trial on a shipped file system may ask for is built in, but those of three file systems.
  @Test func shippedOptionsHaveTheModules() {
    let needed = Set(GuestOptions.shipped.options.filter { $0.part == .needed }.map(\.name))
    for kind in Profile.Filesystem.Kind.onDisk where ![.f2fs, .nilfs2, .gfs2].contains(kind) {
      for option in ModuleResolver.options(for: kind.traits.modules).split(separator: ", ") {
        #expect(needed.contains(String(option)), "\(kind)")
      }
    }
    for module in ["virtio_pci", "virtio_blk", "virtio_console", "dm_delay", "zram"] {
      #expect(needed.contains(ModuleResolver.options(for: [module])))
    }
  }

  @Test func keysGoByTheOptionsAndTheBase() {
    func key(_ options: GuestOptions, _ base: GuestOptions.Base) -> String {
      var key = ContentKey()
      options.add(base, to: &key)
      return key.text
    }
    let other = GuestOptions(parsing: "# == needed\n\n# pressure\nCONFIG_PSI=y\n")
    let keys = [
      key(options, .tiny("")), key(options, .tiny("CONFIG_A=y")),
      key(options, .whole("CONFIG_A=y")),
      key(other, .tiny("")),
    ]
    #expect(Set(keys).count == keys.count)
    #expect(key(options, .tiny("")) == keys[0])
  }
}
