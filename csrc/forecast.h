// Forecast: which draw of a shuffle will give a record, known when the record goes in.
#pragma once

#include <cstdint>
#include <vector>

#include "foresight.h"
#include "philox.h"

namespace headrace {

// The draws do not depend on what is drawn: a ring of numbers is shuffled some time before that of
// the records. It costs 4 bytes a place and 4 to 8 bytes a draw ahead.
class Forecast {
 public:
  static constexpr uint64_t kFar = UINT64_MAX;  // of an element
  static constexpr uint64_t kMostPlaces = uint64_t{1} << 26;

  // Before draw number `drawn`, when the ring (of kMostPlaces at most) has become full: the numbers
  // of its elements, by place. The draws of the next `horizon` elements are looked for.
  Forecast(const Philox& generator, uint64_t drawn, std::vector<uint32_t> ring, uint64_t horizon);

  // The draw that will give element number `input`, if it is one of the `horizon` draws from the
  // one on before which it goes in; else kFar. For the element with which the ring became full, and
  // one after another.
  uint64_t draw_of(uint64_t input);

 private:
  void look(uint64_t until);

  const uint64_t size_, horizon_;
  Foresight foresight_;
  std::vector<uint32_t> ring_;   // numbers of elements, their low bits
  std::vector<uint32_t> delay_;  // by element: draws that it will stay for, and one; 0: not known
  uint64_t mask_;
  uint64_t seen_;  // draws
  uint64_t next_;  // the element that goes in next
};

}  // namespace headrace
