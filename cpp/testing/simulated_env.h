// A file system in memory whose power can be cut, for tests.
//
// It keeps what was synced and what was not apart: bytes in sectors of 512, and the names in its folder. At a power cut
// each sector written since the file was last synced is kept, dropped or left as a mixture, in any combination; so is
// each name that was made, moved or removed since the folder was last synced. Bytes that a write leaves as they were
// are not touched: what is appended to a sector does not harm what was synced in it. A sync that fails leaves sectors
// that are neither on the disk nor written by a later sync, although they are read as if they were: so real systems do.
//
// All calls are counted, so that a test can cut the power, or have a call fail, at each of them: run once, ask
// calls(), and run again for every number. Any thread may call it.

#ifndef PARTITA_TESTING_SIMULATED_ENV_H_
#define PARTITA_TESTING_SIMULATED_ENV_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "file/env.h"
#include "testing/random.h"

namespace partita::testing {

class SimulatedEnv final : public Env {
 public:
  static constexpr uint64_t kNever = ~uint64_t{0};
  static constexpr size_t kSector = 512;

  enum class Fault : uint8_t { kIoError, kDiskFull };

  // Calls made so far since the last Restart(); the first one is number 0.
  uint64_t calls() const;
  // What the last calls were, in words, for a failing test.
  std::vector<std::string> history() const;

  // From call `number` on there is no power: it may have been done in part, and all later ones fail.
  void CutPowerAt(uint64_t number);
  // Call `number`, and the `more` calls that can fail that way behind it, fail. An Append writes a part of its bytes, a
  // Sync a part of the sectors, other calls do nothing.
  void FailAt(uint64_t number, Fault fault, uint64_t more = 0);
  bool has_failed() const;
  // In the next sync of a file, when what it writes is on the disk and before it returns.
  void DuringNextSync(std::function<void()> call);

  // The power is cut if it was not, and comes back: what is there now was on the disk, chosen by `seed`. Files open
  // before do not work any more, locks are gone, no failures are planned, and calls are counted anew.
  void Restart(uint64_t seed);

  // What a reader would find, for tests that damage files. False: there is no such file.
  bool ReadWhole(const std::string& path, std::string* content) const;
  // As if it had always been on the disk.
  void WriteWhole(const std::string& path, const std::string& content);
  std::vector<std::string> Names() const;

  FileStatus OpenForReading(const std::string& path, std::unique_ptr<ReadableFile>* file) override;
  FileStatus Create(const std::string& path, const std::string& like, std::unique_ptr<WritableFile>* file) override;
  FileStatus Rename(const std::string& from, const std::string& to) override;
  FileStatus Remove(const std::string& path) override;
  FileStatus Truncate(const std::string& path, uint64_t size) override;
  FileStatus List(const std::string& prefix, std::vector<std::string>* ends) override;
  FileStatus Lock(const std::string& path, std::unique_ptr<FileLock>* lock) override;
  FileStatus LockShared(const std::string& path, std::unique_ptr<FileLock>* lock, bool* refused) override;
  FileStatus SyncDirectory(const std::string& path) override;

 private:
  struct File {
    std::string content;        // as it is read
    std::string synced;         // as it is on the disk
    std::set<size_t> unsynced;  // sectors of content that the next sync will write
  };
  using FilePtr = std::shared_ptr<File>;
  using Folder = std::map<std::string, FilePtr>;
  struct FolderChange {
    std::string removed;  // empty: none
    std::string added;
    FilePtr file;
  };
  class Reading;
  class Writing;
  class Held;

  // Counts a call. False: it fails with *status, of which a part may be done first if *partly.
  bool Begin(const char* what, const std::string& path, bool may_fill_disk, bool* partly, FileStatus* status);
  void Change(FolderChange change);
  static void Write(File* file, size_t offset, absl::string_view bytes);
  static void Resize(File* file, size_t size);
  void SyncSectors(File* file, bool all);
  static void Apply(const FolderChange& change, Folder* folder);
  void CrashFile(File* file, Random* random);

  mutable std::mutex mutex_;
  uint64_t epoch_ = 0;  // of files opened since the last Restart()
  uint64_t calls_ = 0;
  std::deque<std::string> history_;
  uint64_t cut_at_ = kNever;
  uint64_t fail_at_ = kNever;
  uint64_t failures_left_ = 0;
  Fault fault_ = Fault::kIoError;
  bool failed_ = false;
  std::function<void()> during_sync_;
  bool dark_ = false;
  Random random_{1};
  Folder folder_;
  Folder synced_folder_;
  std::vector<FolderChange> changes_;  // since the folder was synced
  static constexpr int kAlone = -1;
  std::map<std::string, int> locks_;  // how many share one, or kAlone
};

}  // namespace partita::testing

#endif  // PARTITA_TESTING_SIMULATED_ENV_H_
