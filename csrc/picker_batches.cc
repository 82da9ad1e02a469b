// The second half of Picker: the batches that were planned are filled.
#include <algorithm>

#include "picker.h"
#include "record.h"

namespace headrace {
namespace {

// Bytes of records that are outlined at a time, and groups of them that are not if that did not do.
constexpr uint64_t kOutlined = uint64_t{1} << 20;
constexpr size_t kRest = 64;

}  // namespace

void Picker::fill(const Task& task, Worker& worker) {
  const Planned& planned = task.share->batches[task.number];
  if (selection_.flags() || !task.share->together) {
    worker.places.clear();
    task.share->lot.list(planned.first, planned.rows, worker.places);
  }
  if (selection_.flags()) {
    uint8_t* valid = task.batch->fixed(layout_->columns().size() - 1);
    for (const EvenPlace& place : worker.places) *valid++ = place.valid;
  }
  if (task.share->together) {
    parse(task, worker);
  } else {
    // Groups by size, from the average: the real sizes are only known when they are looked up.
    const bool outlines = is_large() && fetcher_.maps() && worker.rest == 0;
    const uint64_t bytes = outlines ? kOutlined : Filler::kGroupBytes;
    const size_t group = std::clamp<size_t>(bytes / average_, 1, Filler::kGroupRows);
    for (size_t first = 0; first < planned.rows; first += group) {
      const size_t n = std::min(group, planned.rows - first);
      if (!fetch_and_parse(task, worker, first, n)) break;
    }
  }
  outbox_.release(task.batch);
}

// The records of a lot that has been read.
void Picker::parse(const Task& task, Worker& worker) {
  const Planned& planned = task.share->batches[task.number];
  const Lot& lot = task.share->lot;
  size_t rows = planned.rows;
  if (const Lot::Failure* failure = lot.failure(task.number)) {
    rows = failure->row - planned.first;
    task.batch->fail(rows, failure->error);
  }
  const auto records = lot.records(planned.first, rows);
  for (size_t first = 0, n; first < rows; first += n) {
    size_t bytes = 0;
    for (n = 0; first + n < rows && bytes < Filler::kGroupBytes && n < Filler::kGroupRows; ++n) {
      bytes += records[first + n].size;
    }
    worker.filler.fill(
        *task.batch, first, records.subspan(first, n), outbox_.stopwatch(), [&](size_t record) {
          const uint64_t ordinal = lot[planned.first + first + record].ordinal;
          const Index::Place place = job_.index->find(ordinal);
          return Provenance{fetcher_.path(place.file), fetcher_.ordinal_in_file(ordinal),
                            static_cast<int64_t>(place.offset)};
        });
  }
}

// False if a record could not be had: nothing behind it will be delivered.
bool Picker::fetch_and_parse(const Task& task, Worker& worker, size_t first, size_t n) {
  std::vector<uint64_t>& ordinals = worker.scratch.ordinals;
  ordinals.clear();
  for (size_t i = 0; i < n; ++i) ordinals.push_back(worker.places[first + i].ordinal);
  if (is_large()) {
    if (const auto whole = outline_and_parse(task, worker, first)) return *whole;
  }
  Fetched& fetched = worker.scratch.fetched;
  Lap lap(outbox_.stopwatch());
  if (is_large()) {
    fetcher_.fetch(ordinals, fetched);
  } else {
    fetcher_.gather(ordinals, fetched);
  }
  bytes_read_ += fetched.bytes_read;
  lap.end(Stage::kRead);
  const bool whole = fetched.failures.empty();
  if (!whole) {
    n = fetched.failures.front().record;
    task.batch->fail(first + n, fetched.failures.front().error);
  }
  const auto records = std::span<const ByteView>(fetched.records).first(n);
  worker.filler.fill(*task.batch, first, records, outbox_.stopwatch(),
                     [&](size_t record) { return provenance(worker.scratch, record); });
  return whole;
}

// The records with these ordinals, whose values go straight to their rows. None if that cannot be
// done, else as above.
std::optional<bool> Picker::outline_and_parse(const Task& task, Worker& worker, size_t first) {
  if (worker.rest != 0) {
    --worker.rest;
    return {};
  }
  Fetched& fetched = worker.scratch.fetched;
  Lap lap(outbox_.stopwatch());
  const bool outlined = fetcher_.outline(worker.scratch.ordinals, fetched);
  lap.end(Stage::kRead);
  if (!outlined) return {};
  const Filler::Outlined values{worker.outline, fetched.origins};
  const bool said = worker.filler.fill(
      *task.batch, first, fetched.records, outbox_.stopwatch(),
      [&](size_t record) { return provenance(worker.scratch, record); }, &values);
  bytes_read_ += worker.outline.bytes_read();
  if (!said) {
    worker.rest = kRest;
    return {};
  }
  const size_t bad = worker.outline.unsound();
  if (bad == Outline::kNone) return true;
  // Read as a whole it shows what is wrong with it.
  const Provenance from = provenance(worker.scratch, bad);
  worker.scratch.ordinals = {worker.scratch.ordinals[bad]};
  fetcher_.fetch(worker.scratch.ordinals, fetched);
  task.batch->fail(first + bad, fetched.failures.empty()
                                    ? changed_error(from.path, from.ordinal, from.offset,
                                                    "other data than before")
                                    : fetched.failures.front().error);
  return false;
}

Provenance Picker::provenance(const Lot::Scratch& scratch, size_t record) const {
  const Index::Place& place = scratch.fetched.places[record];
  return {fetcher_.path(place.file), fetcher_.ordinal_in_file(scratch.ordinals[record]),
          static_cast<int64_t>(place.offset)};
}

bool Picker::is_large() const { return average_ >= FrameReader::kLeastOutlined; }

}  // namespace headrace
