// SPDX-License-Identifier: Apache-2.0
import StressCore

/// The sections of the manual that do not follow from the command line.
enum ManualSections {
  /// When these sections last changed.
  static let date = "November 29, 2026"
  static let summary = "memory-pressure stress harness"

  static func description(_ page: inout ManualText) {
    let names = Profile.Filesystem.Kind.onDisk.map(\.rawValue)
    let filesystems = names.dropLast().joined(separator: ", ") + " or " + names.suffix(1).joined()
    page.macro("Nm")
    page.prose(
      """
      limits memory with cgroup v2, pins anonymous memory as a database does, streams buffered \
      writes onto \(filesystems), and reports what the kernel did: who was OOM-killed \
      and why, how long writes stalled, and which counters changed.
      """)
    page.macro("Pp")
    page.prose(
      """
      A profile describes the workload. Each combination of values on the varied axes (kernel, \
      file system, any key of the profile) is a cell, and each run of a cell is a trial. Every \
      trial boots a guest of its own, or runs on this machine on a loop device or a disk, with a \
      freshly made file system. It writes a record to the campaign's directory, and all reports \
      are made from the records.
      """)
    page.macro("Pp")
    page.prose(
      """
      While a campaign runs on a terminal, the running trials are shown below the finished ones: \
      phase, memory, throughput, pressure and OOM kills, and the matrix with one letter per trial. \
      The display reads the records on the host and costs the guest nothing. The estimate of the \
      time left comes from the medians of finished trials.
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
    let emulator = Architecture.own.emulator.program.split(separator: "-").joined(separator: "\\-")
    page.raw(".Xr \(emulator) 1 ,")
    page.raw(".Xr trace\\-cmd 1 ,")
    page.raw(".Xr cgroups 7 ,")
    page.raw(".Xr io_uring 7")
    page.macro("Pp")
    page.prose(
      """
      In the kernel: Documentation/admin-guide/cgroup-v2.rst, Documentation/accounting/psi.rst, \
      Documentation/admin-guide/mm/multigen_lru.rst.
      """)
    page.macro("Sh", "CAVEATS")
    page.prose(
      """
      If the CPU is emulated (TCG), outcomes, counts and order are meaningful, absolute speeds are \
      not. Reading memory.stat of the stressed cgroup changes dirty throttling on kernels since \
      6.9: wbstress reads it only before and after a trial, unless the profile sets observe.rstat.
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
          "Directories of profiles, separated by colons; searched first."
        ),
        (
          "Ev WBSTRESS_STATE_DIR",
          "Directory of the cleanup journals; by default /var/lib/wbstress."
        ),
        (
          "Ev XDG_CACHE_HOME",
          "Kernels are cached in its wbstress directory; by default in ~/.cache/wbstress."
        ),
        ("Ev NO_COLOR", "If set and not empty, disables colours (no-color.org)."),
        ("Ev TERM", "If dumb or not set, disables the live display."),
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
          "The record of a trial: JSON Lines, described in docs/record.md."
        ),
        ("Pa trials/CELL\\-NUMBER/console.log", "The guest's serial console."),
        (
          "Pa /var/lib/wbstress/*.jsonl",
          "Cleanup journals: what a run on this machine has still to undo; see docs/safety.md."
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
        "The tables again, and why processes were killed:",
        ["wbstress report backup", "wbstress why backup"]
      ),
      ("Whether the newer kernel is a regression:", ["wbstress compare backup --axis kernel"]),
      (
        "Your own kernel, and a key of the profile as an axis:",
        ["wbstress run oracle-backup --kernel ./bzImage --vary pin=40MiB,54MiB"]
      ),
      (
        "On this machine, as root:", ["wbstress run fsync-storm --loop /srv/scratch --trials 10"]
      ),
      (
        "On a disk, which is wiped:",
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
