/* Which of its versions reloaded.cpp is. */
extern const int soho_test_reloaded;
const int soho_test_reloaded = SOHO_TEST_RELOADED;
