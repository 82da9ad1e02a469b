// A disk with faults, for LD_PRELOAD: reads that are cut short and interrupted, pages that cannot be
// read, bytes that are wrong. No faults until they are asked for.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static char bad_path[PATH_MAX];
static _Atomic long bad_offset = -1;
static _Atomic long bad_size, bad_times;
static _Atomic int only_spoils;
static _Atomic int cuts_short;
static _Atomic unsigned long reads;
static _Atomic long faults;

void faulty_mend(void) { bad_offset = -1; }

// From now on the file's bytes [offset, offset + size) cannot be read, `times` times or, if that is
// negative, for ever.
void faulty_break(const char* path, long offset, long size, long times) {
  faulty_mend();
  only_spoils = 0;
  strncpy(bad_path, path, sizeof bad_path - 1);
  bad_size = size;
  bad_times = times;
  bad_offset = offset;
}

// From now on a bit of the file's byte at this offset is wrong, `times` times.
void faulty_spoil(const char* path, long offset, long times) {
  faulty_break(path, offset, 1, times);
  only_spoils = 1;
}

static char cut_path[PATH_MAX];
static _Atomic long cut_reads = -1, cut_size;

// When so many reads of the file have been served, it is cut to this size.
void faulty_cut(const char* path, long reads, long size) {
  strncpy(cut_path, path, sizeof cut_path - 1);
  cut_size = size;
  cut_reads = reads;
}

// Whether reads return less than was asked for, are interrupted, and find nothing in memory.
void faulty_cut_short(int on) { cuts_short = on; }

// How many faults there were.
long faulty_count(void) { return faults; }

static int is_of(int fd, const char* wanted) {
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return strcmp(path, wanted) == 0;
}

static int touches_bad(int fd, size_t n, off_t offset) {
  const long bad = bad_offset;
  if (bad < 0 || offset >= bad + bad_size || offset + (off_t)n <= bad) return 0;
  return is_of(fd, bad_path);
}

static void served(int fd) {
  if (cut_reads <= 0 || !is_of(fd, cut_path) || --cut_reads != 0) return;
  if (truncate(cut_path, cut_size) == 0) ++faults;
}

// How much of a read may succeed: 0 if it begins in what cannot be read.
static size_t good_part(int fd, size_t n, off_t offset) {
  const long bad = bad_offset;
  if (only_spoils || !touches_bad(fd, n, offset)) return n;
  ++faults;
  if (offset < bad) return (size_t)(bad - offset);
  if (bad_times >= 0 && --bad_times < 0) {
    faulty_mend();
    return n;
  }
  return 0;
}

static unsigned long next_random(void) {
  unsigned long x = ++reads * 0x9E3779B97F4A7C15ul;
  x ^= x >> 31;
  x *= 0xBF58476D1CE4E5B9ul;
  return x ^ x >> 27;
}

ssize_t pread(int fd, void* out, size_t n, off_t offset) {
  static ssize_t (*real)(int, void*, size_t, off_t);
  if (!real) *(void**)&real = dlsym(RTLD_NEXT, "pread");
  const size_t good = good_part(fd, n, offset);
  if (good == 0 && n != 0) {
    errno = EIO;
    return -1;
  }
  n = good;
  if (cuts_short && n > 1) {
    const unsigned long r = next_random();
    ++faults;
    if (r % 3 == 0) {
      errno = EINTR;
      return -1;
    }
    n = 1 + (r >> 8) % n;
  }
  const ssize_t got = real(fd, out, n, offset);
  served(fd);
  const long bad = bad_offset;
  if (only_spoils && got > 0 && touches_bad(fd, (size_t)got, offset) && --bad_times >= 0) {
    ++faults;
    ((unsigned char*)out)[bad - offset] ^= 1;
  }
  return got;
}
ssize_t pread64(int fd, void* out, size_t n, off_t offset) { return pread(fd, out, n, offset); }

ssize_t preadv2(int fd, const struct iovec* parts, int count, off_t offset, int flags) {
  static ssize_t (*real)(int, const struct iovec*, int, off_t, int);
  if (!real) *(void**)&real = dlsym(RTLD_NEXT, "preadv2");
  size_t n = 0;
  for (int i = 0; i < count; ++i) n += parts[i].iov_len;
  if (!cuts_short && !touches_bad(fd, n, offset)) {
    const ssize_t got = real(fd, parts, count, offset, flags);
    served(fd);
    return got;
  }
  errno = EAGAIN;  // not in memory
  return -1;
}
ssize_t preadv64v2(int fd, const struct iovec* parts, int count, off_t offset, int flags) {
  return preadv2(fd, parts, count, offset, flags);
}

// A file of such a disk cannot be mapped.
void* mmap(void* at, size_t size, int protection, int flags, int fd, off_t offset) {
  static void* (*real)(void*, size_t, int, int, int, off_t);
  if (!real) *(void**)&real = dlsym(RTLD_NEXT, "mmap");
  if (fd >= 0 && (cuts_short || touches_bad(fd, LONG_MAX, 0))) {
    errno = ENODEV;
    return MAP_FAILED;
  }
  return real(at, size, protection, flags, fd, offset);
}
