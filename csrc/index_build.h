// Building an index: looks for the records of files, with threads of its own.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "index.h"
#include "scan.h"

namespace headrace {

struct IndexJob {
  std::vector<std::string> files;
  OnCorruption policy = OnCorruption::kRaise;
  int threads = 0;  // 0: as many as there are CPUs for this process
};

// Reads the headers of all records, each length verified against its checksum; under kSkip and
// kStopFile all data as well, for it decides what is a record. The calling thread asks `go_on` some
// ten times a second. The threads have ended when this returns: with the index; with null, told to
// go no further; or with the Error of the first file that has one, as reading it in order gives.
// Under kTf a torn header is the end of a file, all else is an error as under kRaise.
std::shared_ptr<const Index> build_index(const IndexJob& job, const std::function<bool()>& go_on);

}  // namespace headrace
