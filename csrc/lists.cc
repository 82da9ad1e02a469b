#include "lists.h"

#include <cstring>

#include "entry.h"
#include "kernels/kernels.h"

namespace headrace {
namespace {

constexpr uint8_t kStringTag = 0x0a, kFloatTag = 0x0d;
constexpr size_t kFloatField = 1 + sizeof(float);

}  // namespace

bool append_strings(const uint8_t* p, size_t n, std::vector<ByteView>& strings) {
  const uint8_t* const end = p + n;
  while (p < end) {
    size_t size;
    if (*p != kStringTag || (p = read_length(p + 1, end, size)) == nullptr) return false;
    strings.push_back({p, size});
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
