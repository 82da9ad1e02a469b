#include "row_parser.h"

#include <utility>

namespace headrace {

void RowParser::count(const RowJob& job) {
  lent_.clear();
  for (const RowJob::Row& row : job.rows) {
    if (row.segment >= counts_.size()) counts_.resize(row.segment + 1);
    if (counts_[row.segment]++ == 0) lent_.push_back({row.segment, 0});
  }
  for (Lent& lent : lent_) lent.records = std::exchange(counts_[lent.segment], 0);
}

void RowParser::parse(const RowJob& job,
                      const std::function<Provenance(const RowJob::Row&)>& provenance) {
  count(job);
  for (size_t first = 0; first < job.rows.size(); first += records_.size()) {
    records_.clear();
    size_t bytes = 0;
    for (size_t i = first;
         i < job.rows.size() && bytes < Filler::kGroupBytes && i - first < Filler::kGroupRows;
         ++i) {
      records_.push_back({job.rows[i].data, job.rows[i].size});
      bytes += job.rows[i].size;
    }
    filler_.fill(*job.batch, first, records_, watch_,
                 [&](size_t record) { return provenance(job.rows[first + record]); });
  }
}

}  // namespace headrace
