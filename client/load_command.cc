#include "client/load_command.h"

#include <algorithm>
#include <fstream>
#include <limits>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/channel.h"
#include "client/clip_report.h"
#include "client/exit_code.h"
#include "client/generation_options.h"
#include "client/load_report.h"
#include "client/load_run.h"
#include "client/message.h"
#include "client/progress_bar.h"
#include "client/prompt_syntax.h"

namespace magnet::client {
namespace {

constexpr double kUnbounded = std::numeric_limits<double>::max();
constexpr double kMaxConcurrency = 10'000;
constexpr int64_t kDefaultRequests = 20;

std::vector<std::string> DefaultPrompts() {
  return {"calm piano in the rain", "80s synth pop with a driving bass",
          "slow blues guitar",      "orchestral film score, rising tension",
          "lo-fi hip hop beat",     "fast folk fiddle"};
}

OptionGroup LoadOptionGroup() {
  return {"Load",
          {
              {.name = "concurrency",
               .short_name = 'c',
               .kind = ValueKind::kInteger,
               .value_name = "N",
               .help = "Closed loop: keep N calls running. Default: 1.",
               .min = 1,
               .max = kMaxConcurrency},
              {.name = "rate",
               .short_name = 'r',
               .kind = ValueKind::kNumber,
               .value_name = "PER-SECOND",
               .help = "Open loop: start calls at random moments (Poisson), so many a second, "
                       "whether or not others have ended.",
               .min = 0,
               .max = 1e6,
               .min_is_open = true},
              {.name = "requests",
               .short_name = 'n',
               .kind = ValueKind::kInteger,
               .value_name = "N",
               .help = "Calls in all. Default: 20, or no limit with --duration.",
               .min = 1,
               .max = 1e12},
              {.name = "duration",
               .kind = ValueKind::kNumber,
               .value_name = "SECONDS",
               .help = "Start calls for this long, then wait for the last.",
               .min = 0,
               .max = kUnbounded,
               .min_is_open = true},
              {.name = "cancel-fraction",
               .kind = ValueKind::kNumber,
               .value_name = "SHARE",
               .help = "Cancel this share of the calls, when sent, when started or at the first "
                       "audio. Default: 0.",
               .min = 0,
               .max = 1},
              {.name = "prompts-file",
               .kind = ValueKind::kFile,
               .value_name = "FILE",
               .help = "Draw prompts from the lines of FILE. Default: six of its own."},
              {.name = "seconds-of",
               .kind = ValueKind::kText,
               .value_name = "S,S,...",
               .help = "Draw the length of each clip from these: 2,5,10. Default: --seconds."},
              FormatOption(),
              {.name = "json", .help = "Print the report as one line of JSON."},
              {.name = "quiet", .short_name = 'q', .help = "Show no progress."},
          }};
}

struct Plan {
  Connection connection;
  LoadScheduleOptions schedule;
  LoadRunOptions run;
};

absl::StatusOr<std::vector<std::string>> ReadPrompts(const ParsedOptions& options) {
  if (!options.Has("prompts-file")) return DefaultPrompts();
  const std::string path = options.Text("prompts-file");
  std::ifstream file(path);
  std::vector<std::string> prompts;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty()) prompts.push_back(line);
  }
  if (prompts.empty()) {
    return absl::NotFoundError(absl::StrCat("--prompts-file: no prompts in \"", path, "\""));
  }
  return prompts;
}

absl::Status ReadSchedule(const ParsedOptions& options, LoadScheduleOptions* schedule) {
  auto request = ReadSamplingRequest(options);
  if (!request.ok()) return request.status();
  schedule->request = *std::move(request);
  const auto format = ChooseFormat(options, /*path=*/"");
  if (!format.ok()) return format.status();
  schedule->request.mutable_output()->set_format(*format);
  schedule->request.set_progress(false);
  auto prompts = ReadPrompts(options);
  if (!prompts.ok()) return prompts.status();
  schedule->prompts = *std::move(prompts);
  if (options.Has("seconds-of")) {
    auto seconds = ParseSecondsList(options.Text("seconds-of"));
    if (!seconds.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("--seconds-of: ", seconds.status().message()));
    }
    schedule->seconds = *std::move(seconds);
  }
  schedule->rate = options.Number("rate");
  schedule->cancel_fraction = options.Number("cancel-fraction");
  schedule->seed = options.Unsigned("seed");
  return absl::OkStatus();
}

absl::StatusOr<Plan> ReadPlan(const ParsedOptions& options, const Environment& environment) {
  Plan plan;
  if (options.Has("rate") && options.Has("concurrency")) {
    return absl::InvalidArgumentError("--rate and --concurrency exclude each other");
  }
  auto connection = ReadConnection(options, environment);
  if (!connection.ok()) return connection.status();
  plan.connection = *std::move(connection);
  if (auto status = ReadSchedule(options, &plan.schedule); !status.ok()) return status;
  plan.run.concurrency =
      options.Has("rate") ? 0 : static_cast<int>(options.Integer("concurrency", 1));
  plan.run.requests = options.Integer("requests", options.Has("duration") ? 0 : kDefaultRequests);
  if (options.Has("duration")) plan.run.duration = absl::Seconds(options.Number("duration"));
  return plan;
}

// The exit code of the error that most samples have; OK if a clip succeeded.
int ExitCodeOfSamples(const std::vector<LoadSample>& samples) {
  std::map<grpc::StatusCode, int> counts;
  for (const LoadSample& sample : samples) {
    if (sample.code == grpc::StatusCode::OK) return kExitOk;
    if (!sample.cancelled_on_purpose) ++counts[sample.code];
  }
  const auto commonest =
      std::max_element(counts.begin(), counts.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  return commonest == counts.end() ? kExitOk : ExitCodeOf(commonest->first);
}

}  // namespace

Command LoadCommand() {
  Command command;
  command.name = "load";
  command.summary = "Measure a server under load.";
  command.description =
      "Runs many calls, checks every clip as \"generate\" does, and reports latency to the first "
      "audio and to the end (p50, p90, p99), real-time factor and errors by code. Nothing is "
      "written or tried again. --seed decides prompts, lengths, arrivals and cancellations; call i "
      "generates with SEED+i. Default seed: 0.";
  command.groups = {LoadOptionGroup()};
  for (OptionGroup& group : SamplingOptionGroups()) command.groups.push_back(std::move(group));
  for (Option& option : command.groups[1].options) {
    if (option.name == "seed") option.help = "Decides the whole run. Default: 0.";
  }
  command.groups.push_back(ConnectionOptionGroup());
  command.groups.push_back(HelpOptionGroup());
  command.examples = {"magnet-client load -c 4 -n 100 --json > load.json",
                      "magnet-client load --rate 0.5 --duration 300 --seconds-of 2,5,10"};
  return command;
}

int RunLoad(const ParsedOptions& options, const Environment& environment) {
  absl::StatusOr<Plan> plan = ReadPlan(options, environment);
  if (!plan.ok()) return FailToStart(environment, "load", plan.status());
  Terminal terminal = environment.terminal;
  terminal.is_terminal = terminal.is_terminal && !options.Has("quiet");
  ProgressBar bar(environment.err, terminal, environment.clock);
  const auto stub = v1::MusicService::NewStub(OpenChannel(plan->connection));
  LoadRun run(stub.get(), &plan->connection, &environment,
              [&bar](int64_t done, int64_t running, int64_t failed) {
                bar.Note(absl::StrFormat("%d done, %d running, %d failed", done, running, failed));
              });
  LoadSchedule schedule(plan->schedule);
  const absl::Time start = environment.clock->Now();
  const std::vector<LoadSample> samples = run.Run(&schedule, plan->run);
  const LoadReport report = MakeLoadReport(samples, environment.clock->Now() - start);
  bar.Clear();
  *environment.out << (options.Has("json") ? JsonLine(LoadReportJson(report))
                                           : LoadReportText(report))
                   << std::flush;
  if (environment.interrupt->raised()) return environment.interrupt->exit_code();
  return ExitCodeOfSamples(samples);
}

}  // namespace magnet::client
