//! All integration tests, as one binary.

mod bad_jobs;

mod tidy;
