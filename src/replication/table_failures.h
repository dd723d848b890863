#pragma once

#include <functional>

#include "replication/table_drops.h"

namespace echodb {

/// Something goes wrong with one table: it stops and heals, or a column of it becomes text. Everything else goes on.
class TableFailures {
 public:
  TableFailures(TableTools& tools, TableCopies& copies, TableDrops& drops)
      : tools_(tools), parts_(tools.parts), copies_(copies), drops_(drops) {}

  /// A change of this table cannot be decoded or accepted: the table stops here.
  void fail(MirroredTable& table, const Error& error, Lsn lsn);
  /// A step under this version; a schema that cannot be carried over stops its table, or makes a column of it text.
  void follow(MirroredTable& table, const TableVersion& version, const std::function<void()>& step);
  void lane_failed(const LaneEvent& event);
  /// Tables that stopped and whose time for another try has come are copied again, or dropped.
  void heal();

 private:
  void beside_failed(Oid oid, const LaneEvent& event, std::vector<Watermark::Ticket>& tickets);
  [[nodiscard]] const Column* column_to_widen(const MirroredTable& table, const Error& error) const;
  void widen(MirroredTable& table, const Column& column, const Error& error, Lsn lsn);

  TableTools& tools_;
  const TableParts& parts_;
  TableCopies& copies_;
  TableDrops& drops_;
};

}  // namespace echodb
