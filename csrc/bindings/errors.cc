// Errors of the core as exceptions of headrace.errors.
#include "bindings/bindings.h"
#include "error.h"

namespace headrace {

namespace py = pybind11;

namespace {

py::object owned(PyObject* object) {
  if (object == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(object);
}

// File names need not be UTF-8: as Python's own functions decode them.
py::object path_of(const Error& error) {
  const auto size = static_cast<Py_ssize_t>(error.path.size());
  return owned(PyUnicode_DecodeFSDefaultAndSize(error.path.data(), size));
}

py::object text_of(const Error& error) {
  const std::string_view text = error.what();
  return owned(
      PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "backslashreplace"));
}

py::object or_none(int64_t value) {
  return value == Error::kUnknown ? py::object(py::none()) : py::object(py::int_(value));
}

void raise(const Error& error) {
  if (error.fault == Fault::kSystem) {  // Python chooses FileNotFoundError, PermissionError, ...
    const py::tuple arguments = py::make_tuple(error.code, text_of(error), path_of(error));
    PyErr_SetObject(PyExc_OSError, arguments.ptr());
    return;
  }
  const char* const name = error.fault == Fault::kTruncated   ? "TruncatedError"
                           : error.fault == Fault::kCorrupted ? "CorruptedError"
                           : error.fault == Fault::kParse     ? "ParseError"
                                                              : "DataLossError";
  const py::object type = py::module_::import("headrace.errors").attr(name);
  const py::object path = error.path.empty() ? py::object(py::none()) : path_of(error);
  const py::object instance =
      type(text_of(error), path, or_none(error.record), or_none(error.offset));
  PyErr_SetObject(type.ptr(), instance.ptr());
}

}  // namespace

void register_errors(py::module_&) {
  py::register_local_exception_translator([](std::exception_ptr pointer) {
    try {
      if (pointer) std::rethrow_exception(pointer);
    } catch (const Error& error) {
      raise(error);
    }
  });
}

}  // namespace headrace
