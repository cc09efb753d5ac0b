// SPDX-License-Identifier: Apache-2.0
// System calls and constants that Swift's Glibc module lacks. Every entry says why it is here; what
// Glibc exposes is called from Swift directly. All calls return >= 0 or a negated errno.
#ifndef CLINUX_H
#define CLINUX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "watchdog.h"

/// How a spawned process ended.
struct cl_exit {
  int32_t exited;   // 1: exit(code); 0: killed by signal
  int32_t code;     // exit status, or the signal's number
};

enum { CL_SPAWN_MOST = 48 };

/// What to start, and where.
struct cl_spawn {
  const char *_Nullable const *_Nonnull paths;  // up to a null: the first that is there is executed
  const char *_Nullable root;                   // a directory to chroot into first
  const char *_Nullable oom_score_adj;          // written to /proc/self/oom_score_adj before that
  char *_Nullable const *_Nonnull argv;
  char *_Nullable const *_Nonnull envp;
  const int *_Nullable fds;  // fds[i] becomes descriptor i of the child; -1: /dev/null
  int fd_count;              // CL_SPAWN_MOST at most
  int cgroup_fd;             // a cgroup v2 directory to be born in, or -1
  int death_signal;          // sent to the child when the spawning thread ends; 0: none
  int new_session;           // 1: setsid, so that a terminal's ^C does not reach it
};

/// clone3(CLONE_PIDFD [| CLONE_INTO_CGROUP]) and execve. posix_spawn cannot place a process in a cgroup
/// before glibc 2.39, and moving it later leaves the first pages charged to the parent.
/// Returns the pid; `*pidfd` is the caller's to close. A failed exec gives the child's negated errno.
int cl_spawn(const struct cl_spawn *_Nonnull what, int *_Nonnull pidfd);

/// waitid(P_PIDFD): glibc's idtype constant and siginfo fields do not import.
/// Returns 1 when the child ended, 0 when `no_hang` and it still runs.
int cl_wait(int pidfd, int no_hang, struct cl_exit *_Nonnull out);

/// pidfd_send_signal(2): no glibc wrapper before 2.36's <sys/pidfd.h>, not in the module map.
int cl_signal(int pidfd, int signal);

/// finit_module(2) and reboot(2): not in the module map.
int cl_load_module(int fd, const char *_Nonnull parameters);
int cl_power_off(void);

/// Opens the directory `name` in another for reading: itself and not what a symbolic link of that name points to, and
/// none that is mounted there (openat2(2)).
int cl_open_directory(int parent, const char *_Nonnull name);

/// pipe2(2) and socketpair(2) with CLOEXEC from the start: another thread may be spawning meanwhile.
int cl_pipe(int *_Nonnull ends);
int cl_socket_pair(int *_Nonnull ends);

/// CLOCK_MONOTONIC in nanoseconds: for the host's patience, which must not run while the host sleeps.
uint64_t cl_monotonic(void);

/// memfd_create(2) with MFD_CLOEXEC: not in the module map.
int cl_memfd(const char *_Nonnull name, uint64_t size);

/// mlockall(MCL_CURRENT|MCL_FUTURE): the MCL constants import as no usable type.
int cl_lock_all(void);

/// fallocate(2), mode 0: not visible in Glibc.
int cl_fallocate(int fd, int64_t offset, int64_t length);

/// fallocate(2), FALLOC_FL_KEEP_SIZE: blocks that lie ready behind a file's end.
int cl_reserve(int fd, int64_t offset, int64_t length);

/// sync_file_range(2) with SYNC_FILE_RANGE_WRITE over the whole file: I/O is begun and not waited for; a
/// _GNU_SOURCE macro.
int cl_start_writeback(int fd);

/// FS_IOC_FIEMAP, an ioctl with a tail of extents, up to the file's size: xfs has reserves behind it. Without
/// FIEMAP_FLAG_SYNC: the question writes nothing.
struct cl_extents {
  uint64_t count;
  uint64_t delayed;    // bytes of those with FIEMAP_EXTENT_DELALLOC
  uint64_t unwritten;  // bytes of those with FIEMAP_EXTENT_UNWRITTEN
};
int cl_fiemap(int fd, struct cl_extents *_Nonnull out);

/// cachestat(2), 6.5 and later, of a whole file: no glibc wrapper, and no number in older headers.
/// -ENOSYS where the kernel has none.
struct cl_pages {
  uint64_t cached, dirty, writeback;
};
int cl_cachestat(int fd, struct cl_pages *_Nonnull out);

/// syncfs(2): not visible in Glibc.
int cl_syncfs(int fd);

/// sync_file_range(2) that waits, writes and waits again: not visible in Glibc. A length of 0 would be all that
/// follows.
int cl_sync_file_range(int fd, int64_t offset, int64_t length);

/// statfs(2).f_type: not visible in Glibc.
int cl_statfs_magic(const char *_Nonnull path, uint64_t *_Nonnull magic);

/// setxattr(2), of a short text: <sys/xattr.h> is not in the module map.
int cl_set_attribute(const char *_Nonnull path, const char *_Nonnull name, const char *_Nonnull value);

/// pthread_setname_np(3) for the calling thread; 15 characters at most.
void cl_set_thread_name(const char *_Nonnull name);

/// sched_setscheduler(SCHED_FIFO) for the calling thread: CPU priority, not visible in Glibc.
int cl_set_fifo(int priority);

/// O_DIRECT: a _GNU_SOURCE macro.
int cl_o_direct(void);

/// RWF_DONTCACHE of Linux 6.14, which older headers lack.
enum { CL_RWF_DONTCACHE = 0x80 };

/// pwritev2(2) and preadv2(2) of one buffer: not visible in Glibc. `flags`: RWF_*. Return the bytes written or read.
int cl_write_at(int fd, const void *_Nonnull buffer, size_t length, int64_t offset, int flags);
int cl_read_at(int fd, void *_Nonnull buffer, size_t length, int64_t offset, int flags);

/// copy_file_range(2) from one file to the same offset of another: not visible in Glibc. Returns the bytes copied.
int cl_copy_range(int from, int to, int64_t offset, size_t length);
/// The same by splice(2), not visible in Glibc either: into a pipe at its end `in`, and from its end `out` until it is
/// empty.
int cl_splice_range(int from, int to, int64_t offset, size_t length, int out, int in);

/// posix_fadvise(2), POSIX_FADV_DONTNEED: it returns its errno.
int cl_dont_need(int fd, int64_t offset, int64_t length);

/// open(2) with O_DIRECT, which is a _GNU_SOURCE macro.
int cl_open_direct(const char *_Nonnull path);

/// statx(2) without following a symbolic link, for stx_btime, which no other call tells. Times in ns; `birth` is 0
/// where the file system keeps none.
struct cl_file {
  uint64_t dev, inode, birth;
};
int cl_identify(const char *_Nonnull path, struct cl_file *_Nonnull out);

/// swapon(2) and swapoff(2): not in the module map.
int cl_swapon(const char *_Nonnull path);
int cl_swapoff(const char *_Nonnull path);

/// loop(4), LOOP_CTL_GET_FREE and LOOP_CONFIGURE (5.8): ioctl(2) is variadic, which Swift cannot call. Makes a
/// loop device of an open file and returns its descriptor, `*number` being the N of /dev/loopN. The device is let go
/// (LO_FLAGS_AUTOCLEAR) with its last user, that descriptor and a mount being two. `direct`: O_DIRECT to the file;
/// -EINVAL where its file system cannot.
int cl_loop_attach(int file, int direct, int *_Nonnull number);
/// LOOP_GET_STATUS64: the file behind an open loop device, as fstat(2) tells it. -ENXIO: there is none.
int cl_loop_backing(int device, uint64_t *_Nonnull dev, uint64_t *_Nonnull inode);
/// LOOP_CLR_FD: lets the file go, with the last user where there are others.
int cl_loop_detach(int device);

/// fstat(2), BLKGETSIZE64 and BLKGETDISKSEQ (5.15) of a block device: ioctl(2) is variadic, which Swift cannot call.
struct cl_disk {
  uint64_t number;    // st_rdev
  uint64_t size;      // bytes
  uint64_t sequence;  // 0: the kernel counts no disks
};
int cl_disk_identity(int fd, struct cl_disk *_Nonnull out);

/// Device mapper, by ioctl on a descriptor of /dev/mapper/control: the distribution has no static
/// libdevmapper, and the product is one static binary. linux/dm-ioctl.h; the kernel's
/// Documentation/admin-guide/device-mapper.
/// `name`: 127 bytes at most; `uuid`: 128.
int cl_dm_create(int control, const char *_Nonnull name, const char *_Nonnull uuid, uint32_t *_Nonnull minor);
/// What there is of that name, with a table or without one: only with one is it in /sys/block (5.15).
struct cl_dm {
  uint32_t minor;
  char uuid[129];
};
/// -ENXIO: there is none.
int cl_dm_status(int control, const char *_Nonnull name, struct cl_dm *_Nonnull out);
/// Loads a table of one target of `sectors` (of 512 bytes) beside the one in use, which it replaces at the
/// resume.
int cl_dm_load(int control, const char *_Nonnull name, uint64_t sectors, const char *_Nonnull target,
               const char *_Nonnull parameters);
/// Makes the loaded table the one in use. That waits for the requests under way and holds back new ones
/// meanwhile; the file system above is not frozen for it, which would write back all that is dirty.
int cl_dm_resume(int control, const char *_Nonnull name);
int cl_dm_remove(int control, const char *_Nonnull name);

/// Signal dispositions and descriptors that carry them: signalfd is not in the module map.
/// Blocks SIGINT, SIGTERM and SIGHUP in the calling thread (and threads made later) and returns a descriptor.
int cl_signal_descriptor(void);

/// The symbolic name of an errno (strerrorname_np is a GNU extension), and errno itself, which Swift reads
/// too late once a thrown error's strings have been built.
const char *_Nullable cl_errno_name(int error);
int cl_errno(void);

/// CLOCK_BOOTTIME in nanoseconds: one clock for samples, trace and workers.
uint64_t cl_boottime(void);

/// Nanoseconds of a timer tick: 1/HZ s is what clock_getres(2) says of the coarse clocks (kernel/time/posix-timers.c,
/// KTIME_LOW_RES).
uint64_t cl_tick(void);

/// Sleeps until CLOCK_BOOTTIME reaches `deadline` ns; EINTR is retried.
void cl_sleep_until(uint64_t deadline);

/// Atomics on shared memory: Swift's Atomic cannot be placed in memory that another process maps.
static inline uint64_t cl_load(const uint64_t *_Nonnull at) { return __atomic_load_n(at, __ATOMIC_ACQUIRE); }
static inline void cl_store(uint64_t *_Nonnull at, uint64_t value) {
  __atomic_store_n(at, value, __ATOMIC_RELEASE);
}
/// Loads and stores before it are seen before those behind it.
static inline void cl_fence(void) { __atomic_thread_fence(__ATOMIC_ACQ_REL); }

#endif
