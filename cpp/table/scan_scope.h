// Marks a snapshot that lives only on the stack of a native scan. Where that is another thread than the one that forks,
// the child has no such thread: the snapshot's pins end there, or what they keep would be kept for ever. (The forking
// thread may itself be inside a scan, whose callback forked; that scan goes on in the child.)

#ifndef PARTITA_TABLE_SCAN_SCOPE_H_
#define PARTITA_TABLE_SCAN_SCOPE_H_

#include "table/snapshot.h"

namespace partita {

class ScanScope {
 public:
  // `snapshot` is owned by the caller's thread alone and outlives this.
  explicit ScanScope(Snapshot* snapshot);
  ~ScanScope();
  ScanScope(const ScanScope&) = delete;
  ScanScope& operator=(const ScanScope&) = delete;

 private:
  friend struct TableList;
  void EndAfterFork() { snapshot_->ReleasePins(); }

  Snapshot* const snapshot_;
  const void* const thread_;
  ScanScope* previous_ = nullptr;
  ScanScope* next_ = nullptr;
};

}  // namespace partita

#endif  // PARTITA_TABLE_SCAN_SCOPE_H_
