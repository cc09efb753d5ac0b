#!/bin/bash
# How long does compaction wait for pages under writeback? Writes the longest
# of the calls of /proc/sys/vm/compact_memory, one a second, while 96 MiB are
# written to a disk of RATE bytes/s (default 4194304; max: as fast as it is).
# As root, on a machine of its own with 512 MiB and without swap: much of the
# memory becomes dirty. DIR is on a disk. migration.sh DIR [RATE]
# Needs bash, coreutils, util-linux, mkfs.ext4 (or FS=xfs), cgroup v2.
# Unlike wbstress, whose disk is slow by itself: a loop file slowed by io.max
# of the writer's cgroup, which the flusher and jbd2 are not in.
set -eu
rate=${2:-4194304}; fs=${FS:-ext4}
img=$(mktemp -p "$1" repro.XXXXXX); mnt=$(mktemp -d)
cg=/sys/fs/cgroup/repro-$$; loop=""
ratio=$(< /proc/sys/vm/dirty_ratio)
background=$(< /proc/sys/vm/dirty_background_ratio)
cleanup() {
  set +e; echo 1 > $cg/cgroup.kill; wait
  echo "$ratio" > /proc/sys/vm/dirty_ratio
  echo "$background" > /proc/sys/vm/dirty_background_ratio
  umount "$mnt"; rmdir "$mnt"; losetup -d "$loop"; rm -f "$img"; rmdir $cg
} 2> /dev/null
trap cleanup EXIT; trap 'exit 2' INT TERM HUP
truncate -s 512M "$img"
case $fs in
ext4) mkfs.ext4 -q -F -E lazy_itable_init=0,lazy_journal_init=0 "$img" ;;
*) "mkfs.$fs" -q "$img" ;;
esac
loop=$(losetup --direct-io=on -f --show "$img"); mount "$loop" "$mnt"
echo "+memory +io" > /sys/fs/cgroup/cgroup.subtree_control
mkdir $cg
read -r disk < "/sys/class/block/${loop#/dev/}/dev"
echo "$disk wbps=$rate rbps=$rate" > $cg/io.max
echo 80 > /proc/sys/vm/dirty_ratio
echo 70 > /proc/sys/vm/dirty_background_ratio
# Movable, and in the way.
exec 3< <(echo 0 > $cg/cgroup.procs
  exec dd if=/dev/zero bs=260M count=1 iflag=fullblock status=none)
head -c 1 <&3 > /dev/null
(echo 0 > $cg/cgroup.procs
  for second in {0..11}; do
    dd if=/dev/zero of="$mnt/backup" bs=64k count=128 seek=$((second * 128)) \
      conv=notrunc status=none
    sleep 1
  done) & writer=$!
longest=0; SECONDS=0
while [ $SECONDS -lt 20 ]; do
  # Hundredths of a second since boot.
  read -r from _ < /proc/uptime; echo 1 > /proc/sys/vm/compact_memory
  read -r to _ < /proc/uptime
  took=$((10#${to/./} - 10#${from/./}))
  [ $took -le $longest ] || longest=$took
  sleep 1
done
wait $writer
printf 'longest compact_memory: %d.%02d s\n' $((longest / 100)) $((longest % 100))
