//! What happened, as data: counters. How anything is shown is not known here.

mod progress;

pub use progress::{Progress, ProgressReading};
