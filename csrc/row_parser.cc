#include "row_parser.h"

#include <string>

#include "record.h"

namespace headrace {
namespace {

constexpr uint8_t kNoRecord[kSlop] = {};

// It was as it should be when it went into the window.
Error changed(const Frames::Flawed& flawed, const FramePlace& at, const Provenance& from) {
  if (flawed.trouble) return *flawed.trouble;
  const char* const found = flawed.flaw == Frames::Flaw::kTorn     ? "the end of the file"
                            : flawed.flaw == Frames::Flaw::kHeader ? "another header"
                                                                   : "other data";
  return Error(Fault::kDataLoss,
               place(from.path, from.ordinal, from.offset,
                     "expected the record of " + std::to_string(at.size) +
                         " bytes that was there before, found " + found +
                         ": the file changed while being read"),
               from.path, from.ordinal, from.offset);
}

}  // namespace

void RowParser::count(const RowJob& job) {
  lent_.clear();
  for (const RowJob::Row& row : job.rows) {
    if (row.segment == Window::kNone) continue;
    if (row.segment >= counts_.size()) counts_.resize(row.segment + 1);
    if (counts_[row.segment]++ == 0) lent_.push_back({row.segment, 0});
  }
  for (Lent& lent : lent_) lent.records = std::exchange(counts_[lent.segment], 0);
}

template <class RowOf, class From>
void RowParser::read_again(Batch& batch, const RowOf& row_of, const From& from) {
  Lap lap(watch_);
  reader_.read(frames_);
  bytes_read_ += frames_.bytes_read;
  for (size_t i = 0; i < missing_.size(); ++i) records_[missing_[i]] = frames_.records[i];
  for (const Frames::Flawed& flawed : frames_.flawed) {
    const size_t record = missing_[flawed.record];
    records_[record] = {kNoRecord, 0};
    batch.fail(row_of(record), changed(flawed, frames_.places[flawed.record], from(record)));
  }
  lap.end(Stage::kRead);
}

void RowParser::parse(const RowJob& job, const ProvenanceOf& provenance) {
  count(job);
  auto next_place = job.places.begin();
  for (size_t first = 0, next = 0; next < job.rows.size(); first = next) {
    records_.clear();
    targets_.clear();
    missing_.clear();
    frames_.places.clear();
    size_t bytes = 0;
    for (;
         next < job.rows.size() && bytes < Filler::kGroupBytes && next - first < Filler::kGroupRows;
         ++next) {
      const RowJob::Row& row = job.rows[next];
      if (job.has_placed) {
        if (row.segment == Window::kNone) continue;
        targets_.push_back({job.batch, next});
      }
      if (row.data == nullptr) {
        missing_.push_back(records_.size());
        frames_.places.push_back(*next_place++);
      }
      records_.push_back({row.data, row.size});
      bytes += row.size;
    }
    const auto row_of = [&](size_t record) {
      return job.has_placed ? targets_[record].row : first + record;
    };
    const auto from = [&](size_t record) { return provenance(job.rows[row_of(record)]); };
    if (!missing_.empty()) read_again(*job.batch, row_of, from);
    if (job.has_placed) {
      filler_.place(targets_, records_, watch_, from);
    } else {
      filler_.fill(*job.batch, first, records_, watch_, from);
    }
  }
}

void RowParser::place(PlaceJob& job) {
  records_.clear();
  targets_.clear();
  for (const PlaceJob::Row& row : job.rows) {
    records_.push_back({job.begin + row.at, row.size});
    targets_.push_back({row.batch, row.row});
  }
  filler_.place(targets_, records_, watch_, [&](size_t record) {
    const PlaceJob::Row& row = job.rows[record];
    return Provenance{reader_.path(job.origin.file),
                      static_cast<int64_t>(job.origin.ordinal + row.index),
                      static_cast<int64_t>(job.origin.offset + row.at - kHeaderSize)};
  });
  job.rows.clear();
  if (job.memory.use_count() == 1) memory_ = std::move(*job.memory);
  job.memory.reset();
}

}  // namespace headrace
