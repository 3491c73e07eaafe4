//! A checkpoint on its way to another folder: by an export, or straight from one job to another.
//!
//! What travels is the checkpoint with those that it builds on, as they are, its spills, and the bytes that its outputs
//! held. States are not understood here. What depends on the place is said anew where it arrives: paths, the id of the
//! start, the numbers of checkpoints.
//!
//! Of an incremental job the newest round travels, under way or finished: with what its outputs hold goes all that they
//! begin with, so that nothing of earlier rounds is needed where it arrives. Parts that earlier rounds published stay.

mod arrive;

mod export;

mod inputs;

mod outputs;

mod rounds;

pub use arrive::{Arrival, Arrived, arrive};
pub use export::{Exported, export};

use super::look::folder;
use super::prefix::Bytes;
use super::rollback::{is_under_way, usable};
use super::world::{RunOptions, World};
use crate::checkpoint::format::{self, Limits};
use crate::checkpoint::parcel::{Kind, Parcel, Wrapped};
use crate::checkpoint::{Decoded, Folder, Invalid, Selector, SpillEntry, SpillName, Whole, store};
use crate::error::{Error, Result};
use crate::job::Job;
use crate::storage::OpenMode;
use outputs::Held;
use std::path::Path;

/// A checkpoint with everything that it needs.
#[derive(Debug)]
pub struct Cargo {
    /// The checkpoint with all that it builds on.
    pub whole: Whole,
    /// Its spills.
    pub spills: Vec<(SpillEntry, Bytes)>,
    /// What its outputs held; those that held something.
    pub outputs: Vec<Held>,
}

impl Cargo {
    /// Of a job's folder: the checkpoint that is named, or the newest usable one. Nothing is changed or locked: what a
    /// running job deletes meanwhile is missed, and said so.
    pub fn of_job(
        job: &Job,
        selector: Option<&Selector>,
        options: &RunOptions,
        world: &World,
    ) -> Result<Cargo> {
        let folder = started(job, options, world)?;
        let sequence = match selector {
            Some(selector) => folder.select(selector)?,
            None => match folder.peek()?.newest {
                Some(newest) => newest.id.sequence,
                None => return Err(no_usable(job)),
            },
        };
        let whole = usable(&folder, sequence)?;
        let manifest = &whole.restored.manifest;
        let mut spills = Vec::new();
        for entry in &manifest.spills {
            let path = folder.directory().join(&entry.name);
            let file = world.storage.open(&path, OpenMode::ReadOwn);
            let file = file.map_err(|cause| Error::io("open", &path, cause))?;
            spills.push((entry.clone(), Bytes { file, path, start: 0 }));
        }
        let outputs = outputs::of_job(job, world, &whole)?;
        Ok(Cargo { whole, spills, outputs })
    }

    /// Of an exported file.
    pub fn of_export(world: &World, path: &Path) -> Result<Cargo> {
        let parcel = Parcel::open(&*world.storage, path)?;
        let whole = unwrapped(&parcel)?;
        let manifest = &whole.restored.manifest;
        if manifest.round.is_none() && !is_under_way(manifest) {
            return Err(parcel.unusable("there is nothing to go on from"));
        }
        let find = |kind: Kind, name: &str, length: u64| {
            let is_it =
                |part: &&Wrapped| part.kind == kind && part.name == name && part.length == length;
            let part = parcel.parts.iter().find(is_it)?;
            let (file, path) = (parcel.file.clone(), parcel.path.clone());
            Some(Bytes { file, path, start: part.start })
        };
        let missing = || parcel.unusable("something that the checkpoint needs is not in it");
        let mut spills = Vec::new();
        for entry in &manifest.spills {
            // The name becomes one of a file.
            let name = SpillName::parse(&entry.name).ok_or_else(missing)?;
            let bytes = find(Kind::Spill, &name.to_string(), entry.length).ok_or_else(missing)?;
            spills.push((entry.clone(), bytes));
        }
        let find_output = |name: &str, length: u64| find(Kind::Output, name, length);
        let outputs = outputs::of_export(&whole, &find_output)?.ok_or_else(missing)?;
        Ok(Cargo { whole, spills, outputs })
    }
}

/// The checkpoints of an export, each wholly checked.
fn unwrapped(parcel: &Parcel) -> Result<Whole> {
    let wrong = |invalid: Invalid| parcel.unusable(&invalid.to_string());
    let limits = Limits::default();
    let mut links: Vec<(Decoded, u64)> = Vec::new();
    for part in parcel.parts.iter().filter(|part| part.kind == Kind::Checkpoint) {
        if links.len() > store::CHAIN_MAX {
            return Err(wrong(Invalid::ChainTooLong { max: store::CHAIN_MAX }));
        }
        format::check_length(part.length, &limits).map_err(wrong)?;
        let decoded = format::decode(&parcel.content(part)?, &limits).map_err(wrong)?;
        let before = links.last().map(|(before, _)| before);
        let instance = decoded.checkpoint.manifest.instance;
        let is_child = decoded.checkpoint.parent == before.map(|before| before.id)
            && before.is_none_or(|before| before.checkpoint.manifest.instance == instance);
        if !is_child {
            return Err(parcel.unusable("its checkpoints do not build on one another"));
        }
        links.push((decoded, part.length));
    }
    let restored = store::join(links.iter().rev().cloned().collect()).map_err(wrong)?;
    Ok(Whole { restored, links: links.into_iter().map(|(link, _)| link).collect() })
}

/// The folder of a job that was started.
fn started(job: &Job, options: &RunOptions, world: &World) -> Result<Folder> {
    let missing =
        || Error::failed(format!("`{}` has no checkpoints: it was never started", job.name));
    folder(job, world, options.trust())?.ok_or_else(missing)
}

fn no_usable(job: &Job) -> Error {
    Error::refused(format!("no checkpoint of `{}` is usable", job.name))
        .with_hint("see `onward checkpoint list`")
}

/// The files of the links of a chain in a folder.
fn files_of(folder: &Folder, whole: &Whole) -> Result<Vec<(String, Bytes, u64)>> {
    let mut files = Vec::new();
    for link in &whole.links {
        let (file, length) = folder.open_checkpoint(link.id.sequence)?;
        let path = folder.path(link.id.sequence);
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        files.push((name, Bytes { file, path, start: 0 }, length));
    }
    Ok(files)
}
