// Vectors: as arrays that own them.
#pragma once

#include <pybind11/numpy.h>

#include <memory>
#include <utility>
#include <vector>

namespace headrace {

template <class T>
pybind11::array array_of(std::vector<T>&& values) {
  auto owner = std::make_unique<std::vector<T>>(std::move(values));
  const auto size = static_cast<pybind11::ssize_t>(owner->size());
  const T* const data = owner->data();
  const pybind11::capsule capsule(owner.get(),
                                  [](void* self) { delete static_cast<std::vector<T>*>(self); });
  owner.release();
  return pybind11::array_t<T>(size, data, capsule);
}

}  // namespace headrace
