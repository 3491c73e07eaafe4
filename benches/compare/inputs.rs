//! The inputs of the comparison: files that are there already, or are made now.

use crate::data::Shape;
use clap::ValueEnum;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

/// How much of a shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, ValueEnum)]
pub enum Size {
    /// 100 MB each.
    Small,
    /// 2 GB; of users 1 GB, which is 20 million records.
    Full,
    /// 10 GB; of users 5 GB.
    Large,
}

impl Shape {
    /// The name of a file of the shape.
    fn file_name(self, size: Size) -> String {
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

    fn bytes(self, size: Size) -> u64 {
        match (size, self) {
            (Size::Small, _) => 100_000_000,
            (Size::Full, Shape::Users) => 1_000_000_000,
            (Size::Full, _) => 2_000_000_000,
            (Size::Large, Shape::Users) => 5_000_000_000,
            (Size::Large, _) => 10_000_000_000,
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
        shape.write(shape.bytes(size), &mut output)?;
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
