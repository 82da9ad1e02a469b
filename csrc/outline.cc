#include "outline.h"

#include <algorithm>

#include "kernels/kernels.h"
#include "record.h"

namespace headrace {
namespace {

constexpr size_t kStep = size_t{256} << 10;  // read and checked: it stays in a core's cache

}  // namespace

void Outline::open(std::span<const Origin> origins, std::span<const ByteView> records, Lap& lap) {
  origins_ = origins;
  records_ = records;
  lap_ = &lap;
  unsound_ = kNone;
  trouble_.reset();
  bytes_read_ = 0;
  for (const ByteView& record : records) {
    bytes_read_ += kHeaderSize + std::min<uint64_t>(record.size, 2 * kEndSize) + kFooterSize;
  }
}

void Outline::bring(size_t record, const uint8_t* value, size_t n, uint8_t* to, bool far) {
  if (unsound_ != kNone) return;
  const ByteView& data = records_[record];
  const Origin& origin = origins_[record];
  const uint64_t offset = origin.offset + static_cast<uint64_t>(value - data.data);
  const auto check = [&](uint32_t crc, const uint8_t* p, size_t size) {
    return verify_ ? kernels().crc32c(crc, p, size) : 0;
  };
  uint32_t crc = check(0, data.data, static_cast<size_t>(value - data.data));
  lap_->end(Stage::kAssemble);
  if (const auto copied = copy(origin, offset, n, to, far, crc)) {
    crc = *copied;
  } else if (const size_t got = read(*origin.source, offset, n, to, crc); got < n) {
    unsound_ = record;
    trouble_ = origin.source->trouble_at(offset + got);
    return;
  }
  const uint8_t* const behind = value + n;
  crc = check(crc, behind, data.size - static_cast<size_t>(behind - data.data));
  if (verify_ && mask_crc(crc) != load32(data.data + data.size)) unsound_ = record;
}

std::optional<uint32_t> Outline::copy(const Origin& origin, uint64_t offset, size_t n, uint8_t* to,
                                      bool far, uint32_t crc) {
  if (!may_map_) return {};
  const Mapping* const mapping = origin.mapping;
  auto copied = mapping == nullptr
                    ? copier_.copy(*origin.source, offset, n, to, far, crc)
                    : copy_mapped(mapping->at(offset), n, to, far, crc, mapping->given_up());
  if (!verify_ && !origin.source->reaches(offset + n)) copied.reset();
  if (copied) bytes_read_ += n;
  lap_->end(Stage::kRead);
  return copied;
}

// Returns how many bytes there were. `crc` goes on over them.
size_t Outline::read(const Source& source, uint64_t offset, size_t n, uint8_t* to, uint32_t& crc) {
  size_t done = 0;
  while (done < n) {
    const size_t some = std::min(n - done, kStep);
    const size_t got = source.read(offset + done, to + done, some);
    bytes_read_ += got;
    done += got;
    lap_->end(Stage::kRead);
    if (got < some) break;
    if (verify_) crc = kernels().crc32c(crc, to + done - some, some);
    lap_->end(Stage::kChecksum);
  }
  return done;
}

}  // namespace headrace
