#include "clickhouse/transfer.h"

#include <algorithm>
#include <cstring>

namespace echodb {
namespace {

constexpr long kBufferBytes = 512L * 1024;
/// Of a body that is no answer of ours: a page may have no end.
constexpr std::size_t kForeignBytesMax = 1 << 20;
constexpr int kOk = 200;

std::size_t on_read(char* into, std::size_t size, std::size_t count, void* upload) {
  auto* body = static_cast<Upload*>(upload);
  if (body->permit != nullptr && !body->permit->held()) return CURL_READFUNC_ABORT;
  try {
    std::size_t copied = body->read(into, size * count);
    // What was waited for may have taken longer than the lease lasts.
    return body->permit == nullptr || body->permit->held() ? copied : CURL_READFUNC_ABORT;
  } catch (...) {
    body->failure = std::current_exception();
    return CURL_READFUNC_ABORT;
  }
}

int on_rewind(void* upload, curl_off_t offset, int origin) {
  auto* body = static_cast<Upload*>(upload);
  if (offset != 0 || origin != SEEK_SET || body->next != nullptr) return CURL_SEEKFUNC_CANTSEEK;
  body->part = 0;
  body->offset = 0;
  return CURL_SEEKFUNC_OK;
}

std::size_t on_head(char* from, std::size_t size, std::size_t count, void* download) {
  static_cast<Download*>(download)->head.take({from, size * count});
  return size * count;
}

std::size_t on_piece(char* from, std::size_t size, std::size_t count, void* download) {
  return static_cast<Download*>(download)->take({from, size * count}) ? size * count : 0;
}

}  // namespace

std::size_t Upload::size() const {
  std::size_t total = 0;
  for (Bytes bytes : parts) total += bytes.size();
  return total;
}

std::size_t Upload::read(char* into, std::size_t room) {
  if (next != nullptr && part == parts.size()) {
    made = (*next)();
    if (made.empty()) return 0;
    parts = std::span(&made, 1);
    part = 0;
  }
  std::size_t copied = 0;
  while (copied < room && part < parts.size()) {
    Bytes rest = parts[part].subspan(offset);
    std::size_t count = std::min(rest.size(), room - copied);
    std::memcpy(into + copied, rest.data(), count);
    copied += count;
    offset += count;
    if (offset == parts[part].size()) {
      ++part;
      offset = 0;
    }
  }
  return copied;
}

void Upload::attach(CURL* curl) {
  auto bytes = next == nullptr ? static_cast<curl_off_t>(size()) : curl_off_t{-1};
  curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, bytes);
  curl_easy_setopt(curl, CURLOPT_READFUNCTION, &on_read);
  curl_easy_setopt(curl, CURLOPT_READDATA, this);
  curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, &on_rewind);
  curl_easy_setopt(curl, CURLOPT_SEEKDATA, this);
  curl_easy_setopt(curl, CURLOPT_UPLOAD_BUFFERSIZE, kBufferBytes);
}

int Download::status() const {
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  return static_cast<int>(status);
}

std::optional<std::string> Download::doubt() const {
  if (!is_question) return find_doubt(head, expected);
  return head.marks(expected.query_id) ? std::nullopt
                                       : std::optional<std::string>("it has none of ClickHouse's headers");
}

bool Download::take(std::string_view piece) {
  if (!is_trusted) is_trusted = status() == kOk && head.exception_code() == 0 && !doubt();
  if (!*is_trusted) {
    kept += piece.substr(0, kForeignBytesMax - std::min(kept.size(), kForeignBytesMax));
    return true;
  }
  tail.append(piece.substr(piece.size() - std::min(piece.size(), AnswerHead::kTailBytes)));
  if (tail.size() > AnswerHead::kTailBytes) tail.erase(0, tail.size() - AnswerHead::kTailBytes);
  if (consume == nullptr) {
    kept += piece;
    return true;
  }
  try {
    (*consume)(as_bytes(piece));
  } catch (...) {
    failure = std::current_exception();
    return false;
  }
  return true;
}

void Download::attach() {
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, &on_head);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &on_piece);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, this);
  if (consume != nullptr) curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, kBufferBytes);
}

}  // namespace echodb
