// SPDX-License-Identifier: Apache-2.0
import Testing

/// A device that must not be written to, made for real in a guest.
struct DangerousTarget: Sendable, CustomTestStringConvertible {
  var name: String
  /// Shell: makes it. `disk NAME MiB` makes a loop device and says its path, `parts NAME MiB LABEL` one with two
  /// partitions.
  var make: String
  /// What is named, as a shell takes it.
  var device: String
  /// What the refusal says.
  var reason: String
  /// Further words of the command line; by default the size is told right.
  var options = "--yes-wipe $(size $T)"
  var testDescription: String { name }

  init(_ name: String, _ make: String, _ device: String, _ reason: String, options: String? = nil) {
    self.name = name
    self.make = make
    self.device = device
    self.reason = reason
    if let options { self.options = options }
  }

  /// Shell functions that the targets use.
  static let functions = """
    disk() { truncate -s ${2}M /scratch/$1.img; losetup --show -f $3 /scratch/$1.img; }
    parts() {
      truncate -s ${2}M /scratch/$1.img
      printf ',%dM\\n,\\n' $(($2 / 2)) | sfdisk -q --label $3 /scratch/$1.img
      losetup --show -f -P /scratch/$1.img
    }
    ext4() { mkfs.ext4 -q -F -L "$2" -E lazy_itable_init=0,lazy_journal_init=0 $1; }
    # ext4 commits every five seconds.
    settle() { sync; sleep 6; sync; }
    size() { blockdev --getsize64 $1 2>/dev/null || stat -c %s $1; }
    sums() {
      [ -b $1 ] || [ -f $1 ] || { ls -ld $1 2>&1; return; }
      dd if=$1 bs=1M count=1 2>/dev/null | md5sum
      dd if=$1 bs=1M skip=$(($(size $1) / 1048576 - 1)) 2>/dev/null | md5sum
    }
    try() {
      name=$1; T=$2; shift 2
      sync; sums $T >/tmp/before
      "$@" >/tmp/said 2>&1; echo "TARGET $name $?"
      settled; sums $T >/tmp/after
      cmp -s /tmp/before /tmp/after && echo "UNCHANGED $name"
      while read line; do echo "SAID $name $line"; done </tmp/said
    }
    settled() { :; }
    waits() { for i in 1 2 3 4 5 6 7 8 9 10; do eval "$1" && return; sleep 1; done; }
    """

  /// Shell: makes it, tries it, and says what came of it.
  var script: String {
    """
    cd /; {
    \(make)
    } >/tmp/made 2>&1 || sed 's/^/MADE \(name) /' /tmp/made
    T=\(device)
    try \(name) $T \(run) --device $T \(options)
    """
  }

  /// In a root of its own, if need be.
  private var run: String {
    let command = "/init run /profiles/smoke.yaml --trials 1 --vary device.size=16MiB"
    return name.hasPrefix("root-") ? "chroot /root-disk \(command)" : command
  }

  static let inUse: [DangerousTarget] = [
    .init(
      "mounted", "A=$(disk a 64); ext4 $A wbstress; mkdir /m1; mount $A /m1; settle", "$A",
      "is mounted at /m1"),
    .init(
      "mounted-read-only",
      "B=$(disk b 64); ext4 $B wbstress; mkdir /m2; mount -o ro $B /m2", "$B", "is mounted at /m2"),
    .init(
      "mounted-in-another-namespace",
      """
      C=$(disk c 64); ext4 $C wbstress; mkdir /m3
      unshare -m sh -c "mount --make-rprivate / ; mount -t ext4 $C /m3; touch /tmp/m3; exec sleep 10000" &
      waits '[ -e /tmp/m3 ]'; settle
      """, "$C", "is mounted at /m3 in the mount namespace of"),
    .init("symlink-to-a-mounted-one", "ln -s $A /tmp/link", "/tmp/link", "(named /tmp/link): "),
    .init(
      "another-node-of-a-mounted-one", "mknod /tmp/node b $(tr : ' ' </sys/block/${A#/dev/}/dev)",
      "/tmp/node", "is mounted at /m1"),
    .init(
      "active-swap", "D=$(disk d 64); mkswap $D; swapon $D", "$D", "is swap in use; swapoff"),
    .init(
      "disk-of-swap", "E=$(parts e 64 gpt); mkswap ${E}p1; swapon ${E}p1", "$E",
      "p1 is swap in use"),
    .init(
      "partition-mounted",
      "F=$(parts f 64 gpt); ext4 ${F}p1 wbstress; mkdir /m4; mount ${F}p1 /m4; settle",
      "${F}p1", "is mounted at /m4"),
    .init("disk-of-a-mounted-partition", ":", "$F", "p1 is mounted at /m4"),
    .init(
      "results-on-the-same-disk", ":", "${F}p2", "the results in /m4/out lie on it",
      options: "--yes-wipe $(size $T) --output /m4/out"),
    .init(
      "opened-exclusively",
      """
      G=$(disk g 64); ext4 $G wbstress
      perl -e '$| = 1; sysopen(F, shift, 02 | 0200) or die; print "open"; sleep 10000' $G >/tmp/g &
      waits '[ -s /tmp/g ]'
      """, "$G", "open with O_RDWR|O_EXCL: EBUSY"),
    .init(
      "open-in-a-process", "H=$(disk h 64); sleep 10000 <$H &", "$H", "is open in"),
    .init(
      "physical-volume-of-an-active-one",
      "I=$(disk i 64); pvcreate -q $I; vgcreate -q vg $I; lvcreate -q -an -Zn -L 16M -n lv vg; lvchange -ay vg/lv",
      "$I", "(vg-lv) is made of it"),
    .init(
      "logical-volume-mounted",
      "dmsetup mknodes; ext4 /dev/mapper/vg-lv wbstress; mkdir /m5; mount /dev/mapper/vg-lv /m5",
      "/dev/mapper/vg-lv", "is mounted at /m5"),
    .init(
      "raid-member-active",
      """
      J=$(disk j 64)
      mdadm --create /dev/md0 --run --level=1 --raid-devices=2 --metadata=1.2 --homehost=any $J missing
      """, "$J", "/dev/md0 is made of it"),
    .init(
      "raid-mounted", "ext4 /dev/md0 wbstress; mkdir /m6; mount -o noatime /dev/md0 /m6; settle",
      "/dev/md0",
      "is mounted at /m6"),
    .init(
      "held-by-a-mapped-device", "K=$(disk k 64); echo 0 2048 linear $K 0 | dmsetup create held",
      "$K",
      "(held) is made of it"),
    .init(
      "second-device-of-a-mounted-btrfs",
      """
      L=$(disk l 128); M=$(disk m 128); mkfs.btrfs -q -f -L wbstress -d single -m single $L $M
      btrfs device scan; mkdir /m7; mount -t btrfs $L /m7
      """, "$M", "is mounted at /m7"),
    .init(
      "journal-in-use",
      """
      N=$(disk n 64); O=$(disk o 64); mke2fs -q -F -O journal_dev -b 4096 $O
      mkfs.ext4 -q -F -b 4096 -J device=$O $N; mkdir /m8; mount $N /m8
      """, "$O", "open with O_RDWR|O_EXCL: EBUSY"),
    .init(
      "zram-swap", "echo 32M >/sys/block/zram0/disksize; mkswap /dev/zram0; swapon /dev/zram0",
      "/dev/zram0", "is compressed memory"),
    .init(
      "root-partition",
      """
      P=$(parts p 320 gpt); ext4 ${P}p1 wbstress; mkdir /root-disk
      mount -o noatime ${P}p1 /root-disk
      cp -a /init /bin /usr /lib* /profiles /root-disk; cd /root-disk; mkdir tmp
      for place in proc sys dev scratch; do mkdir -p $place; mount --rbind /$place $place; done
      cd /; settle
      """, "${P}p1", "is mounted at /"),
    .init("root-disk", ":", "$P", "/ lies on the same disk: "),
    .init("root-disks-other-partition", ":", "${P}p2", "/ lies on the same disk: "),
  ]

  static let unused: [DangerousTarget] = [
    .init("swap-signature", "A1=$(disk a1 64); mkswap $A1", "$A1", "is swap space (swap)"),
    .init(
      "physical-volume", "B1=$(disk b1 64); pvcreate -q $B1", "$B1", "is an LVM physical volume"),
    .init(
      "raid-member",
      """
      C1=$(disk c1 64)
      mdadm --create /dev/md1 --run --level=1 --raid-devices=2 --metadata=1.2 --homehost=any $C1 missing
      mdadm --stop /dev/md1
      """, "$C1", "is a member of an md RAID"),
    .init(
      "encrypted",
      """
      D1=$(disk d1 64); echo secret >/tmp/key
      cryptsetup luksFormat -q --type luks1 --pbkdf-force-iterations 1000 $D1 /tmp/key
      """, "$D1", "is encrypted (crypto_LUKS)"),
    .init("gpt", "E1=$(parts e1 64 gpt)", "$E1", "has partitions: /dev/loop"),
    .init("mbr", "F1=$(parts f1 64 dos)", "$F1", "has partitions: /dev/loop"),
    .init(
      "partition-table-unread", "G1=$(parts g1 64 gpt); partx -d $G1", "$G1",
      "has a partition table (gpt)"),
    .init(
      "foreign-ext4", "H1=$(disk h1 64); ext4 $H1 'data  of $(x)'", "$H1",
      "has data on it (ext4, label 'data"),
    .init(
      "foreign-xfs", "I1=$(disk i1 320); mkfs.xfs -q -f -L photos $I1", "$I1",
      "has data on it (xfs, label 'photos')"),
    .init(
      "foreign-btrfs", "J1=$(disk j1 128); mkfs.btrfs -q -f $J1", "$J1", "has data on it (btrfs)"),
    .init(
      "second-device-of-a-btrfs",
      "K1=$(disk k1 128); L1=$(disk l1 128); mkfs.btrfs -q -f -L wbstress -d single -m single $K1 $L1",
      "$L1", "is one of 2 devices of a btrfs"),
    .init(
      "external-journal", "M1=$(disk m1 64); mke2fs -q -F -O journal_dev $M1", "$M1",
      "is the external journal of an ext4"),
    .init("foreign-vfat", "N1=$(disk n1 64); mkdosfs $N1", "$N1", "has data on it (vfat"),
    .init(
      "read-only", "O1=$(disk o1 64); blockdev --setro $O1", "$O1", "is read-only; blockdev --setrw"
    ),
    .init(
      "too-small", "P1=$(disk p1 8)", "$P1",
      "has 8388608 bytes; the profile's device.size is 16777216"
    ),
    .init("nobody-said-so", "Q1=$(disk q1 64)", "$Q1", "nobody said so", options: ""),
    .init(
      "wrong-serial", ":", "$Q1", "--yes-wipe S3Z8NB0K is neither its serial number nor its size",
      options: "--yes-wipe S3Z8NB0K"),
    .init(
      "wrong-size", ":", "$Q1", "--yes-wipe 67108863 is neither", options: "--yes-wipe 67108863"),
    .init("empty-confirmation", ":", "$Q1", "is neither its serial", options: "--yes-wipe ''"),
    .init(
      "same-file-twice", "R1=$(disk r1 64); losetup -f /scratch/r1.img", "$R1",
      "is also behind /dev/loop"
    ),
    // Another of the same size, number and contents, which would be taken under its own name, comes to have the
    // name as soon as the guards, which have just looked at what is on it, let go of it.
    .init(
      "replaced-between-check-and-use",
      """
      S1=$(disk s1 64); ext4 $S1 wbstress; sync; cp /scratch/s1.img /scratch/s2.img
      mv /usr/bin/blkid /usr/bin/blkid.real
      cat >/usr/bin/blkid <<END
      #!/bin/sh
      /usr/bin/blkid.real "\\$@"; code=\\$?
      if [ ! -e /tmp/replaced ]; then
        touch /tmp/replaced
        { /usr/bin/losetup -d $S1; until /usr/bin/losetup $S1 /scratch/s2.img; do :; done; } >/dev/null 2>&1 &
      fi
      exit \\$code
      END
      chmod +x /usr/bin/blkid
      settled() { waits '[ -e /tmp/replaced ] && [ "$(size $S1)" -gt 0 ]'; }
      """, "$S1", "is another disk than the one that was checked"),
    .init(
      "the-one-that-replaced-it",
      """
      settled() { :; }
      losetup $S1; mv /usr/bin/blkid.real /usr/bin/blkid; mkdir /m9; mount $S1 /m9; settle
      """, "$S1", "is mounted at /m9"),
    .init("memory", ":", "/dev/ram0", "is memory; name a disk"),
    .init("character-device", ":", "/dev/null", "is a character device, not a block device"),
    .init("regular-file", ":", "/scratch/q1.img", "is a regular file, not a block device"),
    .init("directory", ":", "/scratch", "is a directory, not a block device"),
    .init("missing", ":", "/dev/none", "stat: ENOENT", options: "--yes-wipe 1"),
    .init("node-of-nothing", "mknod /tmp/nothing b 240 7", "/tmp/nothing", "has no device of"),
  ]
}
