import Testing

@testable import StressKit

struct KernelSettingsTests {
  @Test(arguments: [
    ("[always] madvise never", "always"), ("always [madvise] never", "madvise"),
    ("always madvise [never]", "never"), ("20", "20"), ("0x0007", "0x0007"),
    ("4096\t131072\t6291456", "4096\t131072\t6291456"), ("", ""), ("]odd[", "]odd["),
  ])
  func tellsWhatToWriteBack(_ text: String, _ value: String) {
    #expect(KernelSettings.present(in: text) == value)
  }

  /// What a profile changes is remembered with what it is now, and restoring changes nothing that is so already.
  @Test func remembersWhatAProfileChanges() throws {
    var profile = Profile(name: "p")
    profile.kernel.sysctl = [.init("vm.dirty_ratio", "7"), .init("vm.no_such_thing", "1")]
    var moment = Profile.Moment(at: 0)
    moment.sysctl = [.init("vm.swappiness", "1")]
    profile.timeline = [moment]
    let saved = KernelSettings.saved(for: profile)
    #expect(saved.map(\.key) == ["/proc/sys/vm/dirty_ratio", "/proc/sys/vm/swappiness"])
    #expect(saved.first?.value == File.line("/proc/sys/vm/dirty_ratio"))
  }
}
