// Logs from bytes that nobody vouches for, beside a sound snapshot: they are refused, or give a sound table that is
// closed and opened again with the same rows; and what is repaired always opens. The same files are then a buffer's.
//
// The first byte of the input chooses the type of the table. Then come pieces: a byte that says what one is, a byte for
// its size, and its content. Most are records whose numbers and checksums are put right here: else nearly every input
// would end at the first of them. Build with clang, -fsanitize=fuzzer,address.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "buffer/map_buffer.h"
#include "buffer/queue_buffer.h"
#include "file/durable_table.h"
#include "file/log_format.h"
#include "file/snapshot_file.h"
#include "memory_env.h"
#include "require.h"

namespace partita {
namespace {

constexpr const char* kPath = "fuzzed";
constexpr uint64_t kSalt = 7;

std::shared_ptr<Table> NewTable(const FileHeader& header) {
  TableOptions options;
  options.type = header.type;
  options.keypos = header.keypos;
  options.partitions = 2;
  auto table = Table::Create(options);
  Require(table.ok(), "a header that was read makes no table");
  return *table;
}

void WriteEmptySnapshot(MemoryEnv* env, TableType type) {
  FileHeader header;
  header.type = type;
  header.id[0] = 1;
  header.generation = 1;
  header.first_lsn = 1;
  const std::shared_ptr<Table> table = NewTable(header);
  std::shared_ptr<Snapshot> snapshot;
  Require(table->TakeSnapshot(Wait::kBlock, &snapshot) == Outcome::kOk, "no snapshot");
  SnapshotFileWriter writer(env, kPath, header, snapshot, 1);
  for (bool done = false; !done;) Require(writer.Step(&done).ok(), "an empty table cannot be written");
}

class LogMaker {
 public:
  explicit LogMaker(MemoryEnv* env) : env_(env) { NextLog(); }

  void NextLog() {
    LogHeader header;
    header.id[0] = 1;
    header.generation = ++generation_;
    header.salt = kSalt;
    char bytes[kLogHeaderSize];
    EncodeLogHeader(header, &bytes);
    log().assign(bytes, sizeof(bytes));
  }
  void AddRecord(LogRecordType type, absl::string_view content, Lsn skipped) {
    next_ += skipped;
    char head[kLogRecordHeadSize];
    EncodeLogRecordHead(static_cast<uint32_t>(content.size()), type, next_++, &head);
    const uint64_t sum = LogRecordSum(head, LogContentSum(content, kSalt));
    log().append(head, sizeof(head));
    log().append(content.data(), content.size());
    log().append((kLogAlignment - content.size() % kLogAlignment) % kLogAlignment, '\0');
    log().append(reinterpret_cast<const char*>(&sum), sizeof(sum));
  }
  void AddSynced(uint8_t before) {
    const Lsn lsn = next_ - std::min<Lsn>(next_, before);
    AddRecord(LogRecordType::kSynced, absl::string_view(reinterpret_cast<const char*>(&lsn), sizeof(lsn)), 0);
  }
  void AddBytes(absl::string_view bytes) { log().append(bytes.data(), bytes.size()); }
  void Cut(size_t bytes) { log().resize(log().size() - std::min(log().size(), bytes)); }

 private:
  std::string& log() { return env_->files[LogName(kPath, generation_)]; }

  MemoryEnv* const env_;
  uint64_t generation_ = 0;
  Lsn next_ = 1;
};

void MakeLogs(MemoryEnv* env, absl::string_view input) {
  LogMaker maker(env);
  while (input.size() >= 2) {
    const uint8_t what = static_cast<uint8_t>(input[0]);
    const uint8_t number = static_cast<uint8_t>(input[1]);
    input.remove_prefix(2);
    const absl::string_view content = input.substr(0, number);
    switch (what % 16) {
      case 0:
        maker.NextLog();
        break;
      case 1:
        maker.AddSynced(number % 4);
        break;
      case 2:
        maker.AddRecord(LogRecordType::kClose, absl::string_view(), 0);
        break;
      case 3:
        maker.AddBytes(content);
        input.remove_prefix(content.size());
        break;
      case 4:
        maker.Cut(number);
        break;
      case 5:
        maker.AddBytes(std::string(size_t{8} * number, '\0'));
        break;
      default:
        maker.AddRecord(LogRecordType::kStep, content, what % 16 == 6 ? what / 16 : 0);
        input.remove_prefix(content.size());
        break;
    }
  }
}

// The table, and what keeps it; null if the files are refused.
struct Opened {
  std::shared_ptr<Table> table;
  std::unique_ptr<DurableTable> durable;
};

Opened OpenFiles(MemoryEnv* env, bool repair) {
  DurableOptions options;
  options.durability = Durability::kInterval;
  options.background = false;
  options.allow_opaque = true;
  options.repair = repair;
  Opened opened;
  opened.durable = std::make_unique<DurableTable>(env, kPath, options);
  bool exists = false;
  Require(opened.durable->Open(&exists).ok() && exists, "a sound snapshot is refused");
  opened.table = NewTable(opened.durable->header());
  for (bool done = false; !done;) {
    const FileStatus status = opened.durable->LoadStep(opened.table, &done);
    if (status.ok()) continue;
    Require(!repair, "what is to be repaired is refused");
    Require(status.error().kind == FileError::Kind::kCorrupt, "an error of another kind");
    Require(!status.error().what.empty() && env->files.contains(status.error().path), "a refusal says what and where");
    return Opened();
  }
  Require(opened.table->CheckInvariants().ok(), "a table that was read is not sound");
  return opened;
}

uint64_t RowsOf(Table* table) {
  uint64_t rows = 0;
  Require(table->Size(Wait::kBlock, &rows) == Outcome::kOk, "a table has no size");
  return rows;
}

void CheckReopens(MemoryEnv* env, Opened opened) {
  const uint64_t rows = RowsOf(opened.table.get());
  const std::unique_ptr<DurableTable::Saving> closing = opened.durable->BeginClose();
  for (bool done = false; !done;) Require(closing->Step(&done).ok(), "what was read cannot be saved");
  const Opened again = OpenFiles(env, false);
  Require(again.table != nullptr, "what was saved is refused");
  Require(RowsOf(again.table.get()) == rows, "rows were lost between closing and opening");
  Require(again.durable->report().notes.empty(), "what was saved is not sound");
}

// As the file of a buffer: its rows are refused, or come in and go out, each once.
void CheckAsBuffer(MemoryEnv* env, bool map) {
  Opened opened = OpenFiles(env, false);
  if (opened.table == nullptr || opened.table->options().type != TableType::kSet) return;
  const uint64_t rows = RowsOf(opened.table.get());
  const std::shared_ptr<DurableTable> durable = std::move(opened.durable);
  std::unique_ptr<Buffer> buffer = std::make_unique<QueueBuffer>(2, 1);
  if (map) buffer = std::make_unique<MapBuffer>(2, 1);
  const char* wrong = nullptr;
  const Outcome outcome = buffer->SetLog(std::make_unique<BufferLog>(opened.table, durable), &wrong);
  Require(outcome == Outcome::kOk, "rows are neither taken nor refused");
  if (wrong != nullptr) return;
  for (uint32_t partition = 0; partition < 2; ++partition) {
    bool waiting = false;
    Require(buffer->Freeze(partition, nullptr, Wait::kBlock, &waiting) == Outcome::kOk, "it cannot be swapped");
    for (;;) {
      std::unique_ptr<Batch> batch;
      Require(buffer->TakeBatch(partition, 3, false, Wait::kBlock, &batch) == Outcome::kOk, "no batch can be taken");
      if (batch == nullptr) break;
      bool done = false;
      Require(buffer->Resolve(batch.get(), batch->size(), 0, {}, Wait::kBlock, &done) == Outcome::kOk, "not resolved");
    }
  }
  BufferStats stats;
  Require(buffer->Stats(Wait::kBlock, &stats) == Outcome::kOk && stats.counts.balanced(), "the books do not balance");
  Require(stats.counts.restored == rows && stats.counts.processed == rows, "items were lost");
  Require(RowsOf(opened.table.get()) == 0, "items stay that were dealt with");
}

}  // namespace
}  // namespace partita

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace partita;
  if (size == 0) return 0;
  MemoryEnv env;
  WriteEmptySnapshot(&env, static_cast<TableType>(data[0] % 4));
  MakeLogs(&env, absl::string_view(reinterpret_cast<const char*>(data + 1), size - 1));
  MemoryEnv damaged;
  damaged.files = env.files;
  for (const bool map : {false, true}) {
    MemoryEnv copy;
    copy.files = env.files;
    CheckAsBuffer(&copy, map);
  }
  if (Opened opened = OpenFiles(&env, false); opened.table != nullptr) CheckReopens(&env, std::move(opened));
  CheckReopens(&damaged, OpenFiles(&damaged, true));
  return 0;
}
