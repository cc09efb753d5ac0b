// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

_Static_assert(sizeof(struct clone_args) >= 88, "clone_args with a cgroup member (5.7)");

static int negated(long rc) { return rc < 0 ? -errno : (int)rc; }

// Runs in the child, between clone3 and execve: system calls only.
static void become(const struct cl_spawn *what, pid_t parent, int report) {
  sigset_t none;
  sigemptyset(&none);
  signal(SIGPIPE, SIG_DFL);
  if (what->new_session) {
    setsid();
    // A ^C from before that is pending: to ignore a signal discards it (POSIX, sigaction).
    static const int of_terminal[] = {SIGINT, SIGQUIT, SIGHUP, SIGTSTP};
    for (int i = 0; i < 4; i++) signal(of_terminal[i], SIG_IGN);
  }
  for (int s = 1; s < NSIG; s++) signal(s, SIG_DFL);
  if (what->death_signal) {
    prctl(PR_SET_PDEATHSIG, what->death_signal);
    if (getppid() != parent) _exit(127);
  }
  // First lift every source above the targets, so that no dup2 overwrites one that is still needed.
  int lifted[CL_SPAWN_MOST];
  for (int i = 0; i < what->fd_count; i++) {
    int from = what->fds[i] >= 0 ? what->fds[i] : open("/dev/null", O_RDWR | O_CLOEXEC);
    if (from < 0) goto failed;
    lifted[i] = fcntl(from, F_DUPFD_CLOEXEC, 64);
    if (lifted[i] < 0) goto failed;
  }
  for (int i = 0; i < what->fd_count; i++)
    if (dup2(lifted[i], i) < 0) goto failed;
  if (what->oom_score_adj) {
    int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (file < 0 || write(file, what->oom_score_adj, strlen(what->oom_score_adj)) < 0) goto failed;
  }
  if (what->root && (chroot(what->root) < 0 || chdir("/") < 0)) goto failed;
  sigprocmask(SIG_SETMASK, &none, NULL);
  // As execvp(3): a file that may not be executed is told of where none is found that may.
  int refused = 0;
  for (const char *const *path = what->paths; *path; path++) {
    execve(*path, what->argv, what->envp);
    if (errno == EACCES) refused = EACCES;
    else if (errno != ENOENT && errno != ENOTDIR) goto failed;
  }
  if (refused) errno = refused;
failed:;
  int error = errno;
  if (write(report, &error, sizeof error) < 0) _exit(126);
  _exit(127);
}

int cl_spawn(const struct cl_spawn *what, int *pidfd) {
  if (what->fd_count > CL_SPAWN_MOST) return -EINVAL;
  int pipe_fds[2];
  if (pipe2(pipe_fds, O_CLOEXEC) < 0) return -errno;
  // Lifted out of the range that the child's own descriptors take.
  int report = fcntl(pipe_fds[1], F_DUPFD_CLOEXEC, 96);
  close(pipe_fds[1]);
  if (report < 0) {
    int error = errno;
    close(pipe_fds[0]);
    return -error;
  }
  int fd = -1;
  struct clone_args args = {
      .flags = CLONE_PIDFD | (what->cgroup_fd >= 0 ? CLONE_INTO_CGROUP : 0),
      .pidfd = (uint64_t)(uintptr_t)&fd,
      .exit_signal = SIGCHLD,
      .cgroup = what->cgroup_fd >= 0 ? (uint64_t)what->cgroup_fd : 0,
  };
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  pid_t parent = getpid();
  long pid = syscall(SYS_clone3, &args, sizeof args);
  if (pid == 0) become(what, parent, report);
  int error = errno;
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  close(report);
  if (pid < 0) {
    close(pipe_fds[0]);
    return -error;
  }
  int child_error = 0;
  ssize_t got;
  do got = read(pipe_fds[0], &child_error, sizeof child_error);
  while (got < 0 && errno == EINTR);
  close(pipe_fds[0]);
  if (got == sizeof child_error) {
    struct cl_exit ignored;
    cl_wait(fd, 0, &ignored);
    close(fd);
    return -child_error;
  }
  *pidfd = fd;
  return (int)pid;
}

int cl_open_directory(int parent, const char *name) {
  struct open_how how = {
      .flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
      .resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH,
  };
  return negated(syscall(SYS_openat2, parent, name, &how, sizeof how));
}

int cl_wait(int pidfd, int no_hang, struct cl_exit *out) {
  siginfo_t info = {0};
  int rc;
  do rc = waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | (no_hang ? WNOHANG : 0));
  while (rc < 0 && errno == EINTR);
  if (rc < 0) return -errno;
  if (info.si_pid == 0) return 0;
  out->exited = info.si_code == CLD_EXITED;
  out->code = info.si_status;
  return 1;
}

int cl_signal(int pidfd, int signal) {
  return negated(syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0));
}

int cl_load_module(int fd, const char *parameters) {
  return negated(syscall(SYS_finit_module, fd, parameters, 0));
}

int cl_power_off(void) {
  sync();
  return negated(reboot(RB_POWER_OFF));
}

int cl_memfd(const char *name, uint64_t size) {
  int fd = memfd_create(name, MFD_CLOEXEC);
  if (fd < 0) return -errno;
  if (ftruncate(fd, (off_t)size) < 0) {
    int error = errno;
    close(fd);
    return -error;
  }
  return fd;
}

int cl_lock_all(void) { return negated(mlockall(MCL_CURRENT | MCL_FUTURE)); }

int cl_fallocate(int fd, int64_t offset, int64_t length) {
  return negated(fallocate(fd, 0, offset, length));
}

int cl_reserve(int fd, int64_t offset, int64_t length) {
  return negated(fallocate(fd, FALLOC_FL_KEEP_SIZE, offset, length));
}

int cl_start_writeback(int fd) { return negated(sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE)); }

int cl_fiemap(int fd, struct cl_extents *out) {
  enum { room = 32 };
  union {
    struct fiemap map;
    char space[sizeof(struct fiemap) + room * sizeof(struct fiemap_extent)];
  } asked;
  struct stat file;
  if (fstat(fd, &file) < 0) return -errno;
  uint64_t start = 0, size = (uint64_t)file.st_size;
  memset(out, 0, sizeof *out);
  while (start < size) {
    memset(&asked.map, 0, sizeof asked.map);
    asked.map.fm_start = start;
    asked.map.fm_length = size - start;
    asked.map.fm_extent_count = room;
    if (ioctl(fd, FS_IOC_FIEMAP, &asked.map) < 0) return -errno;
    for (uint32_t i = 0; i < asked.map.fm_mapped_extents; i++) {
      const struct fiemap_extent *extent = &asked.map.fm_extents[i];
      start = extent->fe_logical + extent->fe_length;
      uint64_t length = (start < size ? start : size) - extent->fe_logical;
      out->count++;
      if (extent->fe_flags & FIEMAP_EXTENT_DELALLOC) out->delayed += length;
      if (extent->fe_flags & FIEMAP_EXTENT_UNWRITTEN) out->unwritten += length;
      if (extent->fe_flags & FIEMAP_EXTENT_LAST) return 0;
    }
    if (asked.map.fm_mapped_extents == 0) return 0;
  }
  return 0;
}

int cl_cachestat(int fd, struct cl_pages *out) {
  // struct cachestat_range and struct cachestat of linux/mman.h; length 0: to the end.
  struct {
    uint64_t offset, length;
  } range = {0};
  struct {
    uint64_t cached, dirty, writeback, evicted, recently_evicted;
  } told;
  if (syscall(451, fd, &range, &told, 0) < 0) return -errno;
  *out = (struct cl_pages){.cached = told.cached, .dirty = told.dirty, .writeback = told.writeback};
  return 0;
}

int cl_syncfs(int fd) { return negated(syncfs(fd)); }

int cl_sync_file_range(int fd, int64_t offset, int64_t length) {
  return negated(sync_file_range(
      fd, offset, length, SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER));
}

int cl_set_attribute(const char *path, const char *name, const char *value) {
  return setxattr(path, name, value, strlen(value), 0) < 0 ? -errno : 0;
}

int cl_statfs_magic(const char *path, uint64_t *magic) {
  struct statfs fs;
  if (statfs(path, &fs) < 0) return -errno;
  *magic = (uint64_t)fs.f_type;
  return 0;
}

void cl_set_thread_name(const char *name) { pthread_setname_np(pthread_self(), name); }

int cl_set_fifo(int priority) {
  struct sched_param param = {.sched_priority = priority};
  return negated(sched_setscheduler(0, SCHED_FIFO, &param));
}

int cl_o_direct(void) { return O_DIRECT; }

int cl_write_at(int fd, const void *buffer, size_t length, int64_t offset, int flags) {
  struct iovec part = {.iov_base = (void *)buffer, .iov_len = length};
  return negated(pwritev2(fd, &part, 1, offset, flags));
}

int cl_read_at(int fd, void *buffer, size_t length, int64_t offset, int flags) {
  struct iovec part = {.iov_base = buffer, .iov_len = length};
  return negated(preadv2(fd, &part, 1, offset, flags));
}

int cl_copy_range(int from, int to, int64_t offset, size_t length) {
  off64_t in = offset, out = offset;
  return negated(copy_file_range(from, &in, to, &out, length, 0));
}

int cl_splice_range(int from, int to, int64_t offset, size_t length, int out, int in) {
  off64_t source = offset, target = offset;
  ssize_t taken = splice(from, &source, in, NULL, length, 0);
  for (ssize_t rest = taken; rest > 0;) {
    ssize_t given = splice(out, NULL, to, &target, (size_t)rest, 0);
    if (given < 0 && errno == EINTR) continue;
    if (given < 0) return -errno;
    rest -= given;
  }
  return negated(taken);
}

int cl_dont_need(int fd, int64_t offset, int64_t length) {
  return -posix_fadvise(fd, offset, length, POSIX_FADV_DONTNEED);
}

int cl_open_direct(const char *path) { return negated(open(path, O_RDWR | O_DIRECT | O_CLOEXEC)); }

int cl_identify(const char *path, struct cl_file *out) {
  struct statx file;
  if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_INO | STATX_BTIME, &file) < 0) return -errno;
  *out = (struct cl_file){.dev = makedev(file.stx_dev_major, file.stx_dev_minor), .inode = file.stx_ino};
  if (file.stx_mask & STATX_BTIME)
    out->birth = (uint64_t)file.stx_btime.tv_sec * 1000000000u + file.stx_btime.tv_nsec;
  return 0;
}

int cl_swapon(const char *path) { return negated(swapon(path, 0)); }

int cl_swapoff(const char *path) { return negated(swapoff(path)); }

int cl_loop_attach(int file, int direct, int *number) {
  int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
  if (control < 0) return -errno;
  int device = -EBUSY;
  // Another process may take the one that is free between the two calls.
  for (int tries = 0; device == -EBUSY && tries < 64; tries++) {
    *number = ioctl(control, LOOP_CTL_GET_FREE);
    if (*number < 0) {
      device = -errno;
      break;
    }
    char path[32];
    snprintf(path, sizeof path, "/dev/loop%d", *number);
    device = negated(open(path, O_RDWR | O_CLOEXEC));
    if (device < 0) break;
    struct loop_config config = {
        .fd = (uint32_t)file,
        .info.lo_flags = LO_FLAGS_AUTOCLEAR | (direct ? LO_FLAGS_DIRECT_IO : 0),
    };
    if (ioctl(device, LOOP_CONFIGURE, &config) < 0) {
      int error = -errno;
      close(device);
      device = error;
    }
  }
  close(control);
  return device;
}

int cl_loop_backing(int device, uint64_t *dev, uint64_t *inode) {
  struct loop_info64 info;
  if (ioctl(device, LOOP_GET_STATUS64, &info) < 0) return -errno;
  *dev = info.lo_device;
  *inode = info.lo_inode;
  return 0;
}

int cl_loop_detach(int device) { return negated(ioctl(device, LOOP_CLR_FD)); }

int cl_disk_identity(int fd, struct cl_disk *out) {
  struct stat node;
  if (fstat(fd, &node) < 0) return -errno;
  if (!S_ISBLK(node.st_mode)) return -ENOTBLK;
  *out = (struct cl_disk){.number = node.st_rdev};
  if (ioctl(fd, BLKGETSIZE64, &out->size) < 0) return -errno;
  // A driver of an older kernel answers as it likes.
  if (ioctl(fd, BLKGETDISKSEQ, &out->sequence) < 0) out->sequence = 0;
  return 0;
}

// What every command passes; a table follows it.
struct dm_message {
  struct dm_ioctl head;
  struct dm_target_spec spec;
  char parameters[256];
};

static int dm(int control, unsigned long command, const char *name, uint32_t flags, struct dm_message *m) {
  struct dm_ioctl *head = &m->head;
  if (strlen(name) >= sizeof head->name) return -ENAMETOOLONG;
  // 4.0 is what every kernel takes: a minor version above its own it refuses.
  head->version[0] = DM_VERSION_MAJOR;
  head->data_size = sizeof *m;
  head->data_start = sizeof *head;
  head->flags = flags;
  strcpy(head->name, name);
  return negated(ioctl(control, command, m));
}

int cl_dm_create(int control, const char *name, const char *uuid, uint32_t *minor_number) {
  struct dm_message m = {0};
  if (strlen(uuid) >= sizeof m.head.uuid) return -ENAMETOOLONG;
  strcpy(m.head.uuid, uuid);
  int rc = dm(control, DM_DEV_CREATE, name, 0, &m);
  if (rc >= 0) *minor_number = minor(m.head.dev);
  return rc;
}

int cl_dm_status(int control, const char *name, struct cl_dm *out) {
  struct dm_message m = {0};
  int rc = dm(control, DM_DEV_STATUS, name, 0, &m);
  if (rc < 0) return rc;
  *out = (struct cl_dm){.minor = minor(m.head.dev)};
  memcpy(out->uuid, m.head.uuid, sizeof out->uuid - 1);
  return 0;
}

int cl_dm_load(int control, const char *name, uint64_t sectors, const char *target, const char *parameters) {
  struct dm_message m = {.head.target_count = 1, .spec.length = sectors};
  if (strlen(target) >= sizeof m.spec.target_type || strlen(parameters) >= sizeof m.parameters)
    return -ENAMETOOLONG;
  strcpy(m.spec.target_type, target);
  strcpy(m.parameters, parameters);
  return dm(control, DM_TABLE_LOAD, name, 0, &m);
}

int cl_dm_resume(int control, const char *name) {
  struct dm_message m = {0};
  // Without DM_SUSPEND_FLAG it is the resume, which suspends by itself where there is a table in use.
  return dm(control, DM_DEV_SUSPEND, name, DM_SKIP_LOCKFS_FLAG, &m);
}

int cl_dm_remove(int control, const char *name) {
  struct dm_message m = {0};
  return dm(control, DM_DEV_REMOVE, name, 0, &m);
}

int cl_signal_descriptor(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGHUP);
  int rc = pthread_sigmask(SIG_BLOCK, &set, NULL);
  if (rc != 0) return -rc;
  return negated(signalfd(-1, &set, SFD_CLOEXEC));
}

const char *cl_errno_name(int error) { return strerrorname_np(error); }

int cl_errno(void) { return errno; }

int cl_pipe(int *ends) { return negated(pipe2(ends, O_CLOEXEC)); }

int cl_socket_pair(int *ends) { return negated(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)); }

uint64_t cl_monotonic(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t cl_boottime(void) {
  struct timespec now;
  clock_gettime(CLOCK_BOOTTIME, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t cl_tick(void) {
  struct timespec tick = {0};
  clock_getres(CLOCK_MONOTONIC_COARSE, &tick);
  return (uint64_t)tick.tv_sec * 1000000000u + (uint64_t)tick.tv_nsec;
}

void cl_sleep_until(uint64_t deadline) {
  struct timespec at = {.tv_sec = (time_t)(deadline / 1000000000u), .tv_nsec = (long)(deadline % 1000000000u)};
  while (clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &at, NULL) == EINTR) {
  }
}
