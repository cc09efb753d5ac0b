import StressCore

/// The sections of the manual that do not follow from the command line.
enum ManualSections {
  /// When these sections last changed.
  static let date = "November 21, 2026"
  static let summary = "memory-pressure stress harness"

  static func description(_ page: inout ManualText) {
    page.macro("Nm")
    page.prose(
      """
      limits memory with cgroup v2, pins anonymous memory the way a database does, streams \
      buffered writes onto ext4, ext3, xfs or btrfs, and says what the kernel did: who was \
      OOM-killed and over which pages, how long writes stalled, which counters moved.
      """)
    page.macro("Pp")
    page.prose(
      """
      A profile says what is done. Each value on each axis that is varied \
      (kernel, file system, any key of the profile) makes a cell, and each cell is carried out as \
      often as asked for. Every such trial boots a guest of its own, on a freshly made file \
      system, or runs on this machine on a loop device or a disk of its own. It leaves a record in the campaign's \
      directory, from which all reports are made.
      """)
    page.macro("Pp")
    page.prose(
      """
      While a campaign runs on a terminal, what runs now is shown below the lines of the trials \
      that have ended: phase, memory, throughput, pressure and OOM kills, and the matrix as it \
      fills, a letter a trial. All of it is read on the host from the records as they come: the \
      guest does no more than it does without. The time left is taken from the medians of finished \
      trials.
      """)
  }

  static func write(_ page: inout ManualText) {
    environment(&page)
    files(&page)
    status(&page)
    examples(&page)
    page.macro("Sh", "SEE ALSO")
    page.raw(".Xr fio 1 ,")
    page.raw(".Xr jq 1 ,")
    page.raw(".Xr qemu\\-system\\-x86_64 1 ,")
    page.raw(".Xr trace\\-cmd 1 ,")
    page.raw(".Xr cgroups 7 ,")
    page.raw(".Xr io_uring 7")
    page.macro("Pp")
    page.prose(
      """
      Of the kernel: Documentation/admin-guide/cgroup-v2.rst, Documentation/accounting/psi.rst, \
      Documentation/admin-guide/mm/multigen_lru.rst.
      """)
    page.macro("Sh", "CAVEATS")
    page.prose(
      """
      Where the CPU is emulated (TCG), outcomes, counts and order mean something, absolute speeds \
      do not. Reading memory.stat of the stressed cgroup changes dirty throttling on kernels since \
      6.9: it is read before and after a trial only, unless the profile asks for more with \
      observe.rstat.
      """)
  }

  private static func list(_ page: inout ManualText, _ items: [(term: String, text: String)]) {
    page.macro("Bl", "-tag", "-width", "Ds")
    for item in items {
      page.raw(".It " + item.term)
      page.prose(item.text)
    }
    page.macro("El")
  }

  private static func environment(_ page: inout ManualText) {
    page.macro("Sh", "ENVIRONMENT")
    list(
      &page,
      [
        (
          "Ev WBSTRESS_PROFILES",
          "Directories of profiles, with colons between them; searched first."
        ),
        (
          "Ev WBSTRESS_STATE_DIR",
          "Directory of the cleanup journals of runs on this machine; by default /var/lib/wbstress."
        ),
        (
          "Ev XDG_CACHE_HOME",
          "Kernels are kept in its wbstress directory; by default in ~/.cache/wbstress."
        ),
        ("Ev NO_COLOR", "If set and not empty, nothing is coloured (no-color.org)."),
        ("Ev TERM", "If dumb or not set, what runs now is not shown."),
      ])
  }

  private static func files(_ page: inout ManualText) {
    page.macro("Sh", "FILES")
    list(
      &page,
      [
        ("Pa campaign.json", "In the campaign's directory: cells, trials and seed."),
        (
          "Pa trials/CELL\\-NUMBER/record.jsonl",
          "What a trial left: JSON Lines, described in docs/record.md."
        ),
        ("Pa trials/CELL\\-NUMBER/console.log", "The guest's serial console."),
        (
          "Pa /var/lib/wbstress/*.jsonl",
          "Cleanup journals: what a run on this machine has made and not undone yet; see docs/safety.md."
        ),
        (
          "Pa profiles",
          "Profiles, in this order: below the working directory, in share/wbstress of the installation, beside "
            + "or above the program."
        ),
      ])
  }

  private static func status(_ page: inout ManualText) {
    page.macro("Sh", "EXIT STATUS")
    list(
      &page,
      ExitStatus.all.map { status in
        let text = status.meaning.filter { $0 != "`" }
        return ("\(status.code)", text.prefix(1).uppercased() + text.dropFirst() + ".")
      })
  }

  private static func examples(_ page: inout ManualText) {
    page.macro("Sh", "EXAMPLES")
    let examples: [(text: String, command: [String])] = [
      (
        "Three file systems on two kernels, ten trials of each:",
        [
          "wbstress run oracle-backup --fs ext4,xfs,btrfs \\",
          "    --kernel debian:6.1,debian:6.12 --trials 10 --output backup",
        ]
      ),
      (
        "The table again, and why trials were killed:",
        ["wbstress report backup", "wbstress why backup"]
      ),
      ("Whether the later kernel is a regression:", ["wbstress compare backup --axis kernel"]),
      (
        "A kernel of one's own, and a key of the profile as an axis:",
        ["wbstress run oracle-backup --kernel ./bzImage --vary pin=40MiB,54MiB"]
      ),
      (
        "On this machine, as root:", ["wbstress run fsync-storm --loop /srv/scratch --trials 10"]
      ),
      (
        "On a disk that is wiped for it:",
        [
          "wbstress check fsync-storm --device /dev/sdb",
          "wbstress run fsync-storm --device /dev/sdb --yes-wipe S3Z8NB0K12345",
        ]
      ),
      ("What a name in a report means:", ["wbstress explain pgscan_direct"]),
      (
        "Completion and this page:",
        [
          "wbstress completions bash > /etc/bash_completion.d/wbstress",
          "wbstress man > /usr/local/share/man/man1/wbstress.1",
        ]
      ),
    ]
    for example in examples {
      page.prose(example.text)
      page.literal(example.command)
    }
  }
}
