// Files in memory, for fuzzers: nothing fails, nothing is lost.

#ifndef PARTITA_TESTS_FUZZ_MEMORY_ENV_H_
#define PARTITA_TESTS_FUZZ_MEMORY_ENV_H_

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "file/env.h"

namespace partita {

class MemoryEnv final : public Env {
 public:
  // By path. A file that is open must not be taken away.
  std::map<std::string, std::string> files;

  FileStatus OpenForReading(const std::string& path, std::unique_ptr<ReadableFile>* file) override {
    const auto found = files.find(path);
    if (found == files.end()) return Missing(path);
    *file = std::make_unique<Reading>(&found->second);
    return FileStatus();
  }
  FileStatus Create(const std::string& path, const std::string&, std::unique_ptr<WritableFile>* file) override {
    files[path].clear();
    *file = std::make_unique<Writing>(&files[path]);
    return FileStatus();
  }
  FileStatus Rename(const std::string& from, const std::string& to) override {
    const auto found = files.find(from);
    if (found == files.end()) return Missing(from);
    std::string content = std::move(found->second);
    files.erase(found);
    files[to] = std::move(content);
    return FileStatus();
  }
  FileStatus Remove(const std::string& path) override { return files.erase(path) == 0 ? Missing(path) : FileStatus(); }
  FileStatus Truncate(const std::string& path, uint64_t size) override {
    files[path].resize(size);
    return FileStatus();
  }
  FileStatus List(const std::string& prefix, std::vector<std::string>* ends) override {
    ends->clear();
    for (const auto& [path, content] : files) {
      if (path.compare(0, prefix.size(), prefix) == 0) ends->push_back(path.substr(prefix.size()));
    }
    return FileStatus();
  }
  FileStatus Lock(const std::string&, std::unique_ptr<FileLock>* lock) override {
    *lock = std::make_unique<Held>();
    return FileStatus();
  }
  FileStatus LockShared(const std::string&, std::unique_ptr<FileLock>* lock, bool* refused) override {
    lock->reset();
    *refused = false;
    return FileStatus();
  }
  FileStatus SyncDirectory(const std::string&) override { return FileStatus(); }

 private:
  static FileStatus Missing(const std::string& path) {
    return FileStatus(FileError{FileError::Kind::kSystem, ENOENT, path, FileError::kNoOffset, "open"});
  }

  class Reading final : public ReadableFile {
   public:
    explicit Reading(const std::string* content) : content_(content) {}
    FileStatus Size(uint64_t* bytes) override {
      *bytes = content_->size();
      return FileStatus();
    }
    FileStatus Read(uint64_t offset, size_t size, char* out, size_t* got) override {
      *got = offset < content_->size() ? std::min(size, content_->size() - offset) : 0;
      std::memcpy(out, content_->data() + std::min<size_t>(offset, content_->size()), *got);
      return FileStatus();
    }

   private:
    const std::string* const content_;
  };
  class Writing final : public WritableFile {
   public:
    explicit Writing(std::string* content) : content_(content) {}
    FileStatus Append(absl::string_view bytes) override {
      content_->append(bytes.data(), bytes.size());
      return FileStatus();
    }
    FileStatus Reserve(uint64_t) override { return FileStatus(); }
    FileStatus Close() override { return FileStatus(); }
    FileStatus Sync() override { return FileStatus(); }
    FileStatus SyncData() override { return FileStatus(); }

   private:
    std::string* const content_;
  };
  class Held final : public FileLock {
   public:
    void AbandonAfterFork() override {}
  };
};

}  // namespace partita

#endif  // PARTITA_TESTS_FUZZ_MEMORY_ENV_H_
