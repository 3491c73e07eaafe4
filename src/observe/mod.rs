//! What happens, as data: events and counters. How they are shown is not known here.

mod event;

mod progress;

pub use event::{Event, Observer};
pub use progress::{Progress, ProgressReading};
