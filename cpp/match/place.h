// Where in a match specification something stands, as messages say it: "clause 2, guard 1, argument 2".

#ifndef PARTITA_MATCH_PLACE_H_
#define PARTITA_MATCH_PLACE_H_

#include <cstddef>
#include <string>

namespace partita {

// One step of the way there. Lives on the stack of whoever goes down the specification.
struct Place {
  static constexpr size_t kNoNumber = static_cast<size_t>(-1);

  const Place* outer;
  const char* what;
  size_t number = kNoNumber;
};

// All steps, the outermost first; of a long way the beginning.
std::string PlaceText(const Place& place);

}  // namespace partita

#endif  // PARTITA_MATCH_PLACE_H_
