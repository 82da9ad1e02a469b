// Any bytes as the file of an index: refused, or an index of which every place can be asked for.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include "error.h"
#include "index_file.h"
#include "kernels/kernels.h"
#include "outcome.h"

using namespace headrace;
using namespace headrace::testing;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // A fuzzer does not guess checksums and sizes: they are put right, but for the last byte's wish.
  if (size < 32) return 0;
  std::string bytes(reinterpret_cast<const char*>(data), size);
  if (bytes.back() & 1) {
    std::memcpy(bytes.data(), "hr index", 8);
    std::memcpy(bytes.data() + 8, &kIndexVersion, 8);
    const uint64_t whole = size;
    std::memcpy(bytes.data() + 16, &whole, 8);
    const uint32_t crc =
        kernels().crc32c(0, reinterpret_cast<const uint8_t*>(bytes.data()), size - 4);
    std::memcpy(bytes.data() + size - 4, &crc, 4);
  }
  static const int kFile = memfd_create("index", 0);
  static const std::string kPath = "/proc/self/fd/" + std::to_string(kFile);
  if (ftruncate(kFile, 0) != 0 || pwrite(kFile, bytes.data(), size, 0) != ssize_t(size))
    std::abort();
  try {
    const auto index = read_index(kPath);
    for (uint64_t i = 0; i < std::min<uint64_t>(index->count(), 1000); ++i) {
      const Index::Place place = index->find(i);
      if (place.file >= index->files().size()) std::abort();
    }
    if (index->count() != 0) index->find(index->count() - 1);
  } catch (const Error&) {
  }
  return 0;
}
