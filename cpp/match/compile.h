// From a match specification to a program. Linear in the size of the specification.

#ifndef PARTITA_MATCH_COMPILE_H_
#define PARTITA_MATCH_COMPILE_H_

#include <cstdint>
#include <memory>

#include "base/status.h"
#include "match/program.h"
#include "match/spec.h"

namespace partita {

// `keypos`: where the rows have their key, or kNoKey. What is malformed comes back as an error that says where: "clause
// 2, guard 1, argument 2: V.x is not bound by the head". May throw std::bad_alloc.
StatusOr<std::shared_ptr<const Program>> Compile(std::shared_ptr<const Spec> spec, uint32_t keypos);

}  // namespace partita

#endif  // PARTITA_MATCH_COMPILE_H_
