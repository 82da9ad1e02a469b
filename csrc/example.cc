#include "example.h"

#include <algorithm>
#include <bit>
#include <string>

namespace headrace {
namespace {

constexpr size_t kPrefetchAhead = 6;  // records
constexpr size_t kPrefetched = 4096;  // bytes of one

// Tags of the messages on the way to a value; all fields are length-delimited.
constexpr uint8_t kFeaturesTag = 0x0a;  // Example.features
constexpr uint8_t kEntryTag = 0x0a;     // Features.feature
constexpr uint8_t kKeyTag = 0x0a;
constexpr uint8_t kValueTag = 0x12;
constexpr uint8_t kPackedTag = 0x0a;  // field 1 of each list

constexpr size_t kOtherNames = 512;  // unwanted names that are remembered, a power of two
constexpr size_t kSlotsPerName = 32;
constexpr int kSeeds = 64;  // tried
// After a record in which guesses were wrong so often, by its size, so many records have none.
constexpr size_t kFewSurprises = 3;
constexpr size_t kBytesPerSurprise = 64;
constexpr uint32_t kUnordered = 63;

uint8_t kind_tag(Kind kind) { return static_cast<uint8_t>(static_cast<unsigned>(kind) << 3 | 2); }

// The tag of an unpacked value, where just one must be there; else what no byte is. Whoever reads a
// cell of such a column looks whether it holds one value.
uint16_t unpacked_tag(const Column& column) {
  if (column.layout != Layout::kFixed || column.elements != 1 || column.kind == Kind::kBytes)
    return 0x100;
  return column.kind == Kind::kInt64 ? 0x08 : 0x0d;
}

// Reads a length that must fit between its own end and `end`. Null if it does not, or is longer
// than a cell can say.
const uint8_t* read_length(const uint8_t* p, const uint8_t* end, size_t& length) {
  uint64_t value = *p++;
  if (value >= 0x80) {
    value &= 0x7f;
    for (int shift = 7;; shift += 7) {
      if (shift > 28) return nullptr;
      const uint64_t byte = *p++;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
  }
  if (p > end || value > static_cast<size_t>(end - p) || value > Cell::kLargestSize) return nullptr;
  length = static_cast<size_t>(value);
  return p;
}

// A length-delimited field that ends exactly at `end`.
const uint8_t* open_last(const uint8_t* p, const uint8_t* end, uint8_t tag) {
  size_t length;
  if (p >= end || *p != tag) return nullptr;
  p = read_length(p + 1, end, length);
  return p != nullptr && p + length == end ? p : nullptr;
}

struct Entry {
  std::string_view key;
  const uint8_t* value;
  const uint8_t* end;
};

bool read_entry(const uint8_t* p, const uint8_t* end, Entry& entry) {
  size_t size, key_size;
  if (*p != kEntryTag || (p = read_length(p + 1, end, size)) == nullptr) return false;
  entry.end = p + size;
  if (p == entry.end || *p != kKeyTag) return false;
  if ((p = read_length(p + 1, entry.end, key_size)) == nullptr) return false;
  entry.key = {reinterpret_cast<const char*>(p), key_size};
  entry.value = open_last(p + key_size, entry.end, kValueTag);
  return entry.value != nullptr;
}

// The cell of a list body [p, end): packed if one length-delimited field fills it.
uint64_t cell_of_list(ByteView record, const uint8_t* p, const uint8_t* end) {
  const uint8_t* const payload = open_last(p, end, kPackedTag);
  return payload != nullptr ? Cell::pack(Cell::kPacked, static_cast<uint64_t>(end - payload),
                                         static_cast<uint64_t>(payload - record.data))
                            : Cell::pack(Cell::kList, static_cast<uint64_t>(end - p),
                                         static_cast<uint64_t>(p - record.data));
}

// First 8 and last 8 bytes of a key, and its size. Reads at least 8 bytes.
inline uint64_t mix(const uint8_t* key, size_t size) {
  constexpr uint64_t kAll = ~uint64_t{0};
  const uint64_t mask = size < 8 ? ~(kAll << (8 * size)) : kAll;
  const uint64_t head = load64(key), tail = load64(key + (size < 8 ? 0 : size - 8));
  return (head & mask) ^ std::rotl(tail & mask, 23) ^ (size << 56);
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

Locator::Locator(std::shared_ptr<const Schema> schema) : schema_(std::move(schema)) {
  names_.resize(schema_->size() + kOtherNames);
  for (Name& name : names_) name.next = &names_[0];
  for (size_t i = 0; i < schema_->size(); ++i) {
    const Column& column = schema_->columns()[i];
    if (column.key.size() <= Name::kLongestKey) names_[i].set(column.key);
    names_[i].column = static_cast<int32_t>(i);
    names_[i].kind_tag = kind_tag(column.kind);
    names_[i].unpacked_tag = unpacked_tag(column);
    if (i + 1 < schema_->size()) names_[i].next = &names_[i + 1];
  }
  first_ = &names_[0];
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
  if ((p = open_last(p, end, kFeaturesTag)) == nullptr) return false;

  uint64_t duplicate = 0;
  Name** link = &first_;  // where the guess of the next name is kept
  const bool ordered = unordered_ == 0;
  size_t surprises = 0;

  // Takes an entry of a name that is remembered, if all its lengths are of kLength bytes and agree.
  const auto take = [&]<size_t kLength>() {
    Name* name = *link;
    if (!ordered || !name->matches<kLength>(p)) {
      Name* const found = guess(p + kLength + 3, p[kLength + 2]);
      if (!found->matches<kLength>(p)) return false;
      // If only a feature is missing here, the order that was learnt still holds.
      if (ordered && found != name->next && found != name->next->next) *link = found;
      name = found;
      ++surprises;
    }
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
    link = &name->next;
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
      uint64_t& cell = cells[c * stride];
      if (entry.value != entry.end) {
        const uint8_t* const body = open_last(entry.value, entry.end, name->kind_tag);
        if (body == nullptr) return false;
        duplicate |= cell ^ Cell::missing();
        cell = cell_of_list(record, body, entry.end);
      } else if (schema_->columns()[c].layout == Layout::kRagged) {
        // No kind: an empty list. To other layouts such a feature is as good as absent.
        duplicate |= cell ^ Cell::missing();
        cell = Cell::pack(Cell::kList, 0, static_cast<uint64_t>(entry.end - record.data));
      }
    }
    *link = name;
    link = &name->next;
    p = entry.end;
  }
  if (!ordered) {
    --unordered_;
  } else if (surprises > kFewSurprises && surprises * kBytesPerSurprise > record.size) {
    unordered_ = kUnordered;
  }
  return duplicate == 0;
}

void Locator::locate(std::span<const ByteView> records, uint64_t* cells, size_t stride,
                     std::vector<uint32_t>& refused) {
  for (size_t i = 0; i < records.size(); ++i) {
    // Records that lie anywhere come from far away.
    if (i + kPrefetchAhead < records.size()) {
      const ByteView& later = records[i + kPrefetchAhead];
      for (size_t at = 0; at < later.size && at < kPrefetched; at += 64) {
        __builtin_prefetch(later.data + at);
      }
    }
    if (records[i].size > Cell::kLargestSize || !locate_one(records[i], cells + i, stride)) {
      refused.push_back(static_cast<uint32_t>(i));
    }
  }
}

}  // namespace headrace
