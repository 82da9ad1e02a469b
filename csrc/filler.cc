#include "filler.h"

#include <utility>

#include "record.h"

namespace headrace {
Error Provenance::parse_error(const ParseError& error) const {
  return Error(Fault::kParse, error.text + "\n" + place(path, ordinal, offset, error.detail), path,
               ordinal, offset);
}

Filler::Filler(const LoaderJob& job, std::shared_ptr<const BatchLayout> layout)
    : layout_(std::move(layout)) {
  if (job.schema) cells_.emplace(job.schema, job.single ? ParseMode::kSingle : ParseMode::kBatch);
}

bool Filler::fill(Batch& batch, size_t first, std::span<const ByteView> records, Stopwatch& watch,
                  const std::function<Provenance(size_t record)>& provenance,
                  const Outlined* outlined) {
  const size_t n = records.size();
  if (n == 0) return true;
  Lap lap(watch);
  Outline* const outline = outlined == nullptr ? nullptr : &outlined->outline;
  if (outline != nullptr) outline->open(outlined->origins, records, lap);
  places_.assign(layout_->columns().size(), {});
  if (!cells_) {
    Amount amount{.values = n, .bytes = 0};
    for (const ByteView& record : records) amount.bytes += record.size;
    batch.store_records(records, first, batch.reserve(0, amount, n), outline);
    lap.end(Stage::kAssemble);
    return true;
  }
  const Cells::RowOf row_of = [&](size_t record) {
    return ExactParser::Row{.index = first + record};
  };
  find(records, row_of, lap);
  if (outline != nullptr && !cells_->bring_from(*outline, kEndSize)) return false;
  for (size_t c = 0; c < cells_->columns(); ++c) {
    if (BatchLayout::grows(layout_->columns()[c])) {
      places_[c] = batch.reserve(c, cells_->amount(c, 0, n), n);
    }
  }
  batch.store(*cells_, 0, n, first, places_);
  for (const auto& [record, error] : cells_->errors()) {
    batch.fail(first + record, provenance(record).parse_error(error));
  }
  lap.end(Stage::kAssemble);
  return true;
}

void Filler::place(std::span<const Target> targets, std::span<const ByteView> records,
                   Stopwatch& watch, const std::function<Provenance(size_t record)>& provenance) {
  if (records.empty()) return;
  const Cells::RowOf row_of = [&](size_t record) {
    return ExactParser::Row{.index = targets[record].row};
  };
  Lap lap(watch);
  find(records, row_of, lap);
  rows_.resize(records.size());
  for (size_t c = 0; c < cells_->columns(); ++c) {
    for (size_t i = 0; i < records.size(); ++i) {
      rows_[i] = targets[i].batch->fixed_row(c, targets[i].row);
    }
    cells_->place_numbers(c, rows_, BatchLayout::is_far(layout_->place(c).size));
  }
  for (const auto& [record, error] : cells_->errors()) {
    const auto& [batch, row] = targets[record];
    batch->fail(row, provenance(record).parse_error(error));
  }
  lap.end(Stage::kAssemble);
}

void Filler::find(std::span<const ByteView> records, const Cells::RowOf& row_of, Lap& lap) {
  cells_->locate(records, row_of);
  lap.end(Stage::kLocate);
  cells_->measure();
  lap.end(Stage::kDecode);
}

uint64_t Filler::take_slow_records() {
  const uint64_t now = cells_ ? cells_->slow_records() : 0;
  return now - std::exchange(slow_, now);
}

}  // namespace headrace
