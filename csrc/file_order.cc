#include "file_order.h"

#include <algorithm>

#include "kernels/kernels.h"
#include "record.h"

namespace headrace {
namespace {

constexpr uint64_t kLeastSlack = 1024, kMostSlack = uint64_t{64} << 10;
constexpr uint64_t kBlock = uint64_t{512} << 10;  // stays in a core's cache; few turns
// Of records from this size on only headers are read first; and from a smaller one on, only their
// ends, where the values between can be copied from where the system has them.
constexpr uint64_t kLargeRecord = uint64_t{64} << 10, kLeastMapped = uint64_t{24} << 10;
// Where the ends of large records did not do, so many blocks are read whole, twice as many the next
// time.
constexpr uint32_t kRest = 16, kMostRests = 6;

const Run& run_of(const Haul& haul, size_t record) {
  return *std::find_if(haul.runs.begin(), haul.runs.end(),
                       [&](const Run& run) { return record < run.first + run.n; });
}

}  // namespace

FileOrder::FileOrder(const LoaderJob& job, std::shared_ptr<const BatchLayout> layout,
                     Outbox& outbox)
    : job_(job),
      layout_(std::move(layout)),
      outbox_(outbox),
      blocks_(job.files, {.block_size = job.block_size(kBlock),
                          .repeats = job.may_repeat(),
                          .tolerant = job.on_corruption == OnCorruption::kTf,
                          .map_files = job.options.map_files}),
      assigner_(job, blocks_, outbox) {}

bool FileOrder::contains(const Position& position) const {
  return position.slots.empty() && position.outer.empty() &&
         position.plan.size() == beginning().plan.size() && blocks_.contains(position);
}

void FileOrder::work() {
  Worker worker(job_.options);
  worker.row_of = [&](size_t record) {
    const Run& run = run_of(worker.haul, record);
    return ExactParser::Row{.index = run.row + (record - run.first)};
  };
  if (job_.schema) {
    worker.cells.emplace(job_.schema, job_.single ? ParseMode::kSingle : ParseMode::kBatch);
  }
  Block block;
  while (blocks_.claim(block) && process(block, worker)) {
  }
}

void FileOrder::stop() {
  blocks_.stop();
  boundary_.close();
  commit_.close();
}

LoaderStats FileOrder::stats() const {
  return {.records = records_,
          .slow_records = slow_records_,
          .bytes_read = bytes_read_,
          .threads = 0,
          .elapsed = 0,
          .damage = assigner_.damage()};
}

// False if the turns were closed.
bool FileOrder::process(Block& block, Worker& worker) {
  Lap lap(outbox_.stopwatch());
  blocks_.wait(block);
  read(block, worker);
  lap.end(Stage::kRead);
  if (!boundary_.wait(block.ticket)) return false;
  lap.end(Stage::kWaitTurn);
  for (bool whole = false; !whole;) {
    outbox_.wait_for_room();
    lap.end(Stage::kWaitRoom);
    whole = assigner_.assign(block, worker.haul);
    lap.end(Stage::kOrder);
    if (whole) boundary_.done();

    worker.amounts.clear();
    worker.outlined = false;
    if (!worker.haul.records.empty()) measure(block, worker, lap);
    if (whole) prepare(block, worker);
    if (layout_->grows()) {
      if (!commit_.wait(block.ticket)) return false;
      lap.end(Stage::kWaitTurn);
      reserve(worker);
      if (whole) commit_.done();
    }
    store(block, worker);
    lap.end(Stage::kAssemble);
  }
  return true;
}

// For the next block, by what this one was like.
void FileOrder::prepare(const Block& block, Worker& worker) {
  bytes_read_.fetch_add(worker.haul.piece.bytes.size, std::memory_order_relaxed);
  if (block.source && block.source->cold()) blocks_.read_ahead();
  const uint64_t size = worker.haul.record_size;
  const bool large = size >= kLargeRecord || (size >= kLeastMapped && block.source &&
                                              !block.source->cold() && worker.outline.maps());
  Walker& walk = worker.haul.walk;
  if (!large || job_.on_corruption != OnCorruption::kRaise) {
    walk = walk_records;
  } else if (worker.rest == 0) {
    walk = walk_ends;
  } else {
    // Where columns grow, a thread that began to read only in its turn would keep the commit
    // waiting.
    const bool apart = size >= (layout_->grows() ? kBlock : kLargeRecord);
    walk = apart ? walk_headers : walk_records;
    --worker.rest;
  }
}

void FileOrder::read(Block& block, Worker& worker) {
  Piece& piece = worker.haul.piece;
  piece.forget();
  piece.offset = block.begin;
  if (worker.haul.walk != walk_records || block.trouble || assigner_.reaches_over(block)) return;
  block.source->fetch(piece, block.begin, block.end - block.begin + worker.slack);
}

// Checks and measures the wanted records, and how much of each growing column is theirs.
void FileOrder::measure(const Block& block, Worker& worker, Lap& lap) {
  Haul& haul = worker.haul;
  uint64_t largest = 0;
  for (const ByteView& record : haul.records) largest = std::max<uint64_t>(largest, record.size);
  worker.slack = std::clamp(2 * largest, kLeastSlack, kMostSlack);

  worker.outlined = outline(block, worker, lap);
  if (!worker.outlined) {
    complete(*block.source, haul.piece, haul.records);
    lap.end(Stage::kRead);
    const size_t good = verify(block, worker);
    haul.records.resize(good);
    lap.end(Stage::kChecksum);
    for (Run& run : haul.runs) run.n = good <= run.first ? 0 : std::min(run.n, good - run.first);
    if (worker.cells) locate(worker, lap);
  }
  const size_t columns = layout_->grows() ? layout_->columns().size() : 0;
  for (const Run& run : haul.runs) {
    for (size_t c = 0; c < columns; ++c) {
      const bool grows = run.n != 0 && BatchLayout::grows(layout_->columns()[c]);
      Amount amount;
      if (grows && worker.cells) {
        amount = worker.cells->amount(c, run.first, run.n);
      } else if (grows) {
        amount.values = run.n;
        for (size_t i = 0; i < run.n; ++i) amount.bytes += haul.records[run.first + i].size;
      }
      worker.amounts.push_back(amount);
    }
  }
  lap.end(Stage::kDecode);
}

void FileOrder::locate(Worker& worker, Lap& lap) {
  const uint64_t slow = worker.cells->slow_records();
  worker.cells->locate(worker.haul.records, worker.row_of);
  lap.end(Stage::kLocate);
  worker.cells->measure();
  slow_records_.fetch_add(worker.cells->slow_records() - slow, std::memory_order_relaxed);
}

// Whether the ends of the records are enough to know where all values go. If so, what lies between
// is read, and checked, when they are stored.
bool FileOrder::outline(const Block& block, Worker& worker, Lap& lap) {
  Haul& haul = worker.haul;
  if (haul.walk != walk_ends || !haul.is_outline()) return false;
  worker.origins.clear();
  for (const ByteView& record : haul.records) {
    const auto offset = static_cast<uint64_t>(haul.offset_of(record)) + kHeaderSize;
    worker.origins.push_back({block.source.get(), nullptr, offset});
  }
  worker.outline.open(worker.origins, haul.records, lap);
  if (worker.cells) {
    worker.cells->locate(haul.records, worker.row_of);
    lap.end(Stage::kLocate);
    worker.cells->measure();
    lap.end(Stage::kDecode);
    if (!worker.cells->bring_from(worker.outline, kEndSize)) {
      worker.rest = kRest << worker.rests;
      worker.rests = std::min(worker.rests + 1, kMostRests);
      return false;
    }
  }
  worker.rests = 0;
  return true;
}

Provenance FileOrder::provenance(size_t record, const Block& block, const Haul& haul) const {
  const Run& run = run_of(haul, record);
  return {block.source->path(), static_cast<int64_t>(run.ordinal + (record - run.first)),
          haul.offset_of(haul.records[record])};
}

// Number of wanted records that are whole and match their checksums; the first that does not fails
// its row, and what follows it will never be delivered.
size_t FileOrder::verify(const Block& block, Worker& worker) {
  Haul& haul = worker.haul;
  const size_t n = haul.records.size();
  size_t held = n;  // but those that could not be read
  while (held != 0 && !haul.holds(haul.records[held - 1])) --held;
  const bool verifies = job_.options.verify && job_.on_corruption == OnCorruption::kRaise;
  const size_t good = verifies ? kernels().verify_payloads(haul.records.data(), held) : held;
  if (good == n) return n;
  const Provenance from = provenance(good, block, haul);
  fail_from(good, haul,
            good < held ? checksum_error(from.path, from.ordinal, from.offset, haul.records[good])
                        : torn_error(*block.source, haul.piece, from.ordinal, from.offset));
  return good;
}

// Nothing is written to the rows behind it.
void FileOrder::fail_from(size_t record, const Haul& haul, const Error& error) {
  for (const Run& cut : haul.runs) {
    if (record < cut.first + cut.n) fail(cut, std::max(record, cut.first), error);
  }
}

// Reading goes on, for the batch is complete only when all its rows have been seen.
void FileOrder::fail(const Run& run, size_t record, const Error& error) {
  run.batch->fail(run.row + (record - run.first), error);
}

// The commit turn.
void FileOrder::reserve(Worker& worker) {
  worker.places.clear();
  const size_t columns = layout_->columns().size();
  for (size_t r = 0; r < worker.haul.runs.size(); ++r) {
    const Run& run = worker.haul.runs[r];
    for (size_t c = 0; c < columns; ++c) {
      const bool grows = run.n != 0 && BatchLayout::grows(layout_->columns()[c]);
      worker.places.push_back(grows ? run.batch->reserve(c, worker.amounts[r * columns + c], run.n)
                                    : Batch::Places{});
    }
  }
}

void FileOrder::store(const Block& block, Worker& worker) {
  const Haul& haul = worker.haul;
  const size_t columns = layout_->columns().size();
  for (size_t r = 0; r < haul.runs.size(); ++r) {
    const Run& run = haul.runs[r];
    if (run.n == 0) continue;
    std::span<const Batch::Places> places;
    if (layout_->grows()) places = std::span(worker.places).subspan(r * columns, columns);
    if (worker.cells) {
      run.batch->store(*worker.cells, run.first, run.n, run.row, places);
    } else {
      run.batch->store_records(std::span(haul.records).subspan(run.first, run.n), run.row,
                               places[0], worker.outlined ? &worker.outline : nullptr, run.first);
    }
  }
  size_t good = haul.records.size();
  if (worker.outlined) {
    bytes_read_.fetch_add(worker.outline.bytes_read(), std::memory_order_relaxed);
    const size_t unsound = worker.outline.unsound();
    if (const auto& trouble = worker.outline.trouble()) {
      good = unsound;
      fail_from(good, haul, *trouble);
    } else if (unsound != Outline::kNone) {
      // Read as a whole it shows what is wrong with it.
      complete(*block.source, worker.haul.piece, worker.haul.records);
      good = verify(block, worker);
      if (good > unsound) {
        good = unsound;
        const Provenance from = provenance(good, block, haul);
        fail_from(good, haul,
                  changed_error(from.path, from.ordinal, from.offset, "other data than before"));
      }
    }
  }
  records_.fetch_add(good, std::memory_order_relaxed);
  if (worker.cells && !haul.records.empty()) {
    for (const auto& [record, error] : worker.cells->errors()) {
      fail(run_of(haul, record), record, provenance(record, block, haul).parse_error(error));
    }
  }
  for (const Run& run : haul.runs) outbox_.release(run.batch);
}

}  // namespace headrace
