//! The inputs of a job: found, opened, and their columns read.

use super::references::ReferenceFile;
use crate::decode::prologue::Prologue;
use crate::decode::{RECORD_BYTES_MAX, prologue};
use crate::error::{Error, Kind, Result};
use crate::job::Job;
use crate::record::{Position, SourceIndex};
use crate::source::Input;
use crate::source::discover::discover;
use crate::source::settings::SourceFormat;
use crate::storage::{Metadata, Storage, read_full};
use crate::transform::reference::Reference;
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
    /// The files that steps look things up in.
    pub references: Vec<Arc<ReferenceFile>>,
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
    handle: Mutex<Option<Arc<Input>>>,
}

/// The first read of a header; grows until the header is in it.
const PROLOGUE_BYTES: usize = 64 * 1024;

impl Inputs {
    /// The paths that the job names, globs resolved.
    pub fn discover(job: &Job, storage: &dyn Storage) -> Result<Vec<PathBuf>> {
        discover(storage, &job.folder, &job.source.paths)
    }

    /// Opens all inputs once and reads their headers; CSV files must agree about their columns.
    pub fn open(job: &Job, storage: &dyn Storage, paths: &[PathBuf]) -> Result<Inputs> {
        let references = ReferenceFile::read_all(job, storage)?;
        let mut inputs =
            Inputs { files: Vec::new(), names: Vec::new(), notes: Vec::new(), references };
        let mut has_names = false;
        for path in paths {
            let input = Input::open(storage, path)?;
            let metadata = input.metadata;
            let name = path.strip_prefix(&job.folder).unwrap_or(path).to_path_buf();
            let prologue = read_prologue(&job.source.format, &input)?;
            if let Some(prologue) = &prologue {
                if !has_names {
                    inputs.names.clone_from(&prologue.names);
                    // The columns of the other inputs are the same, and so are the notes.
                    let notes = prologue.notes.iter();
                    inputs.notes.extend(notes.map(|note| format!("`{}`: {note}", name.display())));
                    has_names = true;
                } else if job.source.format != SourceFormat::Jsonl {
                    let first = &inputs.files[0].name;
                    same_columns(&inputs.names, &prologue.names, first, &name)?;
                }
            }
            let (data_start, data_lines) = prologue
                .map_or((metadata.length, 0), |prologue| (prologue.data_start, prologue.lines));
            inputs.files.push(InputFile {
                path: path.clone(),
                name,
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
    pub fn handle(&self, storage: &dyn Storage, source: SourceIndex) -> Result<Arc<Input>> {
        let input = &self.files[source.0 as usize];
        let mut handle = input.handle.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = &*handle {
            return Ok(Arc::clone(file));
        }
        let mut opened = Input::open(storage, &input.path)?;
        // A change since the headers were read is a change during the run.
        opened.metadata = input.metadata;
        let opened = Arc::new(opened);
        *handle = Some(Arc::clone(&opened));
        Ok(opened)
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

    /// The files that steps look things up in, for binding.
    pub fn references(&self) -> Vec<Arc<dyn Reference>> {
        let reference = |file: &Arc<ReferenceFile>| -> Arc<dyn Reference> { file.clone() };
        self.references.iter().map(reference).collect()
    }

    /// The paths of all inputs with what they were when they were opened.
    pub fn known(&self) -> Vec<(PathBuf, Metadata)> {
        let files = self.files.iter().map(|file| (file.path.clone(), file.metadata));
        let references = self.references.iter().map(|file| (file.path.clone(), file.metadata));
        files.chain(references).collect()
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
}

/// The header and where the records start; `None` for an empty file whose columns the job does not name.
fn read_prologue(format: &SourceFormat, input: &Input) -> Result<Option<Prologue>> {
    let mut length = PROLOGUE_BYTES;
    loop {
        let mut bytes = vec![0; length];
        let reading = |cause| Error::io("read", &input.path, cause);
        let count = read_full(&*input.file, &mut bytes, 0).map_err(reading)?;
        bytes.truncate(count);
        let is_whole = count < length || count as u64 >= input.metadata.length;
        let has_header =
            !matches!(format, SourceFormat::Csv(settings) if settings.columns.is_some());
        if count == 0 && has_header {
            return Ok(None);
        }
        if let Some(prologue) = prologue_of(format, &bytes, is_whole).map_err(|error| {
            let message = format!("cannot read the header of `{}`: {error}", input.path.display());
            Error { message, kind: Kind::Usage, cause: None, ..error }
        })? {
            return Ok(Some(prologue));
        }
        if is_whole || length > RECORD_BYTES_MAX {
            let message =
                format!("cannot read the header of `{}`: it does not end", input.path.display());
            return Err(Error::usage(message).with_hint("check `quote`, `delimiter` and `format`"));
        }
        length *= 4;
    }
}

/// JSONL has no header: the keys of its first record stand in for one.
pub(super) fn prologue_of(
    format: &SourceFormat,
    bytes: &[u8],
    is_whole: bool,
) -> Result<Option<Prologue>> {
    let Some(mut prologue) = prologue::read(format, bytes, is_whole)? else { return Ok(None) };
    if *format == SourceFormat::Jsonl {
        match prologue::first_keys(bytes) {
            Some(keys) => prologue.names = keys,
            None if !is_whole && bytes.len() < RECORD_BYTES_MAX => return Ok(None),
            None => {}
        }
    }
    Ok(Some(prologue))
}

fn same_columns(expected: &[String], found: &[String], first: &Path, path: &Path) -> Result<()> {
    if expected == found {
        return Ok(());
    }
    let message = format!("`{}` has other columns than `{}`", path.display(), first.display());
    let hint = match expected.iter().zip(found).position(|(expected, found)| expected != found) {
        Some(at) => {
            format!("column {} is `{}` there and `{}` here", at + 1, expected[at], found[at])
        }
        None => format!("there are {} columns there and {} here", expected.len(), found.len()),
    };
    Err(Error::usage(message).with_hint(format!("{hint}; run a job of its own for it")))
}
