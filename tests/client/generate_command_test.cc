// If these fail, people lose clips, get damaged ones for good ones, or scripts
// cannot tell what went wrong.
#include "client/generate_command.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "tests/client/client_fixture.h"

namespace magnet::client {
namespace {

using grpc::StatusCode;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class GenerateTest : public ClientFixture {
 protected:
  std::string Clip() const { return folder.Path("clip.wav"); }

  // Generates with the server failing as told, and expects no file.
  int RunFailing(const grpc::Status& status) {
    server.Enqueue(FailWith(status));
    const int code = Run({"generate", "piano", "--no-retry", "-o", Clip()});
    EXPECT_EQ(folder.NumFiles(), 0);
    return code;
  }

  int RunSpoiled(std::function<void(v1::GenerateResponse*)> edit) {
    server.Enqueue(SendClip(std::move(edit)));
    const int code = Run({"generate", "piano", "-o", Clip()});
    EXPECT_EQ(folder.NumFiles(), 0) << "a damaged clip was kept";
    return code;
  }
};

TEST_F(GenerateTest, WritesTheBytesAndSumsUp) {
  EXPECT_EQ(Run({"generate", "calm piano", "-o", Clip(), "--seed", "7"}), kExitOk) << err.str();
  EXPECT_EQ(folder.Read("clip.wav"), ClipBytes(7));
  EXPECT_EQ(folder.NumFiles(), 1);
  EXPECT_THAT(err.str(), HasSubstr("3.0 s of music"));
  EXPECT_THAT(err.str(), HasSubstr("real-time factor 0.50, seed 7, 96, then 120 bpm, tiny"));
  EXPECT_EQ(out.str(), "");
}

TEST_F(GenerateTest, SendsEveryOption) {
  folder.Write("given.wav", "sound");
  ASSERT_EQ(Run({"generate",
                 "--section",
                 "0: piano*2 | rain",
                 "--section",
                 "8: choir",
                 "--negative",
                 "drums",
                 "-d",
                 "20",
                 "--tempo",
                 "96.5",
                 "--seed",
                 "3",
                 "-m",
                 "large",
                 "--greedy",
                 "--temperature",
                 "2",
                 "--anneal",
                 "off",
                 "--top-k",
                 "50",
                 "-g",
                 "8:2",
                 "--later-temperature",
                 "0.6",
                 "--later-guidance",
                 "0.5",
                 "--steps",
                 "4,3",
                 "--arrangement",
                 "stride1",
                 "--schedule",
                 "paper",
                 "--span-score",
                 "random",
                 "--neighbour-weight",
                 "0.7",
                 "--overlap",
                 "0.5",
                 "--priority",
                 "high",
                 "--from",
                 folder.Path("given.wav"),
                 "--regenerate",
                 "2.0-4.5",
                 "--chunk-seconds",
                 "1",
                 "-o",
                 folder.Path("a.flac")}),
            kExitOk)
      << err.str();
  const v1::GenerateRequest sent = server.requests().at(0);
  EXPECT_EQ(sent.sections_size(), 2);
  EXPECT_EQ(sent.sections(0).prompts(0).weight(), 2);
  EXPECT_EQ(sent.sections(1).start_seconds(), 8);
  EXPECT_EQ(sent.negative_prompt(), "drums");
  EXPECT_EQ(sent.tempo_bpm(), 96.5);
  EXPECT_EQ(sent.duration_seconds(), 20);
  EXPECT_EQ(sent.seed(), 3u);
  EXPECT_EQ(sent.model(), "large");
  EXPECT_TRUE(sent.sampling().greedy());
  EXPECT_EQ(sent.sampling().temperature(), 2);
  EXPECT_TRUE(sent.sampling().has_anneal_temperature());
  EXPECT_FALSE(sent.sampling().anneal_temperature());
  EXPECT_EQ(sent.sampling().top_k(), 50);
  EXPECT_TRUE(sent.sampling().has_top_p()) << "the model's top-p would win over --top-k";
  EXPECT_EQ(sent.sampling().guidance_max(), 8);
  EXPECT_EQ(sent.sampling().guidance_min(), 2);
  EXPECT_EQ(sent.sampling().later_guidance(), 0.5);
  EXPECT_EQ(sent.sampling().later_temperature(), 0.6);
  EXPECT_THAT(sent.sampling().decoding_steps(), ElementsAre(4, 3));
  EXPECT_EQ(sent.sampling().span_arrangement(), v1::SPAN_ARRANGEMENT_STRIDE1);
  EXPECT_EQ(sent.sampling().schedule(), v1::MASK_SCHEDULE_PAPER);
  EXPECT_EQ(sent.sampling().span_score(), v1::SPAN_SCORE_RANDOM);
  EXPECT_EQ(sent.sampling().neighbour_weight(), 0.7);
  EXPECT_EQ(sent.overlap(), 0.5);
  EXPECT_EQ(sent.priority(), v1::PRIORITY_HIGH);
  EXPECT_EQ(sent.given_audio().data(), "sound");
  EXPECT_EQ(sent.given_audio().regenerate(0).end_seconds(), 4.5);
  EXPECT_EQ(sent.output().format(), v1::AUDIO_FORMAT_FLAC);
  EXPECT_EQ(sent.output().chunk_seconds(), 1);
}

TEST_F(GenerateTest, LeavesUnsetWhatWasNotAsked) {
  ASSERT_EQ(Run({"generate", "piano", "-o", Clip()}), kExitOk);
  const v1::GenerateRequest sent = server.requests().at(0);
  EXPECT_EQ(sent.prompt(), "piano");
  EXPECT_FALSE(sent.has_seed());
  EXPECT_FALSE(sent.has_duration_seconds());
  EXPECT_FALSE(sent.has_sampling());
  EXPECT_FALSE(sent.progress()) << "progress nobody sees was asked for";
}

TEST_F(GenerateTest, ReadsThePromptFromAFileOrStandardInput) {
  folder.Write("prompt.txt", "from a file\n");
  in.str("from a pipe\n");
  ASSERT_EQ(Run({"generate", "--prompt-file", folder.Path("prompt.txt"), "-o", Clip()}), kExitOk);
  ASSERT_EQ(Run({"generate", "-", "-o", Clip()}), kExitOk);
  EXPECT_EQ(server.requests().at(0).prompt(), "from a file");
  EXPECT_EQ(server.requests().at(1).prompt(), "from a pipe");
}

TEST_F(GenerateTest, WritesToStandardOutputAlone) {
  EXPECT_EQ(Run({"generate", "piano", "-o", "-", "--json"}), kExitOk);
  EXPECT_EQ(out.str(), ClipBytes(kChosenSeed));
  const nlohmann::json json = nlohmann::json::parse(err.str());
  EXPECT_EQ(json["seed"], kChosenSeed);
  ASSERT_EQ(json["tempos"].size(), 4u);
  EXPECT_EQ(json["tempos"][3],
            (nlohmann::json{{"start_seconds", 3}, {"bpm", 120.4}, {"beats_per_bar", 3}}));
}

TEST_F(GenerateTest, NumbersVariationsAndTheirSeeds) {
  EXPECT_EQ(Run({"generate", "piano", "-n", "3", "-o", Clip(), "--json"}), kExitOk);
  EXPECT_EQ(folder.Read("clip-1.wav"), ClipBytes(kChosenSeed));
  EXPECT_EQ(folder.Read("clip-2.wav"), ClipBytes(kChosenSeed + 1));
  EXPECT_EQ(folder.Read("clip-3.wav"), ClipBytes(kChosenSeed + 2));
  EXPECT_EQ(folder.NumFiles(), 3);
  const std::string lines = out.str();
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 3);
}

TEST(NumberedPath, KeepsOrderByName) {
  EXPECT_EQ(NumberedPath("a/b.tar.wav", 1, 1), "a/b.tar.wav");
  EXPECT_EQ(NumberedPath("a/b.tar.wav", 3, 12), "a/b.tar-03.wav");
  EXPECT_EQ(NumberedPath("b", 2, 9), "b-2");
}

TEST_F(GenerateTest, PlaysToACommand) {
  const std::string heard = folder.Path("heard");
  EXPECT_EQ(Run({"generate", "piano", "--player", "cat > '" + heard + "'"}), kExitOk) << err.str();
  EXPECT_EQ(folder.Read("heard"), ClipBytes(kChosenSeed));
  EXPECT_EQ(folder.NumFiles(), 1) << "--player alone must not write a file";
  EXPECT_EQ(Run({"generate", "piano", "--player", "cat > /dev/null; exit 3"}), kExitLocal);
  EXPECT_THAT(err.str(), HasSubstr("exit code 3"));
}

// What is found in PATH is what is run, and a player that cannot play the format is passed over.
TEST_F(GenerateTest, PlaysWithThePlayerThatIsInstalled) {
  const auto install = [this](const std::string& program) {
    const std::string script = "#!/bin/sh\ncat > '" + folder.Path(program + ".heard") + "'\n";
    folder.Write(program, script);
    std::filesystem::permissions(folder.Path(program), std::filesystem::perms::owner_all);
  };
  variables["PATH"] = "/nonexistent:" + folder.Path("");
  EXPECT_EQ(Run({"generate", "piano", "--play"}), kExitLocal);
  EXPECT_THAT(err.str(), HasSubstr("no player found"));
  install("aplay");
  EXPECT_EQ(Run({"generate", "piano", "--play"}), kExitOk) << err.str();
  EXPECT_EQ(folder.Read("aplay.heard"), ClipBytes(kChosenSeed));
  EXPECT_EQ(Run({"generate", "piano", "--play", "--format", "flac"}), kExitLocal)
      << "aplay cannot play FLAC";
  install("mpv");
  EXPECT_EQ(Run({"generate", "piano", "--play", "--format", "flac"}), kExitOk) << err.str();
  EXPECT_EQ(folder.Read("mpv.heard"), ClipBytes(kChosenSeed));
  EXPECT_EQ(server.requests().size(), 2u) << "a clip that nobody can hear was asked for";
}

TEST_F(GenerateTest, QuietPrintsNothing) {
  terminal.is_terminal = true;
  EXPECT_EQ(Run({"generate", "piano", "-q", "-o", Clip()}), kExitOk);
  EXPECT_EQ(out.str() + err.str(), "");
}

TEST_F(GenerateTest, ShowsProgressOnATerminalAndCleansUp) {
  terminal.is_terminal = true;
  EXPECT_EQ(Run({"generate", "piano", "-o", Clip()}), kExitOk);
  EXPECT_TRUE(server.requests().at(0).progress());
  EXPECT_THAT(err.str(), HasSubstr("100 %"));
  EXPECT_THAT(err.str(), HasSubstr("\r\x1b[K" + Clip()));
}

TEST_F(GenerateTest, ExitCodesTellErrorsApart) {
  EXPECT_EQ(RunFailing({StatusCode::INTERNAL, "x"}), kExitFailed);
  EXPECT_EQ(RunFailing({StatusCode::UNAVAILABLE, "x"}), kExitUnavailable);
  // No trailers: how a balancer that lost its server ends a stream.
  EXPECT_EQ(RunFailing({StatusCode::UNKNOWN, ""}), kExitUnavailable);
  EXPECT_EQ(RunFailing({StatusCode::RESOURCE_EXHAUSTED, "x"}), kExitExhausted);
  EXPECT_EQ(RunFailing({StatusCode::INVALID_ARGUMENT, "x"}), kExitInvalid);
  EXPECT_EQ(RunFailing({StatusCode::NOT_FOUND, "x"}), kExitInvalid);
  EXPECT_EQ(RunFailing({StatusCode::UNAUTHENTICATED, "x"}), kExitUnauthorized);
  EXPECT_EQ(RunFailing({StatusCode::PERMISSION_DENIED, "x"}), kExitUnauthorized);
  EXPECT_EQ(RunFailing({StatusCode::DEADLINE_EXCEEDED, "x"}), kExitDeadline);
}

TEST_F(GenerateTest, WrongCommandLinesReachNoServer) {
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{},
                                             {"nonsense"},
                                             {"generate"},
                                             {"generate", "a", "--mix", "b"},
                                             {"generate", "  ", "-d", "0"},
                                             {"generate", "a", "--regenerate", "1-2"},
                                             {"generate", "a", "-o", "a.mp3"},
                                             {"generate", "a", "-n", "2", "-o", "-"},
                                             {"generate", "a", "--cert", "/dev/null"},
                                             {"generate", "a", "--steps", "x"}}) {
    EXPECT_NE(Run(words), kExitOk);
    EXPECT_NE(err.str(), "");
  }
  EXPECT_EQ(Run({"generate", "a", "-o", "a.mp3"}), kExitUsage);
  EXPECT_TRUE(server.requests().empty());
}

TEST_F(GenerateTest, LocalFilesThatFailAreNotTheServersFault) {
  EXPECT_EQ(Run({"generate", "a", "-o", folder.Path("missing/a.wav")}), kExitLocal);
  EXPECT_EQ(Run({"generate", "a", "--continue-from", folder.Path("none.wav")}), kExitLocal);
  EXPECT_THAT(err.str(), HasSubstr("none.wav"));
}

TEST_F(GenerateTest, NoServerThere) {
  EXPECT_EQ(Run({"generate", "a", "--no-retry", "-s", "127.0.0.1:1", "-o", Clip()}),
            kExitUnavailable);
  EXPECT_THAT(err.str(), HasSubstr("cannot reach 127.0.0.1:1"));
}

TEST_F(GenerateTest, PrintsTheDetailsOfAnError) {
  const grpc::Status status = DetailedStatus(StatusCode::INVALID_ARGUMENT, "bad\x1b[2J request",
                                             "INVALID_REQUEST", "seconds", "must be positive");
  server.Enqueue(FailWith(status));
  EXPECT_EQ(Run({"generate", "a", "--json", "-o", Clip()}), kExitInvalid);
  EXPECT_THAT(err.str(), HasSubstr("bad [2J request (INVALID_ARGUMENT, INVALID_REQUEST)\n"
                                   "  seconds: must be positive\n"));
  const auto json = nlohmann::json::parse(out.str());
  EXPECT_EQ(json["error"]["fields"][0]["field"], "seconds");
  EXPECT_EQ(json["exit_code"], 5);
}

TEST_F(GenerateTest, TriesAgainAsLateAsTheServerAsks) {
  server.Enqueue(FailWith({StatusCode::RESOURCE_EXHAUSTED, "queue full"},
                          /*pushback_ms=*/3000));
  server.Enqueue(FailWith({StatusCode::UNAVAILABLE, "loading"}));
  EXPECT_EQ(Run({"generate", "piano", "-o", Clip(), "--json"}), kExitOk) << err.str();
  EXPECT_EQ(server.requests().size(), 3u);
  ASSERT_EQ(clock.sleeps.size(), 2u);
  EXPECT_GE(clock.sleeps[0], absl::Seconds(3));
  EXPECT_EQ(nlohmann::json::parse(out.str())["tries"], 3);
  EXPECT_THAT(err.str(), HasSubstr("queue full; trying again in 3."));
}

TEST_F(GenerateTest, DoesNotTryAgainOnceItHasStarted) {
  server.Enqueue([](grpc::ServerContext*, const v1::GenerateRequest&, GenerateWriter* writer) {
    v1::GenerateResponse response;
    response.mutable_started()->set_seed(1);
    writer->Write(response);
    return grpc::Status(StatusCode::UNAVAILABLE, "shut down");
  });
  EXPECT_EQ(Run({"generate", "piano", "-o", Clip()}), kExitUnavailable);
  EXPECT_EQ(server.requests().size(), 1u);
  EXPECT_EQ(folder.NumFiles(), 0);
}

TEST_F(GenerateTest, InterruptCancelsTheCallAndLeavesNoFile) {
  server.Enqueue(SendUntilCancelled([this] {
    EXPECT_EQ(folder.NumFiles(), 1) << "the partial file should exist by now";
    interrupt.Raise(SIGINT);
  }));
  EXPECT_EQ(Run({"generate", "piano", "-o", Clip()}), kExitInterrupted);
  EXPECT_EQ(folder.NumFiles(), 0);
  EXPECT_THAT(err.str(), HasSubstr("interrupted"));
}

TEST_F(GenerateTest, InterruptEndsTheWaitForAnotherTry) {
  clock.on_sleep = [this] {
    interrupt.Raise(SIGTERM);
    return true;
  };
  server.Enqueue(FailWith({StatusCode::UNAVAILABLE, "loading"}));
  EXPECT_EQ(Run({"generate", "piano", "-o", Clip()}), 128 + SIGTERM);
  EXPECT_EQ(server.requests().size(), 1u);
}

TEST_F(GenerateTest, TheTimeoutIsTheDeadlineOfTheCall) {
  server.Enqueue(SendUntilCancelled([] {}));
  EXPECT_EQ(Run({"generate", "piano", "--timeout", "0.3", "-o", Clip()}), kExitDeadline);
  EXPECT_EQ(folder.NumFiles(), 0);
}

TEST_F(GenerateTest, SendsTheKeyOfTheFileOrTheVariable) {
  variables["MAGNET_API_KEY"] = "from-variable";
  ASSERT_EQ(Run({"generate", "piano", "-o", Clip()}), kExitOk);
  EXPECT_EQ(server.authorization(), "Bearer from-variable");
  folder.Write("key", "from-file\n");
  ASSERT_EQ(Run({"generate", "piano", "-o", Clip(), "--api-key-file", folder.Path("key")}),
            kExitOk);
  EXPECT_EQ(server.authorization(), "Bearer from-file");
  EXPECT_EQ(Run({"generate", "piano", "-o", Clip(), "-s", "music.example:1"}), kExitUsage)
      << "a key was sent to another machine in plain text";
}

TEST_F(GenerateTest, AWrongChecksumIsNoClip) {
  EXPECT_EQ(RunSpoiled([](v1::GenerateResponse* response) {
              if (response->has_finished()) response->mutable_finished()->set_sha256("wrong");
            }),
            kExitCorrupt);
  EXPECT_THAT(err.str(), HasSubstr("SHA-256"));
}

TEST_F(GenerateTest, AFlippedByteIsNoClip) {
  EXPECT_EQ(RunSpoiled([](v1::GenerateResponse* response) {
              if (!response->has_audio_chunk()) return;
              std::string* data = response->mutable_audio_chunk()->mutable_data();
              data->back() = static_cast<char>(data->back() ^ 1);
            }),
            kExitCorrupt);
}

TEST_F(GenerateTest, AWrongSampleCountIsNoClip) {
  EXPECT_EQ(RunSpoiled([](v1::GenerateResponse* response) {
              if (response->has_finished()) response->mutable_finished()->set_samples(299);
            }),
            kExitCorrupt);
  EXPECT_THAT(err.str(), HasSubstr("samples"));
}

TEST_F(GenerateTest, AMissingChunkOrEndIsNoClip) {
  EXPECT_EQ(RunSpoiled([](v1::GenerateResponse* response) {
              if (response->audio_chunk().end_sample() == 200) response->clear_event();
            }),
            kExitCorrupt);
  EXPECT_EQ(RunSpoiled([](v1::GenerateResponse* response) {
              if (response->has_finished()) response->clear_event();
            }),
            kExitCorrupt);
}

TEST_F(GenerateTest, KeepsTheOldFileWhenTheNewOneFails) {
  folder.Write("clip.wav", "old");
  server.Enqueue(FailWith({StatusCode::INTERNAL, "x"}));
  EXPECT_EQ(Run({"generate", "piano", "-o", Clip()}), kExitFailed);
  EXPECT_EQ(folder.Read("clip.wav"), "old");
}

}  // namespace
}  // namespace magnet::client
