#include "fetcher.h"

#include <algorithm>
#include <numeric>

#include "kernels/kernels.h"
#include "record.h"

namespace headrace {
namespace {

constexpr size_t kMostOpen = 256;
constexpr uint64_t kNear = 2048;                 // bytes read in vain rather than read twice
constexpr uint64_t kLongestRead = uint64_t{1} << 20;

uint64_t frame_size(const Index::Place& place) { return kHeaderSize + place.size + kFooterSize; }

}  // namespace

Fetcher::Fetcher(std::vector<std::string> files, std::shared_ptr<const Index> index, bool verify)
    : files_(std::move(files)), index_(std::move(index)), verify_(verify), sources_(files_.size()) {}

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

void Fetcher::fetch(std::span<const uint64_t> ordinals, Fetched& out) {
  const size_t n = ordinals.size();
  out.failure.reset();
  out.places.resize(n);
  out.records.resize(n);
  out.by_place_.resize(n);
  for (size_t i = 0; i < n; ++i) out.places[i] = index_->find(ordinals[i]);
  std::iota(out.by_place_.begin(), out.by_place_.end(), 0u);
  std::sort(out.by_place_.begin(), out.by_place_.end(), [&](uint32_t a, uint32_t b) {
    const Index::Place &x = out.places[a], &y = out.places[b];
    return x.file != y.file ? x.file < y.file : x.offset < y.offset;
  });

  // Where each read goes is only known when the memory for all of them is there.
  struct Read {
    uint32_t file;
    uint64_t begin, end;
    size_t first;  // in by_place_
  };
  std::vector<Read> reads;
  size_t total = 0;
  for (size_t k = 0; k < n; ++k) {
    const Index::Place& place = out.places[out.by_place_[k]];
    const uint64_t end = place.offset + frame_size(place);
    if (!reads.empty() && reads.back().file == place.file &&
        place.offset <= reads.back().end + kNear && end - reads.back().begin <= kLongestRead) {
      total += std::max(end, reads.back().end) - reads.back().end;
      reads.back().end = std::max(end, reads.back().end);
    } else {
      reads.push_back({place.file, place.offset, end, k});
      total += end - place.offset;
    }
  }
  if (!out.memory_ || out.memory_.capacity() < total + kSlop) out.memory_ = Buffer(total + kSlop);
  uint8_t* to = out.memory_.data();
  for (size_t r = 0; r < reads.size(); ++r) {
    const Read& read = reads[r];
    const size_t size = read.end - read.begin;
    const size_t last = r + 1 < reads.size() ? reads[r + 1].first : n;
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
      if (got >= at + frame_size(place) || (out.failure && out.failure->record < i)) continue;
      const int64_t ordinal = ordinal_in_file(ordinals[i]);
      const auto offset = static_cast<int64_t>(place.offset);
      const std::string& path = files_[place.file];
      out.failure.emplace(Fetched::Failure{
          i, trouble ? *trouble
                     : Error(Fault::kDataLoss,
                             ::headrace::place(path, ordinal, offset,
                                               "expected a record, found the end of the file: the "
                                               "file is not as it was when it was indexed"),
                             path, ordinal, offset)});
    }
    to += size;
  }
  std::memset(to, 0, kSlop);
  check(ordinals, out);
}

// The headers must be what the index has seen, and the data what was written.
void Fetcher::check(std::span<const uint64_t> ordinals, Fetched& out) const {
  const size_t n = out.failure ? out.failure->record : ordinals.size();
  size_t good = kernels().verify_lengths(out.records.data(), n);
  const auto length = [&](size_t i) { return load64(out.records[i].data - kHeaderSize); };
  for (size_t i = 0; i < good; ++i) {
    if (length(i) != out.records[i].size) good = i;
  }
  const bool lengths_good = good == n;
  if (verify_) good = std::min(good, kernels().verify_payloads(out.records.data(), good));
  if (good == n) return;
  const Index::Place& place = out.places[good];
  const std::string& path = files_[place.file];
  const int64_t ordinal = ordinal_in_file(ordinals[good]);
  const auto offset = static_cast<int64_t>(place.offset);
  const bool bad_length = !lengths_good && (kernels().verify_lengths(&out.records[good], 1) == 0 ||
                                            length(good) != place.size);
  out.failure.emplace(Fetched::Failure{
      good, bad_length
                ? Error(Fault::kDataLoss,
                        ::headrace::place(path, ordinal, offset,
                                          "expected a record of " + std::to_string(place.size) +
                                              " bytes, found another header: the file is not as it "
                                              "was when it was indexed"),
                        path, ordinal, offset)
                : checksum_error(path, ordinal, offset, out.records[good])});
}

}  // namespace headrace
