#include "embedded/select_response.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "embedded/file_descriptor.h"

namespace echodb {
namespace {

constexpr std::size_t kReadBytes = 256 << 10;

/// Rows in the client's coding. When the statement fails, its failure is the last thing the client gets.
class EncodedSelect : public HttpBodySource {
 public:
  EncodedSelect(std::unique_ptr<RunningSelect> select, const std::string& first, SelectResponseOptions options)
      : select_(std::move(select)),
        options_(std::move(options)),
        encoder_(make_content_encoder(options_.wishes.encoding, options_.wishes.compression_level)),
        plain_(kReadBytes) {
    encoder_->encode(as_bytes(first), packed_);
  }

  std::size_t read(std::span<std::byte> into) override {
    while (sent_ == packed_.size()) {
      if (failed_) throw Error(ErrorCode::TargetRejected, "the statement failed while its result was being sent");
      if (ended_) return 0;
      packed_.clear();
      sent_ = 0;
      fill();
    }
    auto size = std::min(into.size(), packed_.size() - sent_);
    std::memcpy(into.data(), packed_.data() + sent_, size);
    sent_ += size;
    return size;
  }

 private:
  void fill() {
    try {
      auto size = select_->read(plain_);
      if (size != 0) {
        encoder_->encode({plain_.data(), size}, packed_);
      } else {
        ended_ = true;
        encoder_->finish(packed_);
      }
    } catch (const Error& failure) {
      failed_ = true;
      encoder_->encode(as_bytes(exception_block(options_.describe(failure))), packed_);
      encoder_->finish(packed_);
    }
  }

  [[nodiscard]] std::string exception_block(const std::string& text) const {
    const auto& tag = options_.exception_tag;
    return fmt::format("\r\n__exception__\r\n{}\r\n{}\n{} {}\r\n__exception__\r\n", tag, text, text.size() + 1, tag);
  }

  std::unique_ptr<RunningSelect> select_;
  SelectResponseOptions options_;
  std::unique_ptr<ContentEncoder> encoder_;
  std::vector<std::byte> plain_;
  ByteBuffer packed_;
  std::size_t sent_ = 0;
  bool ended_ = false;
  bool failed_ = false;
};

/// A file without a name in the working directory, which holds nothing but such files.
class SpooledBody : public HttpBodySource {
 public:
  SpooledBody() : file_(open(".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)) {
    if (!file_.open()) fail("make");
  }

  void append(Bytes bytes) {
    while (!bytes.empty()) {
      auto size = ::write(file_.get(), bytes.data(), bytes.size());
      if (size < 0 && errno != EINTR) fail("write");
      if (size > 0) bytes = bytes.subspan(static_cast<std::size_t>(size));
    }
  }

  std::size_t read(std::span<std::byte> into) override {
    auto size = pread(file_.get(), into.data(), into.size(), offset_);
    if (size < 0) fail("read");
    offset_ += size;
    return static_cast<std::size_t>(size);
  }

 private:
  [[noreturn]] static void fail(const char* what) {
    throw Error(ErrorCode::SystemFailure, fmt::format("cannot {} a temporary file: {}", what, std::strerror(errno)));
  }
  FileDescriptor file_;
  off_t offset_ = 0;
};

/// Up to `bytes_max` bytes; true when that was all.
bool read_first(RunningSelect& select, std::string& first, std::size_t bytes_max) {
  std::vector<std::byte> block(kReadBytes);
  while (first.size() < bytes_max) {
    auto size = select.read(std::span(block).first(std::min(block.size(), bytes_max - first.size())));
    if (size == 0) return true;
    first.append(reinterpret_cast<const char*>(block.data()), size);
  }
  return false;
}

SelectResponse spool(RunningSelect& select, const std::string& first, const ResponseWishes& wishes) {
  auto spooled = std::make_unique<SpooledBody>();
  auto encoder = make_content_encoder(wishes.encoding, wishes.compression_level);
  ByteBuffer packed;
  encoder->encode(as_bytes(first), packed);
  std::vector<std::byte> block(kReadBytes);
  while (auto size = select.read(block)) {
    encoder->encode({block.data(), size}, packed);
    spooled->append(packed.bytes());
    packed.clear();
  }
  encoder->finish(packed);
  spooled->append(packed.bytes());
  return {.body = {}, .stream = std::move(spooled), .counts = select.counts()};
}

}  // namespace

std::string encode_whole(const ResponseWishes& wishes, std::string_view body) {
  if (wishes.encoding == ContentEncoding::Identity) return std::string(body);
  ByteBuffer packed;
  auto encoder = make_content_encoder(wishes.encoding, wishes.compression_level);
  encoder->encode(as_bytes(body), packed);
  encoder->finish(packed);
  return std::string(packed.text());
}

SelectResponse respond_with_select(std::unique_ptr<RunningSelect> select, SelectResponseOptions options) {
  std::string first;
  if (read_first(*select, first, options.wishes.buffer_bytes)) {
    return {.body = encode_whole(options.wishes, first), .stream = {}, .counts = select->counts()};
  }
  if (options.wishes.wait_end_of_query) return spool(*select, first, options.wishes);
  return {.body = {},
          .stream = std::make_unique<EncodedSelect>(std::move(select), first, std::move(options)),
          .counts = {}};
}

}  // namespace echodb
