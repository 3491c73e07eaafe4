//! Follows what was consumed of the inputs, so that they can be recognised on resume and watched during the run.

use super::inputs::{InputFile, Inputs};
use crate::checkpoint::{InputEntry, InputPart};
use crate::error::{Error, Result};
use crate::record::{Fingerprint, Place, Position, SourceIndex};
use crate::source::fingerprint::Tracker;
use crate::source::settings::{Mode, Verify};
use crate::source::{Change, Input};
use crate::storage::{Metadata, Storage};

/// The fingerprints of all inputs as far as they were consumed.
pub struct Tracking<'a> {
    inputs: &'a Inputs,
    storage: &'a dyn Storage,
    verify: Verify,
    /// One for each input: as it was finished, or as it was before it was begun.
    settled: Vec<Fingerprint>,
    /// How far each was read.
    reached: Vec<Place>,
    /// The input that is being read.
    current: Option<(SourceIndex, Tracker)>,
}

impl<'a> Tracking<'a> {
    /// Follows from a position on; `known` are the fingerprints that a checkpoint holds (none in a fresh start).
    pub fn new(
        inputs: &'a Inputs,
        storage: &'a dyn Storage,
        verify: Verify,
        known: Option<Vec<Fingerprint>>,
    ) -> Result<Self> {
        let reached = inputs.files.iter().map(|file| file.reached).collect();
        let (settled, current) = (Vec::new(), None);
        let mut tracking = Tracking { inputs, storage, verify, settled, reached, current };
        tracking.settled = match known {
            Some(known) => known,
            None => inputs.files.iter().map(|file| tracking.unread(file)).collect::<Result<_>>()?,
        };
        Ok(tracking)
    }

    fn unread(&self, file: &InputFile) -> Result<Fingerprint> {
        unread(self.storage, file, self.verify)
    }

    /// Everything before a position was consumed.
    pub fn advance(&mut self, position: Position) -> Result<()> {
        let source = position.source;
        let Some(input) = self.inputs.files.get(source.0 as usize) else { return Ok(()) };
        let reading = |cause| Error::io("read", &input.path, cause);
        if self.current.as_ref().is_none_or(|(current, _)| *current != source) {
            let opened = self.inputs.handle(self.storage, source)?;
            let settled = &self.settled[source.0 as usize];
            let tracker = Tracker::resume(opened.file.clone(), settled);
            self.current = Some((source, tracker));
        }
        if let Some((_, tracker)) = &mut self.current
            && let Err(cause) = tracker.advance(position.offset)
        {
            // An input that became shorter cannot be read where it was: say that it changed.
            self.refuse_changes(source)?;
            return Err(reading(cause));
        }
        Ok(())
    }

    /// The input that is being read was consumed up to a position, which is its end.
    pub fn end_input(&mut self, position: Position) -> Result<()> {
        self.reached[position.source.0 as usize] = position.place();
        if let Some((source, mut tracker)) = self.current.take() {
            let input = &self.inputs.files[source.0 as usize];
            let reading = |cause| Error::io("read", &input.path, cause);
            self.refuse_changes(source)?;
            let end = position.offset;
            tracker.advance(end).map_err(reading)?;
            self.settled[source.0 as usize] = tracker.fingerprint(end).map_err(reading)?;
        }
        Ok(())
    }

    /// What a checkpoint at a position says of the inputs.
    pub fn entries(&mut self, position: Position) -> Result<Vec<InputEntry>> {
        let mut fingerprints = self.settled.clone();
        if let Some((source, _)) = &self.current {
            self.refuse_changes(*source)?;
        }
        if let Some((source, tracker)) = &mut self.current {
            let input = &self.inputs.files[source.0 as usize];
            let reading = |cause| Error::io("read", &input.path, cause);
            fingerprints[source.0 as usize] =
                tracker.fingerprint(position.offset).map_err(reading)?;
        }
        let entry = |(index, fingerprint): (usize, Fingerprint)| {
            let input = &self.inputs.files[index];
            let is_current = index == position.source.0 as usize;
            let to = if is_current { position.place() } else { self.reached[index] };
            let part = InputPart { from: input.from, to, length: input.length };
            let part = (self.inputs.mode == Mode::Incremental).then_some(part);
            let path = input.name.to_string_lossy().into_owned();
            InputEntry { path, fingerprint, part }
        };
        Ok(fingerprints.into_iter().enumerate().map(entry).collect())
    }

    /// An input that changes while it is read makes everything read from it doubtful.
    fn refuse_changes(&self, source: SourceIndex) -> Result<()> {
        let input = self.inputs.handle(self.storage, source)?;
        let looking = |cause| Error::io("look at", &input.path, cause);
        let Some(change) = input.changed_since_open(self.storage).map_err(looking)? else {
            return Ok(());
        };
        let name = self.inputs.files[source.0 as usize].name.display();
        let is_own = input.file.metadata().map_err(looking)?.inode == input.metadata.inode;
        let what = match change {
            // What was there when the round began is still there, and is all that is read.
            Change::Grown { .. } if self.inputs.mode == Mode::Incremental => return Ok(()),
            Change::Replaced if self.inputs.mode == Mode::Incremental && is_own => return Ok(()),
            Change::Shrunk { was, is } => format!("it had {was} bytes and has {is}"),
            Change::Grown { was, is } => format!("it had {was} bytes and has {is}"),
            Change::Rewritten => "it was written to".to_owned(),
            Change::Replaced => "another file took its place".to_owned(),
            // It is open, and whole: it can be read to its end.
            Change::Removed => return Ok(()),
        };
        Err(Error::refused(format!("`{name}` changed while it was read: {what}"))
            .with_hint("let whoever writes it finish, then start over with `--fresh`"))
    }
}

/// The fingerprint of an input of which nothing was consumed.
pub fn unread(storage: &dyn Storage, file: &InputFile, verify: Verify) -> Result<Fingerprint> {
    let input = Input::open(storage, &file.path)?;
    let reading = |cause| Error::io("read", &file.path, cause);
    let metadata = Metadata { length: file.size, ..file.metadata };
    let mut tracker = Tracker::new(input.file, &metadata, verify).map_err(reading)?;
    tracker.fingerprint(0).map_err(reading)
}
