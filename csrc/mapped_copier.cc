#include "mapped_copier.h"

#include "bus_guard.h"
#include "kernels/kernels.h"

namespace headrace {
namespace {

// What has been touched counts as memory of the process as long as it is shown.
constexpr size_t kMostShown = size_t{4} << 20;

}  // namespace

std::optional<uint32_t> MappedCopier::copy(const Source& source, uint64_t offset, size_t n,
                                           uint8_t* to, bool far, uint32_t crc) {
  // A file that is not in memory is read faster by who asks for much of it at once.
  if (source.cold() || kernels().copy_crc32c == nullptr || !shows(source, offset + n)) return {};
  copied_ += n;
  const uint8_t* const from = view_.begin() + offset;
  const BusGuard guard(from, n);
  crc = kernels().copy_crc32c(crc, to, from, n, far);
  if (far) kernels().end_far_copies();
  if (!guard.lost()) return crc;
  view_ = FileView();
  return {};
}

bool MappedCopier::shows(const Source& source, uint64_t end) {
  if (number_ != source.number() || copied_ >= kMostShown) {
    number_ = source.number();
    copied_ = 0;
    view_ = FileView();
    if (BusGuard::stands()) view_ = source.view();
  }
  return end <= view_.size();
}

}  // namespace headrace
