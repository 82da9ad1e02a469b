// MappedCopier: large pieces of files, copied from where the system has them in its memory.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "file_view.h"
#include "source.h"

namespace headrace {

// Copies n bytes of a mapped file to `to`, an array that is `far` or not (cells.h), and returns the
// CRC-32C of what was copied, continuing from `crc`. None if not all of it is there any more, which
// `given_up` then says of the mapping, or said before: nothing is known of `to`. Where a file was
// cut within a page, zeros are there: see Source::reaches(). Only if can_copy_mapped(). Any thread.
std::optional<uint32_t> copy_mapped(const uint8_t* from, size_t n, uint8_t* to, bool far,
                                    uint32_t crc, std::atomic<bool>& given_up);
bool can_copy_mapped();  // on this CPU, and in this thread as it is now

// A read has the system copy to memory that is in no cache, where each line is fetched before it is
// written, and a checksum then goes over the copy again. Here each byte is read once, checked on
// its way, and, if it goes far, written past the caches. For pieces of 100 KB on two cores of an
// Intel Xeon this is 1.2 to 1.5 times as fast where the system keeps the file in huge pages, 1.1 to
// 1.2 in pages of 256 KiB; in single ones page faults cost what is gained (0.93 to 1.04).
//
// Of one thread.
class MappedCopier {
 public:
  // Copies [offset, offset + n) of the file likewise. None if it cannot be had in this way; a read
  // will tell.
  std::optional<uint32_t> copy(const Source& source, uint64_t offset, size_t n, uint8_t* to,
                               bool far, uint32_t crc);

 private:
  bool shows(const Source& source, uint64_t end);

  FileView view_;
  uint64_t number_ = 0;  // of the source that it shows, or that cannot be shown
  size_t copied_ = 0;    // from the view
  long waits_ = 0;       // of the thread, before it was had
  std::atomic<bool> given_up_{false};
};

}  // namespace headrace
