// Any bytes are either refused with ProtocolViolation or decoded without loss: writing the decoded message again gives
// the same bytes.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "postgres/pgoutput.h"

namespace echodb {
namespace {

/// Writes each message as PostgreSQL does.
class Encoder : public PgoutputHandler {
 public:
  explicit Encoder(std::string_view message) : message_(message) {}

  void on_begin(const BeginMessage& m) override { letter('B').i64(m.final_lsn).i64(m.commit_time.count()).i32(m.xid); }
  void on_commit(const CommitMessage& m) override {
    letter('C').i8(0).i64(m.commit_lsn).i64(m.end_lsn).i64(m.commit_time.count());
  }
  void on_origin(const OriginMessage& m) override { letter('O').i64(m.commit_lsn).text(m.name); }
  void on_relation(const RelationMessage& m) override {
    letter('R').i32(m.oid).schema(m.schema).text(m.name).letter(static_cast<char>(m.replica_identity));
    i16(m.columns.size());
    for (const RelationColumn& column : m.columns) {
      i8(column.is_key ? 1 : 0).text(column.name).i32(column.type_oid).i32(static_cast<std::uint32_t>(column.typmod));
    }
  }
  void on_type(const TypeMessage& m) override { letter('Y').i32(m.oid).schema(m.schema).text(m.name); }
  void on_insert(const InsertMessage& m) override { letter('I').i32(m.relation).letter('N').row(m.row); }
  void on_update(const UpdateMessage& m) override {
    letter('U').i32(m.relation);
    if (m.old_kind != OldRow::None) letter(static_cast<char>(m.old_kind)).row(m.old);
    letter('N').row(m.row);
  }
  void on_delete(const DeleteMessage& m) override {
    letter('D').i32(m.relation).letter(static_cast<char>(m.old_kind)).row(m.old);
  }
  void on_truncate(const TruncateMessage& m) override {
    letter('T').i32(m.relations.size()).i8((m.cascade ? 1U : 0U) | (m.restart_identity ? 2U : 0U));
    for (Oid relation : m.relations) i32(relation);
  }
  void on_logical_message(const LogicalMessage& m) override {
    letter('M').i8(m.transactional ? 1 : 0).i64(m.lsn).text(m.prefix).i32(m.content.size());
    encoded += as_text(m.content);
  }

  std::string encoded;

 private:
  Encoder& letter(char value) {
    encoded += value;
    return *this;
  }
  Encoder& integer(std::uint64_t value, int bytes) {
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) encoded += static_cast<char>(value >> shift & 0xFF);
    return *this;
  }
  Encoder& i8(std::uint64_t value) { return integer(value, 1); }
  Encoder& i16(std::uint64_t value) { return integer(value, 2); }
  Encoder& i32(std::uint64_t value) { return integer(value, 4); }
  Encoder& i64(std::int64_t value) { return integer(static_cast<std::uint64_t>(value), 8); }
  Encoder& i64(Lsn value) { return integer(value.value, 8); }
  Encoder& text(std::string_view value) {
    encoded += value;
    return letter('\0');
  }
  /// pg_catalog is sent as "", so only a schema that was borrowed from the message is written out.
  Encoder& schema(std::string_view name) {
    bool borrowed = name.data() >= message_.data() && name.data() < message_.data() + message_.size();
    return text(borrowed ? name : std::string_view());
  }
  Encoder& row(std::span<const TupleValue> values) {
    i16(values.size());
    for (const TupleValue& value : values) {
      letter(static_cast<char>(value.kind));
      bool has_bytes = value.kind == TupleValue::Kind::Text || value.kind == TupleValue::Kind::Binary;
      if (has_bytes) i32(value.value.size());
      encoded += as_text(value.value);
    }
    return *this;
  }

  std::string_view message_;
};

}  // namespace
}  // namespace echodb

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view message(reinterpret_cast<const char*>(data), size);
  echodb::PgoutputDecoder decoder;
  echodb::Encoder encoder(message);
  try {
    decoder.decode(echodb::as_bytes(message), encoder);
  } catch (const echodb::Error& error) {
    ECHO_ASSERT(error.code() == echodb::ErrorCode::ProtocolViolation);
    ECHO_ASSERT(encoder.encoded.empty());
    return 0;
  }
  ECHO_ASSERT(encoder.encoded == message);
  return 0;
}
