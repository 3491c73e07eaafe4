//! Reading an export: all of it is checked before anything is done with it.

use super::{END, END_MAGIC, HEADER_BYTES, Kind, MAGIC, PART_HEADER_BYTES, TRAILER_BYTES, VERSION};
use crate::checkpoint::format::fields::{Fields, Masked};
use crate::error::{Error, Result};
use crate::storage::{File, OpenMode, Storage, read_full};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// More parts than a job has outputs and a state spills.
const PARTS_MAX: usize = 1 << 20;

/// The file is read in such portions.
const PORTION_BYTES: usize = 1 << 20;

/// An export that is complete and undamaged.
#[derive(Debug)]
pub struct Parcel {
    /// The file.
    pub file: Arc<dyn File>,
    /// Where it is.
    pub path: PathBuf,
    /// Its parts in their order.
    pub parts: Vec<Wrapped>,
}

/// A part of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrapped {
    /// What it is.
    pub kind: Kind,
    /// What it is called.
    pub name: String,
    /// Where its content begins.
    pub start: u64,
    /// Bytes of the content.
    pub length: u64,
}

/// Why a file is no usable export.
enum Problem {
    Wrong(String),
    Io(io::Error),
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Problem::Io(error)
    }
}

fn wrong<T>(why: &str) -> Result<T, Problem> {
    Err(Problem::Wrong(why.to_owned()))
}

impl Parcel {
    /// Opens an export and checks all of its wrapping.
    pub fn open(storage: &dyn Storage, path: &Path) -> Result<Parcel> {
        let file = storage.open(path, OpenMode::ReadInput).map_err(|cause| {
            let error = Error::io("open", path, cause);
            Error { kind: crate::error::Kind::Usage, ..error }
        })?;
        match read(&*file) {
            Ok(parts) => Ok(Parcel { file, path: path.to_path_buf(), parts }),
            Err(Problem::Io(cause)) => Err(Error::io("read", path, cause)),
            Err(Problem::Wrong(why)) => Err(unusable(path, &why)),
        }
    }

    /// The content of a part, which must not be longer than what the memory is meant for.
    pub fn content(&self, part: &Wrapped) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        while (bytes.len() as u64) < part.length {
            let filled = bytes.len();
            let missing = usize::try_from(part.length - filled as u64).unwrap_or(usize::MAX);
            bytes.resize(filled + missing.min(PORTION_BYTES), 0);
            let place = part.start + filled as u64;
            let count = read_full(&*self.file, &mut bytes[filled..], place);
            let count = count.map_err(|cause| Error::io("read", &self.path, cause))?;
            bytes.truncate(filled + count);
            if count == 0 {
                return Err(self.unusable("it was changed while it was read"));
            }
        }
        Ok(bytes)
    }

    /// That it cannot be used, and why.
    pub fn unusable(&self, why: &str) -> Error {
        unusable(&self.path, why)
    }
}

fn unusable(path: &Path, why: &str) -> Error {
    let message = format!("`{}` is no usable export: {why}", path.display());
    Error::refused(message).with_hint("export it again with `onward checkpoint export`")
}

fn read(file: &dyn File) -> Result<Vec<Wrapped>, Problem> {
    let length = file.metadata()?.length;
    let mut header = [0; HEADER_BYTES];
    let count = read_full(file, &mut header, 0)?;
    if count < HEADER_BYTES || header[..8] != MAGIC {
        return wrong("it does not begin like one");
    }
    let version = u16::from_le_bytes([header[8], header[9]]);
    if version != VERSION {
        return Err(Problem::Wrong(format!(
            "a newer version of onward wrote it (version {version})"
        )));
    }
    let end = length.checked_sub((PART_HEADER_BYTES + TRAILER_BYTES) as u64);
    let Some(end) = end.filter(|end| *end >= HEADER_BYTES as u64) else {
        return wrong("it is cut off");
    };
    check_digest(file, length)?;
    let (mut parts, mut place) = (Vec::new(), HEADER_BYTES as u64);
    loop {
        let mut front = [0; PART_HEADER_BYTES];
        read_full(file, &mut front, place)?;
        let (kind, name_length, part_length) = part_header(&front);
        if kind == END {
            let is_end = place == end && part_length == parts.len() as u64;
            return if is_end { Ok(parts) } else { wrong("its parts contradict each other") };
        }
        let start = place + (PART_HEADER_BYTES + usize::from(name_length)) as u64;
        let next = start.checked_add(part_length).filter(|next| *next <= end);
        let (Some(kind), Some(next)) = (Kind::of(kind), next) else {
            return wrong("its parts contradict each other");
        };
        if parts.len() >= PARTS_MAX {
            return wrong("it has more parts than are ever written");
        }
        let mut name = vec![0; usize::from(name_length)];
        read_full(file, &mut name, place + PART_HEADER_BYTES as u64)?;
        let Ok(name) = String::from_utf8(name) else {
            return wrong("its parts contradict each other");
        };
        parts.push(Wrapped { kind, name, start, length: part_length });
        place = next;
    }
}

fn part_header(bytes: &[u8]) -> (u8, u16, u64) {
    let mut fields = Fields::new(bytes);
    let why = "a header of a part is read as a whole";
    let kind = fields.u8().expect(why);
    let _zero = fields.u8();
    let name_length = fields.u16().expect(why);
    let _zeros = fields.u32();
    (kind, name_length, fields.u64().expect(why))
}

fn check_digest(file: &dyn File, length: u64) -> Result<(), Problem> {
    let mut digest = Masked::default();
    let mut portion = vec![0; PORTION_BYTES];
    let covered = length - TRAILER_BYTES as u64;
    let mut place = 0;
    while place < covered {
        let wanted = usize::try_from(covered - place).unwrap_or(usize::MAX).min(PORTION_BYTES);
        let count = read_full(file, &mut portion[..wanted], place)?;
        if count < wanted {
            return wrong("it is cut off");
        }
        digest.update(&portion[..wanted]);
        place += wanted as u64;
    }
    let mut trailer = [0; TRAILER_BYTES];
    read_full(file, &mut trailer, covered)?;
    if trailer[4..] != END_MAGIC {
        return wrong("it is cut off, or something is behind its end");
    }
    if trailer[..4] != digest.finish().to_le_bytes() {
        return wrong("it is damaged");
    }
    Ok(())
}
