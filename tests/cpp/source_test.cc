// Sources: local files, in the system's memory and not.
#include "source.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#ifdef __linux__
#include <sys/sysmacros.h>
#endif
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "files.h"

using namespace headrace;
using namespace headrace::testing;

namespace {

std::string numbers() {
  std::string bytes;
  for (int i = 0; bytes.size() < (size_t{3} << 20); ++i) bytes += std::to_string(i) + " ";
  return bytes;
}

std::string read_all(const Source& source) {
  std::string bytes(source.size() + 10, '\0');
  bytes.resize(source.read(0, reinterpret_cast<uint8_t*>(bytes.data()), bytes.size()));
  return bytes;
}

}  // namespace

TEST_CASE("a file that is in memory is not a cold one") {
  Folder folder;
  const auto source = open_local(folder.write("file", numbers()));
  CHECK(read_all(*source) == numbers());
  CHECK_FALSE(source->cold());
  CHECK_FALSE(source->wants_read_ahead());
}

#ifdef __linux__
TEST_CASE("a cold file wants read-ahead, unless the system does it on its device") {
  Folder folder;
  const std::string path = folder.write("file", numbers());
  const int descriptor = open(path.c_str(), O_RDONLY);
  struct stat status;
  REQUIRE(fstat(descriptor, &status) == 0);
  fdatasync(descriptor);
  posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED);
  close(descriptor);

  const auto source = open_local(path);
  CHECK(read_all(*source) == numbers());
  if (!source->cold()) return;  // a file system that has all its files in memory, or keeps them
  uint64_t kilobytes = 0;
  for (const auto& device : std::filesystem::directory_iterator("/sys/class/bdi")) {
    const std::string name = device.path().filename();
    const unsigned first = major(status.st_dev), second = minor(status.st_dev);
    if (name != std::to_string(first) + ":" + std::to_string(second)) continue;
    std::ifstream(device.path() / "read_ahead_kb") >> kilobytes;
  }
  CHECK(source->wants_read_ahead() == (kilobytes < 8192));
  CHECK(read_all(*source) == numbers());
}
#endif
