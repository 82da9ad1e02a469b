// Times every kernel body that this CPU can run: the best of many runs, on one core, with the data
// in its L1 or L2 cache. Arguments, if any, name the bodies to time.
#include "kernels/kernels.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <random>
#include <string>
#include <vector>

using headrace::ByteView;
using headrace::Kernels;

namespace {

using Bytes = std::vector<uint8_t>;

constexpr size_t kBlock = 256 << 10;  // as the loader reads them

std::mt19937_64 random_bits(1);

size_t random_between(size_t low, size_t high) { return low + random_bits() % (high - low + 1); }

// Seconds of one call, the least of many; `sink` keeps the results alive.
volatile uint64_t sink;
template <class Call>
double best_seconds(Call call) {
  using Clock = std::chrono::steady_clock;
  double best = 1e9;
  for (int run = 0; run < 40; ++run) {
    int calls = 0;
    Clock::duration spent{};
    Clock::time_point start = Clock::now();
    do {
      sink = static_cast<uint64_t>(call());
      ++calls;
      spent = Clock::now() - start;
    } while (spent < std::chrono::milliseconds(1));
    best = std::min(best, std::chrono::duration<double>(spent).count() / calls);
  }
  return best;
}

void print(const Kernels& body, const std::string& what, double seconds, size_t items,
           size_t bytes) {
  std::printf("%-9s %-42s %8.2f ns each %8.2f GB/s\n", body.name, what.c_str(),
              seconds * 1e9 / static_cast<double>(items),
              static_cast<double>(bytes) / seconds * 1e-9);
}

void time_crc(const Kernels& body) {
  Bytes data(1 << 20);
  for (uint8_t& b : data) b = static_cast<uint8_t>(random_bits());
  for (size_t n : {8, 64, 100, 256, 512, 1024, 2048, 4096, 16384, 65536, 1 << 20}) {
    size_t calls = std::max<size_t>(1, 65536 / n);
    double seconds = best_seconds([&] {
      uint32_t crc = 0;  // each call waits for the one before
      for (size_t i = 0; i < calls; ++i) crc = body.crc32c(crc, data.data() + (crc & 1), n - 1);
      return crc;
    });
    print(body, "crc32c of " + std::to_string(n - 1), seconds, calls, (n - 1) * calls);
  }
}

// From memory that is in no cache to such memory.
void time_copies(const Kernels& body) {
  if (body.copy_crc32c == nullptr) return;
  constexpr size_t kSize = 100'000, kPlaces = 1000;
  const Bytes from(kSize * kPlaces, 1);
  Bytes to(kSize * kPlaces);
  for (const bool far : {false, true}) {
    size_t next = 0;
    const double seconds = best_seconds([&] {
      const size_t place = next++ % kPlaces * kSize;
      return body.copy_crc32c(0, to.data() + place, from.data() + place, kSize, far);
    });
    print(body, std::string("copy with crc32c of 100000, ") + (far ? "far" : "near"), seconds, 1,
          kSize);
  }
}

void time_records(const Kernels& body, size_t shortest, size_t longest) {
  Bytes block(kBlock);
  std::vector<ByteView> records;
  uint8_t* p = block.data();
  while (p + 16 + longest <= block.data() + kBlock) {
    size_t size = random_between(shortest, longest);
    for (size_t i = 0; i < size; ++i) p[12 + i] = static_cast<uint8_t>(random_bits());
    uint64_t length = size;
    std::memcpy(p, &length, 8);
    uint32_t crc = headrace::mask_crc(body.crc32c(0, p, 8));
    std::memcpy(p + 8, &crc, 4);
    crc = headrace::mask_crc(body.crc32c(0, p + 12, size));
    std::memcpy(p + 12 + size, &crc, 4);
    records.push_back({p + 12, size});
    p += 16 + size;
  }
  size_t bytes = static_cast<size_t>(p - block.data());
  std::string range = " of " + std::to_string(shortest) + ".." + std::to_string(longest);
  print(body, "verify_lengths" + range,
        best_seconds([&] { return body.verify_lengths(records.data(), records.size()); }),
        records.size(), bytes);
  print(body, "verify_payloads" + range,
        best_seconds([&] { return body.verify_payloads(records.data(), records.size()); }),
        records.size(), bytes);
}

void append_varint(Bytes& bytes, size_t size) {
  for (size_t i = 0; i < size; ++i) {
    uint8_t more = i + 1 < size ? 0x80 : 0;
    bytes.push_back(static_cast<uint8_t>((random_bits() & 0x7f) | more));
  }
}

void time_varints(const Kernels& body, const std::string& what, size_t shortest, size_t longest) {
  Bytes bytes;
  for (int i = 0; i < 2048; ++i) append_varint(bytes, random_between(shortest, longest));
  size_t n = bytes.size();
  bytes.resize(n + headrace::kSlop);
  size_t count = body.count_varints(bytes.data(), n);
  std::vector<int64_t> out(count);
  print(body, "count_varints, " + what,
        best_seconds([&] { return body.count_varints(bytes.data(), n); }), count, n);
  print(body, "decode_varints, " + what,
        best_seconds([&] { return body.decode_varints(bytes.data(), n, out.data()); }), count, n);
}

void time_unpacked(const Kernels& body, const std::string& what, size_t shortest, size_t longest) {
  Bytes bytes;
  for (int i = 0; i < 2048; ++i) {
    bytes.push_back(0x08);
    append_varint(bytes, random_between(shortest, longest));
  }
  const size_t n = bytes.size();
  bytes.resize(n + headrace::kSlop);
  std::vector<int64_t> out(2048);
  print(body, "decode_unpacked, " + what,
        best_seconds([&] { return body.decode_unpacked(bytes.data(), n, out.data()); }), out.size(),
        n);
}

void time_halves(const Kernels& body) {
  std::vector<float> values(4096);
  for (float& value : values) value = static_cast<float>(random_bits() % 1000) / 7;
  Bytes out(2 * values.size());
  const auto time = [&](const char* what, size_t (*convert)(const float*, size_t, uint8_t*)) {
    print(body, what,
          best_seconds([&] { return convert(values.data(), values.size(), out.data()); }),
          values.size(), values.size() * sizeof(float));
  };
  time("to_float16", body.to_float16);
  time("to_bfloat16", body.to_bfloat16);
}

// Many short lists, as records hold them.
void time_short_lists(const Kernels& body, size_t values) {
  Bytes bytes;
  bytes.reserve(kBlock);  // the views stay valid
  std::vector<ByteView> lists;
  while (bytes.size() < 20'000) {
    const uint8_t* list = bytes.data() + bytes.size();
    for (size_t i = 0; i < values; ++i) append_varint(bytes, random_between(1, 3));
    lists.push_back({list, static_cast<size_t>(bytes.data() + bytes.size() - list)});
  }
  size_t n = bytes.size();
  std::vector<int64_t> out(values);
  print(body, "decode_varints, lists of " + std::to_string(values) + " of 1..3 bytes",
        best_seconds([&] {
          bool good = true;
          for (const ByteView& list : lists) {
            good &= body.decode_varints(list.data, list.size, out.data());
          }
          return good;
        }),
        lists.size() * values, n);
}

void time_cells(const Kernels& body, size_t shortest, size_t longest) {
  Bytes block(kBlock);
  std::vector<uint64_t> cells, work(1024);
  for (size_t i = 0; i < work.size(); ++i) {
    size_t size = random_between(shortest, longest), at = i * 250 + random_between(0, 100);
    Bytes varint;
    append_varint(varint, size);
    std::copy(varint.begin(), varint.end(), block.begin() + static_cast<ptrdiff_t>(at));
    cells.push_back(uint64_t{size} << 32 | at);
  }
  const std::vector<ByteView> records(work.size(), {block.data(), block.size()});
  print(body,
        "decode_single_varints of " + std::to_string(shortest) + ".." + std::to_string(longest),
        best_seconds([&] {
          std::copy(cells.begin(), cells.end(), work.begin());
          return body.decode_single_varints(records.data(), work.data(), work.size(), nullptr);
        }),
        cells.size(), cells.size() * (shortest + longest) / 2);
}

void time_body(const Kernels& body) {
  time_crc(body);
  time_copies(body);
  time_records(body, 100, 100);
  time_records(body, 64, 128);
  time_records(body, 10, 250);
  time_records(body, 200, 200);
  time_records(body, 150, 250);
  time_records(body, 1000, 1100);
  time_records(body, 4000, 4100);
  time_records(body, 100'000, 100'100);
  time_varints(body, "1 byte", 1, 1);
  time_varints(body, "1..2 bytes", 1, 2);
  time_varints(body, "1..3 bytes", 1, 3);
  time_varints(body, "3 bytes", 3, 3);
  time_varints(body, "5..8 bytes", 5, 8);
  time_varints(body, "9..10 bytes", 9, 10);
  time_varints(body, "1..10 bytes", 1, 10);
  time_unpacked(body, "1..3 bytes", 1, 3);
  time_unpacked(body, "9..10 bytes", 9, 10);
  time_halves(body);
  time_short_lists(body, 10);
  time_short_lists(body, 40);
  time_cells(body, 1, 1);
  time_cells(body, 1, 3);
  time_cells(body, 9, 10);
  time_cells(body, 1, 10);
}

}  // namespace

int main(int argc, char** argv) {
  for (const Kernels* body : headrace::runnable_kernels()) {
    bool asked = argc == 1;
    for (int i = 1; i < argc; ++i) asked |= std::strcmp(argv[i], body->name) == 0;
    if (asked) time_body(*body);
  }
}
