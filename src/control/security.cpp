#include "control/security.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <string_view>

#include "base/kernel_confinement.h"
#include "postgres/security_checks.h"

namespace echodb {
namespace {

constexpr std::string_view kWellKnownPassword = "password";

bool is_loopback(std::string_view host) {
  return host.empty() || host == "localhost" || host == "::1" || host.starts_with("127.") || host.starts_with('/');
}

void check_source(const Settings& settings, Findings& findings, std::stop_token stop) {
  try {
    PostgresConnection source(settings.postgres, ConnectionKind::Ordinary, std::move(stop));
    examine_source_security(source, settings, findings);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::Stopped) throw;
    findings.fatal(error);
  }
}

void check_password(std::string_view name, std::string_view password, Findings& findings) {
  if (password == kWellKnownPassword) {
    findings.warning(fmt::format("{} is the one that everybody knows", name),
                     fmt::format("give the user another password, and set {}", name));
  } else if (password.empty()) {
    findings.warning(fmt::format("{} is empty", name), fmt::format("give the user a password, and set {}", name));
  } else {
    findings.ok(fmt::format("{} is not the default", name));
  }
}

void check_passwords(const Settings& settings, Findings& findings) {
  check_password("POSTGRES_PASSWORD", settings.postgres.password, findings);
  check_password("CLICKHOUSE_PASSWORD", settings.clickhouse.password, findings);
  if (!settings.redis.host.empty()) check_password("REDIS_PASSWORD", settings.redis.password, findings);
}

/// ClickHouse is spoken to over plain HTTP, and Redis in the clear.
void check_networks(const Settings& settings, Findings& findings) {
  for (const auto& [name, host] : {std::pair<const char*, std::string>{"CLICKHOUSE_HOST", settings.clickhouse.host},
                                   {"REDIS_HOST", settings.redis.host}}) {
    if (is_loopback(host)) continue;
    findings.warning(fmt::format("what goes to {} ({}) is not encrypted", name, host),
                     "keep it on a network of your own, or put a tunnel between the two");
  }
  for (const auto& [name, host] : {std::pair<const char*, std::string>{"HEALTH_CHECK_HOST", settings.health_host},
                                   {"CONSISTENCY_CHECKER_HOST", settings.checker_host}}) {
    if (is_loopback(host)) {
      findings.ok(fmt::format("{} is this machine only", name));
    } else {
      findings.warning(fmt::format("{} is {}: names of tables and errors can be read from there", name, host),
                       "let a firewall say who may ask");
    }
  }
}

/// A file or directory with secrets or data, if it is there.
void check_file(const std::string& path, std::string_view what, Findings& findings) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return;
  constexpr mode_t kOthers = S_IRWXG | S_IRWXO;
  if ((status.st_mode & kOthers) == 0) {
    findings.ok(fmt::format("{} ({}) is its owner's alone", path, what));
  } else {
    findings.warning(fmt::format("other users of this machine can open {} ({}): its mode is {:o}", path, what,
                                 status.st_mode & 07777),
                     fmt::format("chmod go= {}", path));
  }
}

/// The embedded ClickHouse confines itself as far as the kernel lets it; its log says with what it came through.
void check_confinement(Findings& findings) {
  const KernelConfinement kernel = kernel_confinement();
  if (kernel.files) {
    findings.ok("the kernel has Landlock: the embedded ClickHouse opens no files but its own");
  } else {
    findings.warning(
        "the kernel has no Landlock: only ClickHouse's privileges keep whoever has its password from files",
        "run the embedded ClickHouse on a kernel of 5.19 or later with landlock among its LSMs");
  }
  if (kernel.programs) {
    findings.ok("the kernel has seccomp filters: the embedded ClickHouse starts no programs");
  } else {
    findings.warning(
        "the kernel has no seccomp filters: only ClickHouse's privileges keep whoever has its password from "
        "programs",
        "run the embedded ClickHouse on a kernel with CONFIG_SECCOMP_FILTER, in a container that allows it");
  }
}

}  // namespace

std::vector<Finding> examine_security(const Settings& settings, std::stop_token stop) {
  Findings findings;
  check_source(settings, findings, std::move(stop));
  check_passwords(settings, findings);
  check_networks(settings, findings);
  check_confinement(findings);
  check_file(".env", "settings and passwords", findings);
  check_file(settings.data_dir + "/credentials", "the passwords that `echodb up` made", findings);
  check_file(settings.data_dir + "/clickhouse", "the embedded ClickHouse's data", findings);
  check_file(settings.data_dir + "/postgres", "the private PostgreSQL's data", findings);
  return std::move(findings).worst_first();
}

}  // namespace echodb
