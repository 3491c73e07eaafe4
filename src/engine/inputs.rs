//! The inputs of a job: found, opened, and their columns read.

use crate::decode::{Prologue, PrologueOutcome, first_keys, read_prologue};
use crate::error::{Error, Result};
use crate::job::Job;
use crate::record::{Fingerprint, Position, SourceIndex};
use crate::source::{self, SourceFormat, fingerprint};
use crate::storage::{File, Metadata, OpenMode, Storage, read_full};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// All inputs, in the order in which they are read.
#[derive(Debug)]
pub struct Inputs {
    /// The files.
    pub files: Vec<InputFile>,
    /// CSV: the column names. JSONL: the keys of the first record.
    pub names: Vec<String>,
    /// What a user should know about them.
    pub notes: Vec<String>,
}

/// One input.
#[derive(Debug)]
pub struct InputFile {
    /// Its path.
    pub path: PathBuf,
    /// Its path as counted from the job's folder: what messages, rejects and checkpoints call it.
    pub name: PathBuf,
    /// What it was when it was opened. Only so many bytes are read as it had then.
    pub metadata: Metadata,
    /// Bytes.
    pub size: u64,
    /// Where its first record starts.
    pub data_start: u64,
    /// Line ends before that.
    pub data_lines: u64,
    /// The open file, while it is being read.
    handle: Mutex<Option<Arc<dyn File>>>,
}

/// The first read of a header; grows until the header is in it.
const PROLOGUE_BYTES: usize = 64 * 1024;

impl Inputs {
    /// The paths that the job names, globs resolved.
    pub fn discover(job: &Job, storage: &dyn Storage) -> Result<Vec<PathBuf>> {
        source::discover(storage, &job.folder, &job.source.paths)
    }

    /// Opens all inputs once and reads their headers; CSV files must agree about their columns.
    pub fn open(job: &Job, storage: &dyn Storage, paths: &[PathBuf]) -> Result<Inputs> {
        let mut inputs = Inputs { files: Vec::new(), names: Vec::new(), notes: Vec::new() };
        let mut has_names = false;
        for path in paths {
            let file = open(storage, path)?;
            let metadata = file.metadata().map_err(|cause| Error::io("read", path, cause))?;
            let prologue = prologue(&job.source.format, &*file, path, metadata.length)?;
            if let Some(prologue) = &prologue {
                if !has_names {
                    inputs.names.clone_from(&prologue.names);
                    has_names = true;
                } else if job.source.format != SourceFormat::Jsonl {
                    same_columns(&inputs.names, &prologue.names, &paths[0], path)?;
                }
                let notes = prologue.notes.iter();
                inputs.notes.extend(notes.map(|note| format!("`{}`: {note}", path.display())));
            }
            let (data_start, data_lines) =
                prologue.map_or((metadata.length, 0), |prologue| (prologue.data_start, prologue.lines));
            inputs.files.push(InputFile {
                path: path.clone(),
                name: path.strip_prefix(&job.folder).unwrap_or(path).to_path_buf(),
                metadata,
                size: metadata.length,
                data_start,
                data_lines,
                handle: Mutex::new(None),
            });
        }
        Ok(inputs)
    }

    /// The open file of an input; opened on first use.
    pub fn handle(&self, storage: &dyn Storage, source: SourceIndex) -> Result<Arc<dyn File>> {
        let input = &self.files[source.0 as usize];
        let mut handle = input.handle.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = &*handle {
            return Ok(Arc::clone(file));
        }
        let file = open(storage, &input.path)?;
        *handle = Some(Arc::clone(&file));
        Ok(file)
    }

    /// Closes an input that was read to its end.
    pub fn close(&self, source: SourceIndex) {
        let input = &self.files[source.0 as usize];
        *input.handle.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Where an input's first record starts; behind the last input there is a position, too: the end.
    pub fn start_of(&self, source: usize) -> Position {
        let index = SourceIndex(u32::try_from(source).expect("fewer than 2^32 inputs"));
        let (offset, lines) =
            self.files.get(source).map_or((0, 0), |file| (file.data_start, file.data_lines));
        Position { source: index, offset, records: 0, lines }
    }

    /// Bytes of all inputs.
    pub fn bytes_total(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }

    /// Bytes before a position.
    pub fn bytes_before(&self, position: Position) -> u64 {
        let whole = self.files.iter().take(position.source.0 as usize);
        whole.map(|file| file.size).sum::<u64>() + position.offset
    }

    /// The fingerprint of an input before anything of it was consumed.
    pub fn fresh_fingerprint(&self, storage: &dyn Storage, source: usize) -> Result<Fingerprint> {
        let input = &self.files[source];
        let file = open(storage, &input.path)?;
        fingerprint::unread(&*file).map_err(|cause| Error::io("read", &input.path, cause))
    }
}

fn open(storage: &dyn Storage, path: &Path) -> Result<Arc<dyn File>> {
    storage.open(path, OpenMode::ReadInput).map_err(|cause| {
        let error = Error::io("open", path, cause);
        Error { kind: crate::error::Kind::Usage, ..error }
    })
}

/// The header and where the records start; `None` for an empty file.
fn prologue(
    format: &SourceFormat,
    file: &dyn File,
    path: &Path,
    size: u64,
) -> Result<Option<Prologue>> {
    let mut length = PROLOGUE_BYTES;
    loop {
        let mut bytes = vec![0; length];
        let count =
            read_full(file, &mut bytes, 0).map_err(|cause| Error::io("read", path, cause))?;
        bytes.truncate(count);
        let is_whole = count as u64 >= size || count < length;
        if count == 0 {
            return Ok(None);
        }
        let outcome = match format {
            SourceFormat::Csv(csv) => read_prologue(csv, &bytes, is_whole),
            SourceFormat::Jsonl => first_keys(&bytes, is_whole),
        };
        match outcome {
            PrologueOutcome::Prologue(prologue) => return Ok(Some(prologue)),
            PrologueOutcome::NeedMore if is_whole || length > source::RECORD_BYTES_MAX => {
                let message = format!("cannot read the header of `{}`: it does not end", path.display());
                return Err(Error::usage(message).with_hint("check `quote`, `delimiter` and `format`"));
            }
            PrologueOutcome::NeedMore => length *= 4,
            PrologueOutcome::Invalid(reason) => {
                let message = format!("cannot read the header of `{}`: {reason}", path.display());
                return Err(Error::usage(message));
            }
        }
    }
}

fn same_columns(expected: &[String], found: &[String], first: &Path, path: &Path) -> Result<()> {
    if expected == found {
        return Ok(());
    }
    let message = format!("`{}` has other columns than `{}`", path.display(), first.display());
    let hint = match expected.iter().zip(found).position(|(expected, found)| expected != found) {
        Some(at) => format!("column {} is `{}` there and `{}` here", at + 1, expected[at], found[at]),
        None => format!("there are {} columns there and {} here", expected.len(), found.len()),
    };
    Err(Error::usage(message).with_hint(format!("{hint}; run a job of its own for it")))
}
