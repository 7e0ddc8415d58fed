// Certificates for tests, made with the openssl program.
#ifndef MAGNET_TESTS_INTEGRATION_CERTIFICATES_H_
#define MAGNET_TESTS_INTEGRATION_CERTIFICATES_H_

#include <string>

namespace magnet::testing {

// A folder with an authority (ca.pem) and what it has signed, for localhost and
// 127.0.0.1. "server" and "client" are there from the start. Failures fail the test.
class Certificates {
 public:
  Certificates();
  ~Certificates();
  Certificates(const Certificates&) = delete;
  Certificates& operator=(const Certificates&) = delete;

  // NAME.pem and NAME.key, for the common name NAME.
  void Issue(const std::string& name);

  // Copies a certificate and its key over another's.
  void Install(const std::string& name, const std::string& as);

  std::string Path(const std::string& file) const { return folder_ + "/" + file; }
  std::string Text(const std::string& file) const;

 private:
  void Run(const std::string& command) const;

  std::string folder_;
};

}  // namespace magnet::testing

#endif  // MAGNET_TESTS_INTEGRATION_CERTIFICATES_H_
