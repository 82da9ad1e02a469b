// Wire: protobuf's wire format as TensorFlow's own parsers read it, strange corners included.
//
// Not protobuf's rules: lengths and tags are the low 32 bits of a varint, a limit that does not
// fit is the enclosing one, and only some overruns are errors.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "bytes.h"

namespace headrace {

// A tag of one byte: field number (up to 15) and wire type.
constexpr uint8_t varint_tag(int field) { return static_cast<uint8_t>(field << 3); }
constexpr uint8_t delimited_tag(int field) { return static_cast<uint8_t>(field << 3 | 2); }
constexpr uint8_t fixed32_tag(int field) { return static_cast<uint8_t>(field << 3 | 5); }

// A position and a limit inside a borrowed view; never reads outside it. Every function that
// returns bool says by false that the bytes are malformed; the position is then unspecified.
class WireCursor {
 public:
  // Positions are 32-bit signed in this grammar: longer views are the caller's to refuse.
  static constexpr size_t kMaxSize = std::numeric_limits<int32_t>::max();

  explicit WireCursor(ByteView view) : data_(view.data), limit_(view.size) {
    assert(view.size <= kMaxSize);
  }

  bool at_end() const { return position_ == limit_; }
  size_t left() const { return limit_ - position_; }

  // Lowers the limit to `length` bytes from here and returns the old one for pop_limit(). A length
  // that reaches the limit or is not a positive int32 leaves it as it is.
  size_t push_limit(uint32_t length) {
    const size_t old = limit_;
    if (length < left()) limit_ = position_ + length;
    return old;
  }
  // The position stays where it is.
  void pop_limit(size_t old) { limit_ = old; }

  // The next byte; 0, which is no tag of ours, at the limit.
  uint8_t peek() const { return at_end() ? 0 : data_[position_]; }

  // Consumes one byte if it is `tag`; a tag padded to more bytes is not.
  bool expect(uint8_t tag) {
    if (at_end() || data_[position_] != tag) return false;
    ++position_;
    return true;
  }

  // Up to ten bytes; bits above 64 are dropped.
  bool read_varint(uint64_t* value) {
    uint64_t result = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
      if (at_end()) return false;
      const uint8_t byte = data_[position_++];
      if (shift < 64) result |= uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) {
        *value = result;
        return true;
      }
    }
    return false;
  }

  // A tag or a length: the low 32 bits of a varint.
  bool read_varint32(uint32_t* value) {
    uint64_t wide;
    if (!read_varint(&wide)) return false;
    *value = static_cast<uint32_t>(wide);
    return true;
  }

  bool read_raw(size_t size, ByteView* bytes) {
    if (size > left()) return false;
    *bytes = {data_ + position_, size};
    position_ += size;
    return true;
  }

  bool read_fixed32(uint32_t* value) {
    ByteView bytes;
    if (!read_raw(4, &bytes)) return false;
    *value = load32(bytes.data);
    return true;
  }

  // A length and as many bytes.
  bool read_string(ByteView* bytes) {
    uint32_t size;
    return read_varint32(&size) && read_raw(size, bytes);
  }

  // Bytes that nobody looks at: at most what is left, and nothing at all of 2^31 and more.
  void skip(uint32_t size) {
    if (size <= kMaxSize) position_ += size < left() ? size : left();
  }

  // The rest of a field that nobody knows. Groups are malformed.
  bool skip_field(uint32_t tag) {
    uint64_t number;
    uint32_t size;
    ByteView bytes;
    switch (tag & 7) {
      case 0:
        return read_varint(&number);
      case 1:
        return read_raw(8, &bytes);
      case 2:
        if (!read_varint32(&size)) return false;
        skip(size);
        return true;
      case 5:
        return read_raw(4, &bytes);
      default:
        return false;
    }
  }

 private:
  const uint8_t* data_;
  size_t position_ = 0;
  size_t limit_;
};

}  // namespace headrace
