// Buffers: bytes-like objects of Python as views.
#pragma once

#include <pybind11/pybind11.h>

#include <vector>

#include "bytes.h"

namespace headrace {

// Read-only bytes of Python objects, held until this object dies.
class Buffers {
 public:
  Buffers() = default;
  Buffers(const Buffers&) = delete;
  Buffers& operator=(const Buffers&) = delete;
  ~Buffers() {
    for (Py_buffer& buffer : buffers_) PyBuffer_Release(&buffer);
  }

  ByteView view(pybind11::handle object) {
    Py_buffer buffer;
    if (PyObject_GetBuffer(object.ptr(), &buffer, PyBUF_SIMPLE) != 0)
      throw pybind11::error_already_set();
    buffers_.push_back(buffer);
    return {static_cast<const uint8_t*>(buffer.buf), static_cast<size_t>(buffer.len)};
  }

 private:
  std::vector<Py_buffer> buffers_;
};

}  // namespace headrace
