#include "match/place.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"

namespace partita {

std::string PlaceText(const Place& place) {
  constexpr size_t kMaxSteps = 16;
  std::vector<const Place*> steps;
  for (const Place* step = &place; step != nullptr; step = step->outer) steps.push_back(step);
  std::reverse(steps.begin(), steps.end());
  std::string text;
  for (size_t i = 0; i < std::min(steps.size(), kMaxSteps); ++i) {
    absl::StrAppend(&text, i == 0 ? "" : ", ", steps[i]->what);
    if (steps[i]->number != Place::kNoNumber) absl::StrAppend(&text, " ", steps[i]->number);
  }
  if (steps.size() > kMaxSteps) text += ", ...";
  return text;
}

}  // namespace partita
