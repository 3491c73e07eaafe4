//! Data of three shapes, made by a program of a few hundred lines: the same bytes every time, on every machine.
//!
//! - [`Shape::Lineitem`]: 16 columns of CSV; 10 % of the comments are quoted, with commas, doubled quotes or line ends;
//! - [`Shape::Events`]: nested JSON lines of many forms, with escapes;
//! - [`Shape::Users`]: five columns of CSV with four records for each key, of which a tenth are used much more.

mod calendar;
mod events;
mod lineitem;
mod random;
mod users;

use std::io::{self, Write};

/// What a file looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Order lines, CSV.
    Lineitem,
    /// Events of a code host, JSON lines.
    Events,
    /// Events of users, CSV.
    Users,
}

/// A record of users has about so many bytes, and a little less.
const USER_BYTES: u64 = 50;

/// A key of users has so many records.
const USER_RECORDS: u64 = 4;

impl Shape {
    /// Writes about so many bytes, with the header where there is one.
    pub fn write(self, bytes: u64, output: &mut dyn Write) -> io::Result<()> {
        match self {
            Shape::Lineitem => lineitem::write(output, bytes),
            Shape::Events => events::write(output, bytes),
            Shape::Users => {
                let records = bytes / USER_BYTES;
                users::write(output, records, records / USER_RECORDS)
            }
        }
    }
}
