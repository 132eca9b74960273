// What was found when a table's files were opened.

#ifndef PARTITA_FILE_RECOVERY_REPORT_H_
#define PARTITA_FILE_RECOVERY_REPORT_H_

#include <cstdint>
#include <string>
#include <vector>

namespace partita {

// Something that is not as it was meant to be.
struct RecoveryNote {
  std::string path;
  uint64_t offset = 0;
  uint64_t bytes = 0;   // that were cut or left out
  bool damage = false;  // false: the end of a log that a crash had cut short, of which nothing was ever promised
  std::string what;
};

struct RecoveryReport {
  uint64_t logs = 0;
  uint64_t records = 0;  // of steps, that were done again
  std::vector<RecoveryNote> notes;
};

}  // namespace partita

#endif  // PARTITA_FILE_RECOVERY_REPORT_H_
