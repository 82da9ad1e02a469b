#include "bindings/bindings.h"

namespace headrace {

namespace py = pybind11;

void register_build_info(py::module_& m) {
  m.def("build_info", [] {
    py::dict info;
    info["version"] = HEADRACE_VERSION;
#if defined(__clang__)
    info["compiler"] = "Clang " __clang_version__;
#else
    info["compiler"] = "GCC " __VERSION__;
#endif
    return info;
  });
}

}  // namespace headrace
