// If these fail, people's command lines are read as something else, or --help
// and completion no longer show what the parser takes.
#include "client/option_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "client/client_program.h"
#include "client/completion.h"
#include "client/help_text.h"
#include "client/parsed_options.h"

namespace magnet::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Words = std::vector<std::string>;

Command TestCommand() {
  Command command;
  command.name = "make";
  command.operand = {.name = "PROMPT"};
  command.groups = {
      {"All",
       {{.name = "seconds",
         .short_name = 'd',
         .kind = ValueKind::kNumber,
         .value_name = "S",
         .help = "Length.",
         .min = 0,
         .max = 60,
         .min_is_open = true},
        {.name = "count",
         .short_name = 'n',
         .kind = ValueKind::kInteger,
         .value_name = "N",
         .help = "How many.",
         .min = 1,
         .max = 9},
        {.name = "seed", .kind = ValueKind::kUnsigned, .value_name = "SEED", .help = "Seed."},
        {.name = "mode", .kind = ValueKind::kChoice, .help = "Mode.", .choices = {"a", "b"}},
        {.name = "part",
         .kind = ValueKind::kText,
         .value_name = "P",
         .help = "Part.",
         .repeated = true},
        {.name = "file",
         .short_name = 'o',
         .kind = ValueKind::kFile,
         .value_name = "FILE",
         .help = "File."},
        {.name = "quiet", .short_name = 'q', .help = "Quiet."},
        {.name = "help", .short_name = 'h', .help = "Help."}}}};
  return command;
}

std::string ErrorOf(const Words& words) {
  return std::string(ParseOptions(TestCommand(), words).status().message());
}

TEST(ParseOptions, ReadsEveryWayOfWritingAnOption) {
  const auto parsed =
      ParseOptions(TestCommand(), {"-d", "2.5", "--seed=18446744073709551615", "-n3", "hello",
                                   "--mode", "b", "--part", "x", "--part=-y", "-q", "-o", "-"});
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->Number("seconds"), 2.5);
  EXPECT_EQ(parsed->Unsigned("seed"), 18446744073709551615u);
  EXPECT_EQ(parsed->Integer("count"), 3);
  EXPECT_EQ(parsed->Text("mode"), "b");
  EXPECT_EQ(parsed->Text("file"), "-");
  EXPECT_THAT(parsed->All("part"), ElementsAre("x", "-y"));
  EXPECT_TRUE(parsed->Has("quiet"));
  EXPECT_EQ(parsed->operand(), "hello");
}

TEST(ParseOptions, TakesWhatFollowsTwoDashesAsTheOperand) {
  const auto parsed = ParseOptions(TestCommand(), {"--", "--not an option"});
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->operand(), "--not an option");
}

TEST(ParseOptions, KeepsDefaultsOfOptionsThatAreNotGiven) {
  const auto parsed = ParseOptions(TestCommand(), {});
  ASSERT_TRUE(parsed.ok());
  EXPECT_FALSE(parsed->Has("count"));
  EXPECT_FALSE(parsed->has_operand());
  EXPECT_EQ(parsed->Integer("count", 7), 7);
}

TEST(ParseOptions, NamesTheOptionWhatItExpectsAndWhatItGot) {
  EXPECT_EQ(ErrorOf({"-d", "ten"}),
            "--seconds: expected a number over 0 and at most 60, got \"ten\"");
  EXPECT_EQ(ErrorOf({"-d", "0"}), "--seconds: expected a number over 0 and at most 60, got \"0\"");
  EXPECT_THAT(ErrorOf({"-d", "nan"}), HasSubstr("got \"nan\""));
  EXPECT_EQ(ErrorOf({"--count", "10"}), "--count: expected an integer from 1 to 9, got \"10\"");
  EXPECT_THAT(ErrorOf({"--count", "1.5"}), HasSubstr("an integer"));
  EXPECT_THAT(ErrorOf({"--seed", "-1"}), HasSubstr("from 0 to 2^64-1"));
  EXPECT_EQ(ErrorOf({"--mode", "c"}), "--mode: expected one of a, b, got \"c\"");
}

TEST(ParseOptions, ExplainsMistakes) {
  EXPECT_EQ(ErrorOf({"--secnds", "1"}), "unknown option --secnds; did you mean --seconds?");
  EXPECT_EQ(ErrorOf({"--zzzzzz"}), "unknown option --zzzzzz");
  EXPECT_EQ(ErrorOf({"-x"}), "unknown option -x");
  EXPECT_EQ(ErrorOf({"--seed"}), "--seed needs a value");
  EXPECT_EQ(ErrorOf({"--quiet=yes"}), "--quiet takes no value");
  EXPECT_EQ(ErrorOf({"-d", "1", "-d", "2"}), "--seconds is given twice");
  EXPECT_THAT(ErrorOf({"calm", "piano"}), HasSubstr("put quotes around"));
}

TEST(ParseOptions, HelpWinsOverWhatComesAfterIt) {
  EXPECT_TRUE(ParseOptions(TestCommand(), {"--help", "--nonsense"}).ok());
}

TEST(Program, EveryOptionIsInHelpAndCompletion) {
  const Program program = ClientProgram();
  const std::string completion = BashCompletion(program);
  for (const Command& command : program.commands) {
    const std::string help = CommandHelp(program, command, 80);
    EXPECT_THAT(completion, HasSubstr("    " + command.name + ")\n"));
    for (const OptionGroup& group : command.groups) {
      for (const Option& option : group.options) {
        EXPECT_THAT(help, HasSubstr("--" + option.name));
        EXPECT_THAT(completion, HasSubstr("--" + option.name));
        EXPECT_NE(option.help, "") << option.name;
      }
    }
  }
}

TEST(Program, NoTwoOptionsOfACommandShareAName) {
  for (const Command& command : ClientProgram().commands) {
    std::set<std::string> names;
    for (const OptionGroup& group : command.groups) {
      for (const Option& option : group.options) {
        EXPECT_TRUE(names.insert(option.name).second) << command.name << " --" << option.name;
        if (option.short_name == 0) continue;
        EXPECT_TRUE(names.insert(std::string(1, option.short_name)).second)
            << command.name << " -" << option.short_name;
      }
    }
  }
}

TEST(CommandHelp, StaysWithinItsWidth) {
  const Program program = ClientProgram();
  for (const Command& command : program.commands) {
    Command without_examples = command;
    without_examples.examples.clear();
    std::istringstream lines(CommandHelp(program, without_examples, 72));
    for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 72u) << line;
  }
}

}  // namespace
}  // namespace magnet::client
