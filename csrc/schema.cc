#include "schema.h"

namespace headrace {

size_t size_of(Type type) {
  switch (type) {
    case Type::kBool: case Type::kInt8: case Type::kUInt8: case Type::kBytes: return 1;
    case Type::kInt16: case Type::kUInt16: case Type::kFloat16: case Type::kBFloat16: return 2;
    case Type::kInt32: case Type::kUInt32: case Type::kFloat32: return 4;
    case Type::kInt64: case Type::kUInt64: case Type::kFloat64: case Type::kComplex64: return 8;
    case Type::kComplex128: return 16;
  }
  return 0;
}

}  // namespace headrace
