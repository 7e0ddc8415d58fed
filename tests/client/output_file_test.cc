// If these fail, a clip that was not finished looks like one that was, or an
// older file is lost for nothing.
#include "client/output_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/client/temporary_folder.h"

namespace magnet::client {
namespace {

TEST(OutputFile, AppearsWholeAndReplacesTheOldOne) {
  const TemporaryFolder folder;
  folder.Write("a.wav", "old");
  auto file = OutputFile::Create(folder.Path("a.wav"));
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_TRUE((*file)->Append("ne").ok());
  EXPECT_EQ(folder.Read("a.wav"), "old") << "the old file is touched before the new one is whole";
  ASSERT_TRUE((*file)->Append("w").ok());
  ASSERT_TRUE((*file)->Commit(folder.Path("a.wav")).ok());
  EXPECT_EQ(folder.Read("a.wav"), "new");
  EXPECT_EQ(folder.NumFiles(), 1);
}

TEST(OutputFile, LeavesNothingUnlessCommitted) {
  const TemporaryFolder folder;
  {
    auto file = OutputFile::Create(folder.Path("a.wav"));
    ASSERT_TRUE(file.ok()) << file.status();
    ASSERT_TRUE((*file)->Append("data").ok());
    EXPECT_EQ(folder.NumFiles(), 1);
  }
  EXPECT_EQ(folder.NumFiles(), 0);
}

TEST(OutputFile, RemovesPartialFilesOfADyingProcess) {
  const TemporaryFolder folder;
  const auto file = OutputFile::Create(folder.Path("a.wav"));
  ASSERT_TRUE(file.ok()) << file.status();
  OutputFile::RemovePartialFiles();
  EXPECT_EQ(folder.NumFiles(), 0);
}

TEST(OutputFile, HasTheModeOfAnyOtherNewFile) {
  const TemporaryFolder folder;
  folder.Write("other", "");
  auto file = OutputFile::Create(folder.Path("a.wav"));
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_TRUE((*file)->Commit(folder.Path("a.wav")).ok());
  EXPECT_EQ(std::filesystem::status(folder.Path("a.wav")).permissions(),
            std::filesystem::status(folder.Path("other")).permissions());
}

TEST(OutputFile, WritesThroughASymbolicLink) {
  const TemporaryFolder folder;
  folder.Write("target.wav", "old");
  std::filesystem::create_symlink(folder.Path("target.wav"), folder.Path("link.wav"));
  auto file = OutputFile::Create(folder.Path("link.wav"));
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_TRUE((*file)->Append("new").ok());
  ASSERT_TRUE((*file)->Commit(folder.Path("link.wav")).ok());
  EXPECT_EQ(folder.Read("target.wav"), "new");
  EXPECT_TRUE(std::filesystem::is_symlink(folder.Path("link.wav")));
}

TEST(OutputFile, WritesToADeviceWithoutReplacingIt) {
  auto file = OutputFile::Create("/dev/null");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_TRUE((*file)->Append("data").ok());
  EXPECT_TRUE((*file)->Commit("/dev/null").ok());
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
}

TEST(OutputFile, NamesTheFolderThatIsNotThere) {
  const TemporaryFolder folder;
  const auto file = OutputFile::Create(folder.Path("missing/a.wav"));
  ASSERT_FALSE(file.ok());
  EXPECT_NE(file.status().message().find("missing/a.wav"), std::string::npos) << file.status();
  EXPECT_FALSE(OutputFile::Create(folder.Path("")).ok());
}

}  // namespace
}  // namespace magnet::client
