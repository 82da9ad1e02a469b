// Any bytes as an Example, for schemas of every kind and layout: the fast parser must say what the
// exact grammar says, in both modes. The first byte chooses the schema.
#include "agreement.h"
#include "outcome.h"
#include "schemas.h"

using namespace headrace;
using namespace headrace::testing;

namespace {

// A record that fits every schema, from which the finder learns an order.
std::string plain_record() {
  std::string features;
  for (const Column& column : all_columns()) {
    std::string feature;
    if (column.layout == Layout::kRaw) {
      feature = bytes_feature({std::string(column.elements * size_of(column.type), '\1')});
    } else if (column.kind == Kind::kInt64) {
      feature = int64_feature(std::vector<uint8_t>(column.elements, 1));
    } else if (column.kind == Kind::kFloat) {
      feature = float_feature(std::vector<float>(column.elements, 0.5f));
    } else {
      feature = bytes_feature(std::vector<std::string>(column.elements, "text"));
    }
    features += entry(column.key, feature);
  }
  return example(features);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto kSchemas = example_schemas();
  static const Record kPlain(plain_record());
  if (size == 0) return 0;
  const auto& schema = kSchemas[data[0] % kSchemas.size()];
  const Record record(std::string(reinterpret_cast<const char*>(data) + 1, size - 1));
  for (const ParseMode mode : {ParseMode::kBatch, ParseMode::kSingle}) {
    expect_agreement(disagreement(schema, mode, {record.view()}));
    // The order is learnt from one or the other first.
    expect_agreement(disagreement(
        schema, mode, {kPlain.view(), record.view(), kPlain.view(), record.view(), record.view()}));
    expect_agreement(disagreement(schema, mode, {record.view(), kPlain.view(), record.view()}));
  }
  return 0;
}
