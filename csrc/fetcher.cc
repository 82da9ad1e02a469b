#include "fetcher.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <optional>

#include "kernels/kernels.h"
#include "record.h"

namespace headrace {
namespace {

constexpr size_t kMostOpen = 256;
constexpr uint64_t kLongestRead = uint64_t{1} << 20;

uint64_t frame_size(const Index::Place& place) { return kHeaderSize + place.size + kFooterSize; }

}  // namespace

Fetcher::Fetcher(std::vector<std::string> files, std::shared_ptr<const Index> index, bool verify)
    : files_(std::move(files)),
      index_(std::move(index)),
      verify_(verify),
      sources_(files_.size()) {}

std::shared_ptr<const Source> Fetcher::open(uint32_t file) {
  std::lock_guard lock(mutex_);
  if (!sources_[file]) {
    if (opened_.size() == kMostOpen) {
      sources_[opened_.front()].reset();
      opened_.erase(opened_.begin());
    }
    sources_[file] = open_local(files_[file]);
    opened_.push_back(file);
  }
  return sources_[file];
}

int64_t Fetcher::ordinal_in_file(uint64_t ordinal) const {
  return static_cast<int64_t>(ordinal - index_->start(index_->find(ordinal).file));
}

// Which bytes to read. Where each read goes is only known when the memory for all of them is there.
void Fetcher::plan_reads(std::span<const uint64_t> ordinals, Fetched& out) const {
  const size_t n = ordinals.size();
  out.by_place_.resize(n);
  std::iota(out.by_place_.begin(), out.by_place_.end(), 0u);
  if (!std::is_sorted(ordinals.begin(), ordinals.end())) {
    std::sort(out.by_place_.begin(), out.by_place_.end(),
              [&](uint32_t a, uint32_t b) { return ordinals[a] < ordinals[b]; });
  }
  out.reads_.clear();
  for (size_t k = 0; k < n; ++k) {
    const Index::Place& place = out.places[out.by_place_[k]];
    const uint64_t end = place.offset + frame_size(place);
    if (!out.reads_.empty()) {
      Fetched::Read& last = out.reads_.back();
      if (last.file == place.file && place.offset <= last.end + kNear &&
          end - last.begin <= kLongestRead) {
        last.end = std::max(end, last.end);
        continue;
      }
    }
    out.reads_.push_back({place.file, place.offset, end, k});
  }
}

void Fetcher::fetch(std::span<const uint64_t> ordinals, Fetched& out) {
  const size_t n = ordinals.size();
  out.failures.clear();
  out.places.resize(n);
  out.records.resize(n);
  for (size_t i = 0; i < n; ++i) out.places[i] = index_->find(ordinals[i]);
  plan_reads(ordinals, out);
  size_t total = 0;
  for (const Fetched::Read& read : out.reads_) total += read.end - read.begin;
  if (!out.memory || out.memory.capacity() < total + kSlop) out.memory = Buffer(total + kSlop);
  out.bytes_read = total;
  uint8_t* to = out.memory.data();
  for (size_t r = 0; r < out.reads_.size(); ++r) {
    const Fetched::Read& read = out.reads_[r];
    const size_t size = read.end - read.begin;
    const size_t last = r + 1 < out.reads_.size() ? out.reads_[r + 1].first : n;
    size_t got = 0;
    std::optional<Error> trouble;
    try {
      got = open(read.file)->read(read.begin, to, size);
    } catch (const Error& error) {
      trouble = error;
    }
    for (size_t k = read.first; k < last; ++k) {
      const uint32_t i = out.by_place_[k];
      const Index::Place& place = out.places[i];
      const uint64_t at = place.offset - read.begin;
      out.records[i] = {to + at + kHeaderSize, static_cast<size_t>(place.size)};
      if (got >= at + frame_size(place)) continue;
      out.failures.push_back({i, trouble ? *trouble : torn_error(ordinals[i], place)});
    }
    to += size;
  }
  std::memset(to, 0, kSlop);
  check(ordinals, out);
}

// What could be read: the headers must be what the index has seen, and the data what was written.
void Fetcher::check(std::span<const uint64_t> ordinals, Fetched& out) const {
  const auto rising = [](const Fetched::Failure& a, const Fetched::Failure& b) {
    return a.record < b.record;
  };
  std::sort(out.failures.begin(), out.failures.end(), rising);
  size_t begin = 0;
  for (size_t k = 0, unread = out.failures.size(); k < unread; ++k) {
    const size_t end = out.failures[k].record;
    check(ordinals, begin, end, out);
    begin = end + 1;
  }
  check(ordinals, begin, ordinals.size(), out);
  std::sort(out.failures.begin(), out.failures.end(), rising);
}

void Fetcher::check(std::span<const uint64_t> ordinals, size_t begin, size_t end,
                    Fetched& out) const {
  while (begin < end) {
    const ByteView* const records = out.records.data() + begin;
    size_t good = kernels().verify_lengths(records, end - begin);
    for (size_t i = 0; i < good; ++i) {
      if (load64(records[i].data - kHeaderSize) != records[i].size) good = i;
    }
    if (verify_) good = kernels().verify_payloads(records, good);
    begin += good;
    if (begin == end) return;
    out.failures.push_back({begin, mismatch(ordinals[begin], out.places[begin], records[good])});
    ++begin;
  }
}

Error Fetcher::torn_error(uint64_t ordinal, const Index::Place& at) const {
  const std::string& path = files_[at.file];
  const int64_t record = ordinal_in_file(ordinal);
  const auto offset = static_cast<int64_t>(at.offset);
  return Error(Fault::kDataLoss,
               place(path, record, offset,
                     "expected a record, found the end of the file: the file is not as it was "
                     "when it was indexed"),
               path, record, offset);
}

Error Fetcher::mismatch(uint64_t ordinal, const Index::Place& at, const ByteView& record) const {
  const std::string& path = files_[at.file];
  const int64_t number = ordinal_in_file(ordinal);
  const auto offset = static_cast<int64_t>(at.offset);
  if (kernels().verify_lengths(&record, 1) == 1 && load64(record.data - kHeaderSize) == at.size) {
    return checksum_error(path, number, offset, record);
  }
  return Error(Fault::kDataLoss,
               place(path, number, offset,
                     "expected a record of " + std::to_string(at.size) +
                         " bytes, found another header: the file is not as it was when it was "
                         "indexed"),
               path, number, offset);
}

}  // namespace headrace
