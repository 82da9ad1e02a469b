#include "file_view.h"

#include <sys/mman.h>
#include <sys/resource.h>

namespace headrace {

FileView FileView::of(int descriptor, uint64_t size) {
  FileView view;
  if (size == 0 || size > SIZE_MAX) return view;
  void* const begin =
      mmap(nullptr, static_cast<size_t>(size), PROT_READ, MAP_SHARED, descriptor, 0);
  if (begin == MAP_FAILED) return view;
  view.begin_ = static_cast<const uint8_t*>(begin);
  view.size_ = size;
  return view;
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
