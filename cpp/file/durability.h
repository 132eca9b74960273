#ifndef PARTITA_FILE_DURABILITY_H_
#define PARTITA_FILE_DURABILITY_H_

#include <cstdint>

namespace partita {

// When a call that changed a table in a file returns: at once; at once, its record going to the disk in the background;
// with its record on the disk.
enum class Durability : uint8_t { kSnapshot, kInterval, kAlways };

}  // namespace partita

#endif  // PARTITA_FILE_DURABILITY_H_
