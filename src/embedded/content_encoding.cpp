#include "embedded/content_encoding.h"

#include <fmt/format.h>
#include <lz4frame.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/assert.h"
#include "base/trimmed.h"
#include "embedded/clickhouse_failure.h"

namespace echodb {
namespace {

constexpr std::size_t kPackedBlockBytes = 64 << 10;
constexpr int kZlibGzip = 16;  // added to the window: write gzip's header
constexpr int kZlibMemory = 8;

constexpr std::array kWords{std::pair{ContentEncoding::Zstd, std::string_view("zstd")},
                            std::pair{ContentEncoding::Lz4, std::string_view("lz4")},
                            std::pair{ContentEncoding::Gzip, std::string_view("gzip")},
                            std::pair{ContentEncoding::Deflate, std::string_view("deflate")}};

class PlainEncoder : public ContentEncoder {
 public:
  void encode(Bytes plain, ByteBuffer& packed) override { packed.append(plain); }
  void finish(ByteBuffer&) override {}
};

class ZlibEncoder : public ContentEncoder {
 public:
  ZlibEncoder(int window, int level) {
    int status = deflateInit2(&stream_, std::clamp(level, 1, 9), Z_DEFLATED, window, kZlibMemory, Z_DEFAULT_STRATEGY);
    ECHO_ASSERT(status == Z_OK);
  }
  ~ZlibEncoder() override { deflateEnd(&stream_); }
  ZlibEncoder(const ZlibEncoder&) = delete;
  ZlibEncoder& operator=(const ZlibEncoder&) = delete;

  void encode(Bytes plain, ByteBuffer& packed) override { run(plain, packed, Z_NO_FLUSH); }
  void finish(ByteBuffer& packed) override { run({}, packed, Z_FINISH); }

 private:
  void run(Bytes plain, ByteBuffer& packed, int flush) {
    // zlib's interface predates const; it does not write to next_in.
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(plain.data()));
    stream_.avail_in = static_cast<uInt>(plain.size());
    do {
      auto before = packed.size();
      stream_.next_out = reinterpret_cast<Bytef*>(packed.extend(kPackedBlockBytes));
      stream_.avail_out = kPackedBlockBytes;
      int status = deflate(&stream_, flush);
      ECHO_ASSERT(status != Z_STREAM_ERROR);
      packed.truncate(before + kPackedBlockBytes - stream_.avail_out);
    } while (stream_.avail_out == 0);
  }

  z_stream stream_{};
};

class ZstdEncoder : public ContentEncoder {
 public:
  explicit ZstdEncoder(int level) : context_(ZSTD_createCCtx(), &ZSTD_freeCCtx) {
    ECHO_ASSERT(context_ != nullptr);
    ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, level);
  }
  void encode(Bytes plain, ByteBuffer& packed) override { run(plain, packed, ZSTD_e_continue); }
  void finish(ByteBuffer& packed) override { run({}, packed, ZSTD_e_end); }

 private:
  void run(Bytes plain, ByteBuffer& packed, ZSTD_EndDirective directive) {
    ZSTD_inBuffer from{plain.data(), plain.size(), 0};
    for (bool more = true; more;) {
      auto before = packed.size();
      ZSTD_outBuffer into{packed.extend(kPackedBlockBytes), kPackedBlockBytes, 0};
      auto left = ZSTD_compressStream2(context_.get(), &into, &from, directive);
      ECHO_ASSERT(ZSTD_isError(left) == 0);
      packed.truncate(before + into.pos);
      more = directive == ZSTD_e_end ? left != 0 : from.pos < from.size;
    }
  }

  std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context_;
};

class Lz4Encoder : public ContentEncoder {
 public:
  Lz4Encoder() {
    auto status = LZ4F_createCompressionContext(&context_, LZ4F_VERSION);
    ECHO_ASSERT(LZ4F_isError(status) == 0);
  }
  ~Lz4Encoder() override { LZ4F_freeCompressionContext(context_); }
  Lz4Encoder(const Lz4Encoder&) = delete;
  Lz4Encoder& operator=(const Lz4Encoder&) = delete;

  void encode(Bytes plain, ByteBuffer& packed) override {
    begin(packed);
    append(packed, LZ4F_compressBound(plain.size(), nullptr), [&](std::byte* into, std::size_t size) {
      return LZ4F_compressUpdate(context_, into, size, plain.data(), plain.size(), nullptr);
    });
  }
  void finish(ByteBuffer& packed) override {
    begin(packed);
    append(packed, LZ4F_compressBound(0, nullptr),
           [&](std::byte* into, std::size_t size) { return LZ4F_compressEnd(context_, into, size, nullptr); });
  }

 private:
  template <typename Write>
  void append(ByteBuffer& packed, std::size_t bytes_max, Write write) {
    auto before = packed.size();
    auto written = write(packed.extend(bytes_max), bytes_max);
    ECHO_ASSERT(LZ4F_isError(written) == 0);
    packed.truncate(before + written);
  }

  void begin(ByteBuffer& packed) {
    if (std::exchange(begun_, true)) return;
    append(packed, LZ4F_HEADER_SIZE_MAX,
           [&](std::byte* into, std::size_t size) { return LZ4F_compressBegin(context_, into, size, nullptr); });
  }

  LZ4F_cctx* context_ = nullptr;
  bool begun_ = false;
};

}  // namespace

std::string_view to_string(ContentEncoding encoding) {
  auto found = std::find_if(kWords.begin(), kWords.end(), [&](const auto& entry) { return entry.first == encoding; });
  return found == kWords.end() ? "identity" : found->second;
}

ContentEncoding parse_content_encoding(std::string_view word) {
  word = trimmed(word);
  if (word.empty() || word == "identity") return ContentEncoding::Identity;
  auto found = std::find_if(kWords.begin(), kWords.end(), [&](const auto& entry) { return entry.second == word; });
  if (found != kWords.end()) return found->first;
  if (word == "x-gzip") return ContentEncoding::Gzip;
  throw clickhouse_failure(clickhouse_codes::kNotImplemented, fmt::format("Unknown compression method {}", word));
}

ContentEncoding choose_content_encoding(std::string_view accept_encoding) {
  for (const auto& [encoding, word] : kWords) {
    std::string_view rest = accept_encoding;
    while (!rest.empty()) {
      auto comma = std::min(rest.find(','), rest.size());
      std::string_view offer = rest.substr(0, comma);
      rest.remove_prefix(std::min(comma + 1, rest.size()));
      auto semicolon = std::min(offer.find(';'), offer.size());
      std::string_view quality = trimmed(offer.substr(semicolon));
      bool refused = quality == ";q=0" || quality == "; q=0" || quality.starts_with(";q=0.0");
      if (trimmed(offer.substr(0, semicolon)) == word && !refused) return encoding;
    }
  }
  return ContentEncoding::Identity;
}

std::unique_ptr<ContentEncoder> make_content_encoder(ContentEncoding encoding, int level) {
  switch (encoding) {
    case ContentEncoding::Gzip: return std::make_unique<ZlibEncoder>(kZlibWindow + kZlibGzip, level);
    case ContentEncoding::Deflate: return std::make_unique<ZlibEncoder>(kZlibWindow, level);
    case ContentEncoding::Lz4: return std::make_unique<Lz4Encoder>();
    case ContentEncoding::Zstd: return std::make_unique<ZstdEncoder>(level);
    case ContentEncoding::Identity: break;
  }
  return std::make_unique<PlainEncoder>();
}

}  // namespace echodb
