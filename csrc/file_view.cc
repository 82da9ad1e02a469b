#include "file_view.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdio>

namespace headrace {

namespace {

#ifdef __linux__
constexpr int kPopulateRead = 22;  // MADV_POPULATE_READ, of Linux 5.14; the headers may be older
#endif

uint64_t page_size() {
  static const auto size = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  return size;
}

#if defined(__linux__) && defined(MADV_HUGEPAGE)
// Since Linux 5.18; one before it would ask a device for 4 KiB at a time.
bool brings_large_pages() {
  static const bool brings = [] {
    struct utsname system;
    int major, minor;
    return uname(&system) == 0 && std::sscanf(system.release, "%d.%d", &major, &minor) == 2 &&
           (major > 5 || (major == 5 && minor >= 18));
  }();
  return brings;
}
#endif

}  // namespace

FileView FileView::of(int descriptor, uint64_t offset, uint64_t size) {
  FileView view;
  if (size == 0) return view;
  size += offset % page_size();
  offset -= offset % page_size();
  if (size > SIZE_MAX) return view;
  void* const begin = mmap(nullptr, static_cast<size_t>(size), PROT_READ, MAP_SHARED, descriptor,
                           static_cast<off_t>(offset));
  if (begin == MAP_FAILED) return view;
  view.begin_ = static_cast<const uint8_t*>(begin);
  view.size_ = size;
  return view;
}

// Both wishes together (do_sync_mmap_readahead() of mm/filemap.c): the second keeps Linux from
// reading on behind what is touched, which it would begin in small pages.
bool FileView::ask_for_large_pages() const {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  auto* const begin = const_cast<uint8_t*>(begin_);
  return brings_large_pages() && madvise(begin, size_, MADV_HUGEPAGE) == 0 &&
         madvise(begin, size_, MADV_RANDOM) == 0;
#else
  return false;
#endif
}

bool FileView::bring(uint64_t begin, uint64_t n) const {
#ifdef __linux__
  n += begin % page_size();
  begin -= begin % page_size();
  return madvise(const_cast<uint8_t*>(begin_) + begin, n, kPopulateRead) == 0;
#else
  static_cast<void>(begin), static_cast<void>(n);
  return false;
#endif
}

long FileView::waits() {
#ifdef RUSAGE_THREAD
  struct rusage usage;
  return getrusage(RUSAGE_THREAD, &usage) == 0 ? usage.ru_majflt : 0;
#else
  return 0;
#endif
}

FileView::~FileView() {
  if (begin_ != nullptr) munmap(const_cast<uint8_t*>(begin_), static_cast<size_t>(size_));
}

}  // namespace headrace
