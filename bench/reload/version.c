/* Which of its versions counter.cpp is: two files that differ, of one compilation. */
extern const int soho_bench_version;
const int soho_bench_version = SOHO_BENCH_VERSION;
