#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "verify/bag_comparison.h"
#include "verify/settlement.h"
#include "verify/table_check.h"

namespace echodb {

/// Reads the mismatched rows from the source again and writes them to the target, so that later changes still win:
///
/// A settled mismatch says which version V the target holds, and that the commit of V was visible when the source's row
/// was read. So whatever the source's row shows after that, every commit that it does not show has a version above V,
/// by more than one since a commit's record takes more than a byte. The row is written with version V + 1: it beats
/// what is there, and any such commit beats it. A row that the source does not have gets a tombstone of that version.
/// A key whose greatest version is no longer V has been changed since and is left to the stream.
///
/// A version beyond the log's end would beat every later change: such rows are removed by a mutation, and their keys
/// left to the next round. Only the versions that were found go, and those far beyond the end: the log grows meanwhile.
///
/// Says what it did, in words, and returns the keys to look at again.
KeyRows repair_rows(const CheckEnvironment& environment, const CheckedTable& table, Settlement& settlement,
                    const Settlement::Outcome& outcome, std::vector<std::string>& words, const std::stop_token& stop);

/// The same of a table without a key. A row that is missing is inserted as a row of its own, an extra one gets a
/// tombstone; both with the byte before the log's present end, which is above every version that the target has and
/// below every later commit, so that the stream's own choice of rows to delete stays what it was when the log is read
/// again.
void repair_bag(const CheckEnvironment& environment, const CheckedTable& table, const BagComparison& comparison,
                std::vector<std::string>& words, const std::stop_token& stop);

}  // namespace echodb
