// What the benchmarks of the core share: blocks of records, the best of many passes, a line of a
// table.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <variant>
#include <vector>

#include "bytes.h"
#include "writer.h"

namespace headrace::bench {

inline constexpr size_t kBlock = 256 << 10;  // as the loader reads them: the data stays in L2

inline std::mt19937_64 random_bits(1);

inline size_t random_between(size_t low, size_t high) {
  return low + random_bits() % (high - low + 1);
}

// A benchmark that computes something else measures nothing.
inline void expect(bool right, const std::string& what) {
  if (right) return;
  std::fprintf(stderr, "%s: wrong result\n", what.c_str());
  std::exit(1);
}

inline double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Calls pass() for about 0.2 seconds.
inline void repeat(const auto& pass) {
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 5 || seconds_since(start) < 0.2; ++i) pass();
}

// "what   1.23 ns each   4.56 GB/s": each of `items`, in `seconds` together. No GB/s if bytes are
// not what the work depends on.
inline void print(const std::string& what, double seconds, size_t items, size_t bytes = 0) {
  std::printf("%-50s %10.2f ns each", what.c_str(), seconds * 1e9 / static_cast<double>(items));
  if (bytes != 0) std::printf(" %8.2f GB/s", static_cast<double>(bytes) / seconds * 1e-9);
  std::printf("\n");
}

struct Feature {
  std::string key;
  std::variant<std::vector<int64_t>, std::vector<float>, std::vector<std::string>> values;
};
using Example = std::vector<Feature>;

// Framed records, as they stand in a file.
class Block {
 public:
  void add(const Example& example) {
    std::vector<FeatureColumn> columns;
    std::vector<std::vector<int64_t>> splits(example.size());
    std::vector<std::vector<ByteView>> strings(example.size());
    for (size_t i = 0; i < example.size(); ++i) {
      std::visit(
          [&](const auto& values) {
            splits[i] = {0, static_cast<int64_t>(values.size())};
          },
          example[i].values);
      columns.push_back({example[i].key, values_of(example[i], strings[i]), splits[i]});
    }
    const ExampleEncoder encoder(columns, 1);
    const size_t begin = bytes_.size() - kSlop;
    bytes_.resize(bytes_.size() + encoder.framed_size());
    encoder.write_records(bytes_.data() + begin);
    places_.push_back({begin + 12, encoder.size(0)});
  }

  // Adds what make() gives until the block is full.
  void fill(const auto& make, size_t size = kBlock) {
    do add(make());
    while (bytes().size + bytes().size / places_.size() <= size);
  }

  ByteView bytes() const { return {bytes_.data(), bytes_.size() - kSlop}; }

  // The payloads; valid until the next add().
  std::vector<ByteView> records() const {
    std::vector<ByteView> records;
    for (const auto& [begin, size] : places_) records.push_back({bytes_.data() + begin, size});
    return records;
  }

 private:
  static FeatureColumn::Values values_of(const Feature& feature, std::vector<ByteView>& strings) {
    if (const auto* ints = std::get_if<std::vector<int64_t>>(&feature.values)) {
      return std::span<const int64_t>(*ints);
    }
    if (const auto* floats = std::get_if<std::vector<float>>(&feature.values)) {
      return std::span<const float>(*floats);
    }
    for (const std::string& value : std::get<std::vector<std::string>>(feature.values)) {
      strings.push_back({reinterpret_cast<const uint8_t*>(value.data()), value.size()});
    }
    return std::span<const ByteView>(strings);
  }

  std::vector<uint8_t> bytes_ = std::vector<uint8_t>(kSlop);
  std::vector<std::pair<size_t, size_t>> places_;
};

}  // namespace headrace::bench
