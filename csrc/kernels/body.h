// A body that leaves everything to the templates. Internal linkage: see words.h.
#pragma once

#include "kernels/copy.h"
#include "kernels/crc32c.h"
#include "kernels/entries.h"
#include "kernels/half.h"
#include "kernels/unpacked.h"
#include "kernels/varint.h"

namespace headrace {
namespace {

// For CPUs without instructions for these.
struct Plain {
  static bool differs(const EntryForm& form, const uint8_t* p, uint8_t n, bool empty) {
    return differs_by_words(form, p, n, empty);
  }

  static uint64_t extract(uint64_t w, uint64_t mask) { return extract_by_shifts(w, mask); }
  static uint64_t extract_two(uint64_t w, uint64_t mask) { return extract_two_by_shifts(w, mask); }

  template <class Half>
  static size_t halves(const float*, size_t, uint8_t*) {
    return 0;
  }
};

template <class Isa>
constexpr Kernels body_of(const char* name, decltype(Kernels::copy_far) copy_far,
                          decltype(Kernels::end_far_copies) end_far_copies,
                          decltype(Kernels::copy_crc32c) copy_crc32c) {
  return {
      .name = name,
      .crc32c = crc32c<Isa>,
      .verify_lengths = verify_lengths<Isa>,
      .verify_payloads = verify_payloads<Isa>,
      .count_varints = count_varints<Isa>,
      .decode_varints = decode_varints<Isa>,
      .decode_unpacked = decode_unpacked<Isa>,
      .decode_single_varints = decode_single_varints<Isa>,
      .count_lists = count_lists<Isa>,
      .to_float16 = to_half<Isa, Float16>,
      .to_bfloat16 = to_half<Isa, BFloat16>,
      .follow_entries = follow_entries<Isa>,
      .follow_records = follow_records<Isa>,
      .copy_far = copy_far,
      .end_far_copies = end_far_copies,
      .copy_crc32c = copy_crc32c,
  };
}

}  // namespace
}  // namespace headrace
