// Stories of the order in which records are expected to have their features.
#include "entry_order.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "examples.h"

using namespace headrace;
using namespace headrace::testing;

namespace {

const std::vector<std::string> kWanted = {"a", "b", "c", "d"};

// Records of int64 features with these names, one letter each; "B" has a list of 200 bytes under
// the name "b", "-" none of a kind under the name "d".
std::string record_of(const std::string& names) {
  std::string features;
  for (const char name : names) {
    const size_t values = name == 'B' ? 200 : 1;
    const std::string key(1, name == 'B' ? 'b' : name == '-' ? 'd' : name);
    features += entry(key, name == '-' ? "" : int64_feature(std::vector<uint8_t>(values, 7)));
  }
  return example(features);
}

class Orders {
 public:
  Orders() : order_(schema()) {}

  bool add(const std::string& names) {
    const std::string bytes = record_of(names) + std::string(kSlop, '\xff');
    return order_.add(view(bytes));
  }
  void clear() { order_.clear(); }

  // The wanted features that are found, "?" if the record is not followed.
  std::string follow(const std::string& names) const {
    const std::string bytes = record_of(names) + std::string(kSlop, '\xff');
    const ByteView views[] = {view(bytes), view(bytes)};
    std::vector<uint64_t> cells(kWanted.size() * 2);
    const size_t followed = order_.follow(views, cells.data(), 2);
    CHECK((followed == 0 || followed == 2));
    if (followed == 0) return "?";
    std::string found;
    for (size_t c = 0; c < kWanted.size(); ++c) {
      CHECK(cells[2 * c] == cells[2 * c + 1]);
      if (cells[2 * c] == Cell::missing()) continue;
      CHECK(Cell::size(cells[2 * c]) == (names.find('B') != names.npos && c == 1 ? 200 : 1));
      found += kWanted[c];
    }
    return found;
  }

 private:
  static ByteView view(const std::string& padded) {
    return {reinterpret_cast<const uint8_t*>(padded.data()), padded.size() - kSlop};
  }

  static std::shared_ptr<const Schema> schema() {
    std::vector<Column> columns;
    for (const std::string& name : kWanted) {
      columns.push_back(column(name, Kind::kInt64, Layout::kFixed));
    }
    return std::make_shared<const Schema>(columns);
  }

  EntryOrder order_;
};

}  // namespace

TEST_CASE("without a record only one without features is followed") {
  Orders orders;
  CHECK(orders.follow("") == "");
  CHECK(orders.follow("a") == "?");
}

TEST_CASE("some of the known features may be missing, none may be new or elsewhere") {
  Orders orders;
  REQUIRE(orders.add("bxaBc") == false);  // twice
  REQUIRE(orders.add("bxac"));
  CHECK(orders.follow("bxac") == "abc");
  CHECK(orders.follow("ba") == "ab");
  CHECK(orders.follow("c") == "c");
  CHECK(orders.follow("x") == "");
  CHECK(orders.follow("bxaBc") == "?");
  CHECK(orders.follow("abxc") == "?");
  CHECK(orders.follow("bxacd") == "?");
  CHECK(orders.follow("byac") == "?");
}

TEST_CASE("records add what they have to the order, unless they contradict it") {
  Orders orders;
  REQUIRE(orders.add("ac"));
  REQUIRE(orders.add("bc"));
  REQUIRE(orders.add("cxd"));
  CHECK(orders.follow("bcxd") == "bcd");
  CHECK(orders.follow("ad") == "ad");
  CHECK(orders.add("xc") == false);
  CHECK(orders.follow("xc") == "?");
  CHECK(orders.follow("bcxd") == "bcd");
  orders.clear();
  CHECK(orders.follow("ad") == "?");
  REQUIRE(orders.add("xc"));
  CHECK(orders.follow("xc") == "c");
}

TEST_CASE("an entry may take another form than it had first") {
  for (const char* first : {"abcd", "aBcd", "abc-"}) {
    Orders orders;
    REQUIRE(orders.add(first));
    CHECK(orders.follow("abcd") == "abcd");
    CHECK(orders.follow("aBcd") == "abcd");
    CHECK(orders.follow("Bd") == "bd");
    CHECK(orders.follow("abc-") == "abc");
    CHECK(orders.follow("-") == "");
  }
}
