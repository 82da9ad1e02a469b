#include "error.h"

namespace headrace {

std::string place(std::string_view path, int64_t record, int64_t offset, std::string_view what) {
  std::string text(path);
  if (record != Error::kUnknown) text += ": record " + std::to_string(record);
  if (offset != Error::kUnknown) text += " at byte " + std::to_string(offset);
  return what.empty() ? text : text.append(": ").append(what);
}

std::string escape_bytes(std::string_view bytes, size_t limit) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (unsigned char c : bytes.substr(0, limit)) {
    if (c == '\\') {
      text += "\\\\";
    } else if (c >= 0x20 && c < 0x7f) {
      text += static_cast<char>(c);
    } else {
      text.append({'\\', 'x', kDigits[c >> 4], kDigits[c & 15]});
    }
  }
  if (bytes.size() > limit) text += "...";
  return text;
}

}  // namespace headrace
