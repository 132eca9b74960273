#include "table/registry.h"

#include <pthread.h>

#include "base/huge_pages.h"
#include "base/lock.h"
#include "column/block.h"
#include "table/table.h"

namespace partita {

std::atomic<int64_t> g_live_snapshots{0};
std::atomic<int64_t> g_live_walks{0};

struct TableList {
  WordLock lock;
  RegisteredTable* first = nullptr;
  int64_t size = 0;

  void Add(RegisteredTable* table) {
    lock.LockWithoutCheck();  // held for an instant, by nobody who waits for anything
    table->next_ = first;
    if (first != nullptr) first->previous_ = table;
    first = table;
    ++size;
    lock.Unlock();
  }
  void Remove(RegisteredTable* table) {
    lock.LockWithoutCheck();
    if (table->previous_ != nullptr) {
      table->previous_->next_ = table->next_;
    } else {
      first = table->next_;
    }
    if (table->next_ != nullptr) table->next_->previous_ = table->previous_;
    --size;
    lock.Unlock();
  }

  template <typename Fn>
  void ForEach(Fn&& fn) {
    for (RegisteredTable* table = first; table != nullptr; table = table->next_) fn(table);
  }
};

namespace {

constinit TableList table_list;

void BeforeFork() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  table_list.lock.LockWithoutCheck();
  table_list.ForEach([](RegisteredTable* table) { table->LockForFork(); });
  LockLargeBlocksForFork();
}

void AfterForkInParent() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  UnlockLargeBlocksAfterFork();
  table_list.ForEach([](RegisteredTable* table) { table->UnlockAfterFork(); });
  table_list.lock.Unlock();
}

void AfterForkInChild() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  ResetLargeBlocksAfterFork();
  table_list.ForEach([](RegisteredTable* table) { table->ResetAfterFork(); });
  table_list.lock.ResetAfterFork();
}

}  // namespace

void RegisteredTable::Register() { table_list.Add(this); }
void RegisteredTable::Unregister() { table_list.Remove(this); }

void InstallForkHandlers() {
  static const int installed = pthread_atfork(BeforeFork, AfterForkInParent, AfterForkInChild);
  (void)installed;
}

LiveCounts ReadLiveCounts() {
  LiveCounts counts;
  table_list.lock.LockWithoutCheck();
  counts.tables = table_list.size;
  table_list.ForEach([&counts](RegisteredTable* table) { counts.rows += static_cast<int64_t>(table->RowsNow()); });
  table_list.lock.Unlock();
  counts.snapshots = g_live_snapshots.load(std::memory_order_relaxed);
  counts.walks = g_live_walks.load(std::memory_order_relaxed);
  counts.bytes = g_live_bytes.load(std::memory_order_relaxed);
  return counts;
}

}  // namespace partita
