#pragma once

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "postgres/connection.h"
#include "postgres/server_version.h"

namespace echodb {

/// The replication conversation, frames only: what a frame's payload means is pgoutput.h's business.
///
///   server → us   'w' start:u64 end:u64 sent_at:i64 payload      WAL data, one pgoutput message
///                 'k' end:u64 sent_at:i64 reply_requested:u8     keepalive
///   us → server   'r' written:u64 flushed:u64 applied:u64 at:i64 reply_requested:u8
///
/// https://www.postgresql.org/docs/current/protocol-replication.html
struct WalFrame {
  enum class Kind { Data, Keepalive };
  Kind kind = Kind::Data;
  Lsn start;    ///< Data: position of the change in the log
  Lsn wal_end;  ///< the server's position when it sent this
  bool reply_requested = false;
  Bytes payload;  ///< Data: valid until the next call on the stream
};

struct ReplicationOptions {
  std::string slot;
  std::vector<std::string> publications;
  std::string message_publication;  ///< asked for only where pgoutput has no messages; see server_version.h
  ValueFormat format = ValueFormat::Binary;
  Lsn start;  ///< nothing that was committed before; where the slot's consumer last confirmed, if that is later
};

class ReplicationStream {
 public:
  /// Connects and starts streaming. Error(SlotBusy) when another process reads the slot, Error(SlotLost) when it is
  /// gone or invalidated.
  ReplicationStream(const PostgresSettings& settings, const ReplicationOptions& options, std::stop_token stop);

  /// The next frame that has already arrived; nullopt when there is none. Error(LogUnreadable, NoBinaryForm) when the
  /// server cannot get past the next change.
  std::optional<WalFrame> try_next();

  struct WaitFor {
    int wakeup_fd;
    bool for_frames;  ///< false: those that have arrived stay where they are
  };
  /// Waits until a frame may have arrived, `wakeup_fd` is readable or the time is up. PostgreSQL sends every change by
  /// itself, and to be woken for each costs both sides more than the change does: while changes follow each other
  /// closely, this waits a moment longer, so that there are many to read.
  void wait(const WaitFor& what, std::chrono::milliseconds at_most);

  enum class Reply { NotWanted, Wanted };
  /// Tells the server that everything before `flushed` needs no repetition, and asks for an answer if it is wanted.
  void send_status(Lsn flushed, Reply reply = Reply::NotWanted);

  /// How long the server may be silent, though it was asked: as long as it lets us be (wal_sender_timeout).
  [[nodiscard]] std::chrono::milliseconds patience() const { return patience_; }
  /// A status is due this often, so that the server does not lose its own patience.
  [[nodiscard]] std::chrono::milliseconds status_interval() const { return status_interval_; }

 private:
  void learn_patience();
  void gather(std::chrono::steady_clock::duration waited);

  PostgresConnection connection_;
  ValueFormat format_;
  std::optional<PostgresConnection::CopyMessage> current_;
  std::chrono::milliseconds patience_{};
  std::chrono::milliseconds status_interval_{};
  bool on_unix_socket_ = false;
  int frames_ = 0;       ///< since the last wait for some
  int short_waits_ = 0;  ///< in a row
};

}  // namespace echodb
