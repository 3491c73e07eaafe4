//! Marks of starts that begin with a checkpoint of another place: their outputs are staged before there is a checkpoint.
//!
//! A mark is durable before the first staged file is made, and is removed when the checkpoint is there or nothing is left.
//! So whoever locks the folder next knows by which id a stopped attempt has named what it left.

use super::names::{self, Name};
use super::{Folder, Store};
use crate::checkpoint::id::RunId;
use crate::error::{Error, Result};
use crate::storage::OpenMode;

/// What is marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArrivalMark {
    /// The id of the start.
    pub instance: RunId,
    /// The round whose outputs are staged; 1 of a job without rounds.
    pub round: u64,
}

impl Folder {
    /// The starts that are marked.
    pub fn arrivals(&self) -> Result<Vec<ArrivalMark>> {
        let marks = self.names()?.into_iter().filter_map(|name| match name {
            Name::Arrival(mark) => Some(mark),
            _ => None,
        });
        Ok(marks.collect())
    }
}

impl Store {
    /// Marks a start; durable when this returns.
    pub fn mark_arrival(&self, mark: ArrivalMark) -> Result<()> {
        self.check_health()?;
        let path = self.folder.directory.join(names::arrival(mark));
        let made = self.folder.storage.open(&path, OpenMode::CreatePrivate);
        made.map_err(|cause| Error::io("create", &path, cause))?;
        self.sync()
    }

    /// Removes a mark.
    pub fn remove_arrival(&self, mark: ArrivalMark) -> Result<()> {
        self.check_health()?;
        self.remove(&self.folder.directory.join(names::arrival(mark)))
    }
}
