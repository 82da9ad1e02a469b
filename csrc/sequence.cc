#include "sequence.h"

#include <algorithm>
#include <bit>
#include <string>
#include <unordered_map>
#include <utility>

#include "sequence_feature.h"
#include "wire.h"

namespace headrace {
namespace {

// The bytes of one key in one example.
struct Field {
  bool present = false;
  ByteView bytes;
};

// One of the two maps: what every example has for every column of a schema.
class Map {
 public:
  Map(const Schema& schema, size_t examples)
      : schema_(schema), fields_(schema.size(), std::vector<Field>(examples)) {
    for (size_t i = 0; i < schema.size(); ++i) columns_.emplace(schema.columns()[i].key, i);
  }

  const std::vector<Column>& columns() const { return schema_.columns(); }
  const std::vector<Field>& fields(size_t column) const { return fields_[column]; }

  // The last of equal keys stays, also an empty one.
  bool read(WireCursor& cursor, size_t example) {
    uint32_t length;
    if (!cursor.read_varint32(&length)) return false;
    const size_t outer = cursor.push_limit(length);
    while (!cursor.at_end()) {
      ByteView key, value;
      if (!cursor.expect(delimited_tag(1)) || !cursor.read_varint32(&length)) return false;
      const size_t limit = cursor.push_limit(length);
      const bool good = cursor.expect(delimited_tag(1)) && cursor.read_string(&key) &&
                        cursor.expect(delimited_tag(2)) && cursor.read_string(&value) &&
                        cursor.at_end();
      if (!good) return false;
      cursor.pop_limit(limit);
      const auto column = columns_.find(key.text());
      if (column != columns_.end()) fields_[column->second][example] = {true, value};
    }
    cursor.pop_limit(outer);
    return true;
  }

 private:
  const Schema& schema_;
  std::unordered_map<std::string_view, size_t> columns_;
  std::vector<std::vector<Field>> fields_;
};

// Values of the default, as many as `elements`.
void add_default(const Column& column, SequenceColumn& out) {
  if (column.default_strings) {
    for (const std::string& value : *column.default_strings) {
      out.strings.push_back({reinterpret_cast<const uint8_t*>(value.data()), value.size()});
    }
    return;
  }
  const uint8_t* value = column.default_numbers->data();
  for (uint64_t i = 0; i < column.elements; ++i, value += size_of(column.type)) {
    if (column.kind == Kind::kInt64) {
      out.int64s.push_back(static_cast<int64_t>(load64(value)));
    } else {
      out.floats.push_back(std::bit_cast<float>(load32(value)));
    }
  }
}

// Fills up to `size` values with zeros or empty strings.
void pad(Kind kind, size_t size, SequenceColumn& out) {
  if (kind == Kind::kInt64) out.int64s.resize(size);
  if (kind == Kind::kFloat) out.floats.resize(size);
  if (kind == Kind::kBytes) out.strings.resize(size);
}

bool has_default(const Column& column) { return column.default_numbers || column.default_strings; }

// Parses one batch. Functions that return bool have set the error when they return false.
class Parser {
 public:
  Parser(std::span<const ByteView> records, std::span<const std::string_view> names,
         const SequenceSchema& schema, ParseError& error)
      : records_(records),
        names_(names),
        context_(*schema.context, records.size()),
        lists_(*schema.lists, records.size()),
        error_(error) {}

  // In TensorFlow's order of checks.
  bool parse(SequenceBatch& batch) {
    const auto& context = context_.columns();
    const auto& lists = lists_.columns();
    std::vector<int64_t> context_longest(context.size()), lists_longest(lists.size());
    batch.context.assign(context.size(), {});
    batch.lists.assign(lists.size(), {});

    for (size_t i = 0; i < records_.size(); ++i) {
      if (!read_record(i)) return false;
    }
    for (size_t i = 0; i < context.size(); ++i) {
      if (!count_context(i, &context_longest[i])) return false;
    }
    for (size_t i = 0; i < lists.size(); ++i) {
      if (!count_list(i, &lists_longest[i])) return false;
    }
    for (const bool ragged : {false, true}) {
      for (size_t i = 0; i < context.size(); ++i) {
        if ((context[i].layout == Layout::kRagged) != ragged) continue;
        SequenceColumn& out = batch.context[i];
        if (ragged ? !read_ragged(i, out) : !read_fixed(i, context_longest[i], out)) return false;
      }
    }
    for (const bool ragged : {false, true}) {
      for (size_t i = 0; i < lists.size(); ++i) {
        if ((lists[i].layout == Layout::kRagged) != ragged) continue;
        SequenceColumn& out = batch.lists[i];
        if (ragged ? !read_ragged_list(i, out) : !read_sequence(i, lists_longest[i], out)) {
          return false;
        }
      }
    }
    return true;
  }

 private:
  bool read_record(size_t example) {
    const ByteView record = records_[example];
    bool good = record.size <= WireCursor::kMaxSize;
    WireCursor cursor(good ? record : ByteView{});
    while (good && !cursor.at_end()) {
      uint32_t tag;
      if (cursor.expect(delimited_tag(1))) {
        good = context_.read(cursor, example);
      } else if (cursor.expect(delimited_tag(2))) {
        good = lists_.read(cursor, example);
      } else {
        good = cursor.read_varint32(&tag) && cursor.skip_field(tag);
      }
    }
    return good || fail(example, "Invalid protocol message input, example id: " + name(example));
  }

  // The largest number of values of an example, or of the default.
  bool count_context(size_t index, int64_t* longest) {
    const Column& column = context_.columns()[index];
    if (has_default(column)) *longest = static_cast<int64_t>(column.elements);
    for (size_t e = 0; e < records_.size(); ++e) {
      int64_t count;
      if (!read_context(index, e, nullptr, &count)) return false;
      *longest = std::max(*longest, count);
    }
    return true;
  }

  // The largest number of values of an example in all its rows.
  bool count_list(size_t index, int64_t* longest) {
    for (size_t e = 0; e < records_.size(); ++e) {
      int64_t count = 0;
      const auto add = [&](int64_t, int64_t values) {
        count += values;
        return true;
      };
      if (!read_list(index, e, nullptr, add)) return false;
      *longest = std::max(*longest, count);
    }
    return true;
  }

  bool read_fixed(size_t index, int64_t longest, SequenceColumn& out) {
    const Column& column = context_.columns()[index];
    const auto elements = static_cast<int64_t>(column.elements);
    if (longest != elements) {
      return fail(ParseError::kNoRow, "Inconsistent max number of elements for feature " +
                                          escape_text(column.key) + ": expected " +
                                          std::to_string(elements) + ", but found " +
                                          std::to_string(longest));
    }
    for (size_t e = 0; e < records_.size(); ++e) {
      if (!context_.fields(index)[e].present) {
        if (!has_default(column)) return fail(e, missing_text(column));
        add_default(column, out);
        continue;
      }
      int64_t count;
      if (!read_context(index, e, &out, &count) || count != elements) {
        return fail(e, "Unexpected number of elements in example " + name(e));
      }
    }
    return true;
  }

  bool read_ragged(size_t index, SequenceColumn& out) {
    for (size_t e = 0; e < records_.size(); ++e) {
      out.counts.push_back(0);
      if (!read_context(index, e, &out, &out.counts.back())) {
        return fail(e, "Unexpected total number of elements in feature " +
                           escape_text(context_.columns()[index].key));
      }
    }
    return true;
  }

  bool read_sequence(size_t index, int64_t longest, SequenceColumn& out) {
    const Column& column = lists_.columns()[index];
    const auto elements = static_cast<int64_t>(column.elements);
    if (elements == 0 || longest % elements != 0) {
      return fail(ParseError::kNoRow,
                  "Feature list '" + escape_text(column.key) +
                      "' has an unexpected number of values.  Total values size: " +
                      std::to_string(longest) +
                      " is not consistent with output shape: " + shape_text(column.shape, "?"));
    }
    for (size_t e = 0; e < records_.size(); ++e) {
      if (!lists_.fields(index)[e].present && !has_default(column)) {
        return fail(e,
                    "Name: " + name(e) + ", Feature list '" + escape_text(column.key) +
                        "' is required but could not be found.  Did you mean to include it in "
                        "feature_list_dense_missing_assumed_empty or feature_list_dense_defaults?");
      }
      out.rows.push_back(0);
      const auto add = [&](int64_t row, int64_t count) {
        out.rows.back() = row + 1;
        return count == elements ||
               fail(e,
                    "Name: " + name(e) + ", Key: " + escape_text(column.key) +
                        ", Index: " + std::to_string(row) +
                        ".  Number of values != expected.  values size: " + std::to_string(count) +
                        " but output shape: " + shape_text(column.shape));
      };
      if (!read_list(index, e, &out, add)) return false;
      pad(column.kind, (e + 1) * static_cast<size_t>(longest), out);
    }
    return true;
  }

  bool read_ragged_list(size_t index, SequenceColumn& out) {
    for (size_t e = 0; e < records_.size(); ++e) {
      const size_t before = out.counts.size();
      const auto add = [&](int64_t, int64_t count) {
        out.counts.push_back(count);
        return true;
      };
      if (!read_list(index, e, &out, add)) return false;
      out.rows.push_back(static_cast<int64_t>(out.counts.size() - before));
    }
    return true;
  }

  // The one Feature of a context column; no bytes are no values.
  bool read_context(size_t index, size_t example, SequenceColumn* out, int64_t* count) {
    const Column& column = context_.columns()[index];
    const ByteView bytes = context_.fields(index)[example].bytes;
    *count = 0;
    if (bytes.size == 0) return true;
    WireCursor cursor(bytes);
    *count = read_feature(cursor, column.kind, out);
    return *count != kMalformed ||
           fail(example, "Name: " + name(example) + ", Context feature: " +
                             escape_text(column.key) + dtype_text(column.kind));
  }

  // Every row of a list: row(index, number of values), until it returns false.
  template <class AddRow>
  bool read_list(size_t index, size_t example, SequenceColumn* out, AddRow add_row) {
    const Column& column = lists_.columns()[index];
    const std::string_view key = column.key;
    WireCursor cursor(lists_.fields(index)[example].bytes);
    for (int64_t row = 0; !cursor.at_end(); ++row) {
      int64_t count;
      const RowState state = read_row(cursor, column.kind, out, &count);
      if (state == RowState::kMalformed && out == nullptr) {
        return fail(example, "Name: " + name(example) + ", Feature list: " + escape_text(key) +
                                 ", Index: " + std::to_string(row) + dtype_text(column.kind));
      }
      if (state == RowState::kMalformed && column.layout == Layout::kRagged) {
        return fail(example, "Unexpected number of elements for feature " + escape_text(key));
      }
      if (state != RowState::kGood) {
        return fail(example, "Error in sequence feature " + escape_text(key) + " in example " +
                                 name(example));
      }
      if (!add_row(row, count)) return false;
    }
    return true;
  }

  static std::string dtype_text(Kind kind) {
    return std::string(".  Data types don't match. Expected type: ") + name_of(kind);
  }

  std::string name(size_t example) const {
    return names_.empty() ? "<unknown>" : escape_text(names_[example]);
  }

  bool fail(size_t row, std::string text) {
    error_ = {};
    error_.text = std::move(text);
    error_.row = row;
    return false;
  }

  std::span<const ByteView> records_;
  std::span<const std::string_view> names_;
  Map context_, lists_;
  ParseError& error_;
};

}  // namespace

bool parse_sequences_exactly(std::span<const ByteView> records,
                             std::span<const std::string_view> names, const SequenceSchema& schema,
                             SequenceBatch& batch, ParseError& error) {
  return Parser(records, names, schema, error).parse(batch);
}

}  // namespace headrace
