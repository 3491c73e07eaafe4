//! The vocabulary: what a record, a batch, a column, a type and a position are.
//!
//! Plain data that every other module speaks of. Nothing here knows files, expressions or threads.
//!
//! Invariants:
//! - a batch's selection is sorted, without repeats, and only ever shrinks;
//! - every decoded column of a batch has one value per row of the batch, selected or not;
//! - a slot is filled at most once per batch.

pub mod aggregation;

mod batch;

pub mod calendar;

pub mod digits;

mod column;

mod fingerprint;

mod gather;

mod interval;

mod layout;

pub mod list;

pub mod literal;

pub mod moment;
mod order;

pub mod object;

mod position;

mod raw;

pub mod reading;

pub mod text;

mod types;

pub mod zone;

pub use batch::{Batch, Filtered, Gravity, Lineage, Reject, RejectedRecord};
pub use column::{Column, Faults, Reason, Span, Text, Validity, Values};
pub use fingerprint::Fingerprint;
pub use interval::{Interval, IntervalUnit};
pub use layout::{Field, JsonPath, Layout, PathStep, Rest, Slot, SlotInfo, SlotOrigin, Slots};
pub use order::{Direction, Nulls, Order};
pub use position::{ChunkNumber, Place, Position, SourceIndex};
pub use raw::{CsvDialect, CsvRecords, JsonRecords, RawRecords};
pub use reading::{NumberFormat, Reading};
pub use types::{DataType, Element};
