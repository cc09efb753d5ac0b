#!/bin/bash
# noisy-plain on ext4: does the OOM killer come? Prints "OOM" (exit code 1)
# or "no OOM" (0). As root, on a machine of its own; its argument is a
# directory on a disk. Needs bash, coreutils, util-linux, mkfs.ext4, cc,
# cgroup v2, no swap. Made by wbstress 0.2.0, which saw OOM in 4 of 5 runs
# on 7.3.4+deb13-cloud-amd64 with 2 CPUs and 1GiB. What it does otherwise:
# - the disk is a loop file slowed by io.max, not a slow virtual disk;
# - a dd whose output nobody reads holds the memory (there: touched):
#   anonymous, not locked, and as good as that while there is no swap for
#   it.
set -eu
img=$(mktemp -p "${1:-.}" repro.XXXXXX); loop=""; ring=$(mktemp)
mnt=$(mktemp -d); cg=/sys/fs/cgroup/repro-$$; writers=()
cleanup() {
  set +e; [ -d $cg ] && echo 1 > $cg/cgroup.kill; wait
  umount "$mnt"; rmdir "$mnt"
  losetup -d "$loop"; rm -f "$img" "$ring"
  rmdir $cg/batch/backup $cg/database/db $cg/batch $cg/database $cg
} 2> /dev/null
trap cleanup EXIT; trap 'exit 2' INT TERM HUP
${CC:-cc} -O2 -o "$ring" -x c - << 'END'
/* FILE BLOCK COUNT DEPTH [dsync|direct|fsync]...: writes by io_uring */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/io_uring.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#define AT(base, offset) ((unsigned *)((char *)(base) + (offset)))
#define MAP(size, what) \
  mmap(0, size, 3, MAP_SHARED, ring, IORING_OFF_##what)
int main(int n, char **arg) {
  long block = atol(arg[2]), left = atol(arg[3]), depth = atol(arg[4]);
  int flags = O_WRONLY | O_CREAT | O_TRUNC, sync = 0, busy = 0, ring, file;
  struct io_uring_params p = {0};
  for (int i = 5; i < n; i++)
    if (!strcmp(arg[i], "dsync")) flags |= O_DSYNC;
    else if (!strcmp(arg[i], "direct")) flags |= O_DIRECT;
    else sync = 1;
  if ((file = open(arg[1], flags, 0644)) < 0) return 2;
  if ((ring = syscall(__NR_io_uring_setup, depth, &p)) < 0) return 3;
  void *sq = MAP(p.sq_off.array + 4 * p.sq_entries, SQ_RING);
  void *cq = MAP(p.cq_off.cqes + 16 * p.cq_entries, CQ_RING);
  struct io_uring_sqe *entry = MAP(p.sq_entries * sizeof(*entry), SQES);
  struct io_uring_cqe *done = (void *)AT(cq, p.cq_off.cqes);
  unsigned *tail = AT(sq, p.sq_off.tail), *head = AT(cq, p.cq_off.head);
  char *data = aligned_alloc(4096, block);
  memset(data, 0x5a, block);
  for (off_t at = 0; left || busy;) {
    unsigned new = 0;
    for (; left && busy < depth; left--, busy++, new++, at += block) {
      unsigned slot = *tail & *AT(sq, p.sq_off.ring_mask);
      entry[slot] = (struct io_uring_sqe){.opcode = IORING_OP_WRITE,
        .fd = file, .addr = (long)data, .len = block, .off = at};
      AT(sq, p.sq_off.array)[slot] = slot;
      __atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
    }
    syscall(__NR_io_uring_enter, ring, new, 1, IORING_ENTER_GETEVENTS, 0,
            0);
    unsigned *last = AT(cq, p.cq_off.tail);
    for (; *head != __atomic_load_n(last, __ATOMIC_ACQUIRE); busy--) {
      if (done[*head & *AT(cq, p.cq_off.ring_mask)].res < 0) return 4;
      __atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
    }
  }
  return sync && fsync(file) ? 5 : 0;
}
END
truncate -s 536870912 "$img"
mkfs.ext4 -q -F -E lazy_itable_init=0,lazy_journal_init=0 "$img"
loop=$(losetup --direct-io=on -f --show "$img")
mount -t ext4 "$loop" "$mnt"
on="+memory +io +cpu"; echo "$on" > ${cg%/*}/cgroup.subtree_control
mkdir $cg; echo "$on" > $cg/cgroup.subtree_control
mkdir $cg/database $cg/batch $cg/database/db $cg/batch/backup
echo "$on" > $cg/database/cgroup.subtree_control
echo "$on" > $cg/batch/cgroup.subtree_control
read -r disk < "/sys/class/block/${loop#/dev/}/dev"
echo "67108864" > $cg/memory.max
echo "50331648" > $cg/database/memory.min
max="rbps=4194304 wbps=4194304 riops=max wiops=max"
echo "$disk $max" > $cg/io.max
exec 3< <(echo 0 > $cg/database/db/cgroup.procs
  exec dd if=/dev/zero bs=41943040 count=1 iflag=fullblock status=none)
head -c 1 <&3 > /dev/null
# Whether the kill comes depends on the phase of a timer of 2 s.
sleep $((RANDOM % 2)).$((RANDOM % 10))$((RANDOM % 10))
(echo 0 > $cg/batch/backup/cgroup.procs; exec "$ring" \
  "$mnt/backup" 262144 128 8) &
writers+=($!)
SECONDS=0
while kill -0 "${writers[@]}" 2> /dev/null && [ $SECONDS -lt 30 ]; do
  sleep 0.1
done
while read -r key kills; do
  [ "$key" != oom_kill ] || break
done < $cg/memory.events
if [ "$kills" -gt 0 ]; then echo OOM; exit 1; fi
for w in "${writers[@]}"; do kill -0 $w 2> /dev/null || wait $w \
  || [ $? -gt 128 ] || { echo "no result: a writer failed"; exit 2; }; done
echo "no OOM"
