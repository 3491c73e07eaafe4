//! The inputs of a job: found, opened, and their columns read.

use super::references::ReferenceFile;
use crate::decode::prologue::Prologue;
use crate::decode::{RECORD_BYTES_MAX, prologue};
use crate::error::{Error, Kind, Result};
use crate::job::Job;
use crate::record::{Place, Position, SourceIndex};
use crate::source::Input;
use crate::source::discover::discover;
use crate::source::lines::{LineEnds, whole_lines_end};
use crate::source::settings::{Mode, SourceFormat};
use crate::storage::{Metadata, Storage, read_full};
use crate::threads;
use crate::transform::reference::Reference;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

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
    /// Whether they may grow while they are read.
    pub mode: Mode,
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
    /// Where it ends for this job: all bytes, or, in an incremental job, the whole lines that it had when the round began.
    pub size: u64,
    /// Where the first record starts that the job, or this round of it, reads.
    pub from: Place,
    /// What was read before this process began; the same as `from` where that is nothing.
    pub reached: Place,
    /// Bytes at its start that earlier rounds have read.
    pub skipped: u64,
    /// Its length when the round began.
    pub length: u64,
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
        let mut inputs = Inputs::none(job, storage)?;
        let mut has_names = false;
        for path in paths {
            let Some((file, prologue)) = InputFile::open(job, storage, path)? else { continue };
            if let Some(prologue) = &prologue {
                if !has_names {
                    inputs.names.clone_from(&prologue.names);
                    // The columns of the other inputs are the same, and so are the notes.
                    let name = file.name.display();
                    let notes = prologue.notes.iter();
                    inputs.notes.extend(notes.map(|note| format!("`{name}`: {note}")));
                    has_names = true;
                } else if job.source.format != SourceFormat::Jsonl {
                    let first = &inputs.files[0].name;
                    same_columns(&inputs.names, &prologue.names, first, &file.name)?;
                }
            }
            inputs.files.push(file);
        }
        match paths.first() {
            Some(first) if inputs.files.is_empty() => Err(no_whole_line(first)),
            _ => Ok(inputs),
        }
    }

    /// No inputs yet, and the files that steps look things up in.
    pub fn none(job: &Job, storage: &dyn Storage) -> Result<Inputs> {
        let references = ReferenceFile::read_all(job, storage)?;
        let (names, notes) = (Vec::new(), Vec::new());
        Ok(Inputs { files: Vec::new(), names, notes, references, mode: job.source.mode })
    }

    /// Adds an input that is new in a round; its columns must be those of the others. False where it has no whole line yet.
    pub fn add_new(
        &mut self,
        job: &Job,
        storage: &dyn Storage,
        path: &Path,
        first: &Path,
    ) -> Result<bool> {
        let Some((file, prologue)) = InputFile::open(job, storage, path)? else { return Ok(false) };
        if let (Some(prologue), SourceFormat::Csv(_)) = (prologue, &job.source.format) {
            same_columns(&self.names, &prologue.names, first, &file.name)?;
        }
        self.files.push(file);
        Ok(true)
    }

    /// The open file of an input; opened on first use.
    pub fn handle(&self, storage: &dyn Storage, source: SourceIndex) -> Result<Arc<Input>> {
        let input = &self.files[source.0 as usize];
        let mut handle = threads::lock(&input.handle);
        if let Some(file) = &*handle {
            return Ok(Arc::clone(file));
        }
        let mut opened = Input::open(storage, &input.path)?;
        let id = |metadata: &Metadata| (metadata.device, metadata.inode);
        if self.mode == Mode::Incremental && id(&opened.metadata) != id(&input.metadata) {
            return Err(rotated(&input.name));
        }
        // A change since the headers were read is a change during the run.
        opened.metadata = input.metadata;
        let opened = Arc::new(opened);
        *handle = Some(Arc::clone(&opened));
        Ok(opened)
    }

    /// Closes an input that was read to its end.
    pub fn close(&self, source: SourceIndex) {
        let input = &self.files[source.0 as usize];
        *threads::lock(&input.handle) = None;
    }

    /// Where an input's first record starts; behind the last input there is a position, too: the end.
    pub fn start_of(&self, source: usize) -> Position {
        let index = SourceIndex(u32::try_from(source).expect("fewer than 2^32 inputs"));
        let Place { offset, records, lines } =
            self.files.get(source).map_or_else(Place::default, |file| file.from);
        Position { source: index, offset, records, lines }
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

    /// Bytes of all inputs; in a round those that are new.
    pub fn bytes_total(&self) -> u64 {
        self.files.iter().map(InputFile::bytes).sum()
    }

    /// Those of them before a position.
    pub fn bytes_before(&self, position: Position) -> u64 {
        let source = position.source.0 as usize;
        let whole = self.files.iter().take(source).map(InputFile::bytes).sum::<u64>();
        let skipped = self.files.get(source).map_or(0, |file| file.skipped);
        whole + position.offset.saturating_sub(skipped)
    }
}

impl InputFile {
    /// An input that is read from its start, with what stands before its first record. `None` in an incremental job where
    /// it has no whole line yet.
    fn open(
        job: &Job,
        storage: &dyn Storage,
        path: &Path,
    ) -> Result<Option<(InputFile, Option<Prologue>)>> {
        let input = Input::open(storage, path)?;
        let metadata = input.metadata;
        let size = size_of(job, &input, 0)?;
        if size == 0 && job.is_incremental() {
            return Ok(None);
        }
        let prologue = read_prologue(&job.source.format, &input, size)?;
        let (offset, lines) =
            prologue.as_ref().map_or((size, 0), |prologue| (prologue.data_start, prologue.lines));
        let from = Place { offset, records: 0, lines };
        let file = InputFile {
            path: path.to_path_buf(),
            name: name_of(job, path),
            metadata,
            size,
            from,
            reached: from,
            skipped: 0,
            length: metadata.length,
            handle: Mutex::new(None),
        };
        Ok(Some((file, prologue)))
    }

    /// An input of which something was read before.
    pub fn known(path: PathBuf, name: PathBuf, metadata: Metadata, read: Read) -> InputFile {
        let Read { size, from, reached, length } = read;
        // A header is read with the first records.
        let skipped = if from.records > 0 { from.offset } else { 0 };
        let handle = Mutex::new(None);
        InputFile { path, name, metadata, size, from, reached, skipped, length, handle }
    }

    /// Bytes that are read of it.
    pub fn bytes(&self) -> u64 {
        self.size - self.skipped.min(self.size)
    }
}

/// What is known of an input of which something was read before; the same as in [`InputFile`].
#[derive(Debug, Clone, Copy)]
pub struct Read {
    pub size: u64,
    pub from: Place,
    pub reached: Place,
    pub length: u64,
}

/// The path of an input as counted from the job's folder.
pub fn name_of(job: &Job, path: &Path) -> PathBuf {
    path.strip_prefix(&job.folder).unwrap_or(path).to_path_buf()
}

/// Where an open input ends for a job.
pub fn size_of(job: &Job, input: &Input, from: u64) -> Result<u64> {
    let length = input.metadata.length;
    let ends = match (job.source.mode, &job.source.format) {
        (Mode::Batch, _) => return Ok(length),
        (Mode::Incremental, SourceFormat::Jsonl) => LineEnds::Lf,
        (Mode::Incremental, SourceFormat::Csv(_)) => LineEnds::LfOrCr,
    };
    let end = whole_lines_end(&*input.file, from, length, ends);
    end.map_err(|cause| Error::io("read", &input.path, cause))
}

fn no_whole_line(path: &Path) -> Error {
    let message = format!("`{}` has no whole line yet, nor has another input", path.display());
    Error::new(Kind::NoInput, message).with_hint("run the same command when there is one")
}

fn rotated(name: &Path) -> Error {
    let name = name.display();
    Error::failed(format!("another file took the place of `{name}` before it was read"))
        .with_hint("run the same command again: an input that was moved is known by its content")
}

/// The header and where the records start; `None` for an empty file whose columns the job does not name.
fn read_prologue(format: &SourceFormat, input: &Input, size: u64) -> Result<Option<Prologue>> {
    let mut length = PROLOGUE_BYTES;
    loop {
        let mut bytes = vec![0; length];
        let reading = |cause| Error::io("read", &input.path, cause);
        let count = read_full(&*input.file, &mut bytes, 0).map_err(reading)?;
        let count = count.min(usize::try_from(size).unwrap_or(usize::MAX));
        bytes.truncate(count);
        let is_whole = count < length || count as u64 >= size;
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
