#include "example.h"

#include <algorithm>

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

constexpr size_t kOtherNames = 256;  // unwanted names that are remembered, a power of two

uint8_t kind_tag(Kind kind) { return static_cast<uint8_t>(static_cast<unsigned>(kind) << 3 | 2); }

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
  return payload != nullptr
             ? Cell::pack(Cell::kPacked, static_cast<uint64_t>(end - payload),
                          static_cast<uint64_t>(payload - record.data))
             : Cell::pack(Cell::kList, static_cast<uint64_t>(end - p),
                          static_cast<uint64_t>(p - record.data));
}

}  // namespace

void Locator::Name::set(std::string_view key, int new_column, uint8_t tag) {
  uint8_t bytes[8 * kWords] = {}, mask[8 * kWords] = {};
  size_t at = 0;
  const auto put = [&](uint8_t byte) { bytes[at] = byte, mask[at++] = 0xff; };
  put(kEntryTag);
  ++at;  // size of the entry
  put(kKeyTag);
  put(static_cast<uint8_t>(key.size()));
  for (const char c : key) put(static_cast<uint8_t>(c));
  put(kValueTag);
  ++at;  // size of the value
  if (new_column != Schema::kNotWanted) put(tag);
  std::memcpy(words, bytes, sizeof bytes);
  std::memcpy(masks, mask, sizeof mask);
  word_count = static_cast<uint32_t>((at + 7) / 8);
  key_size = static_cast<uint32_t>(key.size());
  column = new_column;
}

inline bool Locator::Name::matches(const uint8_t* entry) const {
  uint64_t different = (load64(entry) ^ words[0]) & masks[0];
  different |= (load64(entry + 8) ^ words[1]) & masks[1];
  different |= (load64(entry + 16) ^ words[2]) & masks[2];
  for (size_t i = 3; i < word_count; ++i) different |= (load64(entry + 8 * i) ^ words[i]) & masks[i];
  return different == 0;
}

inline std::string_view Locator::Name::key() const {
  return {reinterpret_cast<const char*>(words) + 4, key_size};
}

Locator::Locator(std::shared_ptr<const Schema> schema) : schema_(std::move(schema)) {
  names_.resize(schema_->size() + kOtherNames);
  for (Name& name : names_) {  // matches nothing: no entry begins with ff
    name.words[0] = name.masks[0] = 0xff;
    name.word_count = 1;
  }
  for (size_t i = 0; i < schema_->size(); ++i) {
    const Column& column = schema_->columns()[i];
    if (column.key.size() <= Name::kLongestKey) {
      names_[i].set(column.key, static_cast<int>(i), kind_tag(column.kind));
    }
    names_[i].column = static_cast<int>(i);
    names_[i].next = static_cast<uint32_t>(i + 1 < schema_->size() ? i + 1 : 0);
  }
}

// The place of a name; an unwanted one takes the place of another of the same hash.
uint32_t Locator::recall(std::string_view key) {
  const int column = schema_->find(key);
  if (column != Schema::kNotWanted) return static_cast<uint32_t>(column);
  uint32_t hash = 2166136261;
  for (const char c : key.substr(0, Name::kLongestKey)) {
    hash = (hash ^ static_cast<uint8_t>(c)) * 16777619;
  }
  const auto place = static_cast<uint32_t>(schema_->size() + (hash >> 12) % kOtherNames);
  Name& name = names_[place];
  if (key.size() <= Name::kLongestKey && name.key() != key) {
    const uint32_t next = name.next;
    name = Name{};
    name.set(key, Schema::kNotWanted, 0);
    name.next = next;
  }
  return place;
}

bool Locator::locate_one(ByteView record, uint64_t* cells, size_t stride) {
  const uint8_t* p = record.data;
  const uint8_t* const end = p + record.size;
  if (p == end) return true;
  if ((p = open_last(p, end, kFeaturesTag)) == nullptr) return false;

  uint64_t duplicate = 0;
  uint32_t* link = &first_;  // where the guess of the next name is kept
  while (p < end) {
    Name* name = &names_[*link];
    if (!name->matches(p)) {
      // Perhaps only one feature is missing here: then the order that was learnt still holds.
      name = &names_[name->next];
      if (!name->matches(p)) name = nullptr;
    }
    if (name != nullptr) {
      // A short entry of this name, if the lengths between the compared bytes agree.
      const uint32_t size = p[1], value_size = p[name->key_size + 5];
      const uint8_t* const next = p + 2 + size;
      const uint32_t mismatch = (size & 0x80) | (size ^ (value_size + name->key_size + 4));
      if (name->column == Schema::kNotWanted) {
        if (mismatch == 0 && next <= end) {
          link = &name->next;
          p = next;
          continue;
        }
      } else {
        const uint32_t list_size = p[name->key_size + 7];
        if ((mismatch | (value_size ^ (list_size + 2))) == 0 && next <= end) {
          const uint8_t* const body = p + name->key_size + 8;
          uint64_t& cell = cells[static_cast<size_t>(name->column) * stride];
          duplicate |= cell ^ Cell::missing();
          const auto offset = static_cast<uint64_t>(body - record.data);
          cell = body[0] == kPackedTag && body[1] + 2u == list_size
                     ? Cell::pack(Cell::kPacked, list_size - 2, offset + 2)
                     : Cell::pack(Cell::kList, list_size, offset);
          link = &name->next;
          p = next;
          continue;
        }
      }
    }
    Entry entry;
    if (!read_entry(p, end, entry)) return false;
    const uint32_t place = recall(entry.key);
    if (place < schema_->size()) {
      const Column& column = schema_->columns()[place];
      const uint8_t* const body = open_last(entry.value, entry.end, kind_tag(column.kind));
      if (body == nullptr) return false;
      uint64_t& cell = cells[place * stride];
      duplicate |= cell ^ Cell::missing();
      cell = cell_of_list(record, body, entry.end);
    }
    *link = place;
    link = &names_[place].next;
    p = entry.end;
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
    if (records[i].size > Cell::kLargestSize ||
        !locate_one(records[i], cells + i, stride)) {
      refused.push_back(static_cast<uint32_t>(i));
    }
  }
}

}  // namespace headrace
