// Entries of a record, followed in the order that is expected; shared by the bodies. Internal
// linkage: see words.h.
//
// A body's `Isa` gives differs(form, p, n, empty): whether the bytes at p are not those of the
// form, its lengths being n larger; `empty`: of an empty list.
#pragma once

#include "kernels/kernels.h"
#include "kernels/words.h"

namespace headrace {
namespace {

// Word by word, for CPUs without wide registers.
inline bool differs_by_words(const EntryForm& form, const uint8_t* p, uint8_t n, bool empty) {
  uint64_t different = 0;
  for (size_t i = 0; i < form.head; i += 8) {
    const uint64_t lengths = word(form.lengths + i), bytes = word(form.bytes + i);
    // No length becomes 0x80 or more, nor less than 0 where it counts, so nothing carries.
    const uint64_t expected = empty ? bytes - 2 * lengths : bytes + n * lengths;
    different |= (word(p + i) ^ expected) & word(form.relied[empty] + i);
  }
  return different != 0;
}

// Whether the entry at p is of this form; if so, its cell.
template <class Isa>
inline bool matches(const EntryForm& form, const uint8_t* p, const uint8_t* next,
                    const uint8_t* record, uint64_t& cell) {
  const uint32_t size = uint32_t{p[1]} - form.bytes[1];
  if (size <= form.most) {
    cell = uint64_t{size} << 32 | static_cast<uint64_t>(p + form.head - record);
    return !Isa::differs(form, p, static_cast<uint8_t>(size), /*empty=*/false);
  }
  cell = static_cast<uint64_t>(next - record);
  return form.may_be_empty && size == uint32_t(-2) &&
         !Isa::differs(form, p, static_cast<uint8_t>(size), /*empty=*/true);
}

template <class Isa>
size_t follow_entries(const EntryForm* forms, size_t n, const uint8_t* record, const uint8_t** at,
                      const uint8_t* end, uint64_t* cells, size_t stride) {
  const uint8_t* p = *at;
  size_t first = 0;  // whose place p may be
  for (size_t i = 0; i < n; ++i) {
    const EntryForm& form = forms[i];
    const uint8_t* const next = p + 2 + p[1];
    uint64_t cell;
    if (next <= end && matches<Isa>(form, p, next, record, cell)) {
      if (form.column != EntryForm::kNoColumn) cells[form.column * stride] = cell;
      p = next;
      first = i + 1;
    } else {
      if (form.column != EntryForm::kNoColumn) cells[form.column * stride] = kNoList;
      if (i - first == kMostPassedOver) break;
    }
  }
  *at = p;
  return first;
}

// Where the entries of an Example begin: 0a <size>, of at most three bytes, in the shortest form.
// Null if it does not begin so.
inline const uint8_t* first_entry(const ByteView& record) {
  const uint8_t* const p = record.data;
  const size_t size = record.size;
  if (size < 2 || p[0] != 0x0a) return nullptr;
  if (size < 2 + 0x80) return p[1] == size - 2 ? p + 2 : nullptr;
  const auto byte = [](size_t bits, bool more) { return (bits & 0x7f) | (more ? 0x80 : 0); };
  if (size < 3 + 0x4000) {
    const size_t n = size - 3;
    return p[1] == byte(n, true) && p[2] == n >> 7 ? p + 3 : nullptr;
  }
  const size_t n = size - 4;
  const bool right = p[1] == byte(n, true) && p[2] == byte(n >> 7, true) && p[3] == n >> 14;
  return right && n < 0x200000 ? p + 4 : nullptr;
}

template <class Isa>
size_t follow_records(const ByteView* records, size_t n, const EntryForm* forms, size_t form_count,
                      uint64_t* cells, size_t stride) {
  for (size_t i = 0; i < n; ++i) {
    const ByteView& record = records[i];
    const uint8_t* p = first_entry(record);
    const uint8_t* const end = record.data + record.size;
    if (p == nullptr) return i;
    const size_t followed =
        follow_entries<Isa>(forms, form_count, record.data, &p, end, cells + i, stride);
    if (followed != form_count || p != end) return i;
  }
  return n;
}

}  // namespace
}  // namespace headrace
