#include "lists.h"

#include <bit>
#include <cstring>

#include "kernels/kernels.h"

namespace headrace {
namespace {

constexpr uint8_t kStringTag = 0x0a, kFloatTag = 0x0d;
constexpr size_t kFloatField = 1 + sizeof(float);

// Reads a varint of at most ten bytes. Null if there is none before `end`; kSlop bytes
// behind it are readable.
const uint8_t* read_varint(const uint8_t* p, const uint8_t* end, uint64_t& value) {
  const uint64_t word = load64(p), ends = ~word & 0x8080808080808080;
  const size_t size = static_cast<size_t>(std::countr_zero(ends)) / 8 + 1;
  if (size > 8) {
    value = 0;
    for (int shift = 0; shift < 70 && p < end; shift += 7) {
      const uint64_t byte = *p++;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return p;
    }
    return nullptr;
  }
  // Packs 7 bits of each byte before the first that ends it: pairs, fours, all.
  uint64_t bits = word & (ends ^ (ends - 1)) & 0x7f7f7f7f7f7f7f7f;
  bits = (bits & 0x007f007f007f007f) | (bits & 0x7f007f007f007f00) >> 1;
  bits = (bits & 0x00003fff00003fff) | (bits & 0x3fff00003fff0000) >> 2;
  value = (bits & 0x000000000fffffff) | (bits & 0x0fffffff00000000) >> 4;
  return size <= static_cast<size_t>(end - p) ? p + size : nullptr;
}

}  // namespace

bool append_strings(const uint8_t* p, size_t n, std::vector<ByteView>& strings) {
  const uint8_t* const end = p + n;
  while (p < end) {
    if (*p++ != kStringTag) return false;
    uint64_t size = *p++;
    if (size >= 0x80 && (p = read_varint(p - 1, end, size)) == nullptr) return false;
    if (p > end || size > static_cast<uint64_t>(end - p)) return false;
    strings.push_back({p, static_cast<size_t>(size)});
    p += size;
  }
  return true;
}

bool append_unpacked(const uint8_t* p, size_t n, std::vector<float>& values) {
  const size_t begin = values.size(), count = n / kFloatField;
  values.resize(begin + count);
  uint32_t wrong = n % kFloatField;
  for (size_t i = 0; i < count; ++i, p += kFloatField) {
    wrong |= *p ^ kFloatTag;
    std::memcpy(&values[begin + i], p + 1, sizeof(float));
  }
  return wrong == 0;
}

bool append_unpacked(const uint8_t* p, size_t n, std::vector<int64_t>& values) {
  const size_t begin = values.size();
  values.resize(begin + kernels().count_varints(p, n) / 2);
  return kernels().decode_unpacked(p, n, values.data() + begin);
}

}  // namespace headrace
