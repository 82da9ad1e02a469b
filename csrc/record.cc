#include "record.h"

#include <algorithm>
#include <cstdio>

#include "kernels/kernels.h"

namespace headrace {
namespace {

constexpr size_t kFrame = kHeaderSize + kFooterSize;
constexpr size_t kChunk = 256;       // records that room is made for at a time
constexpr size_t kAhead = 8;         // the header of this one, if sizes are equal, is asked for
constexpr size_t kMostHeaders = 32;  // read one by one before records count as small

std::string hex(uint32_t value) {
  char text[11];
  std::snprintf(text, sizeof text, "0x%08x", value);
  return text;
}

uint32_t masked_crc_of(const uint8_t* p, size_t n) { return mask_crc(kernels().crc32c(0, p, n)); }

// What the first bytes of something that is no TFRecord file say it is.
const char* looks_like(ByteView head) {
  const std::string_view text = head.text();
  const auto starts = [&](std::string_view magic) { return text.substr(0, magic.size()) == magic; };
  if (starts("\x1f\x8b")) return "a gzip file (compression_type=\"GZIP\"?)";
  if (starts("PK\x03\x04") || starts("PK\x05\x06")) return "a zip archive";
  if (starts("BZh")) return "a bzip2 file";
  if (starts("\x28\xb5\x2f\xfd")) return "a zstd file";
  if (starts("\xfd"
             "7zXZ"))
    return "an xz file";
  if (starts("PAR1")) return "a Parquet file";
  if (starts("ARROW1")) return "an Arrow file";
  if (starts("\x89HDF")) return "an HDF5 file";
  if (starts("\x93NUMPY")) return "a NumPy file";
  if (starts("\xff\xd8\xff")) return "a JPEG image";
  if (starts("\x89PNG")) return "a PNG image";
  if (head.size >= 2 && (head.data[0] & 0x0f) == 8 &&
      (head.data[0] << 8 | head.data[1]) % 31 == 0 && head.data[0] >> 4 <= 7) {
    return "a zlib stream (compression_type=\"ZLIB\"?)";
  }
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 ? byte != '\n' && byte != '\r' && byte != '\t' : byte == 0x7f) return nullptr;
  }
  return text.empty() ? nullptr : "text";
}

// The piece has moved, and the views with it.
void follow(const Piece& piece, const uint8_t* before, std::vector<ByteView>& records) {
  if (piece.bytes.data == before) return;
  for (ByteView& record : records) record.data = piece.bytes.data + (record.data - before);
}

// Fetches more of the file.
void extend(const Source& source, Piece& piece, uint64_t until, std::vector<ByteView>& records) {
  const uint8_t* const before = piece.bytes.data;
  piece.fetch_more(source, until);
  follow(piece, before, records);
}

// For bytes of the file that are read to where they belong in the memory of the piece.
void make_room(Piece& piece, uint64_t n, std::vector<ByteView>& records) {
  const uint8_t* const before = piece.bytes.data;
  const size_t capacity = piece.memory.capacity(), lead = piece.lead();
  const bool fits = capacity >= lead + n + kSlop;
  piece.reserve(fits ? n : std::max<uint64_t>(n, 2 * capacity),
                capacity > lead ? capacity - lead : 0);
  follow(piece, before, records);
}

// walk_records() for large records. `read_at(offset, header)` reads what is wanted around the place
// where a record ends and, if `header` says so, the next begins with its header. It returns where
// that is in memory; null if not all could be had.
template <class ReadAt>
Walk walk_apart(const Source& source, Piece& piece, uint64_t offset, uint64_t limit,
                std::vector<ByteView>& records, const ReadAt& read_at) {
  const size_t first = records.size();
  const uint64_t size = source.size();
  limit = std::min(limit, size);
  source.fetch(piece, offset, 0);
  const auto walk_whole = [&](uint64_t from) {
    extend(source, piece, limit, records);
    return walk_records(source, piece, from, limit, records);  // which says what is wrong
  };
  Walk walk{offset, Stop::kLimit};
  for (; walk.next < limit; walk.next += kFrame + records.back().size) {
    const uint64_t left = size - walk.next;
    const bool expected = left >= kFrame && records.size() - first < kMostHeaders;
    const uint8_t* const header = expected ? read_at(walk.next, true) : nullptr;
    const uint64_t length = header != nullptr ? load64(header) : 0;
    if (header == nullptr || length > left - kFrame ||
        masked_crc_of(header, 8) != load32(header + 8)) {
      return walk_whole(walk.next);
    }
    const uint8_t* const at = piece.bytes.data + (walk.next - piece.offset);
    records.push_back({at + kHeaderSize, static_cast<size_t>(length)});
  }
  if (read_at(walk.next, false) == nullptr) {
    const uint64_t last = walk.next - kFrame - records.back().size;
    records.pop_back();
    return walk_whole(last);
  }
  if (walk.next >= size) walk.stop = Stop::kEnd;
  return walk;
}

}  // namespace

Walk walk_records(const Source& source, Piece& piece, uint64_t offset, uint64_t limit,
                  std::vector<ByteView>& records) {
  const size_t first = records.size();
  const uint64_t size = source.size();
  limit = std::min(limit, size);
  Walk walk{offset, Stop::kLimit};
  while (walk.next < limit) {
    if (!piece.holds(walk.next, kHeaderSize)) {
      if (size - walk.next < kHeaderSize) {
        walk.stop = Stop::kTornHeader;
        break;
      }
      extend(source, piece, walk.next + kHeaderSize, records);
      if (!piece.holds(walk.next, kHeaderSize)) {
        const bool unread = source.trouble_at(piece.end()).has_value();
        walk.stop = unread ? Stop::kUnread : Stop::kTornHeader;  // the file has shrunk
        break;
      }
    }
    // As far as headers lie in the piece; lengths are only compared with what is left of the file.
    const uint8_t* const from = piece.bytes.data + (walk.next - piece.offset);
    const uint8_t* const behind = std::min(piece.bytes.data + (limit - piece.offset),
                                           piece.bytes.data + piece.bytes.size - kHeaderSize + 1);
    const uint8_t* p = from;
    uint64_t left = size - walk.next;
    bool fits = true;
    while (p < behind && fits) {
      const size_t found = records.size();
      records.resize(found + kChunk);
      ByteView* record = records.data() + found;
      for (ByteView* const full = record + kChunk; p < behind && record != full; ++record) {
        const uint64_t length = load64(p);
        fits = length <= left && left - length >= kFrame;
        if (!fits) break;
        __builtin_prefetch(p + kAhead * (kFrame + length));
        *record = {p + kHeaderSize, static_cast<size_t>(length)};
        p += kFrame + length;
        left -= kFrame + length;
      }
      records.resize(static_cast<size_t>(record - records.data()));
    }
    walk.next = size - left;
    if (p < behind) {
      // A length that does not fit is either damaged or torn: its checksum tells.
      walk.stop = masked_crc_of(p, 8) != load32(p + 8) ? Stop::kBadLength
                  : load64(p) >= kLargestLength        ? Stop::kHugeLength
                                                       : Stop::kTornRecord;
      break;
    }
  }
  // The walk has believed nothing but what keeps it inside the file; now every length is checked,
  // and what lies behind the first wrong one is taken back.
  const size_t n = records.size() - first;
  const size_t good = kernels().verify_lengths(records.data() + first, n);
  if (good != n) {
    const uint8_t* const bad = records[first + good].data - kHeaderSize;
    records.resize(first + good);
    return {piece.offset + static_cast<uint64_t>(bad - piece.bytes.data), Stop::kBadLength};
  }
  if (walk.stop == Stop::kLimit && walk.next >= size) walk.stop = Stop::kEnd;
  return walk;
}

Walk walk_headers(const Source& source, Piece& piece, uint64_t offset, uint64_t limit,
                  std::vector<ByteView>& records) {
  uint8_t header[kHeaderSize];
  const auto read_at = [&](uint64_t at, bool wanted) {
    return !wanted || source.read(at, header, kHeaderSize) == kHeaderSize ? header : nullptr;
  };
  return walk_apart(source, piece, offset, limit, records, read_at);
}

Walk walk_ends(const Source& source, Piece& piece, uint64_t offset, uint64_t limit,
               std::vector<ByteView>& records) {
  // One read for the end of a record and the beginning of the next.
  const auto read_at = [&](uint64_t at, bool header) {
    const uint64_t begin = at - std::min(at - offset, kEndSize + kFooterSize);
    const uint64_t end = header ? std::min(at + kHeaderSize + kEndSize, source.size()) : at;
    make_room(piece, end - offset, records);
    uint8_t* const memory = piece.memory.data() + piece.lead();
    const bool whole = source.read(begin, memory + (begin - offset), end - begin) == end - begin;
    return whole ? memory + (at - offset) : nullptr;
  };
  return walk_apart(source, piece, offset, limit, records, read_at);
}

bool complete(const Source& source, Piece& piece, std::vector<ByteView>& records) {
  if (records.empty()) return true;
  if (piece.bytes.size == 0) {
    // Only headers have been read: go to the first record that is wanted.
    const auto skipped = records.front().data - kHeaderSize - piece.bytes.data;
    piece.offset += static_cast<uint64_t>(skipped);
    for (ByteView& record : records) record.data -= skipped;
  }
  const uint8_t* const before = piece.bytes.data;
  const uint64_t end = piece.offset + static_cast<uint64_t>(records.back().data - before) +
                       records.back().size + kFooterSize;
  if (end <= piece.end()) return true;
  extend(source, piece, end, records);
  return end <= piece.end();
}

Error framing_error(const Source& source, const Walk& walk, int64_t record) {
  if (walk.stop == Stop::kUnread) {
    if (const auto trouble = source.trouble_at(walk.next)) return *trouble;
  }
  Piece head;
  source.fetch(head, walk.next, 64);
  const auto offset = static_cast<int64_t>(walk.next);
  const auto fail = [&](Fault fault, const std::string& what) {
    return Error(fault, place(source.path(), record, offset, what), source.path(), record, offset);
  };
  const uint64_t left = source.size() - walk.next;
  const std::string at = std::to_string(offset);
  std::string hint;
  if (const char* what = walk.next == 0 ? looks_like(head.bytes) : nullptr) {
    hint = std::string(". This is no TFRecord file: it looks like ") + what;
  }
  if (head.bytes.size < std::min<uint64_t>(left, kHeaderSize)) {
    return fail(Fault::kDataLoss, "expected " + std::to_string(left) + " more bytes, found " +
                                      std::to_string(head.bytes.size) +
                                      ": the file changed while being read");
  }
  const uint64_t length = left < kHeaderSize ? 0 : load64(head.bytes.data);
  // TensorFlow's text stands in front of ours, so that either can be searched for.
  switch (walk.stop) {
    case Stop::kTornHeader:
      return fail(Fault::kTruncated,
                  "expected a header of 12 bytes, found the end of the file after " +
                      std::to_string(left) + hint);
    case Stop::kTornRecord:
      return fail(Fault::kTruncated,
                  "truncated record at " + at +
                      "' failed with Read less bytes than requested: expected " +
                      std::to_string(length + kFrame) +
                      " bytes (header, data, checksum), found the end of the file after " +
                      std::to_string(left) + hint);
    case Stop::kHugeLength: {
      const std::string text = length >= uint64_t{0} - 5 ? "record size too large"
                               : length + kFooterSize >= uint64_t{1} << 63
                                   ? "Can't read a negative number of bytes: " +
                                         std::to_string(static_cast<int64_t>(length + kFooterSize))
                                   : "corrupted record at " + at;
      return fail(Fault::kCorrupted, text + ": expected a length that a record can have, found " +
                                         std::to_string(length) + " with a correct checksum" +
                                         hint);
    }
    default:
      return fail(Fault::kCorrupted,
                  "corrupted record at " + at +
                      (walk.next == 0 ? " (Is this even a TFRecord file?)" : "") +
                      ": expected the length's checksum " + hex(masked_crc_of(head.bytes.data, 8)) +
                      ", found " + hex(load32(head.bytes.data + 8)) + " in \"" +
                      escape_bytes(head.bytes.text(), 16) + "\"" + hint);
  }
}

Error checksum_error(const std::string& path, int64_t record, int64_t offset, ByteView data) {
  return Error(
      Fault::kCorrupted,
      place(path, record, offset,
            "corrupted record at " + std::to_string(static_cast<uint64_t>(offset) + kHeaderSize) +
                ": expected the data's checksum " + hex(masked_crc_of(data.data, data.size)) +
                ", found " + hex(load32(data.data + data.size)) + " (" + std::to_string(data.size) +
                " bytes of data)"),
      path, record, offset);
}

Error torn_error(const Source& source, const Piece& piece, int64_t record, int64_t offset) {
  const auto trouble = source.trouble_at(piece.end());
  return trouble ? *trouble : changed_error(source.path(), record, offset, "the end of the file");
}

Error changed_error(const std::string& path, int64_t record, int64_t offset, const char* found) {
  return Error(Fault::kDataLoss,
               place(path, record, offset,
                     std::string("expected the whole record, found ") + found +
                         ": the file changed while being read"),
               path, record, offset);
}

}  // namespace headrace
