//! Runs a chain of transforms over CSV and JSONL files, and goes on exactly where it was stopped.
//!
//! The modules below stand in the order in which data flows through them.
//!
#![doc = include_str!("ARCHITECTURE.md")]

// What failed, where, why, and what to type next; free to all.
pub mod error;

// What 64 bytes hold, as bit masks: the only unsafe code.
pub mod vector;

// The vocabulary: types, columns, batches, layouts, positions, as plain data.
pub mod record;

// SQL text becomes a bound expression, and that is evaluated over a batch.
pub mod expr;

// Threads begin, wait for each other and end; in tests in an order that a seed decides.
pub mod threads;

// Durable bytes: the only home of `std::fs`, and the simulated disk that stands in for it in tests.
pub mod storage;

// Inputs are found, opened, and known again.
pub mod source;

// Bytes become batches: chunks are cut, records indexed, columns decoded.
pub mod decode;

// The chain runs: one step per file.
pub mod transform;

// What keyed steps remember, and its durable form.
pub mod state;

// Batches become bytes; mirrors `decode`.
pub mod encode;

// Outputs are staged, appended to, rewound, published.
pub mod sink;

// Checkpoints are written, found, believed or refused, and retired.
pub mod checkpoint;

// The job file as written becomes the job as understood.
pub mod job;

// All stages meet; `pipeline.rs` in there is the sketch of the whole program.
pub mod engine;

// What happened, as data.
pub mod observe;

// Terminal, environment and process: arguments, messages, progress, signals, exit codes.
pub mod cli;
