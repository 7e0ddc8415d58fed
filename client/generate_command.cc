#include "client/generate_command.h"

#include <filesystem>
#include <limits>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "client/channel.h"
#include "client/clip_report.h"
#include "client/clip_sink.h"
#include "client/exit_code.h"
#include "client/generate_call.h"
#include "client/generation_options.h"
#include "client/message.h"
#include "client/player.h"
#include "client/progress_bar.h"

namespace magnet::client {
namespace {

constexpr double kMaxVariations = 10'000;

OptionGroup OutputOptionGroup() {
  return {"Output",
          {
              {.name = "output",
               .short_name = 'o',
               .kind = ValueKind::kFile,
               .value_name = "FILE",
               .help = "Where to write; \"-\" is standard output. Default: magnet-SEED.wav, or "
                       "nothing with --play. The file appears when it is complete."},
              FormatOption(),
              {.name = "variations",
               .short_name = 'n',
               .kind = ValueKind::kInteger,
               .value_name = "N",
               .help = "Make N clips, one after the other, with seeds SEED, SEED+1, ... and "
                       "numbered files.",
               .min = 1,
               .max = kMaxVariations},
              {.name = "chunk-seconds",
               .kind = ValueKind::kNumber,
               .value_name = "SECONDS",
               .help = "Longest audio in one message, from 0.02 to 10. Default: 0.25.",
               .min = 0.02,
               .max = 10},
              {.name = "play",
               .help = "Play while it arrives, with ffplay, mpv, aplay, play or pw-play, whichever "
                       "is installed."},
              {.name = "player",
               .kind = ValueKind::kText,
               .value_name = "COMMAND",
               .help = "Play with this shell command, which gets the audio on its standard input."},
              {.name = "json",
               .help = "Print one line of JSON per clip on standard output (on standard error when "
                       "the audio goes there)."},
              {.name = "quiet", .short_name = 'q', .help = "Print nothing but errors."},
          }};
}

// What one run of the command does, read from its options.
struct Plan {
  Connection connection;
  v1::GenerateRequest request;
  std::string output;  // "": by seed
  bool to_file = false;
  bool to_stdout = false;
  std::string player_command;
  int64_t variations = 1;
  bool json = false;
  bool quiet = false;
};

absl::Status PlanOutput(const ParsedOptions& options, const Environment& environment, Plan* plan) {
  plan->output = options.Text("output");
  const auto format = ChooseFormat(options, plan->output);
  if (!format.ok()) return format.status();
  plan->request.mutable_output()->set_format(*format);
  if (options.Has("chunk-seconds")) {
    plan->request.mutable_output()->set_chunk_seconds(options.Number("chunk-seconds"));
  }
  const bool plays = options.Has("play") || options.Has("player");
  plan->to_stdout = plan->output == "-";
  plan->to_file = !plan->to_stdout && (options.Has("output") || !plays);
  plan->player_command = options.Text("player");
  if (plan->to_stdout && plan->variations > 1) {
    return absl::InvalidArgumentError("several --variations cannot share standard output");
  }
  if (plan->to_stdout && environment.out_is_terminal) {
    return absl::InvalidArgumentError("audio is not written to a terminal; redirect it, or --play");
  }
  if (!plays || !plan->player_command.empty()) return absl::OkStatus();
  auto player = FindPlayer(environment.Variable("PATH"), *format);
  if (!player.ok()) return player.status();
  plan->player_command = *std::move(player);
  return absl::OkStatus();
}

absl::StatusOr<Plan> ReadPlan(const ParsedOptions& options, const Environment& environment) {
  Plan plan;
  auto connection = ReadConnection(options, environment);
  if (!connection.ok()) return connection.status();
  plan.connection = *std::move(connection);
  auto request = ReadGenerateRequest(options, environment);
  if (!request.ok()) return request.status();
  plan.request = *std::move(request);
  plan.variations = options.Integer("variations", 1);
  plan.json = options.Has("json");
  plan.quiet = options.Has("quiet");
  plan.request.set_progress(environment.terminal.is_terminal && !plan.quiet);
  if (auto status = PlanOutput(options, environment, &plan); !status.ok()) return status;
  return plan;
}

// Makes the clips of one plan.
class Run {
 public:
  Run(Plan plan, const ParsedOptions& options, const Environment& environment)
      : plan_(std::move(plan)),
        environment_(environment),
        stub_(v1::MusicService::NewStub(OpenChannel(plan_.connection))),
        bar_(environment.err, BarTerminal(), environment.clock) {
    setting_ = {stub_.get(), &plan_.connection, environment.clock, environment.interrupt};
    if (options.Has("no-retry")) setting_.retry.max_retries = 0;
    setting_.retry_seed = absl::ToUnixNanos(absl::Now());
  }

  // One at a time: the first clip is there as early as it can be, an interrupt
  // loses one clip at most, and a person takes one place in the queue of a server
  // that others use too. `load` is for filling a server.
  int All() {
    for (int64_t index = 1; index <= plan_.variations; ++index) {
      if (const int code = One(index); code != kExitOk) return code;
    }
    return kExitOk;
  }

 private:
  Terminal BarTerminal() const {
    Terminal terminal = environment_.terminal;
    terminal.is_terminal = terminal.is_terminal && !plan_.quiet;
    return terminal;
  }

  ClipSinkOptions SinkOptions() const {
    ClipSinkOptions options;
    options.to_file = plan_.to_file;
    options.folder_of = plan_.output.empty() ? "magnet.wav" : plan_.output;
    options.out = plan_.to_stdout ? environment_.out : nullptr;
    options.player_command = plan_.player_command;
    return options;
  }

  int One(int64_t index) {
    auto sink = ClipSink::Open(SinkOptions());
    if (!sink.ok()) return FailLocally(sink.status());
    if (plan_.variations > 1) bar_.set_prefix(absl::StrFormat("%d/%d ", index, plan_.variations));
    bar_.Note("waiting for the server");
    const GenerateOutcome outcome = Generate(setting_, plan_.request, Listener(sink->get()));
    bar_.Clear();
    if (!outcome.ok()) return Fail(outcome);
    const uint64_t seed = outcome.clip.finished().seed();
    // The server chose the first seed if nobody else did.
    plan_.request.set_seed(seed + 1);
    const std::string path = plan_.to_file ? Path(seed, index) : "";
    // A player may go on for a while after the clip is there.
    if (!plan_.player_command.empty()) bar_.Note("playing");
    const absl::Status finished = (*sink)->Finish(path, environment_.interrupt);
    bar_.Clear();
    if (environment_.interrupt->raised()) return FailInterrupted();
    if (!finished.ok()) return FailLocally(finished);
    Report(outcome, path);
    return kExitOk;
  }

  GenerateListener Listener(ClipSink* sink) {
    GenerateListener listener;
    listener.on_progress = [this](const v1::Progress& progress) { bar_.Update(progress); };
    listener.on_audio = [sink](const std::string& data) { return sink->Append(data); };
    listener.on_retry = [this](const Attempt& attempt, absl::Duration delay) {
      const std::string note = RetryNote(attempt.status, delay);
      if (environment_.terminal.is_terminal) {
        bar_.Note(note);
      } else if (!plan_.quiet) {
        *environment_.err << "magnet-client: " << note << std::endl;
      }
    };
    return listener;
  }

  std::string Path(uint64_t seed, int64_t index) const {
    if (!plan_.output.empty()) return NumberedPath(plan_.output, index, plan_.variations);
    return absl::StrCat("magnet-", seed, ".", FormatExtension(plan_.request.output().format()));
  }

  void Report(const GenerateOutcome& outcome, const std::string& path) {
    if (plan_.json) JsonStream() << JsonLine(ClipJson(outcome, path)) << std::flush;
    if (plan_.quiet || plan_.json) return;
    *environment_.err << ClipSummary(outcome, path, environment_.terminal.unicode) << std::endl;
  }

  int Fail(const GenerateOutcome& outcome) {
    if (environment_.interrupt->raised()) return FailInterrupted();
    if (!outcome.local.ok()) return FailLocally(outcome.local);
    return FailCall(environment_, outcome.status, plan_.json ? &JsonStream() : nullptr);
  }

  int FailLocally(const absl::Status& status) {
    PrintError(environment_, std::string(status.message()));
    return kExitLocal;
  }

  int FailInterrupted() {
    if (!plan_.quiet) PrintError(environment_, "interrupted");
    return environment_.interrupt->exit_code();
  }

  std::ostream& JsonStream() { return plan_.to_stdout ? *environment_.err : *environment_.out; }

  Plan plan_;
  const Environment& environment_;
  const std::unique_ptr<v1::MusicService::Stub> stub_;
  ProgressBar bar_;
  CallSetting setting_;
};

}  // namespace

Command GenerateCommand() {
  Command command;
  command.name = "generate";
  command.summary = "Make music from text.";
  command.description =
      "Makes a clip of music from PROMPT (\"-\" reads it from standard input) and writes it to a "
      "file, to standard output or to a player. The summary's real-time factor is the server's "
      "compute time over the length of the audio: under 1 is faster than real time.";
  command.operand = {.name = "PROMPT"};
  command.groups = PromptOptionGroups();
  for (OptionGroup& group : SamplingOptionGroups()) command.groups.push_back(std::move(group));
  command.groups.push_back(OutputOptionGroup());
  command.groups.push_back(ConnectionOptionGroup());
  command.groups.back().options.push_back(NoRetryOption());
  command.groups.push_back(HelpOptionGroup());
  command.examples = {
      "magnet-client generate \"calm piano in the rain\" -o rain.wav",
      "magnet-client generate \"80s synth pop\" -d 30 -n 4 --seed 1 -o pop.flac",
      "magnet-client generate --section \"0: solo cello\" --section \"8: full orchestra\" -d 20",
      "magnet-client generate \"same but livelier\" --from a.wav --regenerate 2.0-4.5 -o b.wav",
      "magnet-client generate \"lo-fi beat\" -o - | aplay",
  };
  return command;
}

int RunGenerate(const ParsedOptions& options, const Environment& environment) {
  absl::StatusOr<Plan> plan = ReadPlan(options, environment);
  if (!plan.ok()) return FailToStart(environment, "generate", plan.status());
  return Run(*std::move(plan), options, environment).All();
}

std::string NumberedPath(const std::string& path, int64_t index, int64_t count) {
  if (count == 1) return path;
  const std::filesystem::path whole(path);
  const int digits = static_cast<int>(absl::StrCat(count).size());
  const std::string name = absl::StrFormat("%s-%0*d%s", whole.stem().string(), digits, index,
                                           whole.extension().string());
  return (whole.parent_path() / name).string();
}

}  // namespace magnet::client
