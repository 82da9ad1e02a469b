#include "row_parser.h"

#include <string>

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
    if (row.segment >= counts_.size()) counts_.resize(row.segment + 1);
    if (counts_[row.segment]++ == 0) lent_.push_back({row.segment, 0});
  }
  for (Lent& lent : lent_) lent.records = std::exchange(counts_[lent.segment], 0);
}

void RowParser::parse(const RowJob& job, const ProvenanceOf& provenance) {
  count(job);
  auto next_place = job.places.begin();
  for (size_t first = 0; first < job.rows.size(); first += records_.size()) {
    records_.clear();
    missing_.clear();
    frames_.places.clear();
    size_t bytes = 0;
    for (size_t i = first;
         i < job.rows.size() && bytes < Filler::kGroupBytes && i - first < Filler::kGroupRows;
         ++i) {
      const RowJob::Row& row = job.rows[i];
      if (row.data == nullptr) {
        missing_.push_back(records_.size());
        frames_.places.push_back(*next_place++);
      }
      records_.push_back({row.data, row.size});
      bytes += row.size;
    }
    if (!missing_.empty()) read_again(job, first, provenance);
    filler_.fill(*job.batch, first, records_, watch_,
                 [&](size_t record) { return provenance(job.rows[first + record]); });
  }
}

void RowParser::read_again(const RowJob& job, size_t first, const ProvenanceOf& provenance) {
  Lap lap(watch_);
  reader_.read(frames_);
  bytes_read_ += frames_.bytes_read;
  for (size_t i = 0; i < missing_.size(); ++i) records_[missing_[i]] = frames_.records[i];
  for (const Frames::Flawed& flawed : frames_.flawed) {
    const size_t record = missing_[flawed.record];
    records_[record] = {kNoRecord, 0};
    job.batch->fail(first + record, changed(flawed, frames_.places[flawed.record],
                                            provenance(job.rows[first + record])));
  }
  lap.end(Stage::kRead);
}

}  // namespace headrace
