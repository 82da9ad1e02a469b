#include "parse_error.h"

#include "error.h"

namespace headrace {
namespace {

// Bytes of the UTF-8 character at the front of `text`; 0 if there is none.
size_t utf8_length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  const size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const bool overlong = (lead == 0xe0 && byte(1) < 0xa0) || (lead == 0xf0 && byte(1) < 0x90);
  const bool surrogate = lead == 0xed && byte(1) >= 0xa0;
  const bool too_large = lead == 0xf4 && byte(1) >= 0x90;
  return overlong || surrogate || too_large ? 0 : length;
}

}  // namespace

const char* values_name(Kind kind) {
  return kind == Kind::kInt64 ? "int64" : kind == Kind::kFloat ? "float" : "bytes";
}

std::string shape_text(const std::vector<int64_t>& shape, const char* first) {
  std::string text = first;
  for (const int64_t dimension : shape) {
    if (!text.empty()) text += ',';
    text += std::to_string(dimension);
  }
  return '[' + text + ']';
}

std::string escape_text(std::string_view text) {
  std::string escaped;
  while (!text.empty()) {
    size_t length = utf8_length(text);
    if (length == 0 || (length == 1 && (text[0] < ' ' || text[0] == 0x7f))) {
      escaped += escape_bytes(text.substr(0, 1));
      length = 1;
    } else {
      escaped += text.substr(0, length);
    }
    text.remove_prefix(length);
  }
  return escaped;
}

std::string missing_text(const Column& column) {
  return "Feature: " + escape_text(column.key) + " (data type: " + name_of(column.kind) +
         ") is required but could not be found.";
}

void ParseError::count_preceding(uint64_t values) {
  const size_t digits = std::to_string(saw).size();
  saw += values;
  text.replace(saw_at, digits, std::to_string(saw));
}

}  // namespace headrace
