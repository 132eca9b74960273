// Running a sweep (table/sweep.h) from Python: without the GIL, in slices between which signal handlers run.

#ifndef PARTITA_BINDINGS_RUN_SWEEP_H_
#define PARTITA_BINDINGS_RUN_SWEEP_H_

#include "bindings/handles.h"
#include "match/judges.h"
#include "table/sweep.h"

namespace partita {

// Until the judge wants no more or no rows are left (*done). False: an exception is set, what the judge failed at
// included; what was deleted or replaced by then stays so.
bool RunSweep(const Shape& shape, const Program& program, Sweep* sweep, MatchJudge* judge, bool* done);

// Sets MatchError if the judge failed.
bool CheckJudge(const Program& program, const MatchJudge& judge);

}  // namespace partita

#endif  // PARTITA_BINDINGS_RUN_SWEEP_H_
