#include "entry_order.h"

#include <algorithm>
#include <utility>

namespace headrace {

EntryOrder::EntryOrder(std::shared_ptr<const Schema> schema)
    : schema_(std::move(schema)), kernels_(kernels()) {
  count();
}

void EntryOrder::clear() {
  entries_.clear();
  forms_.clear();
  count();
}

bool EntryOrder::add(ByteView record) {
  const uint8_t* const end = record.data + record.size;
  const uint8_t* const begin = open_features(record);
  if (begin == nullptr) return false;
  const auto find = [](const std::vector<Expected>& entries, std::string_view key, size_t from) {
    while (from < entries.size() && entries[from].key != key) ++from;
    return from;
  };
  // Records that contradict the order may be many: they must cost little.
  Entry entry;
  size_t at = 0, fresh = 0;
  for (const uint8_t* p = begin; p != end; p = entry.end) {
    if (!read_entry(p, end, entry)) return false;
    if (const size_t found = find(entries_, entry.key, at); found != entries_.size()) {
      at = found + 1;
    } else if (find(entries_, entry.key, 0) != entries_.size()) {
      return false;
    } else {
      ++fresh;
    }
  }
  if (fresh == 0) return true;
  if (entries_.size() + fresh > kMost) return false;

  std::vector<Expected> entries = entries_;
  std::vector<EntryForm> forms = forms_;
  at = 0;
  for (const uint8_t* p = begin; p != end; ++at, p = entry.end) {
    read_entry(p, end, entry);
    if (const size_t found = find(entries, entry.key, at); found != entries.size()) {
      at = found;
      continue;
    }
    if (find(entries, entry.key, 0) != entries.size()) return false;  // twice, once without a value
    const int column = schema_->find(entry.key);
    EntryForm form;
    const bool brief = form_of(p, entry, column, form);
    const auto place = static_cast<ptrdiff_t>(at);
    entries.insert(entries.begin() + place, {std::string(entry.key), column, brief, 0});
    forms.insert(forms.begin() + place, form);
  }
  entries_ = std::move(entries);
  forms_ = std::move(forms);
  count();
  return true;
}

void EntryOrder::count() {
  std::vector<bool> present(schema_->size());
  uint32_t forms = 0;
  for (size_t i = entries_.size(); i-- > 0;) {
    Expected& expected = entries_[i];
    expected.forms = forms = expected.brief ? forms + 1 : 0;
    if (expected.column != Schema::kNotWanted) present[static_cast<size_t>(expected.column)] = true;
  }
  absent_.clear();
  for (size_t c = 0; c < present.size(); ++c) {
    if (!present[c]) absent_.push_back(static_cast<uint32_t>(c));
  }
}

// Of the entry at p. False if it has none: its lengths take more bytes, or its list is of a rare
// kind.
bool EntryOrder::form_of(const uint8_t* p, const Entry& entry, int column, EntryForm& form) const {
  const size_t key_size = entry.key.size();
  const bool lengths_take_a_byte =
      p[1] < 0x80 && p + key_size + 6 == entry.value && p[1] + 2 == entry.end - p;
  if (!lengths_take_a_byte || key_size + 10 > EntryForm::kMostHead) return false;
  uint8_t* to = form.bytes;
  const auto put = [&to](size_t byte) { *to++ = static_cast<uint8_t>(byte); };
  const auto put_length = [&](size_t of_no_values) {
    form.lengths[to - form.bytes] = 1;
    put(of_no_values);
  };
  size_t in_list = 0, in_value = 0;
  bool packed = false;
  if (column != Schema::kNotWanted) {
    const Column& wanted = schema_->columns()[static_cast<size_t>(column)];
    const uint8_t* const value = entry.value;
    if (entry.end - value < 2 || value[0] != kind_tag(wanted.kind)) return false;
    form.may_be_empty = wanted.kind != Kind::kBytes;
    packed = value[1] == 0 ? form.may_be_empty
                           : value[2] == kPackedTag && value[3] + 4 == entry.end - value;
    if (!packed && (value[1] == 0 || value[2] != unpacked_tag(wanted))) return false;
    form.may_be_empty &= packed;
    in_list = packed ? 2 : 1;
    in_value = 2 + in_list;
    form.column = static_cast<uint32_t>(column);
  }
  put(kEntryTag);
  put_length(key_size + 4 + in_value);
  put(kKeyTag);
  put(key_size);
  to = std::copy(entry.key.begin(), entry.key.end(), to);
  put(kValueTag);
  put_length(in_value);
  if (in_value != 0) {
    put(entry.value[0]);
    put_length(in_list);
    put(packed ? kPackedTag : entry.value[2]);
    if (packed) put_length(0);
  }
  const auto head = static_cast<size_t>(to - form.bytes);
  for (size_t i = 0; i < head; ++i) {
    form.relied[0][i] = 0xff;
    form.relied[1][i] = i + 2 < head ? 0xff : 0;
  }
  const auto bits_of = [](const uint8_t* bytes) {
    uint64_t bits = 0;
    for (size_t i = 0; i < EntryForm::kMostHead; ++i) bits |= uint64_t{bytes[i] != 0} << i;
    return bits;
  };
  form.lengths_bits = bits_of(form.lengths);
  for (const bool empty : {false, true}) form.relied_bits[empty] = bits_of(form.relied[empty]);
  form.head = static_cast<uint8_t>(head);
  form.most = static_cast<uint8_t>(0x7f - form.bytes[1]);
  return true;
}

size_t EntryOrder::follow(std::span<const ByteView> records, uint64_t* cells, size_t stride) const {
  const size_t n = records.size(), forms = entries_.empty() ? 0 : entries_[0].forms;
  size_t i = 0;
  if (forms == entries_.size() && absent_.empty()) {
    i = kernels_.follow_records(records.data(), n, forms_.data(), forms, cells, stride);
  }
  while (i < n && follow(records[i], cells + i, stride)) ++i;
  return i;
}

bool EntryOrder::follow(ByteView record, uint64_t* cells, size_t stride) const {
  const uint8_t* const end = record.data + record.size;
  const uint8_t* p = open_features(record);
  if (p == nullptr) return false;
  size_t passed_over = 0;
  for (size_t i = 0; i < entries_.size();) {
    if (const size_t forms = entries_[i].forms; forms != 0 && p != end) {
      const size_t n =
          kernels_.follow_entries(&forms_[i], forms, record.data, &p, end, cells, stride);
      i += n;
      if (n == forms) continue;
    }
    const Expected& expected = entries_[i++];
    uint64_t cell = Cell::missing();
    if (p != end) {
      passed_over = take(expected, record, p, cell) ? 0 : passed_over + 1;
      if (passed_over > kMostPassedOver) return false;
    }
    if (expected.column != Schema::kNotWanted) {
      cells[static_cast<size_t>(expected.column) * stride] = cell;
    }
  }
  for (const uint32_t column : absent_) cells[column * stride] = Cell::missing();
  return p == end;
}

// Whether the entry at p, of any canonical form, is the expected one; if so, its cell.
bool EntryOrder::take(const Expected& expected, ByteView record, const uint8_t*& p,
                      uint64_t& cell) const {
  Entry entry;
  if (!read_entry(p, record.data + record.size, entry) || entry.key != expected.key) return false;
  if (expected.column != Schema::kNotWanted &&
      !read_cell(record, entry, schema_->columns()[static_cast<size_t>(expected.column)], cell)) {
    return false;
  }
  p = entry.end;
  return true;
}

}  // namespace headrace
