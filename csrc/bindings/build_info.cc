#include "bindings/bindings.h"
#include "kernels/kernels.h"

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
    info["cpu"] = kernels().name;
    py::list bodies;
    for (const Kernels* body : runnable_kernels()) bodies.append(body->name);
    info["cpu_bodies"] = bodies;
    return info;
  });
}

}  // namespace headrace
