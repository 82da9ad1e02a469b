// Errors of the core as exceptions of headrace.errors.
#include "error.h"
#include "bindings/bindings.h"

namespace headrace {

namespace py = pybind11;

namespace {

py::object or_none(const std::string& text) {
  return text.empty() ? py::object(py::none()) : py::object(py::str(text));
}

py::object or_none(int64_t value) {
  return value == Error::kUnknown ? py::object(py::none()) : py::object(py::int_(value));
}

void raise(const Error& error) {
  if (error.fault == Fault::kSystem) {  // Python chooses FileNotFoundError, PermissionError, ...
    const py::tuple arguments = py::make_tuple(error.code, error.what(), error.path);
    PyErr_SetObject(PyExc_OSError, arguments.ptr());
    return;
  }
  const char* const name = error.fault == Fault::kTruncated   ? "TruncatedError"
                           : error.fault == Fault::kCorrupted ? "CorruptedError"
                           : error.fault == Fault::kParse     ? "ParseError"
                                                              : "DataLossError";
  const py::object type = py::module_::import("headrace.errors").attr(name);
  const py::object instance = type(error.what(), or_none(error.path), or_none(error.record),
                                   or_none(error.offset));
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
