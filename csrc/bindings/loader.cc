#include "loader.h"

#include <pybind11/stl.h>

#include <array>
#include <optional>
#include <stdexcept>

#include "bindings/bindings.h"
#include "bindings/columns.h"
#include "bindings/loader_handle.h"
#include "bindings/policy.h"
#include "fetcher.h"
#include "filler.h"
#include "parse.h"

namespace headrace {

namespace py = pybind11;

namespace {

using SequenceSchemas = std::pair<std::shared_ptr<Schema>, std::shared_ptr<Schema>>;

// In the order of enum Stage.
constexpr std::array<const char*, kStages> kStageNames = {
    "read",     "order",         "checksum",      "locate",        "decode",
    "assemble", "wait for turn", "wait for room", "consumer waits"};

std::vector<Verb> verbs_of(const py::list& chain) {
  std::vector<Verb> verbs;
  for (const py::handle item : chain) {
    const auto row = item.cast<py::tuple>();
    const auto name = row[0].cast<std::string>();
    Verb verb{};
    if (name == "skip")
      verb.kind = Verb::kSkip;
    else if (name == "take")
      verb.kind = Verb::kTake;
    else if (name == "repeat")
      verb.kind = Verb::kRepeat;
    else if (name == "shard")
      verb.kind = Verb::kShard;
    else if (name == "shuffle")
      verb.kind = Verb::kShuffle;
    else if (name == "shuffle_all")
      verb.kind = Verb::kShuffleAll;
    else if (name == "shard_even")
      verb.kind = Verb::kShardEven;
    else
      throw std::invalid_argument("unknown verb: " + name);
    if (verb.kind == Verb::kShuffleAll) {  // (seed, reshuffle, iteration)
      verb.seeds = {row[1].cast<uint64_t>(), 0, row[2].cast<bool>()};
      verb.b = row[3].cast<int64_t>();
      verbs.push_back(verb);
      continue;
    }
    verb.a = row[1].cast<int64_t>();
    if (verb.kind == Verb::kShard || verb.kind == Verb::kShardEven) verb.b = row[2].cast<int64_t>();
    if (verb.kind == Verb::kShardEven) {
      const auto even = row[3].cast<std::string>();
      verb.even = even == "drop" ? Even::kDrop : even == "pad" ? Even::kPad : Even::kWrap;
    }
    if (verb.kind == Verb::kShuffle) {  // (size, seed lo, seed hi, reshuffle, iteration)
      verb.seeds = {row[2].cast<uint64_t>(), row[3].cast<uint64_t>(), row[4].cast<bool>()};
      verb.b = row[5].cast<int64_t>();
    }
    verbs.push_back(verb);
  }
  return verbs;
}

LoaderOptions options_of(const py::dict& given) {
  LoaderOptions options;
  for (const auto& [key, value] : given) {
    const auto name = key.cast<std::string>();
    if (name == "threads")
      options.threads = value.cast<int>();
    else if (name == "prefetch")
      options.prefetch = value.cast<uint64_t>();
    else if (name == "memory_budget")
      options.memory = value.cast<uint64_t>();
    else if (name == "verify")
      options.verify = value.cast<bool>();
    else if (name == "locked_pages")
      options.locked_pages = value.cast<bool>();
    else if (name == "map_files")
      options.map_files = value.cast<bool>();
    else if (name == "block_size")
      options.block_size = value.cast<uint64_t>();
    else if (name == "least_placed")
      options.least_placed = value.cast<uint64_t>();
    else
      throw std::invalid_argument("unknown option: " + name);
  }
  return options;
}

// What a chain does not have is left out.
py::dict state_of(const Position& position) {
  py::dict state;
  if (!position.slots.empty()) {
    py::list slots;
    for (const OpenFile& slot : position.slots) {
      if (slot.open)
        slots.append(py::make_tuple(slot.file, slot.offset, slot.ordinal));
      else
        slots.append(py::none());
    }
    state["slots"] = slots;
    state["turn"] = py::make_tuple(position.turn, position.in_turn);
  }
  if (position.pushed != 0 || position.iteration != 0 || !position.outer.empty()) {
    state["shuffle"] =
        py::make_tuple(position.iteration, position.input, position.pushed, position.drawn);
    state["outer"] = position.outer;
  }
  state["pass"] = position.pass;
  state["file"] = position.file;
  state["offset"] = position.offset;
  state["ordinal"] = position.ordinal;
  state["plan"] = position.plan;
  state["ended"] = position.ended;
  return state;
}

Position position_of(const py::dict& state) {
  Position position;
  position.pass = state["pass"].cast<uint64_t>();
  position.file = state["file"].cast<uint64_t>();
  position.offset = state["offset"].cast<uint64_t>();
  position.ordinal = state["ordinal"].cast<uint64_t>();
  position.plan = state["plan"].cast<std::vector<int64_t>>();
  position.ended = state["ended"].cast<bool>();
  if (state.contains("slots")) {
    for (const py::handle slot : state["slots"]) {
      OpenFile open;
      if (!slot.is_none()) {
        const auto row = py::reinterpret_borrow<py::sequence>(slot);
        open = {row[0].cast<uint64_t>(), row[1].cast<uint64_t>(), row[2].cast<uint64_t>(), true};
      }
      position.slots.push_back(open);
    }
    const auto turn = state["turn"].cast<std::vector<uint64_t>>();
    position.turn = turn.at(0);
    position.in_turn = turn.at(1);
  }
  if (state.contains("shuffle")) {
    const auto shuffle = state["shuffle"].cast<std::vector<uint64_t>>();
    position.iteration = shuffle.at(0);
    position.input = shuffle.at(1);
    position.pushed = shuffle.at(2);
    position.drawn = shuffle.at(3);
    position.outer = state["outer"].cast<std::vector<int64_t>>();
  }
  return position;
}

// Records by their ordinals, parsed as one batch or, without a schema, as they are: bytes.
py::object read_records(std::vector<std::string> files, std::shared_ptr<Index> index,
                        const std::vector<uint64_t>& ordinals,
                        const std::shared_ptr<Schema>& schema, bool single, bool verify) {
  for (const uint64_t ordinal : ordinals) {
    if (ordinal >= index->count()) throw py::index_error("there is no such record");
  }
  Fetched fetched;
  std::optional<ParseFailure> failure;
  std::unique_ptr<Batch> batch;
  {
    const py::gil_scoped_release release;
    Fetcher fetcher(files, index, verify);
    fetcher.fetch(ordinals, fetched);
    if (!fetched.failures.empty()) throw fetched.failures.front().error;
    if (schema) {
      batch = parse(fetched.records, {}, schema, single ? ParseMode::kSingle : ParseMode::kBatch,
                    failure);
    }
    if (failure) {
      const Index::Place& place = fetched.places[failure->row];
      throw Provenance{fetcher.path(place.file), fetcher.ordinal_in_file(ordinals[failure->row]),
                       static_cast<int64_t>(place.offset)}
          .parse_error(failure->error);
    }
  }
  if (batch) return to_columns(*batch);
  py::list records;
  for (const ByteView& record : fetched.records) records.append(py::bytes(record.text()));
  return records;
}

}  // namespace

void register_loader(py::module_& m) {
  m.def("read_records", &read_records, py::arg("files"), py::arg("index"), py::arg("ordinals"),
        py::arg("schema"), py::arg("single"), py::arg("verify"));
  py::class_<LoaderHandle>(m, "Loader")
      .def(py::init([](std::vector<std::string> files, std::shared_ptr<Schema> schema,
                       const py::list& chain, size_t batch_size, bool drop_remainder, bool single,
                       const py::dict& options, const py::object& state,
                       const std::string& on_corruption, const py::object& interleaving,
                       std::shared_ptr<Index> index, const std::optional<py::tuple>& keys,
                       const std::optional<SequenceSchemas>& sequences) {
             LoaderJob job;
             job.files = std::move(files);
             job.schema = std::move(schema);
             job.verbs = verbs_of(chain);
             job.batch_size = batch_size;
             job.drop_remainder = drop_remainder;
             job.single = single;
             job.on_corruption = policy_of(on_corruption);
             if (!interleaving.is_none()) {  // (slots, turn length, fill on visit)
               const auto row = interleaving.cast<std::tuple<uint64_t, uint64_t, bool>>();
               job.interleaving = {std::get<0>(row), std::get<1>(row), std::get<2>(row)};
             }
             job.index = std::move(index);
             if (sequences) job.sequences = {sequences->first, sequences->second};
             job.options = options_of(options);
             auto handle = std::make_unique<LoaderHandle>(
                 std::move(job), keys ? std::optional<Keys>(*keys) : std::nullopt);
             if (!state.is_none()) handle->get().start_at(position_of(state.cast<py::dict>()));
             return handle;
           }),
           py::arg("files"), py::arg("schema"), py::arg("chain"), py::arg("batch_size"),
           py::arg("drop_remainder"), py::arg("single"), py::arg("options"), py::arg("state"),
           py::arg("on_corruption") = "raise", py::arg("interleaving") = py::none(),
           py::arg("index") = py::none(), py::arg("keys") = py::none(),
           py::arg("sequences") = py::none())
      .def("next", &LoaderHandle::next)
      .def("ready", [](LoaderHandle& self) { return self.get().ready(); })
      .def("state", [](LoaderHandle& self) { return state_of(self.get().position()); })
      .def("file_sizes", [](LoaderHandle& self) { return self.get().file_sizes(); })
      .def("stats",
           [](LoaderHandle& self) {
             const LoaderStats stats = self.get().stats();
             py::dict result;
             result["records"] = stats.records;
             result["slow_records"] = stats.slow_records;
             result["bytes_read"] = stats.bytes_read;
             result["threads"] = stats.threads;
             result["elapsed"] = stats.elapsed;
             py::dict seconds;
             for (size_t i = 0; i < kStages; ++i) {
               seconds[kStageNames[i]] = self.get().stopwatch().seconds(static_cast<Stage>(i));
             }
             result["seconds"] = seconds;
             py::dict damage;
             damage["places"] = stats.damage.places;
             damage["bytes"] = stats.damage.bytes;
             damage["files"] = stats.damage.files;
             result["damage"] = damage;
             return result;
           })
      .def("close", [](LoaderHandle& self) {
        Loader& loader = self.get();
        const py::gil_scoped_release release;
        loader.close();
      });
}

}  // namespace headrace
