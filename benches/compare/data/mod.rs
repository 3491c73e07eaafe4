//! The data of the comparison: files that are there already, or are made, the same bytes every time.
//!
//! - [`Shape::Lineitem`]: 16 columns of CSV; 10 % of the comments are quoted, with commas, doubled quotes or line ends;
//! - [`Shape::Events`]: nested JSON lines of many forms, with escapes;
//! - [`Shape::Users`]: five columns of CSV with four records for each key, of which a tenth are used much more.

mod calendar;
mod events;
mod lineitem;
mod random;
mod users;

use clap::ValueEnum;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

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

/// How much of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, ValueEnum)]
pub enum Size {
    /// 100 MB; 2 million records of users.
    Small,
    /// 2 GB; 20 million records of users.
    Full,
    /// 10 GB; 100 million records of users.
    Large,
}

impl Shape {
    /// The name of a file of the shape.
    pub fn file_name(self, size: Size) -> String {
        let suffix = match size {
            Size::Small => "_s",
            Size::Full => "",
            Size::Large => "_x",
        };
        match self {
            Shape::Lineitem => format!("lineitem{suffix}.csv"),
            Shape::Events => format!("events{suffix}.jsonl"),
            Shape::Users => format!("users{suffix}.csv"),
        }
    }

    fn write(self, size: Size, output: &mut dyn Write) -> io::Result<()> {
        let (bytes, records) = match size {
            Size::Small => (100_000_000, 2_000_000),
            Size::Full => (2_000_000_000, 20_000_000),
            Size::Large => (10_000_000_000, 100_000_000),
        };
        match self {
            Shape::Lineitem => lineitem::write(output, bytes),
            Shape::Events => events::write(output, bytes),
            Shape::Users => users::write(output, records, records / 4),
        }
    }
}

/// The file of a shape and size in a folder. One that is not there is made, under another name until it is whole.
pub fn file(folder: &Path, shape: Shape, size: Size) -> Result<PathBuf, String> {
    let path = folder.join(shape.file_name(size));
    if path.exists() {
        return Ok(path);
    }
    eprintln!("making {}", path.display());
    let unfinished = path.with_extension("unfinished");
    let make = || {
        fs::create_dir_all(folder)?;
        let mut output = BufWriter::with_capacity(1 << 20, File::create(&unfinished)?);
        shape.write(size, &mut output)?;
        output.flush()?;
        fs::rename(&unfinished, &path)
    };
    make().map_err(|cause| format!("cannot make `{}`: {cause}", path.display()))?;
    Ok(path)
}

/// Reads a file once, so that it is in memory where it fits; how many bytes it has.
pub fn warm(path: &Path) -> Result<u64, String> {
    let read = || {
        let mut file = File::open(path)?;
        let mut buffer = vec![0; 1 << 20];
        let mut bytes = 0;
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(bytes),
                count => bytes += count as u64,
            }
        }
    };
    read().map_err(|cause: io::Error| format!("cannot read `{}`: {cause}", path.display()))
}
