#include "train/training_loop.h"

#include <unistd.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "model/torch_errors.h"
#include "train/progress_bar.h"
#include "train/stop_signal.h"
#include "train/training_state.h"

namespace magnet {
namespace {

class Loop {
 public:
  Loop(TrainingTask& task, const LoopOptions& options, ProcessGroup& processes, std::ostream& log)
      : task_(task), options_(options), run_(options.run), processes_(processes), log_(log) {}

  absl::StatusOr<LoopEnd> Run() {
    if (absl::Status status = Resume(); !status.ok()) return status;
    const StopSignal stop;
    ProgressBar bar(log_, leads() && isatty(STDERR_FILENO) != 0, step_, run_.total_steps);
    const int64_t begin = step_;
    bool stopped = false;
    while (step_ < run_.total_steps && !stopped) {
      if (absl::Status status = Advance(bar); !status.ok()) return AfterFailure(bar, status);
      absl::StatusOr<bool> wanted = StopWanted(stop, begin);
      if (!wanted.ok()) return wanted.status();
      stopped = *wanted;
    }
    bar.Finish();
    if (absl::Status status = SaveUnlessSaved(); !status.ok()) return status;
    return step_ < run_.total_steps ? LoopEnd::kStopped : LoopEnd::kFinished;
  }

 private:
  bool leads() const { return processes_.rank() == 0; }

  absl::Status Resume() {
    absl::StatusOr<CheckpointFolder> folder =
        CheckpointFolder::Open(options_.output + "/checkpoints", run_.keep_checkpoints);
    if (!folder.ok()) return folder.status();
    checkpoints_ = *std::move(folder);
    if (leads()) checkpoints_->RemoveUnfinished();
    absl::StatusOr<std::optional<TrainingState>> state =
        checkpoints_->LoadNewest(task_.Fingerprint());
    if (!state.ok()) return state.status();
    if (state->has_value()) {
      if (absl::Status status = task_.Restore((*state)->tensors); !status.ok()) {
        return status;
      }
      step_ = saved_step_ = (*state)->step;
      best_loss_ = (*state)->best_loss;
      if (leads()) log_ << "going on after step " << step_ << std::endl;
    }
    return OpenMetrics();
  }

  absl::Status OpenMetrics() {
    if (!leads()) return absl::OkStatus();
    absl::StatusOr<MetricsLog> metrics =
        MetricsLog::Open(options_.output + "/metrics.jsonl", step_);
    if (!metrics.ok()) return metrics.status();
    metrics_ = *std::move(metrics);
    return absl::OkStatus();
  }

  absl::Status Advance(ProgressBar& bar) {
    absl::StatusOr<StepReport> report;
    absl::Status status = CatchTorchErrors(absl::StrCat("step ", step_ + 1), [&] {
      report = task_.Step(step_);
      return report.status();
    });
    if (!status.ok()) return status;
    ++step_;
    bar.Update(step_, report->items, absl::StrFormat("loss %.4f", report->loss));
    report->metrics["items_per_second"] = bar.items_per_second();
    bool is_best = false;
    if (run_.validation_steps > 0 && IsDue(run_.validation_steps)) {
      absl::StatusOr<bool> better = Validate(report->metrics);
      if (!better.ok()) return better.status();
      is_best = *better;
    }
    if (leads()) Report(bar, metrics_->Write(step_, report->metrics));
    if (is_best || IsDue(run_.checkpoint_steps)) Report(bar, Save(is_best));
    return absl::OkStatus();
  }

  bool IsDue(int every) const { return step_ % every == 0 || step_ == run_.total_steps; }

  // Whether it was the best so far.
  absl::StatusOr<bool> Validate(Metrics& metrics) {
    absl::StatusOr<Metrics> validation;
    absl::Status status = CatchTorchErrors("validation", [&] {
      validation = task_.Validate();
      return validation.status();
    });
    if (!status.ok()) return status;
    const auto loss = validation->find("validation_loss");
    const bool better = loss != validation->end() && loss->second < best_loss_;
    if (better) best_loss_ = loss->second;
    metrics.insert(validation->begin(), validation->end());
    return better;
  }

  absl::Status Save(bool is_best) {
    if (leads()) {
      const TrainingState state{step_, best_loss_, task_.Fingerprint(), task_.State()};
      if (absl::Status status = checkpoints_->Save(state, is_best); !status.ok()) return status;
    }
    saved_step_ = step_;
    return absl::OkStatus();
  }

  absl::Status SaveUnlessSaved() {
    return saved_step_ == step_ ? absl::OkStatus() : Save(/*is_best=*/false);
  }

  void Report(ProgressBar& bar, const absl::Status& status) {
    if (status.ok()) return;
    bar.Finish();
    log_ << "warning: " << status.message() << std::endl;
  }

  // The failing step has changed nothing, so what was done before is kept.
  absl::Status AfterFailure(ProgressBar& bar, const absl::Status& status) {
    bar.Finish();
    if (absl::IsInternal(status)) Report(bar, SaveUnlessSaved());
    return status;
  }

  // All processes stop after the same step.
  absl::StatusOr<bool> StopWanted(const StopSignal& stop, int64_t begin) {
    const bool wanted =
        stop.requested() || (options_.stop_after > 0 && step_ - begin >= options_.stop_after);
    if (processes_.size() == 1) return wanted;
    torch::Tensor votes = torch::full({1}, wanted ? 1.f : 0.f);
    if (absl::Status status = processes_.Sum({votes}); !status.ok()) return status;
    return votes.item<float>() > 0;
  }

  TrainingTask& task_;
  const LoopOptions& options_;
  const RunConfig& run_;
  ProcessGroup& processes_;
  std::ostream& log_;
  std::optional<CheckpointFolder> checkpoints_;
  std::optional<MetricsLog> metrics_;
  int64_t step_ = 0;
  int64_t saved_step_ = 0;
  double best_loss_ = std::numeric_limits<double>::infinity();
};

}  // namespace

absl::StatusOr<LoopEnd> RunTraining(TrainingTask& task, const LoopOptions& options,
                                    ProcessGroup& processes, std::ostream& log) {
  return Loop(task, options, processes, log).Run();
}

}  // namespace magnet
