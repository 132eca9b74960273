#include "testing/random_terms.h"

#include <cmath>
#include <limits>
#include <string>

namespace partita::testing {

Term RandomStr(Random* random, size_t size, bool ascii) {
  std::string text;
  text.reserve(size);
  while (text.size() + 2 <= size) {
    if (ascii || random->OneIn(2)) {
      text.push_back(static_cast<char>(random->Between('a', 'z')));
    } else {
      text += '\xC3';
      text.push_back(static_cast<char>(random->Between(0x80 - 256, 0xBF - 256)));
    }
  }
  if (text.size() < size) text.push_back('.');
  return Term(text);
}

size_t RandomSize(Random* random) {
  if (random->OneIn(200)) return random->Pick<size_t>({65535, 65536, 65537, 70000});
  if (random->OneIn(30)) return random->Pick<size_t>({4095, 4096, 4097, 5000});
  if (random->OneIn(10)) return static_cast<size_t>(random->Below(600));
  return random->Pick<size_t>({0, 1, 2, 3, 4, 5, 8, 11, 12, 13, 14, 15, 16, 31, 32, 33});
}

Term RandomNumber(Random* random) {
  constexpr int64_t kTwo53 = int64_t{1} << 53;
  switch (random->Below(10)) {
    case 0:
      return Term(random->Pick<int64_t>({std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max(),
                                         kTwo53 - 1, kTwo53, kTwo53 + 1, -kTwo53 - 1}));
    case 1:
      return Term::Int128(random->Pick<__int128>({__int128{1} << 63, -(__int128{1} << 63) - 1, __int128{1} << 64,
                                                  (__int128{1} << 100) + 1, -(__int128{1} << 90)}));
    case 2:
      return Term(
          random->Pick<double>({0.0, -0.0, 1.0, 2.0, 0.5, -2.5, 1e300, -1e300, std::numeric_limits<double>::infinity(),
                                -std::numeric_limits<double>::infinity(), std::nan(""), 9007199254740992.0,
                                9223372036854775808.0, -9223372036854775808.0}));
    case 3:
    case 4:
      return Term(static_cast<double>(random->Between(-5, 5)) / 2);
    default:
      return Term(random->Between(-4, 4));
  }
}

Term RandomTerm(Random* random) {
  switch (random->Below(12)) {
    case 0:
      return Term::None();
    case 1:
      return Term::Bool(random->OneIn(2));
    case 2:
    case 3:
    case 4:
      return RandomStr(random, RandomSize(random), random->OneIn(2));
    case 5:
      return Term::Bytes(RandomStr(random, RandomSize(random), true).view().bytes());
    case 6: {
      Row elements;
      for (uint64_t i = random->Below(4); i > 0; --i) elements.push_back(RandomTerm(random));
      return random->OneIn(2) ? Term::Tuple(elements) : Term::List(elements);
    }
    case 7:
      return Term::Atom(random->Pick({"ok", "error", "an_atom_longer_than_a_cell"}));
    default:
      return RandomNumber(random);
  }
}

Term PoolKey(uint64_t i) {
  const int64_t n = static_cast<int64_t>(i / 8);
  switch (i % 8) {
    case 0:
      return Term(n);
    case 1:
      return Term(static_cast<double>(n));  // 0.0, 1.0: other keys than 0 and 1
    case 2:
      return Term("user:" + std::to_string(n));
    case 3:
      return Term("a key that does not fit into its column, number " + std::to_string(n));
    case 4:
      return Term::Tuple({Term(n), Term("x")});
    case 5:
      return Term::Tuple({Term(static_cast<double>(n)), Term("x")});
    case 6:
      return Term::Int128((__int128{1} << 70) + n);
    default:
      return n == 0   ? Term::None()
             : n == 1 ? Term::Bool(true)
             : n == 2 ? Term::Bool(false)
             : n == 3 ? Term(std::nan(""))
                      : Term::Bytes("bytes " + std::to_string(n));
  }
}

Row RandomRow(Random* random, const Term& key, uint32_t keypos) {
  uint64_t arity = keypos + 1 + random->Below(5);
  if (random->OneIn(40)) arity = random->Pick<uint64_t>({63, 64, 65, 66, 70});
  Row row;
  for (uint64_t i = 0; i < std::max<uint64_t>(arity, keypos + 1); ++i) {
    row.push_back(i == keypos ? key : i % 2 == 1 ? RandomNumber(random) : RandomTerm(random));
  }
  return row;
}

}  // namespace partita::testing
