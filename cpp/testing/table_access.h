// What tests reach into that a table keeps to itself.

#ifndef PARTITA_TESTING_TABLE_ACCESS_H_
#define PARTITA_TESTING_TABLE_ACCESS_H_

#include "table/hash_table.h"

namespace partita::testing {

struct HashTableAccess : HashTable {
  using HashTable::partitions_;
};

// The partitions of a hash table, options().partitions of them.
inline Partition* PartitionsOf(Table* table) {
  return (static_cast<HashTable*>(table)->*(&HashTableAccess::partitions_)).get();
}

}  // namespace partita::testing

#endif  // PARTITA_TESTING_TABLE_ACCESS_H_
