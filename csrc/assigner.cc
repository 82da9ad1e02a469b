#include "assigner.h"

#include <algorithm>

#include "kernels/kernels.h"
#include "record.h"

namespace headrace {

int64_t Haul::offset_of(const ByteView& record) const {
  return static_cast<int64_t>(piece.offset + static_cast<uint64_t>(record.data - piece.bytes.data) -
                              kHeaderSize);
}

bool Haul::holds(const ByteView& record) const {
  return piece.holds(static_cast<uint64_t>(offset_of(record)),
                     kHeaderSize + record.size + kFooterSize);
}

Assigner::Assigner(const LoaderJob& job, Blocks& blocks, Outbox& outbox)
    : job_(job), blocks_(blocks), outbox_(outbox), plan_(job.verbs) {}

Position Assigner::beginning() const {
  Position position;
  position.plan = plan_.counters();
  return position;
}

void Assigner::start_at(const Position& position) {
  at_ = position;
  plan_.restore(position.plan);
  // No block will say that the source is at its end if it is there already.
  while (!at_.ended && blocks_.pass_ends_at(at_)) go_on(plan_.source_ended());
  if (at_.ended) return end_stream();
  go_on(plan_.offer(0));
  blocks_.go_to(at_);
}

bool Assigner::assign(const Block& block, Haul& haul) {
  haul.records.clear();
  haul.runs.clear();
  haul.record_size = record_size_;
  if (at_.ended || block.pass != at_.pass) return true;  // read ahead in vain
  if (block.file != at_.file) {                          // files between are empty
    at_.file = block.file;
    at_.offset = at_.ordinal = 0;
  }
  if (block.trouble) {
    fail(block, *block.trouble);
  } else if (at_.offset < block.end) {
    Damage damage;
    const Scan scan =
        scan_records(*block.source, haul.piece, at_.offset, limit(block, haul), at_.ordinal,
                     job_.on_corruption, job_.options.verify, haul.records, damage, haul.walk);
    if (!haul.records.empty()) record_size_ = (scan.next - at_.offset) / haul.records.size();
    haul.record_size = record_size_;
    places_ += damage.places;
    bytes_ += damage.bytes;
    files_ += damage.files;
    std::optional<Error> error = offer(block, haul);
    if (at_.ended || block.pass != at_.pass) return true;
    at_.offset = scan.next;
    if (at_.offset >= block.end + (block.end - block.begin)) {
      blocks_.pass_over(at_.pass, at_.file, at_.offset);
    }
    if (!error) error = scan.error;
    if (error) fail(block, *error);
    if (!at_.ended && at_.offset < block.end) return false;
  }
  file_ = at_.file;
  offset_ = at_.offset;
  if (block.ends_pass && !at_.ended) go_on(plan_.source_ended());
  return true;
}

// As far as there should be room for what begins before it.
uint64_t Assigner::limit(const Block& block, const Haul& haul) const {
  if (haul.walk != walk_records) return block.end;  // few and large
  const uint64_t size = std::max<uint64_t>(haul.record_size, kHeaderSize + kFooterSize);
  const uint64_t batches = std::max<uint64_t>(outbox_.portion(), 1);
  const uint64_t most = (block.end - at_.offset) / size / job_.batch_size;
  return batches > most ? block.end : at_.offset + batches * job_.batch_size * size;
}

bool Assigner::reaches_over(const Block& block) const {
  return file_ == block.file && offset_ >= block.end;
}

Damage Assigner::damage() const { return {places_, bytes_, files_}; }

// Asks the plan about the records found, and keeps those that are delivered. TensorFlow checks the
// data of those only; the first that is damaged ends it.
std::optional<Error> Assigner::offer(const Block& block, Haul& haul) {
  std::vector<ByteView>& records = haul.records;
  const size_t n = records.size();
  const bool checks = job_.on_corruption == OnCorruption::kTf && job_.options.verify;
  const bool whole = !checks || complete(*block.source, haul.piece, records);
  std::optional<Error> damage;
  size_t kept = 0;
  for (size_t i = 0; !damage;) {
    std::optional<Plan> before;
    if (checks) before = plan_;
    const Plan::Step step = plan_.offer(room(std::span(records).subspan(i)));
    if (step.fate == Plan::Step::kEnd || step.fate == Plan::Step::kNextPass) {
      go_on(step);
      break;
    }
    auto count = static_cast<size_t>(step.count);
    if (count == 0) break;
    if (checks && step.fate == Plan::Step::kDeliver) {
      const size_t held = whole || i + count < n ? count : count - 1;
      const size_t good = kernels().verify_payloads(records.data() + i, held);
      if (good < count) {
        const ByteView& bad = records[i + good];
        const auto ordinal = static_cast<int64_t>(at_.ordinal + good);
        const int64_t offset = haul.offset_of(bad);
        damage = good < held ? checksum_error(block.source->path(), ordinal, offset, bad)
                             : torn_error(*block.source, haul.piece, ordinal, offset);
        plan_ = *before;
        plan_.offer(good);
        count = good;
      }
    }
    if (count == 0) break;
    if (step.fate == Plan::Step::kDeliver) {
      if (batch_ == nullptr) batch_ = outbox_.open();
      batch_->hold();
      haul.runs.push_back({kept, count, at_.ordinal, row_, batch_});
      if (kept != i) {
        std::copy_n(records.begin() + static_cast<ptrdiff_t>(i), count,
                    records.begin() + static_cast<ptrdiff_t>(kept));
      }
      for (size_t k = kept; k < kept + count && job_.single; ++k) batch_bytes_ += records[k].size;
      kept += count;
      row_ += count;
    }
    i += count;
    at_.ordinal += count;
    const ByteView& last = step.fate == Plan::Step::kDeliver ? records[kept - 1] : records[i - 1];
    at_.offset =
        static_cast<uint64_t>(haul.offset_of(last)) + kHeaderSize + last.size + kFooterSize;
    if (job_.is_full(row_, batch_bytes_)) close_batch(/*drop=*/false);
  }
  records.resize(kept);
  return damage;
}

// How many of these records the open batch may still take; not none, if there are any.
size_t Assigner::room(std::span<const ByteView> records) const {
  const size_t most = std::min(records.size(), job_.batch_size - row_);
  if (!job_.single) return most;
  size_t n = 0;
  for (uint64_t bytes = batch_bytes_; n < most && !job_.is_full(0, bytes); ++n) {
    bytes += records[n].size;
  }
  return n;
}

void Assigner::go_on(Plan::Step step) {
  if (step.fate == Plan::Step::kEnd) {
    end_stream();
  } else if (step.fate == Plan::Step::kNextPass) {
    at_.file = at_.offset = at_.ordinal = 0;
    blocks_.go_to_pass(++at_.pass);
  }
}

void Assigner::close_batch(bool drop) {
  at_.plan = plan_.counters();
  outbox_.close(batch_, row_, at_, drop);
  batch_ = nullptr;
  row_ = 0;
  batch_bytes_ = 0;
}

void Assigner::fail(const Block& block, const Error& error) {
  const bool goes_on = job_.goes_on_behind(error);
  if (goes_on) at_.offset = blocks_.sizes()[block.file];
  if (batch_ == nullptr) batch_ = outbox_.open();
  batch_->fail(row_, error);
  close_batch(/*drop=*/false);
  if (!goes_on) end_stream();
}

void Assigner::end_stream() {
  at_.ended = true;
  blocks_.stop();
  if (batch_ != nullptr) close_batch(job_.drop_remainder);
  outbox_.end_stream();
}

}  // namespace headrace
