#include "buffer/buffer_list.h"

#include <pthread.h>

#include "base/lock.h"

namespace partita {
namespace {

constinit WordLock list_lock;
constinit Buffer* first_buffer = nullptr;

}  // namespace

void BufferList::Add(Buffer* buffer) {
  list_lock.LockWithoutCheck();  // held for an instant, by nobody who waits for anything
  buffer->next_ = first_buffer;
  if (first_buffer != nullptr) first_buffer->previous_ = buffer;
  first_buffer = buffer;
  list_lock.Unlock();
}

void BufferList::Remove(Buffer* buffer) {
  list_lock.LockWithoutCheck();
  if (buffer->previous_ != nullptr) {
    buffer->previous_->next_ = buffer->next_;
  } else {
    first_buffer = buffer->next_;
  }
  if (buffer->next_ != nullptr) buffer->next_->previous_ = buffer->previous_;
  list_lock.Unlock();
}

template <typename Work>
void BufferList::ForEachShard(Work&& work) {
  for (Buffer* buffer = first_buffer; buffer != nullptr; buffer = buffer->next_) {
    for (Buffer::Shard& shard : buffer->shards_) work(&shard);
  }
}

void BufferList::LockAll() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  list_lock.LockWithoutCheck();
  ForEachShard([](Buffer::Shard* shard) ABSL_NO_THREAD_SAFETY_ANALYSIS { shard->lock.LockWithoutCheck(); });
}

void BufferList::UnlockAll() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  ForEachShard([](Buffer::Shard* shard) ABSL_NO_THREAD_SAFETY_ANALYSIS { shard->lock.Unlock(); });
  list_lock.Unlock();
}

void BufferList::ResetAll() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  ForEachShard([](Buffer::Shard* shard) ABSL_NO_THREAD_SAFETY_ANALYSIS { shard->lock.ResetAfterFork(); });
  list_lock.ResetAfterFork();
}

void InstallBufferForkHandlers() {
  static const int installed = pthread_atfork(BufferList::LockAll, BufferList::UnlockAll, BufferList::ResetAll);
  (void)installed;
}

}  // namespace partita
