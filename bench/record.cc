// Framing: records of several sizes found in a block of a file, their lengths verified; and with
// the checksums of their data.
#include "record.h"

#include "cases.h"
#include "kernels/kernels.h"

using namespace headrace;
using namespace headrace::bench;

namespace {

// A file that lends its bytes.
class Lent : public Source {
 public:
  explicit Lent(ByteView bytes) : Source("in memory", bytes.size), bytes_(bytes) {}

  void fetch(Piece& piece, uint64_t offset, uint64_t n) const override {
    piece.offset = offset;
    piece.bytes = {bytes_.data + offset, std::min<uint64_t>(n, bytes_.size - offset)};
  }
  size_t read(uint64_t, uint8_t*, size_t) const override { std::abort(); }

 private:
  ByteView bytes_;
};

void time_framing(size_t shortest, size_t longest) {
  std::vector<uint8_t> file(kSlop);
  size_t count = 0;
  for (; count == 0 || file.size() + kFrameSize + longest <= kBlock; ++count) {
    std::vector<uint8_t> data(random_between(shortest, longest));
    for (uint8_t& byte : data) byte = static_cast<uint8_t>(random_bits());
    const size_t begin = file.size() - kSlop;
    file.resize(file.size() + data.size() + kFrameSize);
    write_record({data.data(), data.size()}, file.data() + begin);
  }
  const size_t size = file.size() - kSlop;
  const Lent source({file.data(), size});
  Piece piece;
  source.fetch(piece, 0, size);

  double walk = 1e9, whole = 1e9;
  std::vector<ByteView> records;
  repeat([&] {
    records.clear();
    const auto start = std::chrono::steady_clock::now();
    const Walk end = walk_records(source, piece, 0, size, records);
    walk = std::min(walk, seconds_since(start));
    const size_t good = kernels().verify_payloads(records.data(), records.size());
    whole = std::min(whole, seconds_since(start));
    expect(end.stop == Stop::kEnd && good == count, "framing");
  });
  const std::string what = "records of " + std::to_string(shortest) +
                           (shortest == longest ? "" : ".." + std::to_string(longest)) + " bytes";
  print(what + ": lengths", walk, count);
  print(what + ": lengths and data", whole, count, size);
}

}  // namespace

int main() {
  std::printf("framing, a record; body %s\n", kernels().name);
  for (const size_t size : {16, 64, 100, 256, 1024, 4096, 16384, 131072}) time_framing(size, size);
  time_framing(50, 150);
  time_framing(500, 1500);
}
