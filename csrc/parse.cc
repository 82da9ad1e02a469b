#include "parse.h"

#include <algorithm>
#include <cstring>

namespace headrace {
namespace {

constexpr size_t kBlock = size_t{1} << 20;  // bytes parsed at a time, unless one record is larger

// Records side by side, each with readable bytes behind it.
class Block {
 public:
  // As many of `records` as fit; at least one.
  explicit Block(std::span<const ByteView> records) {
    size_t size = 0, n = 0;
    while (n < records.size() && (n == 0 || size + records[n].size <= kBlock)) {
      size += records[n++].size;
    }
    memory_ = Buffer(size + kSlop);
    uint8_t* out = memory_.data();
    for (const ByteView& record : records.first(n)) {
      if (record.size != 0) std::memcpy(out, record.data, record.size);
      records_.push_back({out, record.size});
      out += record.size;
    }
    std::memset(out, 0, kSlop);
  }

  std::span<const ByteView> records() const { return records_; }

 private:
  Buffer memory_;
  std::vector<ByteView> records_;
};

}  // namespace

std::unique_ptr<Batch> parse(std::span<const ByteView> records, std::span<const std::string> names,
                             const std::shared_ptr<const Schema>& schema, ParseMode mode,
                             std::optional<ParseFailure>& failure) {
  const auto layout = std::make_shared<BatchLayout>(schema->columns(), records.size(),
                                                    /*pad=*/mode == ParseMode::kBatch);
  auto batch = std::make_unique<Batch>(layout);
  batch->open();
  batch->set_rows(records.size());
  Cells cells(schema, mode);
  std::vector<Batch::Places> places(schema->size());
  for (size_t first = 0; first < records.size();) {
    const Block block(records.subspan(first));
    const size_t n = block.records().size();
    const Cells::RowOf row_of = [&](size_t record) {
      ExactParser::Row row{.index = first + record};
      if (!names.empty()) row.name = names[first + record];
      return row;
    };
    cells.locate(block.records(), row_of);
    cells.measure();
    for (size_t c = 0; c < schema->size(); ++c) {
      if (BatchLayout::grows(schema->columns()[c])) {
        places[c] = batch->reserve(c, cells.amount(c, 0, n), n);
      }
    }
    batch->store(cells, 0, n, first, places);
    if (!cells.errors().empty()) {
      const RowError& worst = *std::min_element(
          cells.errors().begin(), cells.errors().end(),
          [](const RowError& a, const RowError& b) { return a.record < b.record; });
      failure = {first + worst.record, worst.error};
      if (worst.error.column != Schema::kNotWanted) {
        // Values of the rows before it in what TensorFlow takes as one minibatch.
        const auto* const ends =
            reinterpret_cast<const int64_t*>(batch->fixed(static_cast<size_t>(worst.error.column)));
        const size_t begin = minibatch_begin(records, failure->row);
        failure->error.count_preceding(static_cast<uint64_t>(ends[failure->row] - ends[begin]));
      }
      return nullptr;
    }
    first += n;
  }
  batch->finish();
  return batch;
}

}  // namespace headrace
