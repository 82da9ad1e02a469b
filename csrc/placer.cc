#include "placer.h"

#include <algorithm>

#include "forecast.h"

namespace headrace {
namespace {

constexpr uint64_t kLeastRow = 2048;                   // bytes
constexpr uint64_t kLeastBatch = uint64_t{256} << 10;  // bytes: each is made by itself
constexpr uint64_t kMostWindows = 4;                   // ahead
constexpr uint64_t kSpare = uint64_t{64} << 20;        // bytes, besides nearly twice the window's

// Which row a draw is for must not depend on what is drawn, a failure ends the stream, and there is
// not so much memory that can be page-locked.
bool may_place(const LoaderJob& job, const ShuffleParts& parts, const BatchLayout& layout) {
  return parts.shuffle != nullptr && job.schema && !job.single && !layout.grows() &&
         job.on_corruption != OnCorruption::kTf && job.options.memory == 0 &&
         !job.options.locked_pages &&
         static_cast<uint64_t>(parts.shuffle->a) <= Forecast::kMostPlaces &&
         std::all_of(parts.behind.begin(), parts.behind.end(),
                     [](const Verb& verb) { return verb.kind == Verb::kRepeat; });
}

// Bytes of a row that stand in records as they do in batches: to write them elsewhere than in the
// window saves what it saves to read them from there.
uint64_t copied_bytes(const BatchLayout& layout) {
  uint64_t bytes = 0;
  for (const Column& column : layout.columns()) {
    if (column.kind == Kind::kFloat) bytes += column.elements * sizeof(float);
    if (column.kind == Kind::kBytes) bytes += column.elements * size_of(column.type);
  }
  return bytes;
}

}  // namespace

Placer::Placer(const LoaderJob& job, const ShuffleParts& parts, const BatchLayout& layout,
               Outbox& outbox)
    : outbox_(outbox), batch_rows_(job.batch_size), batch_bytes_(layout.expected_memory()) {
  if (!may_place(job, parts, layout)) return;
  const uint64_t row = batch_bytes_ / batch_rows_, copied = copied_bytes(layout);
  const uint64_t least = job.options.least_placed;
  const bool pays = copied >= kLeastRow && row <= copied / 4 * 5 && batch_bytes_ >= kLeastBatch;
  if (least != 0 ? row < least : !pays) return;
  window_ = static_cast<uint64_t>(parts.shuffle->a);
  horizon_ = std::min(kMostWindows * window_, most_bytes(row) / row);
}

// Of batches to come and the window.
uint64_t Placer::most_bytes(uint64_t record) const { return window_ * record / 4 * 7 + kSpare; }

bool Placer::place(Batch* open, uint64_t row, const Window& window, const Window::Entry& record,
                   const RecordBlock& block) {
  const uint64_t number = row / batch_rows_;
  ++records_;
  bytes_ += record.size;
  while (ahead_.size() < number) {
    const uint64_t taken = (ahead_.size() + 1) * batch_bytes_ + window.memory();
    if (taken > most_bytes(bytes_ / records_)) return false;
    ahead_.push_back(outbox_.make());
  }
  Batch* const batch = number == 0 ? open : ahead_[number - 1].get();
  if (!job_) {
    job_ = spare_ ? std::move(spare_) : std::make_unique<PlaceJob>();
    job_->memory = block.shared;
    job_->reader = block.reader;
    job_->begin = block.piece.bytes.data - block.piece.lead();
    job_->origin = window.origin(record.segment, 0, 0);
  }
  job_->rows.push_back(
      {record.at, record.size, record.index, static_cast<uint32_t>(row % batch_rows_), batch});
  return true;
}

std::unique_ptr<Batch> Placer::next() {
  if (ahead_.empty()) return outbox_.make();
  std::unique_ptr<Batch> batch = std::move(ahead_.front());
  ahead_.pop_front();
  return batch;
}

}  // namespace headrace
