#include "mapped_copier.h"

#include <chrono>

#include "bus_guard.h"
#include "kernels/kernels.h"

namespace headrace {
namespace {

// What has been touched counts as memory of the process as long as it is shown.
constexpr size_t kMostShown = size_t{4} << 20;

// Time for a byte from which on it is asked what the time went to: this may have been a device.
using Clock = std::chrono::steady_clock;
constexpr std::chrono::nanoseconds kSlow{1};

}  // namespace

std::optional<uint32_t> copy_mapped(const uint8_t* from, size_t n, uint8_t* to, bool far,
                                    uint32_t crc, std::atomic<bool>& given_up) {
  if (given_up) return {};
  {
    const BusGuard guard(from, n, given_up);
    crc = kernels().copy_crc32c(crc, to, from, n, far);
  }
  if (far) kernels().end_far_copies();
  if (given_up) return {};
  return crc;
}

bool can_copy_mapped() { return kernels().copy_crc32c != nullptr && BusGuard::stands(); }

std::optional<uint32_t> MappedCopier::copy(const Source& source, uint64_t offset, size_t n,
                                           uint8_t* to, bool far, uint32_t crc) {
  // A file that is not in memory is read faster by who asks for much of it at once.
  if (source.cold() || !shows(source, offset + n) || given_up_) return {};
  copied_ += n;
  const auto begin = Clock::now();
  const auto copied = copy_mapped(view_.begin() + offset, n, to, far, crc, given_up_);
  if (Clock::now() - begin > n * kSlow && FileView::waits() != waits_) source.waited();
  return copied;
}

bool MappedCopier::shows(const Source& source, uint64_t end) {
  if (number_ != source.number() || copied_ >= kMostShown) {
    number_ = source.number();
    copied_ = 0;
    given_up_ = false;
    view_ = FileView();
    waits_ = FileView::waits();
    if (can_copy_mapped()) view_ = source.view();
  }
  return end <= view_.size();
}

}  // namespace headrace
