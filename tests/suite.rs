//! All integration tests, as one binary.

#![expect(
    clippy::disallowed_methods,
    reason = "tests make and read the files that the program works on"
)]

mod algebra;

mod bad_jobs;

mod cases;

mod changes;

mod commands;

mod cookbook;

mod copies;

mod crash;

mod draining;

mod expression_fuzz;

mod fuzz;

mod golden;

mod hostile;

mod kill;

mod large_states;

mod limits;

mod matrix;

mod power;

mod prove;

mod readme;

mod reference;

mod refusals;

mod rounds;

mod states;

mod steps;

mod support;

mod syscalls;

mod tidy;

mod triggers;

mod unbound_jobs;

mod verify;
