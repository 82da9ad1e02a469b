// One suite over every body that this CPU can run, against oracles that work bit by bit.
#include "kernels/kernels.h"

#include <doctest/doctest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/bodies.h"
#include "kernels/copier.h"

using headrace::ByteView;
using headrace::EntryForm;
using headrace::Kernels;
using headrace::kNoList;
using headrace::kSlop;

namespace {

using Bytes = std::vector<uint8_t>;

// Memory between two pages that fault: what a kernel touches outside ends the test.
class Fenced {
 public:
  explicit Fenced(size_t size)
      : page_(static_cast<size_t>(sysconf(_SC_PAGESIZE))),
        size_((size / page_ + 1) * page_),
        map_(static_cast<uint8_t*>(mmap(nullptr, size_ + 2 * page_, PROT_READ | PROT_WRITE,
                                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))) {
    REQUIRE(map_ != MAP_FAILED);
    REQUIRE(mprotect(map_, page_, PROT_NONE) == 0);
    REQUIRE(mprotect(map_ + page_ + size_, page_, PROT_NONE) == 0);
  }
  Fenced(const Fenced&) = delete;
  ~Fenced() { munmap(map_, size_ + 2 * page_); }

  uint8_t* begin() { return map_ + page_; }
  uint8_t* end() { return begin() + size_; }

  // A copy whose last byte stands before the fence.
  uint8_t* at_end(const Bytes& bytes) {
    return std::copy(bytes.begin(), bytes.end(), end() - bytes.size()) - bytes.size();
  }
  // A copy whose first byte stands behind the fence.
  uint8_t* at_begin(const Bytes& bytes) {
    std::copy(bytes.begin(), bytes.end(), begin());
    return begin();
  }

 private:
  size_t page_, size_;
  uint8_t* map_;
};

std::mt19937_64& random_bits() {
  static std::mt19937_64 engine(20240229);
  return engine;
}

size_t random_below(size_t n) { return random_bits()() % n; }

Bytes random_bytes(size_t n) {
  Bytes bytes(n);
  for (uint8_t& b : bytes) b = static_cast<uint8_t>(random_bits()());
  return bytes;
}

template <class Test>
void for_each_body(Test test) {
  for (const Kernels* body : headrace::runnable_kernels()) {
    CAPTURE(std::string(body->name));
    test(*body);
  }
}

// --- CRC-32C ---

uint32_t slow_crc(uint32_t crc, const uint8_t* p, size_t n) {
  crc = ~crc;
  for (size_t i = 0; i < n; ++i) {
    crc ^= p[i];
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) ? 0x82f63b78u : 0);
  }
  return ~crc;
}

Bytes ramp(int first, int step) {
  Bytes bytes;
  for (int i = 0; i < 32; ++i) bytes.push_back(static_cast<uint8_t>(first + i * step));
  return bytes;
}

Bytes text(const char* s) { return Bytes(s, s + std::char_traits<char>::length(s)); }

TEST_CASE("crc32c gives the known values") {
  struct Vector {
    Bytes data;
    uint32_t crc, masked;
  };
  const Vector vectors[] = {
      {text(""), 0x00000000, 0xa282ead8},          {text("a"), 0xc1d04330, 0x28e46e78},
      {text("123456789"), 0xe3069283, 0xc78ab0e5}, {text("hello"), 0x9a71bb4c, 0x191c1fbb},
      {ramp(0, 0), 0x8a9136aa, 0x0fd7fffa},        {ramp(0xff, 0), 0x62a8ab43, 0xf909b029},
      {ramp(0, 1), 0x46dd794e, 0x951f7892},        {ramp(31, -1), 0x113fdb5c, 0x593b0d57},
  };
  for_each_body([&](const Kernels& body) {
    for (const Vector& v : vectors) {
      CHECK(body.crc32c(0, v.data.data(), v.data.size()) == v.crc);
      CHECK(headrace::mask_crc(v.crc) == v.masked);
    }
    for (uint64_t length : {0, 5}) {
      uint32_t crc = body.crc32c(0, reinterpret_cast<const uint8_t*>(&length), sizeof length);
      CHECK(headrace::mask_crc(crc) == (length == 0 ? 0x07980329 : 0x3e04b2ea));
    }
  });
}

TEST_CASE("crc32c agrees with the oracle at every offset and length, touching nothing else") {
  constexpr size_t kOffsets = 16, kLongest = 700;
  Bytes data = random_bytes(kOffsets + kLongest);
  Fenced memory(data.size());
  for_each_body([&](const Kernels& body) {
    const uint8_t* front = memory.at_begin(data);
    for (size_t offset = 0; offset < kOffsets; ++offset) {
      uint32_t want = 0x12345678;
      for (size_t n = 0; n <= kLongest; ++n) {
        REQUIRE(body.crc32c(0x12345678, front + offset, n) == want);
        want = slow_crc(want, front + offset + n, 1);
      }
    }
    const uint8_t* back = memory.at_end(data) + data.size();
    for (size_t n = 0; n <= kLongest; ++n) {
      REQUIRE(body.crc32c(0, back - n, n) == slow_crc(0, back - n, n));
    }
  });
}

TEST_CASE("crc32c of long inputs") {
  std::vector<size_t> sizes = {(1 << 20) + 7, 100'000, 65'536};
  for (size_t base : {1024, 2048, 3072, 4096, 6144, 8192, 16384}) {
    for (size_t n = base - 9; n <= base + 9; ++n) sizes.push_back(n);
  }
  for (int i = 0; i < 200; ++i) sizes.push_back(700 + random_below(8000));
  Bytes data = random_bytes(sizes[0] + 8);
  for (size_t n : sizes) {
    const uint8_t* p = data.data() + random_below(8);
    uint32_t seed = static_cast<uint32_t>(random_bits()());
    uint32_t want = slow_crc(seed, p, n);
    for_each_body([&](const Kernels& body) { REQUIRE(body.crc32c(seed, p, n) == want); });
  }
}

TEST_CASE("crc32c of a whole is that of its parts, one after the other") {
  Bytes data = random_bytes(20'000);
  for_each_body([&](const Kernels& body) {
    uint32_t whole = body.crc32c(0, data.data(), data.size());
    for (int i = 0; i < 300; ++i) {
      size_t a = random_below(data.size()), b = a + random_below(data.size() - a);
      uint32_t crc = body.crc32c(0, data.data(), a);
      crc = body.crc32c(crc, data.data() + a, b - a);
      REQUIRE(body.crc32c(crc, data.data() + b, data.size() - b) == whole);
    }
  });
}

// --- Records ---

void append_little_endian(Bytes& bytes, uint64_t v, size_t n) {
  for (size_t i = 0; i < n; ++i) bytes.push_back(static_cast<uint8_t>(v >> (8 * i)));
}

Bytes framed(const Bytes& data) {
  Bytes record;
  append_little_endian(record, data.size(), 8);
  append_little_endian(record, headrace::mask_crc(slow_crc(0, record.data(), 8)), 4);
  record.insert(record.end(), data.begin(), data.end());
  append_little_endian(record, headrace::mask_crc(slow_crc(0, data.data(), data.size())), 4);
  return record;
}

// Framed records one after the other.
struct Stream {
  Bytes bytes;
  std::vector<size_t> sizes;

  void add(size_t size) {
    Bytes record = framed(random_bytes(size));
    bytes.insert(bytes.end(), record.begin(), record.end());
    sizes.push_back(size);
  }
  std::vector<ByteView> views(const uint8_t* at) const {
    std::vector<ByteView> records;
    for (size_t size : sizes) {
      records.push_back({at + 12, size});
      at += 16 + size;
    }
    return records;
  }
};

TEST_CASE("good records of every size pass, alone and together, touching nothing else") {
  Stream all;
  Fenced memory(1 << 20);
  for (size_t size = 0; size < 900; ++size) {
    all.add(size);
    Stream one;
    one.add(size);
    for_each_body([&](const Kernels& body) {
      for (const uint8_t* at : {memory.at_begin(one.bytes), memory.at_end(one.bytes)}) {
        REQUIRE(body.verify_lengths(one.views(at).data(), 1) == 1);
        REQUIRE(body.verify_payloads(one.views(at).data(), 1) == 1);
      }
    });
  }
  for (size_t size : {5000, 0, 0, 1, 20'000, 7, 1024, 65'536}) all.add(size);
  for_each_body([&](const Kernels& body) {
    for (const uint8_t* at : {memory.at_begin(all.bytes), memory.at_end(all.bytes)}) {
      std::vector<ByteView> records = all.views(at);
      REQUIRE(body.verify_lengths(records.data(), records.size()) == records.size());
      REQUIRE(body.verify_payloads(records.data(), records.size()) == records.size());
      std::shuffle(records.begin(), records.end(), random_bits());
      for (size_t n = 0; n < 150; ++n) {
        REQUIRE(body.verify_lengths(records.data(), n) == n);
        REQUIRE(body.verify_payloads(records.data(), n) == n);
      }
    }
  });
}

TEST_CASE("every flipped bit of a record is found, and only where it belongs") {
  Stream stream;
  for (size_t size : {17, 0, 40, 3, 130, 8, 300, 64, 1100}) stream.add(size);
  for_each_body([&](const Kernels& body) {
    Bytes bytes = stream.bytes;
    std::vector<ByteView> records = stream.views(bytes.data());
    size_t n = records.size();
    for (size_t i = 0; i < n; ++i) {
      uint8_t* data = bytes.data() + (records[i].data - bytes.data());
      for (uint8_t* at = data - 12; at < data + records[i].size + 4; ++at) {
        for (int bit = 0; bit < 8; ++bit) {
          *at ^= static_cast<uint8_t>(1 << bit);
          REQUIRE(body.verify_lengths(records.data(), n) == (at < data ? i : n));
          REQUIRE(body.verify_payloads(records.data(), n) == (at < data ? n : i));
          *at ^= static_cast<uint8_t>(1 << bit);
        }
      }
    }
  });
}

TEST_CASE("the first of several bad records is named") {
  Stream stream;
  for (int i = 0; i < 300; ++i) stream.add(i % 7 == 0 ? random_below(600) : 100);
  for_each_body([&](const Kernels& body) {
    for (int turn = 0; turn < 300; ++turn) {
      Bytes bytes = stream.bytes;
      std::vector<ByteView> records = stream.views(bytes.data());
      size_t first_length = records.size(), first_payload = records.size();
      for (int k = 0; k < 3; ++k) {  // byte by byte, so that damage twice is damage once
        size_t i = random_below(records.size()), j = random_below(records.size());
        size_t header = static_cast<size_t>(records[i].data - bytes.data()) - 12;
        size_t crc = static_cast<size_t>(records[j].data - bytes.data()) + records[j].size;
        bytes[header] = static_cast<uint8_t>(~stream.bytes[header]);
        bytes[crc] = static_cast<uint8_t>(~stream.bytes[crc]);
        first_length = std::min(first_length, i);
        first_payload = std::min(first_payload, j);
      }
      REQUIRE(body.verify_lengths(records.data(), records.size()) == first_length);
      REQUIRE(body.verify_payloads(records.data(), records.size()) == first_payload);
    }
  });
}

// --- Varints ---

// A varint of exactly `size` bytes with random bits, also in the bytes that canonical forms omit.
Bytes random_varint(size_t size) {
  Bytes bytes = random_bytes(size);
  for (size_t i = 0; i < size; ++i) {
    bytes[i] = static_cast<uint8_t>(i + 1 < size ? bytes[i] | 0x80 : bytes[i] & 0x7f);
  }
  return bytes;
}

Bytes canonical_varint(uint64_t v) {
  Bytes bytes;
  for (; v >= 0x80; v >>= 7) bytes.push_back(static_cast<uint8_t>(v | 0x80));
  bytes.push_back(static_cast<uint8_t>(v));
  return bytes;
}

int64_t slow_varint(const Bytes& bytes) {
  uint64_t v = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    for (size_t bit = 0; bit < 7; ++bit) {
      if (7 * i + bit < 64) v |= uint64_t{(bytes[i] >> bit) & 1u} << (7 * i + bit);
    }
  }
  return static_cast<int64_t>(v);
}

struct Packed {
  Bytes bytes;
  std::vector<int64_t> values;

  void add(const Bytes& varint) {
    bytes.insert(bytes.end(), varint.begin(), varint.end());
    values.push_back(slow_varint(varint));
  }
};

// Runs every body over a list, with nothing readable but kSlop bytes behind it and nothing
// writable but the output's slots. What the slop holds must not matter.
class VarintBench {
 public:
  VarintBench() : input_(1 << 16), output_(1 << 18) {}

  void decodes(const Packed& packed) {
    for (uint8_t slop : {0x00, 0x7f, 0x80, 0xff}) {
      for_each_body([&](const Kernels& body) {
        const uint8_t* p = place(packed.bytes, slop);
        REQUIRE(body.count_varints(p, packed.bytes.size()) == packed.values.size());
        int64_t* out = slots(packed.values.size());
        REQUIRE(body.decode_varints(p, packed.bytes.size(), out));
        REQUIRE(std::equal(packed.values.begin(), packed.values.end(), out));
      });
    }
  }

  void refuses(const Bytes& bytes) {
    for (uint8_t slop : {0x00, 0xff}) {
      for_each_body([&](const Kernels& body) {
        const uint8_t* p = place(bytes, slop);
        int64_t* out = slots(body.count_varints(p, bytes.size()));
        REQUIRE_FALSE(body.decode_varints(p, bytes.size(), out));
      });
    }
  }

 private:
  const uint8_t* place(Bytes bytes, uint8_t slop) {
    bytes.resize(bytes.size() + kSlop, slop);
    return input_.at_end(bytes);
  }
  int64_t* slots(size_t n) { return reinterpret_cast<int64_t*>(output_.end()) - n; }

  Fenced input_, output_;
};

TEST_CASE("count_varints counts the terminators of any bytes, touching nothing else") {
  Bytes data = random_bytes(2000);
  Fenced memory(data.size());
  std::vector<size_t> sizes;
  for (size_t n = 0; n <= 600; ++n) sizes.push_back(n);
  for (size_t n : {1000, 1023, 1024, 1999, 2000}) sizes.push_back(n);
  for (size_t n : sizes) {
    Bytes bytes(data.begin(), data.begin() + static_cast<ptrdiff_t>(n));
    auto want = static_cast<size_t>(
        std::count_if(bytes.begin(), bytes.end(), [](uint8_t b) { return b < 0x80; }));
    for_each_body([&](const Kernels& body) {
      REQUIRE(body.count_varints(memory.at_begin(bytes), n) == want);
      REQUIRE(body.count_varints(memory.at_end(bytes), n) == want);
    });
  }
  for (uint8_t b : {0x00, 0x7f, 0x80, 0xff}) {
    Bytes bytes(100'000, b);
    for_each_body([&](const Kernels& body) {
      REQUIRE(body.count_varints(bytes.data(), bytes.size()) == (b < 0x80 ? bytes.size() : 0));
    });
  }
}

TEST_CASE("varints of one size, any number of them") {
  VarintBench bench;
  for (size_t size = 1; size <= 10; ++size) {
    for (size_t count = 1; count <= 150; ++count) {
      Packed packed;
      for (size_t i = 0; i < count; ++i) packed.add(random_varint(size));
      bench.decodes(packed);
    }
  }
}

TEST_CASE("varints of mixed sizes") {
  VarintBench bench;
  for (int turn = 0; turn < 2000; ++turn) {
    // Mostly short, mostly long, and even mixes.
    size_t shortest = 1 + random_below(10), spread = 1 + random_below(11 - shortest);
    size_t rare = random_below(3) == 0 ? 1 + random_below(10) : 0;
    Packed packed;
    for (size_t count = 1 + random_below(300); count > 0; --count) {
      bool odd_one = rare != 0 && random_below(20) == 0;
      packed.add(random_varint(odd_one ? rare : shortest + random_below(spread)));
    }
    bench.decodes(packed);
  }
}

TEST_CASE("canonical varints of values at every power of two") {
  VarintBench bench;
  Packed packed;
  for (int bit = 0; bit < 64; ++bit) {
    for (uint64_t v : {(uint64_t{1} << bit) - 1, uint64_t{1} << bit, ~(uint64_t{1} << bit)}) {
      packed.add(canonical_varint(v));
      CHECK(static_cast<uint64_t>(packed.values.back()) == v);
    }
  }
  bench.decodes(packed);
}

TEST_CASE("padded varints and bits above 64") {
  VarintBench bench;
  Packed packed;
  for (size_t size = 1; size <= 10; ++size) {  // zeros, ever longer
    Bytes padded(size, 0x80);
    padded.back() = 0;
    packed.add(padded);
    CHECK(packed.values.back() == 0);
  }
  for (uint8_t last : {0x00, 0x01, 0x02, 0x7e, 0x7f}) {
    Bytes ten(10, 0xff);
    ten.back() = last;
    packed.add(ten);
    CHECK(packed.values.back() == ((last & 1) ? -1 : INT64_MAX));
  }
  bench.decodes(packed);
}

TEST_CASE("ten bytes are a varint and eleven are not, wherever they stand") {
  VarintBench bench;
  for (size_t before = 0; before <= 200; ++before) {
    for (size_t behind : {0, 1, 5, 63, 64, 100}) {
      Packed packed;
      for (size_t i = 0; i < before; ++i) packed.add(random_varint(1));
      Bytes prefix = packed.bytes;
      packed.add(random_varint(10));
      Bytes suffix;
      for (size_t i = 0; i < behind; ++i) {
        Bytes varint = random_varint(1 + random_below(2));
        packed.add(varint);
        suffix.insert(suffix.end(), varint.begin(), varint.end());
      }
      bench.decodes(packed);
      for (size_t size : {11, 12, 18, 64, 65, 128, 300}) {
        Bytes bytes = prefix;
        Bytes varint = random_varint(size);
        bytes.insert(bytes.end(), varint.begin(), varint.end());
        bytes.insert(bytes.end(), suffix.begin(), suffix.end());
        bench.refuses(bytes);
      }
    }
  }
}

TEST_CASE("an over-long varint among mixed ones") {
  VarintBench bench;
  for (int turn = 0; turn < 3000; ++turn) {
    size_t widest = 1 + random_below(10), count = 1 + random_below(120), at = random_below(count);
    Bytes bytes;
    for (size_t i = 0; i < count; ++i) {
      Bytes varint = random_varint(i == at ? 11 + random_below(3) : 1 + random_below(widest));
      bytes.insert(bytes.end(), varint.begin(), varint.end());
    }
    bench.refuses(bytes);
  }
}

// Pairs of the tag 08 and a varint, without kernels. None if the bytes are anything else.
std::optional<std::vector<int64_t>> slow_unpacked(const Bytes& bytes) {
  std::vector<int64_t> values;
  for (size_t at = 0; at != bytes.size();) {
    if (bytes[at++] != 0x08) return {};
    Bytes varint;
    do {
      if (at == bytes.size() || varint.size() == 10) return {};
      varint.push_back(bytes[at++]);
    } while (varint.back() >= 0x80);
    values.push_back(slow_varint(varint));
  }
  return values;
}

TEST_CASE("unpacked lists, whole and with a byte that is another, missing, or too many") {
  Fenced input(1 << 16), output(1 << 18);
  for (int turn = 0; turn < 3000; ++turn) {
    const size_t widest = 1 + random_below(10);
    Bytes bytes;
    for (size_t count = random_below(random_below(4) == 0 ? 900 : 40); count > 0; --count) {
      bytes.push_back(0x08);
      Bytes varint = random_varint(1 + random_below(widest));
      if (random_below(8) == 0) varint = {0x08};  // as the tag is
      bytes.insert(bytes.end(), varint.begin(), varint.end());
    }
    const size_t place = bytes.empty() ? 0 : random_below(bytes.size());
    const auto at = bytes.begin() + static_cast<ptrdiff_t>(place);
    const auto byte = static_cast<uint8_t>(random_below(3) == 0 ? 0x08 : random_below(256));
    switch (bytes.empty() ? 0 : random_below(6)) {
      case 1:
        *at = byte;
        break;
      case 2:
        bytes.erase(at);
        break;
      case 3:
        bytes.insert(at, byte);
        break;
      case 4:
        bytes.insert(at, 1 + random_below(80), 0x80 | byte);
        break;
    }
    const auto want = slow_unpacked(bytes);
    for (uint8_t slop : {0x00, 0x08, 0xff}) {
      for_each_body([&](const Kernels& body) {
        Bytes padded = bytes;
        padded.resize(bytes.size() + kSlop, slop);
        const uint8_t* p = input.at_end(padded);
        const size_t room = body.count_varints(p, bytes.size()) / 2;
        int64_t* out = reinterpret_cast<int64_t*>(output.end()) - room;
        REQUIRE(body.decode_unpacked(p, bytes.size(), out) == want.has_value());
        if (want) REQUIRE(std::equal(want->begin(), want->end(), out, out + room));
      });
    }
  }
}

// --- Halves ---

struct HalfFormat {
  int mantissa, bias;  // bits
  size_t (*Kernels::*convert)(const float* values, size_t n, uint8_t* out);
};
constexpr HalfFormat kHalves[] = {{10, 15, &Kernels::to_float16}, {7, 127, &Kernels::to_bfloat16}};

// The nearest one, by arithmetic in double precision.
uint16_t slow_half(float value, const HalfFormat& format) {
  const int sign = std::signbit(value) ? 0x8000 : 0;
  const int infinity = 0x7fff >> format.mantissa << format.mantissa;
  if (std::isinf(value)) return static_cast<uint16_t>(sign | infinity);
  if (std::isnan(value)) {  // a quiet one with the upper bits of its payload
    const int payload = static_cast<int>(std::bit_cast<uint32_t>(value) & 0x7fffff);
    const int quiet = 1 << (format.mantissa - 1);
    return static_cast<uint16_t>(sign | infinity | quiet | payload >> (23 - format.mantissa));
  }
  const double magnitude = std::fabs(static_cast<double>(value));
  const int lowest = 1 - format.bias;  // of the exponents of numbers that are not subnormal
  const int exponent = magnitude == 0 ? lowest : std::max(std::ilogb(magnitude), lowest);
  const double units = std::nearbyint(std::ldexp(magnitude, format.mantissa - exponent));
  const int half = ((exponent - lowest) << format.mantissa) + static_cast<int>(units);
  return static_cast<uint16_t>(sign | std::min(half, infinity));
}

bool becomes_infinite(float value, const HalfFormat& format) {
  const int infinity = 0x7fff >> format.mantissa << format.mantissa;
  return std::isfinite(value) && (slow_half(value, format) & 0x7fff) == infinity;
}

TEST_CASE("halves of floats of every sign and exponent, and at the limits of rounding") {
  for (const HalfFormat& format : kHalves) {
    std::vector<float> values;
    std::vector<uint16_t> want;
    for (uint32_t upper = 0; upper < 1 << 16; ++upper) {
      for (uint32_t lower : {0x0000, 0x0001, 0x0fff, 0x1000, 0x1001, 0x2fff, 0x3000, 0x3001, 0x7fff,
                             0x8000, 0x8001, 0xffff}) {
        const auto value = std::bit_cast<float>(upper << 16 | lower);
        if (becomes_infinite(value, format)) continue;
        values.push_back(value);
        want.push_back(slow_half(value, format));
      }
    }
    for_each_body([&](const Kernels& body) {
      std::vector<uint16_t> got(values.size());
      auto* out = reinterpret_cast<uint8_t*>(got.data());
      REQUIRE((body.*format.convert)(values.data(), values.size(), out) == values.size());
      REQUIRE(got == want);
    });
  }
}

TEST_CASE("the first value that becomes infinite stops it, and nothing else is written") {
  Fenced output(1024);
  const float most = std::numeric_limits<float>::max();
  for (const HalfFormat& format : kHalves) {
    for (size_t n = 0; n <= 70; ++n) {
      for (size_t at = 0; at <= n; ++at) {
        std::vector<float> values(n, 1.5f);
        if (at < n) values[at] = at % 2 == 0 ? most : -most;
        if (at > 0) values[at - 1] = std::numeric_limits<float>::infinity();
        for_each_body([&](const Kernels& body) {
          uint8_t* const out = output.end() - 2 * n;
          REQUIRE((body.*format.convert)(values.data(), n, out) == at);
          for (size_t i = 0; i < at; ++i) {
            const uint16_t want = slow_half(values[i], format);
            REQUIRE(std::memcmp(out + 2 * i, &want, sizeof want) == 0);
          }
        });
      }
    }
  }
  const float largest_of_halves = 65504;
  for_each_body([&](const Kernels& body) {
    for (float ulp : {0.f, 15.99f, 16.f}) {
      const float value = largest_of_halves + ulp;
      uint16_t half = 0;
      const size_t n = body.to_float16(&value, 1, reinterpret_cast<uint8_t*>(&half));
      CHECK(n == (ulp < 16 ? 1 : 0));
      if (n == 1) CHECK(half == 0x7bff);
    }
  });
}

// --- Single cells ---

struct Cells {
  Bytes block;
  std::vector<uint64_t> cells;
  std::vector<int64_t> values;

  void add(const Bytes& list, uint64_t size) {
    Bytes gap = random_bytes(random_below(20));
    block.insert(block.end(), gap.begin(), gap.end());
    cells.push_back(size << 32 | block.size());
    values.push_back(slow_varint(list));
    block.insert(block.end(), list.begin(), list.end());
  }
  void add(const Bytes& list) { add(list, list.size()); }
};

TEST_CASE("single cells of every size are decoded") {
  Fenced memory(1 << 16);
  for (size_t n = 0; n <= 200; ++n) {
    Cells cells;
    for (size_t i = 0; i < n; ++i) cells.add(random_varint(1 + random_below(i % 3 == 0 ? 10 : 2)));
    for (uint8_t slop : {0x00, 0xff}) {
      Bytes block = cells.block;
      block.resize(block.size() + kSlop, slop);
      for_each_body([&](const Kernels& body) {
        std::vector<uint64_t> got = cells.cells;
        const std::vector<ByteView> records(n, {memory.at_end(block), block.size()});
        REQUIRE(body.decode_single_varints(records.data(), got.data(), n, nullptr) == n);
        REQUIRE(std::equal(got.begin(), got.end(), cells.values.begin(),
                           [](uint64_t a, int64_t b) { return static_cast<int64_t>(a) == b; }));
      });
    }
  }
}

TEST_CASE("a cell that is not one varint stops the decoding and stays") {
  std::vector<std::pair<Bytes, uint64_t>> bad;
  bad.push_back({{}, 0});
  for (size_t size = 1; size <= 10; ++size) {
    bad.push_back({random_varint(11), size});  // no end
    for (size_t end = 0; end + 1 < size; ++end) {
      Bytes early = random_varint(size);  // two varints
      early[end] &= 0x7f;
      bad.push_back({early, size});
      early.back() |= 0x80;  // one and a half
      bad.push_back({early, size});
    }
  }
  for (uint64_t size : {11, 12, 64, 256, 257}) bad.push_back({random_varint(size), size});
  for (uint64_t size : {0x7fffffffu, 0x80000000u, 0x80000001u, 0xffffffffu}) {
    bad.push_back({random_varint(1), size});
  }
  for (auto& [list, size] : bad) {
    for (size_t at = 0; at < 20; ++at) {
      Cells cells;
      for (size_t i = 0; i < 20; ++i) {
        if (i == at) {
          cells.add(list, size);
          if (size - 1 >= 10) cells.cells.back() |= 0xffffffff;  // an offset that means nothing
        } else {
          cells.add(random_varint(1 + random_below(10)));
        }
      }
      Bytes block = cells.block;
      block.resize(block.size() + kSlop, 0x80);
      const uint64_t absent = 7;
      const uint64_t* const other = at % 2 == 0 ? &absent : nullptr;
      for_each_body([&](const Kernels& body) {
        std::vector<uint64_t> got = cells.cells;
        const std::vector<ByteView> records(got.size(), {block.data(), block.size()});
        REQUIRE(body.decode_single_varints(records.data(), got.data(), got.size(), other) == at);
        for (size_t i = 0; i < at; ++i) REQUIRE(static_cast<int64_t>(got[i]) == cells.values[i]);
        REQUIRE(got[at] == cells.cells[at]);
      });
    }
  }
}

// --- The choice ---

TEST_CASE("a cell without a list becomes what is given, or stops the decoding") {
  Fenced memory(1 << 12);
  for (size_t n = 1; n <= 40; ++n) {
    Cells cells;
    for (size_t i = 0; i < n; ++i) {
      cells.add(random_varint(1 + random_below(10)));
      if (random_below(3) == 0 || n - i == n / 2) cells.cells[i] = kNoList;
    }
    const size_t first = static_cast<size_t>(
        std::find(cells.cells.begin(), cells.cells.end(), kNoList) - cells.cells.begin());
    Bytes block = cells.block;
    block.resize(block.size() + kSlop, 0xff);
    for_each_body([&](const Kernels& body) {
      const std::vector<ByteView> records(n, {memory.at_end(block), block.size()});
      std::vector<uint64_t> got = cells.cells;
      REQUIRE(body.decode_single_varints(records.data(), got.data(), n, nullptr) == first);
      const uint64_t absent = 0x8877665544332211;
      got = cells.cells;
      REQUIRE(body.decode_single_varints(records.data(), got.data(), n, &absent) == n);
      for (size_t i = 0; i < n; ++i) {
        const bool none = cells.cells[i] == kNoList;
        REQUIRE(got[i] == (none ? absent : static_cast<uint64_t>(cells.values[i])));
      }
    });
  }
}

// Records that are packed lists, each at the very end of what is readable.
struct Lists {
  std::vector<Bytes> blocks;
  std::vector<std::unique_ptr<Fenced>> memory;
  std::vector<ByteView> records;
  std::vector<uint64_t> cells;
  std::vector<uint32_t> counts;

  void add(Bytes list, uint8_t slop, size_t head) {
    const size_t size = list.size();
    counts.push_back(static_cast<uint32_t>(
        std::count_if(list.begin(), list.end(), [](uint8_t byte) { return byte < 0x80; })));
    list.insert(list.begin(), head, 0xff);
    list.resize(list.size() + kSlop, slop);
    memory.push_back(std::make_unique<Fenced>(1 << 12));
    records.push_back({memory.back()->at_end(list), head + size});
    cells.push_back(size << 32 | head);
  }
};

Bytes random_list(size_t size) {
  Bytes list = random_bytes(size);
  if (size != 0) list.back() &= 0x7f;
  return list;
}

TEST_CASE("the varints of many lists are counted, touching nothing else") {
  for (uint8_t slop : {0x00, 0x80}) {
    Lists lists;
    for (size_t size = 0; size <= 200; ++size) {
      lists.add(random_list(size), slop, size % 5);
      if (size % 7 == 0) {
        lists.add({}, slop, 0);
        lists.cells.back() = kNoList;
      }
    }
    const size_t n = lists.cells.size();
    for_each_body([&](const Kernels& body) {
      std::vector<uint32_t> counts(n, ~0u);
      REQUIRE(body.count_lists(lists.records.data(), lists.cells.data(), n, counts.data()) == n);
      REQUIRE(counts == lists.counts);
    });
  }
}

TEST_CASE("a cell that holds no whole list stops the counting") {
  Lists good;
  for (size_t i = 0; i < 20; ++i) good.add(random_list(i), 0xff, 1);
  const auto stops = [&](size_t at, const Lists& lists) {
    for_each_body([&](const Kernels& body) {
      std::vector<uint32_t> counts(lists.cells.size(), ~0u);
      REQUIRE(body.count_lists(lists.records.data(), lists.cells.data(), lists.cells.size(),
                               counts.data()) == at);
      REQUIRE(std::equal(counts.begin(), counts.begin() + static_cast<ptrdiff_t>(at),
                         lists.counts.begin()));
    });
  };
  for (const uint64_t size : {uint64_t{1} << 30, uint64_t{0x7fffffff}, uint64_t{0xc0000000}}) {
    for (size_t at = 0; at < 20; ++at) {
      const uint64_t kept = good.cells[at];
      good.cells[at] = size << 32 | 0xffffffff;  // an offset that means nothing
      stops(at, good);
      good.cells[at] = kept;
    }
  }
  for (size_t size = 1; size <= 130; ++size) {
    Lists lists;
    lists.add(random_list(size / 2), 0, 0);
    Bytes open = random_list(size);
    open.back() |= 0x80;
    lists.add(open, 0, 3);
    lists.add(random_list(size), 0, 0);
    stops(1, lists);
  }
}

// --- entries ---

// A feature of records that keep an order, how its entry is expected, and how one is written.
struct Expectation {
  Bytes key;
  uint8_t kind;  // tag
  enum Style : uint8_t { kUnwanted, kList, kOneValue } style;
  EntryForm form;

  Expectation(size_t key_size, uint8_t kind, Style style, uint32_t column)
      : key(random_bytes(key_size)), kind(kind), style(style) {
    const Bytes entry = write(0);
    const size_t value = 4 + key_size;
    form.head = static_cast<uint8_t>(entry.size());
    form.most = static_cast<uint8_t>(127 - entry[1]);
    form.column = style == kUnwanted ? EntryForm::kNoColumn : column;
    form.may_be_empty = style == kList && kind != 0x0a;
    std::copy(entry.begin(), entry.end(), form.bytes);
    form.lengths[1] = form.lengths[value + 1] = 1;
    if (style != kUnwanted) form.lengths[value + 3] = 1;
    if (style == kList) form.lengths[value + 5] = 1;
    for (size_t i = 0; i < entry.size(); ++i) {
      form.lengths_bits |= uint64_t{form.lengths[i]} << i;
      for (const bool empty : {false, true}) {
        if (empty && i + 2 >= entry.size()) continue;
        form.relied[empty][i] = 0xff;
        form.relied_bits[empty] |= uint64_t{1} << i;
      }
    }
  }

  // The entry with a list of `size` bytes; -2: an empty list.
  Bytes write(int size) const {
    Bytes list;
    if (style == kList && size != -2) list = {0x0a, static_cast<uint8_t>(size)};
    if (style == kOneValue) list = {0x08};
    const Bytes values = random_bytes(static_cast<size_t>(std::max(size, 0)));
    list.insert(list.end(), values.begin(), values.end());
    if (style != kUnwanted) list.insert(list.begin(), {kind, static_cast<uint8_t>(list.size())});
    Bytes entry = {0x0a, 0, 0x0a, static_cast<uint8_t>(key.size())};
    entry.insert(entry.end(), key.begin(), key.end());
    entry.insert(entry.end(), {0x12, static_cast<uint8_t>(list.size())});
    entry.insert(entry.end(), list.begin(), list.end());
    entry[1] = static_cast<uint8_t>(entry.size() - 2);
    return entry;
  }
};

// An Example of entries, at the very end of what is readable.
struct Entries {
  Bytes bytes;
  std::vector<bool> structural;  // of each byte: not part of a value
  std::vector<uint64_t> cells;   // by column, offsets without the header
  size_t header = 0;

  void add(const Expectation& expected, int size) {
    const Bytes entry = expected.write(size);
    const size_t head = entry.size() - static_cast<size_t>(std::max(size, 0));
    if (expected.form.column != EntryForm::kNoColumn) {
      cells[expected.form.column] =
          static_cast<uint64_t>(std::max(size, 0)) << 32 | (bytes.size() + head);
    }
    bytes.insert(bytes.end(), entry.begin(), entry.end());
    structural.insert(structural.end(), head, true);
    structural.resize(bytes.size(), false);
  }

  void close() {
    Bytes head = {0x0a};
    for (size_t n = bytes.size(); head.size() == 1 || n != 0; n >>= 7) {
      head.push_back(static_cast<uint8_t>((n & 0x7f) | (n >= 0x80 ? 0x80 : 0)));
    }
    header = head.size();
    bytes.insert(bytes.begin(), head.begin(), head.end());
    structural.insert(structural.begin(), header, true);
    for (uint64_t& cell : cells) cell += cell == kNoList ? 0 : header;
  }
};

std::vector<Expectation> random_expectations(size_t n) {
  std::vector<Expectation> expectations;
  uint32_t columns = 0;
  for (size_t i = 0; i < n; ++i) {
    const auto style = static_cast<Expectation::Style>(random_below(5) == 0 ? random_below(3) : 1);
    const auto kind = static_cast<uint8_t>(style == 2 ? 0x1a : (random_below(3) + 1) << 3 | 2);
    const size_t most = style == 0 ? 58 : style == 1 ? 54 : 55;  // whose head has 64 bytes
    const size_t key_size = random_below(3) == 0 ? random_below(most + 1) : 2 + random_below(12);
    expectations.emplace_back(key_size, kind, style, columns);
    columns += style != Expectation::kUnwanted;
  }
  return expectations;
}

std::vector<EntryForm> forms_of(const std::vector<Expectation>& expectations) {
  std::vector<EntryForm> forms;
  for (const Expectation& expected : expectations) forms.push_back(expected.form);
  return forms;
}

size_t columns_of(const std::vector<Expectation>& expectations) {
  return static_cast<size_t>(std::count_if(
      expectations.begin(), expectations.end(),
      [](const Expectation& expected) { return expected.form.column != EntryForm::kNoColumn; }));
}

// With values of every possible size, and empty lists; a percentage of the entries is missing.
Entries random_entries(const std::vector<Expectation>& expectations, size_t missing) {
  Entries entries;
  entries.cells.assign(columns_of(expectations), kNoList);
  for (const Expectation& expected : expectations) {
    if (random_below(100) < missing && &expected != &expectations.back()) continue;
    const bool empty = expected.form.may_be_empty && random_below(4) == 0;
    const size_t most = random_below(2) == 0 ? expected.form.most : 8;
    entries.add(expected, empty ? -2 : static_cast<int>(random_below(most + 1)));
  }
  entries.close();
  return entries;
}

TEST_CASE("records of the expected entries are followed, touching nothing else") {
  for (size_t n = 1; n <= 40; ++n) {
    const auto expectations = random_expectations(n);
    const auto forms = forms_of(expectations);
    const size_t columns = columns_of(expectations), rows = 20, stride = rows + 3;
    std::vector<Entries> entries;
    std::vector<std::unique_ptr<Fenced>> memory;
    std::vector<ByteView> records;
    for (size_t i = 0; i < rows; ++i) {
      entries.push_back(random_entries(expectations, i % 2 == 0 ? 0 : 20));
      Bytes block = entries.back().bytes;
      block.resize(block.size() + kSlop, 0x0a);
      memory.push_back(std::make_unique<Fenced>(1 << 13));
      records.push_back({memory.back()->at_end(block), entries.back().bytes.size()});
    }
    for_each_body([&](const Kernels& body) {
      constexpr uint64_t kUntouched = 0x5555;
      std::vector<uint64_t> cells(columns * stride + 1, kUntouched);
      REQUIRE(body.follow_records(records.data(), rows, forms.data(), n, cells.data(), stride) ==
              rows);
      for (size_t c = 0; c < columns; ++c) {
        for (size_t i = 0; i < stride; ++i) {
          REQUIRE(cells[c * stride + i] == (i < rows ? entries[i].cells[c] : kUntouched));
        }
      }
      for (size_t i = 0; i < rows; ++i) {  // the same in two parts
        const uint8_t* at = records[i].data + entries[i].header;
        const uint8_t* const end = records[i].data + records[i].size;
        std::vector<uint64_t> row(columns, kUntouched);
        const size_t half = n / 2;
        size_t followed =
            body.follow_entries(forms.data(), half, records[i].data, &at, end, row.data(), 1);
        REQUIRE(followed <= half);
        followed += body.follow_entries(forms.data() + followed, n - followed, records[i].data, &at,
                                        end, row.data(), 1);
        REQUIRE(followed == n);
        REQUIRE(at == end);
        REQUIRE(row == entries[i].cells);
      }
    });
  }
}

TEST_CASE("of a record no byte can change that does not belong to a value") {
  for (size_t round = 0; round < 8; ++round) {
    const auto expectations = random_expectations(6);
    const auto forms = forms_of(expectations);
    const Entries good = random_entries(expectations, 0);
    Bytes block = good.bytes;
    block.resize(block.size() + kSlop, 0x0a);
    Fenced memory(block.size());
    uint8_t* const data = memory.at_end(block);
    const ByteView record{data, good.bytes.size()};
    for_each_body([&](const Kernels& body) {
      for (size_t at = 0; at < record.size; ++at) {
        for (const uint8_t change : {0x01, 0x02, 0x10, 0x7f, 0x80, 0xff}) {
          data[at] ^= change;
          std::vector<uint64_t> cells(good.cells.size() + 1);
          const size_t followed =
              body.follow_records(&record, 1, forms.data(), forms.size(), cells.data(), 1);
          data[at] ^= change;
          CAPTURE(at);
          REQUIRE(followed == (good.structural[at] ? 0 : 1));
          cells.pop_back();
          if (followed != 0) REQUIRE(cells == good.cells);
        }
      }
      for (size_t cut = 1; cut < 20; ++cut) {  // shorter, by its own account or not
        std::vector<uint64_t> cells(good.cells.size() + 1);
        const ByteView shorter{data, record.size - cut};
        REQUIRE(body.follow_records(&shorter, 1, forms.data(), forms.size(), cells.data(), 1) == 0);
      }
    });
  }
}

TEST_CASE("records of every length of the header are followed") {
  for (const size_t n : {size_t{1}, size_t{3}, size_t{200}, size_t{20'000}}) {
    std::vector<Expectation> expectations;
    for (uint32_t i = 0; i < n; ++i) expectations.emplace_back(8, 0x1a, Expectation::kList, i);
    const auto forms = forms_of(expectations);
    const Entries entries = random_entries(expectations, 0);
    Bytes block = entries.bytes;
    block.resize(block.size() + kSlop);
    const ByteView record{block.data(), entries.bytes.size()};
    for_each_body([&](const Kernels& body) {
      std::vector<uint64_t> cells(n);
      const size_t followed = body.follow_records(&record, 1, forms.data(), n, cells.data(), 1);
      REQUIRE(followed == (record.size < 1 << 21 ? 1 : 0));
      if (followed != 0) REQUIRE(cells == entries.cells);
    });
  }
}

TEST_CASE("so many missing entries are passed over, and not one more") {
  for (const size_t missing : {headrace::kMostPassedOver, headrace::kMostPassedOver + 1}) {
    const auto expectations = random_expectations(missing + 2);
    const auto forms = forms_of(expectations);
    Entries entries;
    entries.cells.assign(columns_of(expectations), kNoList);
    entries.add(expectations.front(), 1);
    entries.add(expectations.back(), 1);
    entries.close();
    Bytes block = entries.bytes;
    block.resize(block.size() + kSlop);
    const ByteView record{block.data(), entries.bytes.size()};
    for_each_body([&](const Kernels& body) {
      std::vector<uint64_t> cells(entries.cells.size() + 1);
      const size_t followed =
          body.follow_records(&record, 1, forms.data(), forms.size(), cells.data(), 1);
      REQUIRE(followed == (missing == headrace::kMostPassedOver ? 1 : 0));
      cells.pop_back();
      if (followed != 0) REQUIRE(cells == entries.cells);
    });
  }
}

// Copies between two fences, and looks at what stands around the copy.
template <class Copy>
void check_copies(Copy copy) {
  constexpr size_t kSizes[] = {0,   1,   3,   4,    7,    8,    15,   16,   31,  32,
                               33,  63,  64,  65,   95,   127,  128,  129,  191, 192,
                               200, 255, 256, 1000, 1023, 1024, 1025, 4096, 5000};
  for (const size_t size : kSizes) {
    const Bytes bytes = random_bytes(size);
    Fenced source(size), target(size + 256);
    for (size_t offset = 0; offset < 130; ++offset) {
      const uint8_t* const from = offset % 2 == 0 ? source.at_end(bytes) : source.at_begin(bytes);
      std::fill(target.begin(), target.end(), uint8_t{0xa5});
      uint8_t* const to = target.end() - size - offset;
      copy(to, from, size);
      const bool same = std::equal(bytes.begin(), bytes.end(), to);
      const auto untouched = [](uint8_t byte) { return byte == 0xa5; };
      CAPTURE(size);
      CAPTURE(offset);
      REQUIRE(same);
      REQUIRE(std::all_of(target.begin(), to, untouched));
      REQUIRE(std::all_of(to + size, target.end(), untouched));
    }
  }
}

TEST_CASE("far copies are copies at every offset and length, touching nothing else") {
  for_each_body([&](const Kernels& body) {
    check_copies([&](uint8_t* to, const uint8_t* from, size_t n) {
      body.copy_far(to, from, n);
      body.end_far_copies();
    });
  });
}

TEST_CASE("a copy with its CRC is a copy, and the CRC goes on from the one before") {
  size_t bodies = 0;
  for_each_body([&](const Kernels& body) {
    if (body.copy_crc32c == nullptr) return;
    ++bodies;
    for (const bool far : {false, true}) {
      uint32_t before = 0;
      check_copies([&](uint8_t* to, const uint8_t* from, size_t n) {
        const uint32_t crc = body.copy_crc32c(before, to, from, n, far);
        if (far) body.end_far_copies();
        REQUIRE(crc == headrace::runnable_kernels()[0]->crc32c(before, from, n));
        before = crc;
      });
    }
  });
  if (headrace::runnable_kernels().size() > 2) CHECK(bodies != 0);
}

TEST_CASE("a copier copies, near or far") {
  for (const bool far : {false, true}) {
    check_copies([&](uint8_t* to, const uint8_t* from, size_t n) {
      const headrace::Copier copy(far);
      copy(to, from, n);
    });
  }
}

TEST_CASE("a body is chosen by name, else the best, and never silently another one") {
  auto runnable = headrace::runnable_kernels();
  REQUIRE_FALSE(runnable.empty());
  CHECK(std::string(runnable[0]->name) == "portable");
  std::string names;
  for (const Kernels* body : runnable) {
    CHECK(&headrace::choose_kernels(body->name) == body);
    names += (names.empty() ? "" : ", ") + std::string(body->name);
  }
  const Kernels* best = &headrace::choose_kernels(nullptr);
  CHECK(std::find(runnable.begin(), runnable.end(), best) != runnable.end());
  CHECK(&headrace::choose_kernels("") == best);
  for (const char* name : {"z80", "Portable", "portable ", "auto"}) {
    std::string text =
        std::string("HEADRACE_CPU=") + name + ": no such kernels on this CPU; it can run " + names;
    CHECK_THROWS_WITH_AS(headrace::choose_kernels(name), text.c_str(), std::runtime_error);
  }
}

TEST_CASE("the environment chooses for the process") {
  CHECK(&headrace::kernels() == &headrace::choose_kernels(std::getenv("HEADRACE_CPU")));
  CHECK(&headrace::kernels() == &headrace::kernels());
}

}  // namespace
