// Files of records, in a folder that goes away with the test.
#pragma once

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "writer.h"

namespace headrace::testing {

using Records = std::vector<std::string>;

inline ByteView view_of(const std::string& bytes) {
  return {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
}

inline std::string framed(const std::string& record) {
  std::string bytes(record.size() + kFrameSize, '\0');
  write_record(view_of(record), reinterpret_cast<uint8_t*>(bytes.data()));
  return bytes;
}

inline std::string framed(const Records& records) {
  std::string bytes;
  for (const std::string& record : records) bytes += framed(record);
  return bytes;
}

// A copy with one bit changed.
inline std::string flipped(std::string bytes, size_t at) {
  bytes.at(at) = static_cast<char>(bytes.at(at) ^ 0x10);
  return bytes;
}

class Folder {
 public:
  Folder() {
    std::string name = std::filesystem::temp_directory_path() / "headrace-XXXXXX";
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string path(const std::string& name) const { return path_ / name; }

  std::string write(const std::string& name, const std::string& bytes) const {
    std::ofstream file(path(name), std::ios::binary);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    REQUIRE(file.flush().good());
    return path(name);
  }
  std::string write(const std::string& name, const Records& records) const {
    return write(name, framed(records));
  }

 private:
  std::filesystem::path path_;
};

}  // namespace headrace::testing
