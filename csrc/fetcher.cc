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
constexpr size_t kMostMappings = 16384;  // the system counts them

// Average sizes of records for which gathering pays: of smaller ones, many are better read together
// with all between them; of larger ones, what a call costs is little.
constexpr uint64_t kLeastGathered = 256, kMostGathered = 16384;

bool pays_to_gather(const Index& index, uint64_t most_mapped) {
  uint64_t bytes = 0;
  for (const IndexedFile& file : index.files()) bytes += file.size;
  const uint64_t average = bytes / std::max<uint64_t>(index.count(), 1);
  return index.files().size() <= kMostMappings && bytes <= most_mapped &&
         average >= kLeastGathered && average <= kMostGathered;
}

uint64_t frame_size(const Index::Place& place) { return kHeaderSize + place.size + kFooterSize; }

}  // namespace

Fetcher::Fetcher(std::vector<std::string> files, std::shared_ptr<const Index> index, bool verify,
                 uint64_t most_mapped)
    : files_(std::move(files)),
      index_(std::move(index)),
      verify_(verify),
      may_gather_(pays_to_gather(*index_, most_mapped)),
      sources_(files_.size()),
      mapped_(std::make_unique<std::atomic<const Mapping*>[]>(files_.size())),
      gathers_(may_gather_) {}

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

// Null if that is not to be had.
const Mapping* Fetcher::map(uint32_t file) {
  const Mapping* mapping = mapped_[file].load(std::memory_order_acquire);
  if (mapping != nullptr) return mapping;
  std::lock_guard lock(mutex_);
  mapping = mapped_[file].load(std::memory_order_relaxed);
  if (mapping != nullptr) return mapping;
  mappings_.push_back(Mapping::of(files_[file]));
  mapping = mappings_.back().get();
  mapped_[file].store(mapping, std::memory_order_release);
  return mapping;
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

void Fetcher::gather(std::span<const uint64_t> ordinals, Fetched& out) {
  if (gathers()) {
    const size_t n = ordinals.size();
    out.failures.clear();
    out.places.resize(n);
    out.records.resize(n);
    for (size_t i = 0; i < n; ++i) out.places[i] = index_->find(ordinals[i]);
    const long waits = Landing::waits();
    const bool good = gather_all(out);
    if (!good || Landing::waits() != waits) gathers_ = false;
    if (good) {
      check(ordinals, out);
      if (out.failures.empty()) return;
    }
  }
  fetch(ordinals, out);  // which also says what is wrong with a record
}

void Fetcher::try_again() {
  if (gathers() || !may_gather_) return;
  std::lock_guard lock(mutex_);
  for (const uint32_t file : opened_) sources_[file].reset();  // they remember having waited
  opened_.clear();
  gathers_ = true;
}

// The records at out.places. False if not all could be had like this.
bool Fetcher::gather_all(Fetched& out) {
  size_t total = 0;
  for (const Index::Place& place : out.places) total += frame_size(place);
  if (!out.landing_.reserve(total + kSlop)) return false;
  out.bytes_read = total;
  out.pieces_.clear();
  size_t at = 0, copied = 0;  // in the landing
  const auto copy = [&] {
    const bool good = out.landing_.gather(out.pieces_, copied);
    out.pieces_.clear();
    return good;
  };
  for (size_t i = 0; i < out.places.size(); ++i) {
    const Index::Place& place = out.places[i];
    const uint64_t size = frame_size(place);
    const Mapping* const mapping = map(place.file);
    if (mapping == nullptr) return false;
    out.records[i] = {out.landing_.data() + at + kHeaderSize, static_cast<size_t>(place.size)};
    if (mapping->knows(place.offset, size)) {
      out.pieces_.push_back({mapping->at(place.offset), static_cast<size_t>(size)});
    } else {
      if (!copy() || !read_and_learn(place, *mapping, out.landing_.data() + at)) return false;
      copied = at + size;
    }
    at += size;
  }
  std::memset(out.landing_.data() + at, 0, kSlop);
  return copy();
}

// False if that had to wait for a device: then other ways are better.
bool Fetcher::read_and_learn(const Index::Place& place, const Mapping& mapping, uint8_t* to) {
  const uint64_t size = frame_size(place);
  const std::shared_ptr<const Source> source = open(place.file);
  try {
    return source->read(place.offset, to, size) == size && !source->cold() &&
           mapping.learn(place.offset, size);
  } catch (const Error&) {
    return false;
  }
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
