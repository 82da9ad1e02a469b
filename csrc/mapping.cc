#include "mapping.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

namespace headrace {

std::unique_ptr<const Mapping> Mapping::of(const std::string& path) {
#ifdef __linux__
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return nullptr;
  struct stat status;
  FileView view;
  if (fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode)) {
    view = FileView::of(descriptor, static_cast<uint64_t>(status.st_size));
  }
  close(descriptor);
  if (!view) return nullptr;
  // What is not there any more is read without its neighbours.
  madvise(const_cast<uint8_t*>(view.begin()), view.size(), MADV_RANDOM);
  return std::unique_ptr<const Mapping>(new Mapping(std::move(view)));
#else
  static_cast<void>(path);
  return nullptr;
#endif
}

Mapping::Mapping(FileView view)
    : view_(std::move(view)),
      inset_(reinterpret_cast<uintptr_t>(view_.begin()) & ((uintptr_t{1} << kWindowBits) - 1)),
      known_(std::make_unique<std::atomic<bool>[]>(window(size() - 1) + 1)) {}

bool Mapping::learn(uint64_t offset, uint64_t n) const {
  if (!view_.bring(offset, n)) return false;
  for (uint64_t w = window(offset); w <= window(offset + n - 1); ++w) {
    known_[w].store(true, std::memory_order_relaxed);
  }
  return true;
}

}  // namespace headrace
