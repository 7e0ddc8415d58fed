#include "tests/integration/certificates.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "server/file_text.h"

namespace magnet::testing {

Certificates::Certificates() : folder_(::testing::TempDir() + "/certificates.XXXXXX") {
  EXPECT_NE(mkdtemp(folder_.data()), nullptr);
  std::ofstream(Path("names")) << "subjectAltName=DNS:localhost,IP:127.0.0.1\n";
  Run("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key "
      "-out ca.pem");
  Issue("server");
  Issue("client");
}

Certificates::~Certificates() { std::filesystem::remove_all(folder_); }

void Certificates::Issue(const std::string& name) {
  Run(absl::StrCat("openssl req -newkey rsa:2048 -nodes -subj /CN=", name, " -keyout ", name,
                   ".key -out ", name, ".csr"));
  Run(absl::StrCat("openssl x509 -req -days 2 -CA ca.pem -CAkey ca.key -CAcreateserial -in ", name,
                   ".csr -extfile names -out ", name, ".pem"));
}

// By renaming: nobody reads half a file.
void Certificates::Install(const std::string& name, const std::string& as) {
  for (const char* extension : {".key", ".pem"}) {
    Run(absl::StrCat("cp ", name, extension, " new && mv new ", as, extension));
  }
}

std::string Certificates::Text(const std::string& file) const { return *ReadTextFile(Path(file)); }

void Certificates::Run(const std::string& command) const {
  const std::string line = absl::StrCat("cd ", folder_, " && { ", command, "; } 2>/dev/null");
  EXPECT_EQ(std::system(line.c_str()), 0) << command;
}

}  // namespace magnet::testing
