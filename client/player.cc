#include "client/player.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

extern char** environ;

namespace magnet::client {
namespace {

struct KnownPlayer {
  const char* program;
  const char* arguments;
  bool only_wav;
};

constexpr KnownPlayer kPlayers[] = {
    {"ffplay", "-nodisp -autoexit -loglevel error -i -", false},
    {"mpv", "--no-video --no-input-terminal --really-quiet -", false},
    {"aplay", "-q -", true},
    {"play", "-q -t wav -", true},
    {"pw-play", "-", true},
};

bool IsWav(v1::AudioFormat format) {
  return format == v1::AUDIO_FORMAT_WAV_S16 || format == v1::AUDIO_FORMAT_WAV_F32;
}

bool IsRaw(v1::AudioFormat format) {
  return format == v1::AUDIO_FORMAT_PCM_S16 || format == v1::AUDIO_FORMAT_PCM_F32;
}

// Empty when it is not installed.
std::string PathOf(const std::string& program, const std::string& search_path) {
  for (const auto folder : absl::StrSplit(search_path, ':', absl::SkipEmpty())) {
    const std::string path = absl::StrCat(folder, "/", program);
    if (access(path.c_str(), X_OK) == 0) return path;
  }
  return "";
}

std::string QuotedForShell(const std::string& word) {
  return absl::StrCat("'", absl::StrReplaceAll(word, {{"'", "'\\''"}}), "'");
}

// The child has our pipe for its input, and none of our signal settings.
int Spawn(const std::string& command, int input, pid_t* process) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &pipe);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  const char* arguments[] = {"/bin/sh", "-c", command.c_str(), nullptr};
  const int error = posix_spawn(process, arguments[0], &actions, &attributes,
                                const_cast<char**>(arguments), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  return error;
}

}  // namespace

absl::StatusOr<std::string> FindPlayer(const std::string& search_path, v1::AudioFormat format) {
  if (IsRaw(format)) {
    return absl::NotFoundError("--play cannot play raw samples; use another --format, or --player");
  }
  for (const KnownPlayer& player : kPlayers) {
    if (player.only_wav && !IsWav(format)) continue;
    if (const std::string path = PathOf(player.program, search_path); !path.empty()) {
      return absl::StrCat("exec ", QuotedForShell(path), " ", player.arguments);
    }
  }
  return absl::NotFoundError(
      IsWav(format) ? "--play: no player found; install ffmpeg, mpv, alsa-utils, sox or pipewire"
                    : "--play: no player for this format found; install ffmpeg or mpv, or use wav");
}

absl::StatusOr<std::unique_ptr<Player>> Player::Start(const std::string& command) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, "cannot start the player");
  pid_t process = 0;
  const int error = Spawn(command, ends[0], &process);
  close(ends[0]);
  if (error != 0) {
    close(ends[1]);
    return absl::ErrnoToStatus(error, "cannot start the player");
  }
  std::unique_ptr<Player> player(new Player(process, ends[1]));
  player->feeder_ = std::thread([raw = player.get()] { raw->Feed(); });
  return player;
}

Player::~Player() {
  Stop();
  (void)Finish();
}

void Player::Append(const std::string& data) {
  absl::MutexLock lock(&mutex_);
  waiting_.push_back(data);
}

void Player::Feed() {
  while (true) {
    std::string data;
    {
      absl::MutexLock lock(&mutex_);
      const auto has_work = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
        return ended_ || !waiting_.empty();
      };
      mutex_.Await(absl::Condition(&has_work));
      if (waiting_.empty() || stopped_) break;
      data = std::move(waiting_.front());
      waiting_.pop_front();
    }
    size_t written = 0;
    while (written < data.size()) {
      const ssize_t count = write(pipe_, data.data() + written, data.size() - written);
      if (count < 0 && errno == EINTR) continue;
      // A player that has been closed wants no more: its exit status tells why.
      if (count < 0) break;
      written += static_cast<size_t>(count);
    }
  }
  close(pipe_);
}

absl::Status Player::Finish() {
  if (!feeder_.joinable()) return absl::OkStatus();
  {
    absl::MutexLock lock(&mutex_);
    ended_ = true;
  }
  feeder_.join();
  // Waits without reaping: until then the id stays ours, and Stop() may use it.
  siginfo_t info;
  while (waitid(P_PID, process_, &info, WEXITED | WNOWAIT) != 0 && errno == EINTR) {
  }
  absl::MutexLock lock(&mutex_);
  int exit_status = 0;
  waitpid(process_, &exit_status, 0);
  reaped_ = true;
  if (stopped_ || (WIFEXITED(exit_status) && WEXITSTATUS(exit_status) == 0)) {
    return absl::OkStatus();
  }
  return absl::InternalError(
      WIFEXITED(exit_status)
          ? absl::StrCat("the player failed with exit code ", WEXITSTATUS(exit_status))
          : absl::StrCat("the player was ended by signal ", WTERMSIG(exit_status)));
}

void Player::Stop() {
  absl::MutexLock lock(&mutex_);
  stopped_ = true;
  ended_ = true;
  if (!reaped_) kill(-process_, SIGTERM);
}

}  // namespace magnet::client
