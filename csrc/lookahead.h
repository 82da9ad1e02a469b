// Lookahead: what a reader of files, one after another, will want, asked for in time.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

#include "read_ahead.h"

namespace headrace {

// One thread at a time.
class Lookahead {
 public:
  // Asks for [offset, offset + n) of a file; the number of that request (ReadAhead).
  using Ask = std::function<uint64_t(uint64_t file, uint64_t offset, uint64_t n)>;

  // Of files with these sizes.
  Lookahead(const std::vector<uint64_t>& sizes, Ask ask);

  // The reader is about to read [begin, end) of this file, and perhaps a little behind it; nothing
  // before will be wanted again. More is asked for, until it is `far` bytes ahead, so that what is
  // under way grows with what is read. The last request that has some of these bytes; 0: none.
  uint64_t reach(uint64_t file, uint64_t begin, uint64_t end, uint64_t far);

  // The reader goes elsewhere.
  void clear();

 private:
  struct Asked {
    uint64_t begin, end, number;
  };

  void ask_for_a_step();

  std::vector<uint64_t> begins_;  // of the files, one behind another; and the end of the last
  const Ask ask_;
  std::deque<Asked> asked_;  // that the reader has not passed
  uint64_t next_ = 0;        // nothing has been asked for from here on
  uint64_t file_ = 0;        // in which that is
};

}  // namespace headrace
