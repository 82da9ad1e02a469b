#include "shuffle.h"

#include <pybind11/stl.h>

#include <algorithm>
#include <stdexcept>

#include "bindings/bindings.h"

namespace headrace {

namespace py = pybind11;

namespace {

// A shuffle of the numbers 0, 1, 2, ... of an input's elements. They wrap at 2^32: no window is as
// wide.
class NumberShuffle {
 public:
  NumberShuffle(uint64_t size, Philox generator)
      : size_(size), generator_(generator), shuffle_(size, generator) {}

  bool full() const { return shuffle_.full(); }
  bool empty() const { return shuffle_.empty(); }
  uint64_t pushed() const { return shuffle_.pushed(); }
  uint64_t drawn() const { return shuffle_.drawn(); }

  uint32_t push() {
    const auto number = static_cast<uint32_t>(shuffle_.pushed());
    shuffle_.push(number);
    return number;
  }
  uint32_t draw() { return shuffle_.draw(); }

  // Goes on there. Returns the numbers that are in the window, the oldest first.
  std::vector<uint64_t> resume(uint64_t drawn, uint64_t pushed) {
    if (drawn > pushed || pushed - drawn > size_) throw std::invalid_argument("no such position");
    std::vector<uint64_t> numbers = shuffle_contents(size_, generator_, drawn, pushed);
    shuffle_.resume(drawn, pushed);
    for (uint64_t place = 0; place < numbers.size(); ++place) {
      if (numbers[place] != kNothing) {
        shuffle_.set(place, static_cast<uint32_t>(numbers[place]));
      }
    }
    numbers.erase(std::remove(numbers.begin(), numbers.end(), kNothing), numbers.end());
    std::sort(numbers.begin(), numbers.end());
    return numbers;
  }

 private:
  uint64_t size_;
  Philox generator_;
  Shuffle<uint32_t> shuffle_;
};

}  // namespace

void register_shuffle(py::module_& m) {
  py::class_<NumberShuffle>(m, "Shuffle")
      .def(
          py::init([](uint64_t size, uint64_t lo, uint64_t hi, bool reshuffle, uint64_t iteration) {
            return NumberShuffle(size, ShuffleSeeds{lo, hi, reshuffle}.iterator(iteration));
          }),
          py::arg("size"), py::arg("lo"), py::arg("hi"), py::arg("reshuffle"), py::arg("iteration"))
      .def("full", &NumberShuffle::full)
      .def("empty", &NumberShuffle::empty)
      .def("pushed", &NumberShuffle::pushed)
      .def("drawn", &NumberShuffle::drawn)
      .def("push", &NumberShuffle::push)
      .def("draw", &NumberShuffle::draw)
      .def("resume", &NumberShuffle::resume, py::arg("drawn"), py::arg("pushed"));
  m.def(
      "philox", [](uint64_t lo, uint64_t hi, uint64_t t) { return Philox(lo, hi).at(t); },
      py::arg("lo"), py::arg("hi"), py::arg("t"));
}

}  // namespace headrace
