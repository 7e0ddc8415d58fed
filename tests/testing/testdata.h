// Files of tests/testdata.
#ifndef MAGNET_TESTS_TESTING_TESTDATA_H_
#define MAGNET_TESTS_TESTING_TESTDATA_H_

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

namespace magnet {

inline std::string TestdataPath(const std::string& path) {
  const char* const folder = std::getenv("MAGNET_TESTDATA");
  if (folder == nullptr) {
    ADD_FAILURE() << "MAGNET_TESTDATA is not set: run by ctest, or set it to "
                     "tests/testdata";
    return path;
  }
  return std::string(folder) + "/" + path;
}

inline std::string ReadTestdata(const std::string& path) {
  std::ifstream file(TestdataPath(path), std::ios::binary);
  EXPECT_TRUE(file.good()) << "cannot read " << TestdataPath(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace magnet

#endif  // MAGNET_TESTS_TESTING_TESTDATA_H_
