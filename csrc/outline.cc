#include "outline.h"

#include <algorithm>

#include "kernels/kernels.h"
#include "record.h"

namespace headrace {
namespace {

constexpr size_t kStep = size_t{256} << 10;  // read and checked: it stays in a core's cache

}  // namespace

void Outline::open(const Source& source, const Piece& piece, std::span<const ByteView> records,
                   bool verify) {
  source_ = &source;
  piece_ = &piece;
  records_ = records;
  verify_ = verify;
  unsound_ = kNone;
  trouble_.reset();
  bytes_read_ = 0;
  for (const ByteView& record : records) {
    bytes_read_ += kHeaderSize + std::min<uint64_t>(record.size, 2 * kEndSize) + kFooterSize;
  }
}

void Outline::bring(size_t record, const uint8_t* value, size_t n, uint8_t* to) {
  if (unsound_ != kNone) return;
  const ByteView& data = records_[record];
  const uint64_t offset = piece_->offset + static_cast<uint64_t>(value - piece_->bytes.data);
  const auto check = [&](uint32_t crc, const uint8_t* p, size_t size) {
    return verify_ ? kernels().crc32c(crc, p, size) : 0;
  };
  uint32_t crc = check(0, data.data, static_cast<size_t>(value - data.data));
  for (size_t done = 0; done < n;) {
    const size_t some = std::min(n - done, kStep);
    lap_.end(Stage::kAssemble);
    const size_t got = source_->read(offset + done, to + done, some);
    bytes_read_ += got;
    lap_.end(Stage::kRead);
    if (got < some) {
      unsound_ = record;
      trouble_ = source_->trouble_at(offset + done + got);
      return;
    }
    crc = check(crc, to + done, some);
    lap_.end(Stage::kChecksum);
    done += some;
  }
  const uint8_t* const behind = value + n;
  crc = check(crc, behind, data.size - static_cast<size_t>(behind - data.data));
  if (verify_ && mask_crc(crc) != load32(data.data + data.size)) unsound_ = record;
}

}  // namespace headrace
