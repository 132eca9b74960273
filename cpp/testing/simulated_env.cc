#include "testing/simulated_env.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "testing/check.h"

namespace partita::testing {
namespace {

constexpr size_t kMostHistory = 100;

FileStatus Error(const std::string& path, const char* what, int error_number) {
  return FileStatus(FileError{FileError::Kind::kSystem, error_number, path, FileError::kNoOffset, what});
}

absl::string_view SectorOf(const std::string& content, size_t sector) {
  const size_t begin = std::min(sector * SimulatedEnv::kSector, content.size());
  return absl::string_view(content).substr(begin, SimulatedEnv::kSector);
}

}  // namespace

// --- Files that are open.

class SimulatedEnv::Reading final : public ReadableFile {
 public:
  Reading(SimulatedEnv* env, std::string path, FilePtr file)
      : env_(env), path_(std::move(path)), file_(std::move(file)), epoch_(env->epoch_) {}

  FileStatus Size(uint64_t* bytes) override {
    const std::lock_guard lock(env_->mutex_);
    FileStatus status;
    bool partly;
    if (!env_->Begin("size", path_, false, &partly, &status)) return status;
    PARTITA_CHECK(epoch_ == env_->epoch_);
    *bytes = file_->content.size();
    return FileStatus();
  }

  FileStatus Read(uint64_t offset, size_t size, char* out, size_t* got) override {
    const std::lock_guard lock(env_->mutex_);
    *got = 0;
    FileStatus status;
    bool partly;
    if (!env_->Begin("read", path_, false, &partly, &status)) return status;
    PARTITA_CHECK(epoch_ == env_->epoch_);
    if (offset >= file_->content.size()) return FileStatus();
    *got = std::min<size_t>(size, file_->content.size() - offset);
    std::memcpy(out, file_->content.data() + offset, *got);
    return FileStatus();
  }

 private:
  SimulatedEnv* const env_;
  const std::string path_;
  const FilePtr file_;
  const uint64_t epoch_;
};

class SimulatedEnv::Writing final : public WritableFile {
 public:
  Writing(SimulatedEnv* env, std::string path, FilePtr file)
      : env_(env), path_(std::move(path)), file_(std::move(file)), epoch_(env->epoch_) {}

  FileStatus Append(absl::string_view bytes) override {
    const std::lock_guard lock(env_->mutex_);
    FileStatus status;
    bool partly = false;
    const bool works = env_->Begin("append", path_, true, &partly, &status);
    if (!works && !partly) return status;
    PARTITA_CHECK(epoch_ == env_->epoch_);
    if (!works) bytes = bytes.substr(0, env_->random_.Below(bytes.size() + 1));
    Write(file_.get(), offset_, bytes);
    offset_ += bytes.size();
    return status;
  }

  FileStatus Close() override {
    const std::lock_guard lock(env_->mutex_);
    FileStatus status;
    bool partly = false;
    env_->Begin("close", path_, true, &partly, &status);
    return status;
  }

  FileStatus Reserve(uint64_t size) override {
    const std::lock_guard lock(env_->mutex_);
    FileStatus status;
    bool partly = false;
    if (!env_->Begin("reserve", path_, true, &partly, &status) && !partly) return status;
    PARTITA_CHECK(epoch_ == env_->epoch_);
    if (size > file_->content.size()) Resize(file_.get(), size);
    return status;
  }

  FileStatus Sync() override { return SyncAs("sync"); }
  FileStatus SyncData() override { return SyncAs("syncdata"); }

 private:
  FileStatus SyncAs(const char* what) {
    std::function<void()> during;
    FileStatus status = SyncNow(what, &during);
    if (during != nullptr) during();
    return status;
  }

  FileStatus SyncNow(const char* what, std::function<void()>* during) {
    const std::lock_guard lock(env_->mutex_);
    during->swap(env_->during_sync_);
    FileStatus status;
    bool partly = false;
    const bool works = env_->Begin(what, path_, true, &partly, &status);
    if (!works && !partly) return status;
    PARTITA_CHECK(epoch_ == env_->epoch_);
    env_->SyncSectors(file_.get(), works);
    return status;
  }

  SimulatedEnv* const env_;
  const std::string path_;
  const FilePtr file_;
  const uint64_t epoch_;
  size_t offset_ = 0;
};

class SimulatedEnv::Held final : public FileLock {
 public:
  Held(SimulatedEnv* env, std::string path) : env_(env), path_(std::move(path)), epoch_(env->epoch_) {}
  ~Held() override {
    const std::lock_guard lock(env_->mutex_);
    if (epoch_ != env_->epoch_) return;
    const auto found = env_->locks_.find(path_);
    if (found->second == kAlone || found->second == 1) {
      env_->locks_.erase(found);
    } else {
      --found->second;
    }
  }
  void AbandonAfterFork() override {}

 private:
  SimulatedEnv* const env_;
  const std::string path_;
  const uint64_t epoch_;
};

// --- Calls.

bool SimulatedEnv::Begin(const char* what, const std::string& path, bool may_fill_disk, bool* partly,
                         FileStatus* status) {
  *partly = false;
  const uint64_t number = calls_++;
  history_.push_back(absl::StrCat(number, " ", what, " ", path));
  if (history_.size() > kMostHistory) history_.pop_front();
  if (dark_ || number >= cut_at_) {
    *partly = !dark_;
    dark_ = true;
    *status = Error(path, "the power is off", EIO);
    return false;
  }
  if (number < fail_at_ || failures_left_ == 0 || (fault_ == Fault::kDiskFull && !may_fill_disk)) return true;
  --failures_left_;
  failed_ = true;
  *partly = true;
  *status = Error(path, what, fault_ == Fault::kDiskFull ? ENOSPC : EIO);
  history_.back() += " fails";
  return false;
}

FileStatus SimulatedEnv::OpenForReading(const std::string& path, std::unique_ptr<ReadableFile>* file) {
  const std::lock_guard lock(mutex_);
  FileStatus status;
  bool partly;
  if (!Begin("open", path, false, &partly, &status)) return status;
  const auto found = folder_.find(path);
  if (found == folder_.end()) return Error(path, "open", ENOENT);
  *file = std::make_unique<Reading>(this, path, found->second);
  return FileStatus();
}

FileStatus SimulatedEnv::Create(const std::string& path, const std::string&, std::unique_ptr<WritableFile>* file) {
  const std::lock_guard lock(mutex_);
  FileStatus status;
  bool partly;
  if (!Begin("create", path, true, &partly, &status) && !(partly && dark_)) return status;
  if (folder_.contains(path)) return Error(path, "create", EEXIST);
  const auto made = std::make_shared<File>();
  Change({"", path, made});
  if (status.ok()) *file = std::make_unique<Writing>(this, path, made);
  return status;
}

FileStatus SimulatedEnv::Rename(const std::string& from, const std::string& to) {
  const std::lock_guard lock(mutex_);
  FileStatus status;
  bool partly;
  if (!Begin("rename", to, true, &partly, &status) && !(partly && dark_)) return status;
  const auto found = folder_.find(from);
  if (found == folder_.end()) return Error(from, "rename", ENOENT);
  Change({from, to, found->second});
  return status;
}

FileStatus SimulatedEnv::Remove(const std::string& path) {
  const std::lock_guard lock(mutex_);
  FileStatus status;
  bool partly;
  if (!Begin("remove", path, false, &partly, &status) && !(partly && dark_)) return status;
  if (!folder_.contains(path)) return Error(path, "remove", ENOENT);
  Change({path, "", nullptr});
  return status;
}

FileStatus SimulatedEnv::Truncate(const std::string& path, uint64_t size) {
  const std::lock_guard lock(mutex_);
  FileStatus status;
  bool partly;
  const bool works = Begin("truncate", path, false, &partly, &status);
  if (!works && !partly) return status;
  const auto found = folder_.find(path);
  if (found == folder_.end()) return Error(path, "truncate", ENOENT);
  File* const file = found->second.get();
  Resize(file, size);
  SyncSectors(file, works);
  return status;
}

FileStatus SimulatedEnv::List(const std::string& prefix, std::vector<std::string>* ends) {
  const std::lock_guard lock(mutex_);
  FileStatus status;
  bool partly;
  ends->clear();
  if (!Begin("list", prefix, false, &partly, &status)) return status;
  for (const auto& [name, file] : folder_) {
    if (name.compare(0, prefix.size(), prefix) == 0) ends->push_back(name.substr(prefix.size()));
  }
  return FileStatus();
}

FileStatus SimulatedEnv::Lock(const std::string& path, std::unique_ptr<FileLock>* lock) {
  const std::lock_guard guard(mutex_);
  lock->reset();
  FileStatus status;
  bool partly;
  if (!Begin("lock", path, false, &partly, &status)) return status;
  if (!folder_.contains(path)) Change({"", path, std::make_shared<File>()});
  if (locks_.emplace(path, kAlone).second) *lock = std::make_unique<Held>(this, path);
  return FileStatus();
}

FileStatus SimulatedEnv::LockShared(const std::string& path, std::unique_ptr<FileLock>* lock, bool* refused) {
  const std::lock_guard guard(mutex_);
  lock->reset();
  *refused = false;
  FileStatus status;
  bool partly;
  if (!Begin("lock shared", path, false, &partly, &status)) return status;
  if (!folder_.contains(path)) return FileStatus();
  int& sharing = locks_[path];
  *refused = sharing == kAlone;
  if (*refused) return FileStatus();
  ++sharing;
  *lock = std::make_unique<Held>(this, path);
  return FileStatus();
}

FileStatus SimulatedEnv::SyncDirectory(const std::string& path) {
  const std::lock_guard lock(mutex_);
  FileStatus status;
  bool partly;
  const bool works = Begin("syncdir", path, true, &partly, &status);
  if (works) {
    synced_folder_ = folder_;
    changes_.clear();
  }
  return status;
}

// --- What is on the disk.

void SimulatedEnv::Apply(const FolderChange& change, Folder* folder) {
  if (!change.removed.empty()) folder->erase(change.removed);
  if (!change.added.empty()) (*folder)[change.added] = change.file;
}

void SimulatedEnv::Change(FolderChange change) {
  Apply(change, &folder_);
  changes_.push_back(std::move(change));
}

void SimulatedEnv::Resize(File* file, size_t size) {
  const size_t before = file->content.size();
  file->content.resize(size);
  for (size_t at = std::min(before, size) / kSector; at * kSector < std::max(before, size); ++at) {
    file->unsynced.insert(at);
  }
}

void SimulatedEnv::Write(File* file, size_t offset, absl::string_view bytes) {
  if (offset + bytes.size() > file->content.size()) Resize(file, offset + bytes.size());
  file->content.replace(offset, bytes.size(), bytes.data(), bytes.size());
  for (size_t at = offset / kSector; at * kSector < offset + bytes.size(); ++at) file->unsynced.insert(at);
}

void SimulatedEnv::SyncSectors(File* file, bool all) {
  if (file->synced.size() != file->content.size() && (all || random_.OneIn(2))) {
    file->synced.resize(file->content.size());
  }
  for (const size_t at : file->unsynced) {
    if (!all && random_.OneIn(2)) continue;
    const absl::string_view bytes = SectorOf(file->content, at);
    const size_t begin = at * kSector;
    if (begin >= file->synced.size()) continue;
    const size_t size = std::min(bytes.size(), file->synced.size() - begin);
    file->synced.replace(begin, size, bytes.data(), size);
  }
  file->unsynced.clear();  // after a failure too: what was not written then never will be
}

void SimulatedEnv::CrashFile(File* file, Random* random) {
  std::string left = file->synced;
  const size_t least = std::min(left.size(), file->content.size());
  const size_t most = std::max(left.size(), file->content.size());
  size_t size = left.size();
  if (!file->unsynced.empty())
    size = random->Pick({left.size(), file->content.size(), least + random->Below(most - least + 1)});
  left.resize(size);
  for (const size_t at : file->unsynced) {
    const absl::string_view bytes = SectorOf(file->content, at);
    const size_t begin = at * kSector;
    if (begin >= size) break;
    const size_t fits = std::min(bytes.size(), size - begin);
    const uint64_t what = random->Below(5);
    if (what < 2) continue;
    const size_t kept = what == 4 ? random->Below(fits + 1) : fits;
    const bool noise = random->OneIn(2);
    for (size_t i = 0; i < fits; ++i) {
      char& byte = left[begin + i];
      if (byte == bytes[i]) continue;  // nothing was to change here
      if (i < kept) {
        byte = bytes[i];
      } else if (noise) {
        byte = static_cast<char>(random->Bits());
      }
    }
  }
  file->content = left;
  file->synced = std::move(left);
  file->unsynced.clear();
}

void SimulatedEnv::Restart(uint64_t seed) {
  const std::lock_guard lock(mutex_);
  Random random(seed);
  folder_ = synced_folder_;
  for (const FolderChange& change : changes_) {
    if (random.OneIn(2)) Apply(change, &folder_);
  }
  std::set<File*> files;
  for (const auto& [name, file] : folder_) files.insert(file.get());
  for (const auto& [name, file] : folder_) {
    if (files.erase(file.get()) != 0) CrashFile(file.get(), &random);
  }
  synced_folder_ = folder_;
  changes_.clear();
  locks_.clear();
  ++epoch_;
  calls_ = 0;
  history_.clear();
  cut_at_ = kNever;
  failures_left_ = 0;
  failed_ = false;
  dark_ = false;
}

// --- For tests.

uint64_t SimulatedEnv::calls() const {
  const std::lock_guard lock(mutex_);
  return calls_;
}

std::vector<std::string> SimulatedEnv::history() const {
  const std::lock_guard lock(mutex_);
  return {history_.begin(), history_.end()};
}

void SimulatedEnv::CutPowerAt(uint64_t number) {
  const std::lock_guard lock(mutex_);
  cut_at_ = number;
  random_ = Random(number);
}

void SimulatedEnv::FailAt(uint64_t number, Fault fault, uint64_t more) {
  const std::lock_guard lock(mutex_);
  fail_at_ = number;
  failures_left_ = more + 1;
  fault_ = fault;
  failed_ = false;
  random_ = Random(number);
}

void SimulatedEnv::DuringNextSync(std::function<void()> call) {
  const std::lock_guard lock(mutex_);
  during_sync_ = std::move(call);
}

bool SimulatedEnv::has_failed() const {
  const std::lock_guard lock(mutex_);
  return failed_;
}

bool SimulatedEnv::ReadWhole(const std::string& path, std::string* content) const {
  const std::lock_guard lock(mutex_);
  const auto found = folder_.find(path);
  if (found == folder_.end()) return false;
  *content = found->second->content;
  return true;
}

void SimulatedEnv::WriteWhole(const std::string& path, const std::string& content) {
  const std::lock_guard lock(mutex_);
  const auto file = std::make_shared<File>();
  file->content = content;
  file->synced = content;
  folder_[path] = file;
  synced_folder_[path] = file;
}

std::vector<std::string> SimulatedEnv::Names() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  for (const auto& [name, file] : folder_) names.push_back(name);
  return names;
}

}  // namespace partita::testing
