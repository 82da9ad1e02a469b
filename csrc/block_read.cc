#include "block_read.h"

#include "kernels/kernels.h"
#include "record.h"

namespace headrace {
uint64_t RecordBlock::offset_of(const ByteView& record) const {
  return piece.offset + static_cast<uint64_t>(record.data - piece.bytes.data) - kHeaderSize;
}

void BlockRead::read() {
  have_bytes = true;
  try {
    if (!source) {
      source = open_local(path);
      if (source->size() != file_size) {
        throw Error(Fault::kDataLoss,
                    path + ": expected " + std::to_string(file_size) + " bytes, found " +
                        std::to_string(source->size()) + ": the file changed while being read",
                    path);
      }
    }
    if (headers_first) return;
    const uint64_t size = limit - offset;
    if (room > kBehind) block->piece.memory = Buffer(Piece::kMostLead + size + room + kSlop);
    source->fetch(block->piece, offset, size + kBehind);
  } catch (const Error& error) {
    trouble_ = error;
  }
}

void BlockRead::frame() {
  RecordBlock& to = *block;
  to.ordinal = ordinal;
  to.next_offset = offset;
  if (offset >= limit) return;  // an earlier record reaches over all of it
  if (trouble_) {
    to.error = std::move(trouble_);
    to.ends_file = true;
    return;
  }
  Scan scan = scan_records(*source, to.piece, offset, limit, ordinal, on_corruption, verify,
                           to.records, damage, headers_first ? walk_headers : walk_records);
  to.next_offset = scan.next;
  to.error = std::move(scan.error);
  to.ends_file = to.error || scan.next >= file_size;
}

void BlockRead::complete() {
  if (!block->records.empty()) headrace::complete(*source, block->piece, block->records);
}

void BlockRead::check() {
  RecordBlock& of = *block;
  const bool checked =
      on_corruption == OnCorruption::kSkip || on_corruption == OnCorruption::kStopFile;
  if (checked) return;
  const size_t n = of.records.size();
  size_t held = n;
  const auto end_of = [&](const ByteView& record) {
    return of.offset_of(record) + kHeaderSize + record.size + kFooterSize;
  };
  while (held > 0 && end_of(of.records[held - 1]) > of.piece.end()) --held;
  const size_t good = verify ? kernels().verify_payloads(of.records.data(), held) : held;
  if (good == n) return;
  const ByteView& bad = of.records[good];
  const auto ordinal = static_cast<int64_t>(of.ordinal + good);
  const auto offset = static_cast<int64_t>(of.offset_of(bad));
  of.error = good < held ? checksum_error(path, ordinal, offset, bad)
                         : torn_error(*source, of.piece, ordinal, offset);
  of.records.resize(good);
}

}  // namespace headrace
