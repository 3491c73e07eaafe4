//! The files that steps look things up in: read whole when a job is looked at, and known again when it goes on.

use super::inputs::prologue_of;
use crate::checkpoint::ReferenceEntry;
use crate::decode::prologue::Prologue;
use crate::decode::{CutOutcome, Decoder, Start};
use crate::error::{Error, Kind, Result};
use crate::job::Job;
use crate::record::{Batch, DataType, Field, Layout, RawRecords, Slot, SlotOrigin, Slots};
use crate::source::settings::{ReferenceSettings, SourceFormat};
use crate::storage::{Metadata, OpenMode, Storage, read_full};
use crate::transform::reference::Reference;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file that is read in portions, so that memory grows only with bytes that are there.
const PORTION_BYTES: u64 = 16 << 20;

/// A file with all its bytes.
#[derive(Debug)]
pub struct ReferenceFile {
    settings: ReferenceSettings,
    /// Where it is.
    pub path: PathBuf,
    /// What it was when it was read.
    pub metadata: Metadata,
    bytes: Arc<Vec<u8>>,
    crc: u32,
    prologue: Prologue,
}

impl ReferenceFile {
    /// Reads all files that a job names.
    pub fn read_all(job: &Job, storage: &dyn Storage) -> Result<Vec<Arc<ReferenceFile>>> {
        let read = |settings| ReferenceFile::read(settings, &job.folder, storage).map(Arc::new);
        job.references.iter().map(read).collect()
    }

    fn read(
        settings: &ReferenceSettings,
        folder: &Path,
        storage: &dyn Storage,
    ) -> Result<ReferenceFile> {
        let path = folder.join(&settings.path);
        let reading = |cause: io::Error| match cause.kind() {
            io::ErrorKind::NotFound => {
                let message = format!("there is no file `{}`", settings.path);
                Error::new(Kind::NoInput, message).with_hint("check `from` in `lookup`")
            }
            _ => Error::io("read", &path, cause),
        };
        let file = storage.open(&path, OpenMode::ReadInput).map_err(reading)?;
        let metadata = file.metadata().map_err(reading)?;
        if metadata.length > settings.memory {
            let (length, memory) = (metadata.length, settings.memory);
            let message = format!(
                "`{}` has {length} bytes; a lookup holds its file in memory, and `memory` is {memory}",
                settings.path
            );
            let hint = "raise `memory` in `lookup`, or drop what is not needed from the file";
            return Err(Error::usage(message).with_hint(hint));
        }
        let mut bytes = Vec::new();
        while (bytes.len() as u64) < metadata.length {
            let filled = bytes.len();
            let portion = (metadata.length - filled as u64).min(PORTION_BYTES);
            let portion = usize::try_from(portion).expect("a portion is small");
            bytes.resize(filled + portion, 0);
            let count = read_full(&*file, &mut bytes[filled..], filled as u64).map_err(reading)?;
            if count < portion {
                return Err(Error::failed(format!("`{}` shrank while it was read", settings.path)));
            }
        }
        let crc = crc32fast::hash(&bytes);
        let prologue = prologue_of(&settings.format, &bytes, true).map_err(|error| {
            let message = format!("cannot read the header of `{}`: {error}", settings.path);
            Error { message, kind: Kind::Usage, cause: None, ..error }
        })?;
        let data_start = bytes.len() as u64;
        let empty = || Prologue {
            names: Vec::new(),
            header_raw: None,
            data_start,
            lines: 0,
            notes: Vec::new(),
        };
        let prologue = prologue.unwrap_or_else(empty);
        let settings = settings.clone();
        let file =
            ReferenceFile { settings, path, metadata, bytes: Arc::new(bytes), crc, prologue };
        file.check_types()?;
        Ok(file)
    }

    /// Every declared type belongs to a column.
    fn check_types(&self) -> Result<()> {
        let names = &self.prologue.names;
        let is_unknown = |(name, _): &&(String, DataType)| !names.contains(name);
        match self.settings.types.iter().find(is_unknown) {
            Some((name, _)) if !self.is_open() => {
                let message = format!("`{}` has no column `{name}`", self.settings.path);
                let error = Error::usage(message);
                let closest = crate::job::closest(name, names.iter().map(String::as_str));
                Err(error.with_hint(match closest {
                    Some(closest) => format!("did you mean `{closest}`?"),
                    None => format!("its columns are: {}", names.join(", ")),
                }))
            }
            _ => Ok(()),
        }
    }

    /// What a checkpoint says of it.
    pub fn entry(&self) -> ReferenceEntry {
        let (path, length) = (self.settings.path.clone(), self.bytes.len() as u64);
        ReferenceEntry { path, length, crc: self.crc }
    }
}

impl Reference for ReferenceFile {
    fn name(&self) -> &str {
        &self.settings.path
    }

    fn shape(&self) -> (Layout, Slots) {
        let mut slots = Slots::default();
        if self.is_open() {
            slots.declared.clone_from(&self.settings.types);
            slots.readings.clone_from(&self.settings.readings);
            return (Layout::json(), slots);
        }
        let fields = self.prologue.names.iter().enumerate().map(|(index, name)| {
            let declared = self.settings.types.iter().find(|(declared, _)| declared == name);
            let data_type = declared.map_or(DataType::Text, |(_, data_type)| *data_type);
            let slot = slots.add(name, data_type, SlotOrigin::CsvField(index));
            if let Some((_, reading)) = self.settings.readings.iter().find(|(of, _)| of == name) {
                slots.set_reading(slot, reading.clone());
            }
            Field { name: name.clone(), data_type, slot }
        });
        let layout = Layout::closed(fields.collect());
        (layout, slots)
    }

    fn is_open(&self) -> bool {
        self.settings.format == SourceFormat::Jsonl
    }

    fn records(&self, slots: &Slots, reads: &[Slot]) -> Result<Batch, String> {
        let start = usize::try_from(self.prologue.data_start).unwrap_or(usize::MAX);
        let columns = self.prologue.names.len();
        if start >= self.bytes.len() {
            return Ok(filled(Batch::new(RawRecords::None, 0, slots.infos.len()), slots, reads));
        }
        let decoder = Decoder::new(&self.settings.format, columns, slots);
        let outcome = decoder.cut(&self.bytes, Start::Exact(start), self.bytes.len(), true);
        let CutOutcome::Cut(cut) = outcome else {
            return Err(format!("`{}` holds a record of more than 16 MiB", self.name()));
        };
        let mut batch = cut.batch;
        if let Some(reject) = batch.rejects.first() {
            let line = self.line(&batch, reject.row);
            return Err(format!("`{}` line {line}: {}", self.name(), reject.reason));
        }
        decoder.fill(&mut batch, reads);
        Ok(batch)
    }

    fn line(&self, records: &Batch, row: u32) -> u64 {
        let start = records.raw.record_span(row as usize).start as usize;
        let data_start = usize::try_from(self.prologue.data_start).unwrap_or(usize::MAX);
        let decoder = Decoder::new(&self.settings.format, 1, &Slots::default());
        let before = self.bytes.get(data_start..start).unwrap_or_default();
        self.prologue.lines + decoder.count_lines(before) + 1
    }
}

/// A batch without records, of which the columns are there.
fn filled(mut batch: Batch, slots: &Slots, reads: &[Slot]) -> Batch {
    for slot in reads {
        let column = crate::record::Column::null(slots.info(*slot).data_type, 0);
        batch.fill(*slot, Arc::new(column));
    }
    batch
}
