#include "landing.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace headrace {
namespace {

#ifdef MFD_CLOEXEC
constexpr size_t kAtATime = 64;  // pieces: they fit in a core's cache, which is told to get them
constexpr size_t kPrefetched = size_t{16} << 10;  // bytes of one
constexpr size_t kLine = 64;
constexpr size_t kStep = size_t{64} << 10;

// A file that outgrows this limit costs a process its life.
bool allowed(size_t size) {
  struct rlimit limit;
  return getrlimit(RLIMIT_FSIZE, &limit) == 0 &&
         (limit.rlim_cur == RLIM_INFINITY || size <= limit.rlim_cur);
}
#endif

}  // namespace

Landing::~Landing() { release(); }

void Landing::release() {
  if (data_ != nullptr) munmap(data_, capacity_);
  if (descriptor_ >= 0) close(descriptor_);
  descriptor_ = -1;
  data_ = nullptr;
  capacity_ = 0;
}

bool Landing::reserve(size_t n) {
  if (n <= capacity_) return true;
  release();
#ifdef MFD_CLOEXEC
  const size_t size = (n + n / 8 + kStep - 1) / kStep * kStep;
  if (!allowed(size)) return false;
  descriptor_ = memfd_create("headrace", MFD_CLOEXEC);
  if (descriptor_ < 0 || ftruncate(descriptor_, static_cast<off_t>(size)) != 0) return false;
  void* const data = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor_, 0);
  if (data == MAP_FAILED) return false;
  data_ = static_cast<uint8_t*>(data);
  capacity_ = size;
  return true;
#else
  return false;
#endif
}

bool Landing::gather(std::span<const ByteView> pieces, size_t begin) {
#ifdef MFD_CLOEXEC
  while (!pieces.empty()) {
    std::array<iovec, kAtATime> parts;
    const size_t n = std::min(pieces.size(), parts.size());
    size_t size = 0;
    for (size_t i = 0; i < n; ++i) {
      parts[i] = {const_cast<uint8_t*>(pieces[i].data), pieces[i].size};
      size += pieces[i].size;
      // Of addresses that mean nothing any more, this does nothing.
      for (size_t at = 0; at < pieces[i].size && at < kPrefetched; at += kLine) {
        __builtin_prefetch(pieces[i].data + at, 0, 2);
      }
    }
    const ssize_t got =
        pwritev(descriptor_, parts.data(), static_cast<int>(n), static_cast<off_t>(begin));
    if (got < 0 || static_cast<size_t>(got) != size) return false;
    begin += size;
    pieces = pieces.subspan(n);
  }
  return true;
#else
  static_cast<void>(begin);
  return pieces.empty();
#endif
}

}  // namespace headrace
