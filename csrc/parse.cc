#include "parse.h"

#include <algorithm>
#include <cstring>
#include <utility>

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

template <class T>
Buffer copy_of(const std::vector<T>& values) {
  Buffer buffer(values.size() * sizeof(T) + kSlop);
  if (!values.empty()) std::memcpy(buffer.data(), values.data(), values.size() * sizeof(T));
  return buffer;
}

std::vector<int64_t> splits_of(const std::vector<int64_t>& counts) {
  std::vector<int64_t> splits{0};
  for (const int64_t count : counts) splits.push_back(splits.back() + count);
  return splits;
}

void place_strings(const std::vector<ByteView>& strings, SequenceArray& array) {
  std::vector<int64_t> offsets{0};
  for (const ByteView& string : strings) {
    offsets.push_back(offsets.back() + static_cast<int64_t>(string.size));
  }
  array.offsets = copy_of(offsets);
  array.values = Buffer(static_cast<size_t>(offsets.back()) + kSlop);
  uint8_t* out = array.values.data();
  for (const ByteView& string : strings) {
    if (string.size != 0) std::memcpy(out, string.data, string.size);  // it may have no data
    out += string.size;
  }
}

std::vector<SequenceArray> arrays_of(std::vector<SequenceColumn>& columns, const Schema& schema) {
  std::vector<SequenceArray> arrays(columns.size());
  for (size_t i = 0; i < columns.size(); ++i) {
    SequenceColumn& column = columns[i];
    SequenceArray& array = arrays[i];
    array.count = column.int64s.size() + column.floats.size() + column.strings.size();
    switch (schema.columns()[i].kind) {
      case Kind::kInt64:
        array.values = copy_of(column.int64s);
        break;
      case Kind::kFloat:
        array.values = copy_of(column.floats);
        break;
      case Kind::kBytes:
        place_strings(column.strings, array);
        break;
    }
    if (schema.columns()[i].layout == Layout::kRagged) {
      array.value_splits = splits_of(column.counts);
      array.row_splits = splits_of(column.rows);
    } else {
      array.rows = std::move(column.rows);
    }
  }
  return arrays;
}

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

bool parse_sequences(std::span<const ByteView> records, std::span<const std::string_view> names,
                     const SequenceSchema& schema, SequenceArrays& arrays, ParseError& error) {
  if (gather_sequences(records, schema, arrays)) return true;
  SequenceBatch batch;
  if (!parse_sequences_exactly(records, names, schema, batch, error)) return false;
  arrays = {records.size(), arrays_of(batch.context, *schema.context),
            arrays_of(batch.lists, *schema.lists)};
  return true;
}

}  // namespace headrace
