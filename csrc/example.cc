#include "example.h"

#include <algorithm>
#include <bit>
#include <string>

namespace headrace {
namespace {

constexpr size_t kPrefetchAhead = 4;  // records
constexpr size_t kFollowed = 8;       // at a time
constexpr size_t kPrefetched = 4096;  // bytes of one
constexpr size_t kPrefetchedNear = 128;
constexpr size_t kNeighbours = 64;  // bytes between two records that were read together

// A miss outweighs so many hits; when there is too much trouble, so many records are not asked for
// the expected order, twice as many the next time.
constexpr uint32_t kMiss = 3, kTooMuch = 12, kRest = 64, kMostRests = 6;

constexpr size_t kOtherNames = 512;  // unwanted names that are remembered, a power of two
constexpr size_t kSlotsPerName = 32;
constexpr int kSeeds = 64;  // tried
// First 8 and last 8 bytes of a key, and its size. Reads at least 8 bytes.
inline uint64_t mix(const uint8_t* key, size_t size) {
  constexpr uint64_t kAll = ~uint64_t{0};
  const uint64_t mask = size < 8 ? ~(kAll << (8 * size)) : kAll;
  const uint64_t head = load64(key), tail = load64(key + (size < 8 ? 0 : size - 8));
  return (head & mask) ^ std::rotl(tail & mask, 23) ^ (size << 56);
}

// Records that lie anywhere come from far away; of one behind the other only its beginning does.
inline void prefetch(const ByteView& before, const ByteView& record) {
  const auto gap = static_cast<size_t>(record.data - (before.data + before.size));
  const size_t size = std::min(record.size, gap < kNeighbours ? kPrefetchedNear : kPrefetched);
  for (size_t at = 0; at < size; at += 64) __builtin_prefetch(record.data + at);
}

}  // namespace

void Locator::Name::set(std::string_view key) {
  uint8_t bytes[8 * kWords] = {}, mask[8 * kWords] = {};
  bytes[0] = kEntryTag;
  bytes[2] = kKeyTag;
  bytes[3] = key_size = static_cast<uint8_t>(key.size());
  std::memcpy(bytes + 4, key.data(), key.size());
  bytes[key.size() + 4] = kValueTag;
  std::memset(mask, 0xff, key.size() + 5);
  mask[1] = 0;
  for (size_t i = 0; i < kWords; ++i) words[i] = {load64(bytes + 8 * i), load64(mask + 8 * i)};
  word_count = static_cast<uint8_t>((key.size() + 5 + 7) / 8);
}

// Whether the entry, whose size takes kLength bytes, has this name.
template <size_t kLength>
inline bool Locator::Name::matches(const uint8_t* entry) const {
  const uint8_t* const p = entry + kLength - 1;
  uint64_t different = (load64(p) ^ words[0].bytes) & words[0].mask;
  if constexpr (kLength != 1) {
    different = (different & ~uint64_t{0xff}) | (entry[0] ^ kEntryTag);
  }
  different |= (load64(p + 8) ^ words[1].bytes) & words[1].mask;
  different |= (load64(p + 16) ^ words[2].bytes) & words[2].mask;
  for (size_t i = 3; i < word_count; ++i) {
    different |= (load64(p + 8 * i) ^ words[i].bytes) & words[i].mask;
  }
  return different == 0;
}

Locator::Locator(std::shared_ptr<const Schema> schema)
    : schema_(std::move(schema)), order_(schema_) {
  names_.resize(schema_->size() + kOtherNames);
  for (size_t i = 0; i < schema_->size(); ++i) {
    const Column& column = schema_->columns()[i];
    if (column.key.size() <= Name::kLongestKey) names_[i].set(column.key);
    names_[i].column = static_cast<int32_t>(i);
    names_[i].kind_tag = kind_tag(column.kind);
    names_[i].unpacked_tag = unpacked_tag(column);
  }
  choose_hash();
}

// Takes the seed with which the fewest wanted names share a slot: nearly always none. Those that
// have no slot are found by reading their entries.
void Locator::choose_hash() {
  const auto bits =
      static_cast<unsigned>(std::bit_width(kSlotsPerName * schema_->size() + kOtherNames));
  shift_ = 64 - bits;
  std::vector<uint64_t> mixed(schema_->size());
  for (size_t i = 0; i < schema_->size(); ++i) {
    const std::string padded = schema_->columns()[i].key + std::string(kSlop, '\0');
    mixed[i] =
        mix(reinterpret_cast<const uint8_t*>(padded.data()), schema_->columns()[i].key.size());
  }
  uint64_t seed = 0x9e3779b97f4a7c15;
  size_t fewest = SIZE_MAX;
  for (int i = 0; i < kSeeds && fewest != 0; ++i, seed = seed * 0xd1342543de82ef95 + 2) {
    std::vector<bool> taken(size_t{1} << bits);
    size_t shared = 0;
    for (const uint64_t key : mixed) {
      shared += taken[key * seed >> shift_];
      taken[key * seed >> shift_] = true;
    }
    if (shared < fewest) fewest = shared, seed_ = seed;
  }
  table_.resize(size_t{1} << bits);
  for (size_t slot = 0; slot < table_.size(); ++slot) {
    table_[slot] = static_cast<uint32_t>(schema_->size() + slot % kOtherNames);
  }
  for (size_t i = 0; i < mixed.size(); ++i) {
    table_[mixed[i] * seed_ >> shift_] = static_cast<uint32_t>(i);
  }
}

// The only name that may be that of the key, if it is remembered.
inline Locator::Name* Locator::guess(const uint8_t* key, size_t size) {
  return &names_[table_[mix(key, std::min(size, Name::kLongestKey)) * seed_ >> shift_]];
}

// The name of this key; an unwanted one takes the place of another of the same hash.
Locator::Name* Locator::recall(std::string_view key) {
  const int column = schema_->find(key);
  if (column != Schema::kNotWanted) return &names_[static_cast<size_t>(column)];
  const uint64_t slot =
      mix(reinterpret_cast<const uint8_t*>(key.data()), key.size()) * seed_ >> shift_;
  Name& name = names_[schema_->size() + slot % kOtherNames];
  if (key.size() <= Name::kLongestKey) name.set(key);
  return &name;
}

bool Locator::locate_one(ByteView record, uint64_t* cells, size_t stride) {
  const uint8_t* p = record.data;
  const uint8_t* const end = p + record.size;
  if (p == end) return true;
  if ((p = open_features(record)) == nullptr) return false;

  uint64_t duplicate = 0;

  // Takes an entry of a name that is remembered, if all its lengths are of kLength bytes and agree.
  const auto take = [&]<size_t kLength>() {
    Name* const name = guess(p + kLength + 3, p[kLength + 2]);
    if (!name->matches<kLength>(p)) return false;
    uint64_t wrong = 0;
    const auto length_at = [&wrong](const uint8_t* at) -> uint64_t {
      if constexpr (kLength == 1) return *at;  // compared with one below 0x80
      wrong |= (~at[0] & 0x80) | (at[1] & 0x80);
      return (at[0] & 0x7f) | static_cast<uint64_t>(at[1]) << 7;
    };
    const uint64_t size = length_at(p + 1);
    const uint8_t* const next = p + 1 + kLength + size;
    const uint8_t* const value = p + kLength + name->key_size + 4;
    const uint64_t value_size = length_at(value);
    wrong |= size ^ (value_size + name->key_size + 3 + kLength);
    if (name->column == Schema::kNotWanted) {
      if (wrong != 0 || next > end) return false;
    } else {
      const uint64_t list_size = length_at(value + kLength + 1);
      wrong |= (value[kLength] ^ name->kind_tag) | (value_size ^ (list_size + 1 + kLength));
      if (wrong != 0 || next > end) return false;
      const uint8_t* const body = value + 2 * kLength + 1;
      uint64_t& cell = cells[static_cast<size_t>(name->column) * stride];
      duplicate |= cell ^ Cell::missing();
      const auto offset = static_cast<uint64_t>(body - record.data);
      if constexpr (kLength != 1) {
        cell = cell_of_list(record, body, next);
      } else {
        const bool packed = body[0] == kPackedTag && body[1] + 2u == list_size;
        const bool one = body[0] == name->unpacked_tag && list_size != 0;
        const bool no_numbers = list_size == 0 && name->kind_tag != kind_tag(Kind::kBytes);
        const uint64_t skipped = packed ? 2 : one ? 1 : 0;
        cell = Cell::pack(packed || one || no_numbers ? Cell::kPacked : Cell::kList,
                          list_size - skipped, offset + skipped);
      }
    }
    p = next;
    return true;
  };

  while (p < end) {
    if (p[1] < 0x80 ? take.operator()<1>() : take.operator()<2>()) continue;
    Entry entry;
    if (!read_entry(p, end, entry)) return false;
    Name* const name = recall(entry.key);
    if (name->column != Schema::kNotWanted) {
      const auto c = static_cast<size_t>(name->column);
      uint64_t found;
      if (!read_cell(record, entry, schema_->columns()[c], found)) return false;
      uint64_t& cell = cells[c * stride];
      if (found != Cell::missing()) {
        duplicate |= cell ^ Cell::missing();
        cell = found;
      }
    }
    p = entry.end;
  }
  return duplicate == 0;
}

void Locator::locate(std::span<const ByteView> records, uint64_t* cells, size_t stride,
                     std::vector<uint32_t>& refused) {
  const size_t n = records.size();
  const auto clear = [&](size_t first, size_t count) {
    for (size_t c = 0; c < schema_->size(); ++c) {
      std::fill_n(cells + c * stride + first, count, Cell::missing());
    }
  };
  bool cleared = false;  // all from here on
  size_t asked = 1;
  for (size_t i = 0; i < n;) {
    const size_t some = std::min(n - i, kFollowed);
    for (; asked < std::min(n, i + some + kPrefetchAhead); ++asked) {
      prefetch(records[asked - 1], records[asked]);
    }
    const bool follows = rest_ == 0;
    if (follows) {
      const size_t followed = order_.follow(records.subspan(i, some), cells + i, stride);
      if (followed != 0) hit(followed);
      i += followed;
      if (followed == some) continue;
      clear(i, 1);
    } else if (!cleared) {
      clear(i, n - i);
      cleared = true;
    }
    const ByteView record = records[i];
    const bool good = record.size <= Cell::kLargestSize && locate_one(record, cells + i, stride);
    if (!good) refused.push_back(static_cast<uint32_t>(i));
    if (follows) {
      miss(record, good);
    } else {
      --rest_;
    }
    ++i;
  }
}

// Records had their features in the order that was expected.
void Locator::hit(size_t records) {
  missed_ = false;
  trouble_ -= static_cast<uint32_t>(std::min<size_t>(trouble_, records));
  if (trouble_ == 0) rests_ = 0;
}

// A record had not: its features are added to the order. One that contradicts it may be an
// exception, a second one makes a new order; where many do, fewer and fewer are asked.
void Locator::miss(ByteView record, bool canonical) {
  if (canonical && !order_.add(record) && missed_) {
    order_.clear();
    order_.add(record);
  }
  missed_ = true;
  trouble_ += kMiss;
  if (trouble_ < kTooMuch) return;
  trouble_ = kTooMuch - kMiss;
  rest_ = kRest << rests_;
  rests_ = std::min(rests_ + 1, kMostRests);
}

}  // namespace headrace
