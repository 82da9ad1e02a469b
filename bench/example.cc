// Locating: the wanted features found in records of many shapes, their values not looked at.
#include "example.h"

#include "cases.h"

using namespace headrace;
using namespace headrace::bench;

namespace {

Column wanted(const std::string& key) {
  Column column;
  column.key = key;
  column.layout = Layout::kRagged;  // of int64, with any number of values
  return column;
}

std::vector<std::string> names(const std::string& stem, size_t count) {
  std::vector<std::string> names;
  for (size_t i = 0; i < count; ++i) names.push_back(stem + std::to_string(i));
  return names;
}

// Features of one to three small ids under these names.
Example example_of(const std::vector<std::string>& keys, size_t values = 1) {
  Example example;
  for (const std::string& key : keys) {
    std::vector<int64_t> ids(values);
    for (int64_t& id : ids) id = static_cast<int64_t>(random_between(0, 99'999));
    example.push_back({key, ids});
  }
  return example;
}

// `make` gives records; those of `keys` are wanted. Time for each feature that stands in a record.
void time_locating(const std::string& what, const std::vector<std::string>& keys,
                   const auto& make) {
  Block block;
  size_t features = 0, expected = 0;
  block.fill([&] {
    const Example example = make();
    features += example.size();
    for (const Feature& feature : example) {
      expected += std::find(keys.begin(), keys.end(), feature.key) != keys.end();
    }
    return example;
  });
  std::vector<Column> columns;
  for (const std::string& key : keys) columns.push_back(wanted(key));
  Locator locator(std::make_shared<const Schema>(columns));
  const std::vector<ByteView> records = block.records();
  std::vector<uint64_t> cells(records.size() * keys.size());
  std::vector<uint32_t> refused;
  double best = 1e9;
  repeat([&] {
    const auto start = std::chrono::steady_clock::now();
    locator.locate(records, cells.data(), records.size(), refused);
    best = std::min(best, seconds_since(start));
  });
  size_t found = 0;
  for (const uint64_t cell : cells) found += cell != Cell::missing();
  expect(refused.empty() && found == expected, what);
  print(what, best, features, block.bytes().size);
}

void shuffle(Example& example) { std::shuffle(example.begin(), example.end(), random_bits); }

void time_shapes(const std::string& what, const std::vector<std::string>& keys) {
  time_locating(what + ", one order", keys, [&] { return example_of(keys); });
  time_locating(what + ", a new order each time", keys, [&] {
    Example example = example_of(keys);
    shuffle(example);
    return example;
  });
  time_locating(what + ", a sixth missing", keys, [&] {
    Example example = example_of(keys);
    std::erase_if(example, [](const Feature&) { return random_between(0, 5) == 0; });
    return example;
  });
}

}  // namespace

int main() {
  std::printf("locating, a feature\n");
  time_shapes("2 features", names("feature_", 2));
  time_shapes("40 features", names("C", 40));
  time_shapes("135 names of 45 bytes", names("user_profile/long_term/interaction_number_", 135));
  time_shapes("20 names of 80 bytes", names(std::string(78, 'n') + "_", 20));

  const std::vector<std::string> forty = names("C", 40);
  const std::vector<std::string> two = {"C7", "C31"};
  time_locating("2 of 40 features, one order", two, [&] { return example_of(forty); });
  time_locating("2 of 40 features, a new order each time", two, [&] {
    Example example = example_of(forty);
    shuffle(example);
    return example;
  });
  time_locating("10 lists of 100 values, one order", names("C", 10),
                [&] { return example_of(names("C", 10), 100); });
  time_locating("10 lists of 100 values, a new order each time", names("C", 10), [&] {
    Example example = example_of(names("C", 10), 100);
    shuffle(example);
    return example;
  });
  time_locating("10 empty lists, one order", names("C", 10),
                [&] { return example_of(names("C", 10), 0); });
}
