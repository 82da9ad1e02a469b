#include "blocks.h"

#include <algorithm>

namespace headrace {

Blocks::Blocks(std::vector<std::string> files, const Rules& rules)
    : files_(std::move(files)), rules_(rules), read_ahead_(rules.map_files) {
  for (const std::string& path : files_) {
    try {
      sizes_.push_back(check_local(path).size);
    } catch (const Error&) {
      if (!rules_.tolerant) throw;
      sizes_.push_back(1);  // not empty: it has its turn, and the trouble then
    }
    if (sizes_.back() != 0) file_count_ = sizes_.size();
  }
}

bool Blocks::pass_ends_at(const Position& position) const {
  return position.file >= file_count_ ||
         (position.file + 1 == file_count_ && position.offset >= sizes_[position.file]);
}

bool Blocks::contains(const Position& position) const {
  return position.file < sizes_.size() ? position.offset <= sizes_[position.file]
                                       : position.file == sizes_.size() && position.offset == 0;
}

void Blocks::go_to(const Position& position) {
  std::lock_guard lock(mutex_);
  pass_ = position.pass;
  file_ = position.file;
  offset_ = position.offset;
  if (lookahead_) lookahead_->clear();
  source_.reset();
}

void Blocks::go_to_pass(uint64_t pass) {
  std::lock_guard lock(mutex_);
  if (pass_ < pass) begin_pass(pass);
}

// With the lock. What has been read once may well be in memory now.
void Blocks::begin_pass(uint64_t pass) {
  pass_ = pass;
  file_ = offset_ = 0;
  cold_.store(false, std::memory_order_relaxed);
  if (lookahead_) lookahead_->clear();
  source_.reset();
}

void Blocks::pass_over(uint64_t pass, uint64_t file, uint64_t offset) {
  std::lock_guard lock(mutex_);
  if (pass != pass_ || file != file_) return;
  offset = std::min(offset, sizes_[file] - 1);  // the last byte is for the block that ends the file
  offset_ = std::max(offset_, offset);
}

bool Blocks::claim(Block& block) {
  std::lock_guard lock(mutex_);
  for (;; ++file_, offset_ = 0, source_.reset()) {
    if (stopped_ || file_count_ == 0) return false;
    if (file_ >= file_count_) {
      if (!rules_.repeats) return false;
      begin_pass(pass_ + 1);
    }
    if (offset_ < sizes_[file_]) break;
  }
  block = Block{};
  block.ticket = next_ticket_++;
  block.pass = pass_;
  block.file = file_;
  block.begin = offset_;
  block.end = std::min(offset_ + rules_.block_size, sizes_[file_]);
  if (!source_) open(block);
  block.source = source_;
  block.ends_pass = file_ + 1 == file_count_ && block.end == sizes_[file_];
  offset_ = block.end;
  if (cold_.load(std::memory_order_relaxed)) {
    if (!lookahead_) {
      lookahead_.emplace(sizes_, [this](uint64_t file, uint64_t offset, uint64_t n) {
        return read_ahead_.ask(files_[file], offset, n);
      });
    }
    block.request = lookahead_->reach(block.file, block.begin, block.end, ReadAhead::kFar);
  }
  return true;
}

void Blocks::stop() {
  stopped_ = true;
  read_ahead_.stop();
}

void Blocks::open(Block& block) {
  const std::string& path = files_[file_];
  try {
    source_ = open_local(path);
    if (source_->size() == sizes_[file_]) {
      if (!source_->in_memory(block.begin)) read_ahead();
      return;
    }
    block.trouble =
        Error(Fault::kDataLoss,
              path + ": expected " + std::to_string(sizes_[file_]) + " bytes, found " +
                  std::to_string(source_->size()) + ": the file changed while being read",
              path);
  } catch (const Error& error) {
    block.trouble = error;
  }
  block.end = sizes_[file_];
}

}  // namespace headrace
