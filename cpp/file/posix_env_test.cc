// The real file system through Env: what is written is read, names are listed, locks hold between descriptors and over
// a fork, and a file that cannot grow says so.

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "file/env.h"

namespace partita {
namespace {

class PosixEnvTest : public ::testing::Test {
 protected:
  PosixEnvTest() {
    std::string name = (std::filesystem::temp_directory_path() / "partita-env-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~PosixEnvTest() override { std::filesystem::remove_all(folder_); }

  std::string Path(const char* name) const { return folder_ + "/" + name; }
  std::string Content(const std::string& path) const {
    std::unique_ptr<ReadableFile> file;
    EXPECT_TRUE(env_->OpenForReading(path, &file).ok());
    uint64_t size = 0;
    EXPECT_TRUE(file->Size(&size).ok());
    std::string content(size, '\0');
    size_t got = 0;
    EXPECT_TRUE(file->Read(0, size, content.data(), &got).ok());
    EXPECT_EQ(got, size);
    return content;
  }

  Env* const env_ = Env::Posix();
  std::string folder_;
};

TEST_F(PosixEnvTest, WhatIsAppendedFollowsWhatIsReserved) {
  std::unique_ptr<WritableFile> file;
  ASSERT_TRUE(env_->Create(Path("a"), Path("none"), &file).ok());
  ASSERT_TRUE(file->Append("one").ok());
  ASSERT_TRUE(file->Reserve(8).ok());
  ASSERT_TRUE(file->Append("two").ok());
  ASSERT_TRUE(file->SyncData().ok());
  EXPECT_EQ(Content(Path("a")), std::string("onetwo\0\0", 8));
  ASSERT_TRUE(file->Reserve(4).ok());
  ASSERT_TRUE(file->Append("three").ok());
  ASSERT_TRUE(file->Sync().ok());
  ASSERT_TRUE(env_->SyncDirectory(Path("a")).ok());
  EXPECT_EQ(Content(Path("a")), "onetwothree");
  ASSERT_TRUE(env_->Truncate(Path("a"), 4).ok());
  EXPECT_EQ(Content(Path("a")), "onet");
}

TEST_F(PosixEnvTest, ListsTheEndsOfNames) {
  for (const char* name : {"t.wal.1", "t.wal.22", "t", "u.wal.3"}) {
    std::unique_ptr<WritableFile> file;
    ASSERT_TRUE(env_->Create(Path(name), Path("none"), &file).ok());
  }
  std::vector<std::string> ends;
  ASSERT_TRUE(env_->List(Path("t.wal."), &ends).ok());
  std::sort(ends.begin(), ends.end());
  EXPECT_EQ(ends, (std::vector<std::string>{"1", "22"}));
  EXPECT_FALSE(env_->List(Path("no/folder"), &ends).ok());
}

TEST_F(PosixEnvTest, SaysWhatIsMissing) {
  std::unique_ptr<ReadableFile> file;
  EXPECT_TRUE(IsMissing(env_->OpenForReading(Path("none"), &file)));
  EXPECT_TRUE(IsMissing(env_->Remove(Path("none"))));
  const FileStatus folder = env_->OpenForReading(folder_, &file);
  EXPECT_FALSE(folder.ok() || IsMissing(folder));
}

TEST_F(PosixEnvTest, OneHoldsALock) {
  std::unique_ptr<FileLock> lock;
  std::unique_ptr<FileLock> second;
  ASSERT_TRUE(env_->Lock(Path("lock"), &lock).ok());
  ASSERT_NE(lock, nullptr);
  ASSERT_TRUE(env_->Lock(Path("lock"), &second).ok());
  EXPECT_EQ(second, nullptr);
  lock.reset();
  ASSERT_TRUE(env_->Lock(Path("lock"), &second).ok());
  EXPECT_NE(second, nullptr);
}

TEST_F(PosixEnvTest, ManyShareALock) {
  std::unique_ptr<FileLock> lock;
  std::unique_ptr<FileLock> first;
  std::unique_ptr<FileLock> second;
  bool refused = true;
  ASSERT_TRUE(env_->LockShared(Path("lock"), &first, &refused).ok());
  EXPECT_FALSE(refused || first != nullptr) << "there is no such file";
  ASSERT_TRUE(env_->Lock(Path("lock"), &lock).ok());
  ASSERT_TRUE(env_->LockShared(Path("lock"), &first, &refused).ok());
  EXPECT_TRUE(refused && first == nullptr);
  lock.reset();
  ASSERT_TRUE(env_->LockShared(Path("lock"), &first, &refused).ok());
  EXPECT_TRUE(!refused && first != nullptr);
  ASSERT_TRUE(env_->LockShared(Path("lock"), &second, &refused).ok());
  EXPECT_TRUE(!refused && second != nullptr);
  first.reset();
  ASSERT_TRUE(env_->Lock(Path("lock"), &lock).ok());
  EXPECT_EQ(lock, nullptr);
  second.reset();
  ASSERT_TRUE(env_->Lock(Path("lock"), &lock).ok());
  EXPECT_NE(lock, nullptr);
}

// A child that lets go of what it inherited leaves the lock to its parent; one that does not cannot keep it.
TEST_F(PosixEnvTest, ALockIsTheParents) {
  for (const bool abandons : {true, false}) {
    std::unique_ptr<FileLock> lock;
    ASSERT_TRUE(env_->Lock(Path("lock"), &lock).ok());
    ASSERT_NE(lock, nullptr);
    int to_child[2];
    int to_parent[2];
    ASSERT_EQ(::pipe(to_child), 0);
    ASSERT_EQ(::pipe(to_parent), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      if (abandons) lock->AbandonAfterFork();
      char byte = 'x';
      static_cast<void>(::write(to_parent[1], &byte, 1));
      ::close(to_child[1]);
      static_cast<void>(::read(to_child[0], &byte, 1));  // until the parent closes its end
      ::_exit(0);
    }
    char byte;
    ASSERT_EQ(::read(to_parent[0], &byte, 1), 1);
    std::unique_ptr<FileLock> second;
    ASSERT_TRUE(env_->Lock(Path("lock"), &second).ok());
    EXPECT_EQ(second, nullptr) << "the child has let go of its parent's lock";
    lock.reset();
    ASSERT_TRUE(env_->Lock(Path("lock"), &second).ok());
    EXPECT_NE(second, nullptr) << "the child keeps its parent's lock";
    for (const int fd : {to_child[0], to_child[1], to_parent[0], to_parent[1]}) ::close(fd);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
  }
}

TEST_F(PosixEnvTest, AFileThatCannotGrowSaysSo) {
  std::unique_ptr<WritableFile> file;
  ASSERT_TRUE(env_->Create(Path("a"), Path("none"), &file).ok());
  rlimit before;
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small{1000, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const FileStatus appended = file->Append(std::string(1500, 'x'));  // the first 1,000 bytes are written
  const FileStatus reserved = file->Reserve(2000);
  std::signal(SIGXFSZ, handler);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  ASSERT_FALSE(appended.ok());
  EXPECT_EQ(appended.error().error_number, EFBIG);
  EXPECT_EQ(Content(Path("a")), std::string(1000, 'x'));
  ASSERT_FALSE(reserved.ok());
  EXPECT_EQ(reserved.error().error_number, EFBIG);
}

}  // namespace
}  // namespace partita
