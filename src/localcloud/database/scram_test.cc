#include "localcloud/database/scram.h"

#include <gtest/gtest.h>

namespace adhoc::localcloud {
namespace {

// The password, the salt and the two keys' owners are those of the exchange in RFC 7677, section 3; PostgreSQL 15 lets
// `pencil` in with this verifier.
TEST(ScramVerifier, IsThatOfTheStandardsExample) {
  const std::string salt = "\x5b\x6d\x99\x68\x9d\x12\x35\x8e\xec\xa0\x4b\x14\x12\x36\xfa\x81";
  EXPECT_EQ(ScramVerifier("pencil", salt),
            "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
            "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=");
}

TEST(ScramVerifier, DependsOnPasswordSaltAndIterations) {
  const std::string verifier = ScramVerifier("pencil", "0123456789abcdef");
  EXPECT_NE(ScramVerifier("pencils", "0123456789abcdef"), verifier);
  EXPECT_NE(ScramVerifier("pencil", "0123456789abcdeg"), verifier);
  EXPECT_NE(ScramVerifier("pencil", "0123456789abcdef", 8192), verifier);
}

}  // namespace
}  // namespace adhoc::localcloud
