#include "blocks.h"

#include <algorithm>

namespace headrace {
namespace {

// Enough for a fast disk to be at work all the time; in requests worth an own look at the file.
constexpr uint64_t kAhead = uint64_t{64} << 20;
constexpr uint64_t kAheadStep = uint64_t{4} << 20;

}  // namespace

Blocks::Blocks(std::vector<std::string> files, uint64_t block_size, bool repeats, bool tolerant)
    : files_(std::move(files)), repeats_(repeats), block_size_(block_size) {
  for (const std::string& path : files_) {
    try {
      sizes_.push_back(check_local(path).size);
    } catch (const Error&) {
      if (!tolerant) throw;
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
  source_.reset();
}

void Blocks::go_to_pass(uint64_t pass) {
  std::lock_guard lock(mutex_);
  if (pass_ < pass) begin_pass(pass);
}

// With the lock. What has been read once may well be in memory now.
void Blocks::begin_pass(uint64_t pass) {
  pass_ = pass;
  file_ = offset_ = ahead_ = 0;
  cold_.store(false, std::memory_order_relaxed);
  source_.reset();
}

void Blocks::pass_over(uint64_t pass, uint64_t file, uint64_t offset) {
  std::lock_guard lock(mutex_);
  if (pass != pass_ || file != file_) return;
  offset = std::min(offset, sizes_[file] - 1);  // the last byte is for the block that ends the file
  if (offset <= offset_) return;
  ahead_ -= std::min(ahead_, offset - offset_);
  offset_ = offset;
}

bool Blocks::claim(Block& block) {
  std::lock_guard lock(mutex_);
  for (;; ++file_, offset_ = 0, source_.reset()) {
    if (stopped_ || file_count_ == 0) return false;
    if (file_ >= file_count_) {
      if (!repeats_) return false;
      begin_pass(pass_ + 1);
    }
    if (offset_ < sizes_[file_]) break;
  }
  block = Block{};
  block.ticket = next_ticket_++;
  block.pass = pass_;
  block.file = file_;
  block.begin = offset_;
  block.end = std::min(offset_ + block_size_, sizes_[file_]);
  if (!source_) open(block);
  block.source = source_;
  block.ends_pass = file_ + 1 == file_count_ && block.end == sizes_[file_];
  offset_ = block.end;
  if (cold_.load(std::memory_order_relaxed)) block.ahead = next_ahead(block.end - block.begin);
  return true;
}

std::optional<Block::Ahead> Blocks::next_ahead(uint64_t claimed) {
  if (ahead_ < claimed) {
    ahead_file_ = file_;
    ahead_offset_ = offset_;
    ahead_ = claimed;
  }
  ahead_ -= claimed;
  while (ahead_file_ < file_count_ && ahead_offset_ == sizes_[ahead_file_]) {
    ++ahead_file_;
    ahead_offset_ = 0;
  }
  if (ahead_ > kAhead || ahead_file_ == file_count_) return {};
  const uint64_t size = std::min(kAheadStep, sizes_[ahead_file_] - ahead_offset_);
  const Block::Ahead next{ahead_file_, ahead_offset_, size};
  ahead_offset_ += size;
  ahead_ += size;
  return next;
}

void Blocks::open(Block& block) {
  const std::string& path = files_[file_];
  try {
    source_ = open_local(path);
    if (source_->size() == sizes_[file_]) return;
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
