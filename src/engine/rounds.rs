//! The rounds of an incremental job: which parts of its inputs are new, and what its outputs begin with.
//!
//! A finished round keeps the states of the steps and, for every input, how far it was read. The next one reads of the
//! inputs that have grown what was appended, in the order in which they were first read, and then the inputs that are
//! new, in the order of the job; of each only whole lines. Which bytes that are is in the first checkpoint of the round,
//! before anything else is touched: from there on a round is like a job, and depends on nothing but these bytes and what
//! was kept. An input is known by its content, so that one that was moved is not read twice; one that is gone, and was
//! read, is not missed.

use super::decision::{InputFinding, News};
use super::inputs::{InputFile, Inputs, Read, name_of, size_of};
use super::look::folder;
use super::output::{OutputPlan, Permission, Taking, known};
use super::plan::SEMANTICS_VERSION;
use super::tracking::unread;
use super::world::{RunOptions, StartMode, World};
use crate::checkpoint::{InputEntry, Manifest, OutputEntry, Phase, Round, Standing};
use crate::error::{Error, Result};
use crate::job::Job;
use crate::job::diff::{Change, ChangeClass, Stage, diff};
use crate::record::Fingerprint;
use crate::source::Input;
use crate::source::discover::discover_present;
use crate::source::fingerprint::{Comparison, Tracker};
use crate::source::recognise::{Known, Present, Recognition, recognise};
use crate::storage::{FileKind, Metadata, Storage};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// The inputs of a round, and how it is with those before it.
pub struct RoundInputs {
    /// What the round reads.
    pub inputs: Inputs,
    /// What was read of that before, as fingerprints.
    pub known: Vec<Fingerprint>,
    /// The inputs that it reads nothing of.
    pub settled: Vec<InputEntry>,
    /// Inputs that are not what they were.
    pub findings: Vec<InputFinding>,
    /// What is new since the last round, where that is finished.
    pub news: Vec<News>,
    /// Inputs with other names than before: the one before, and the one now.
    pub moved: Vec<(PathBuf, PathBuf)>,
}

/// All inputs that a job ever read, and the files that are there.
pub struct Located {
    /// The inputs, those first that the round reads nothing of.
    pub entries: Vec<InputEntry>,
    /// The files.
    pub paths: Vec<PathBuf>,
    /// What the files are.
    pub recognition: Recognition,
    /// Of each entry, which of the files it is.
    pub places: Vec<Option<usize>>,
}

/// The inputs of the round that a checkpoint is in the middle of.
pub fn current(
    job: &Job,
    storage: &dyn Storage,
    manifest: &Manifest,
    round: &Round,
) -> Result<RoundInputs> {
    let located = locate(job, storage, manifest, round)?;
    let Located { entries, paths, recognition, places } = located;
    let mut inputs = Inputs::none(job, storage)?;
    inputs.names = manifest.header.clone().unwrap_or_default();
    let (mut findings, mut moved) = (Vec::new(), Vec::new());
    for (index, entry) in entries.iter().enumerate().skip(round.settled.len()) {
        let name = PathBuf::from(&entry.path);
        let place = places[index];
        let number = index - round.settled.len();
        let is_read = number < manifest.position.source.0 as usize;
        let (path, metadata) = match place {
            Some(place) => (paths[place].clone(), recognition.files[place].metadata),
            None => (job.folder.join(&name), gone(entry)),
        };
        let rewritten = difference(&recognition, index);
        let is_missed = place.is_none() && !(is_read && rewritten.is_none());
        if is_missed && manifest.phase != Phase::Publishing {
            let consumed = entry.fingerprint.consumed;
            let comparison = rewritten;
            findings.push(InputFinding { name: name.clone(), consumed, comparison });
        }
        if place.is_some() && name_of(job, &path) != name {
            moved.push((name.clone(), name_of(job, &path)));
        }
        let part = entry.part.ok_or_else(|| unreadable(entry))?;
        let size = entry.fingerprint.size;
        let read = Read { size, from: part.from, reached: part.to, length: part.length };
        inputs.files.push(InputFile::known(path, name, metadata, read));
    }
    let known = manifest.inputs.iter().map(|entry| entry.fingerprint.clone()).collect();
    let settled = round.settled.clone();
    Ok(RoundInputs { inputs, known, settled, findings, news: Vec::new(), moved })
}

/// What is new since the round that a checkpoint says is done.
pub fn next(
    job: &Job,
    storage: &dyn Storage,
    manifest: &Manifest,
    round: &Round,
) -> Result<RoundInputs> {
    let located = locate(job, storage, manifest, round)?;
    let Located { mut entries, paths, recognition, places } = located;
    let mut inputs = Inputs::none(job, storage)?;
    inputs.names = manifest.header.clone().unwrap_or_default();
    let finding = |(index, comparison): &(usize, Comparison)| {
        let (name, consumed) = (&entries[*index].path, entries[*index].fingerprint.consumed);
        InputFinding { name: name.into(), consumed, comparison: Some(*comparison) }
    };
    let findings = recognition.rewritten.iter().map(finding).collect();
    let moved = rename(job, &mut entries, &paths, &recognition.files);
    let (mut known, mut news, mut settled) = (Vec::new(), Vec::new(), Vec::new());
    for (index, entry) in entries.iter().enumerate() {
        let grown = match places[index].filter(|place| !recognition.files[*place].is_untouched) {
            Some(place) => grown(job, storage, &paths[place], entry)?,
            None => None,
        };
        let Some((file, fingerprint)) = grown else {
            settled.push(entry.clone());
            continue;
        };
        let bytes = file.size - entry.fingerprint.size;
        news.push(News { name: file.name.clone(), bytes, is_new: false });
        inputs.files.push(file);
        known.push(fingerprint);
    }
    let first = entries.first().map_or("", |entry| &entry.path).to_owned();
    for (path, file) in paths.iter().zip(&recognition.files) {
        if file.known.is_none() && inputs.add_new(job, storage, path, Path::new(&first))? {
            let file = inputs.files.last().expect("it was added");
            news.push(News { name: file.name.clone(), bytes: file.size, is_new: true });
            known.push(unread(storage, file, job.source.verify)?);
        }
    }
    Ok(RoundInputs { inputs, known, settled, findings, news, moved })
}

/// Looks which of the files that are there are inputs of before.
pub fn locate(
    job: &Job,
    storage: &dyn Storage,
    manifest: &Manifest,
    round: &Round,
) -> Result<Located> {
    let entries: Vec<InputEntry> = round.settled.iter().chain(&manifest.inputs).cloned().collect();
    let paths = discover_present(storage, &job.folder, &job.source.paths)?;
    let were: Vec<PathBuf> = entries.iter().map(|entry| job.folder.join(&entry.path)).collect();
    let known: Vec<Known<'_>> = entries
        .iter()
        .zip(&were)
        .map(|(entry, path)| {
            let length = entry.part.map_or(entry.fingerprint.size, |part| part.length);
            Known { path, fingerprint: &entry.fingerprint, length }
        })
        .collect();
    let recognition = recognise(storage, &known, &paths)?;
    let mut places = vec![None; entries.len()];
    for (place, file) in recognition.files.iter().enumerate() {
        if let Some(index) = file.known {
            places[index] = Some(place);
        }
    }
    Ok(Located { entries, paths, recognition, places })
}

/// Gives the inputs the names that they have now. One whose name another one has, and which is nowhere else, has none.
pub fn rename(
    job: &Job,
    entries: &mut [InputEntry],
    paths: &[PathBuf],
    files: &[Present],
) -> Vec<(PathBuf, PathBuf)> {
    let mut moved = Vec::new();
    let mut is_here = vec![false; entries.len()];
    for (path, file) in paths.iter().zip(files) {
        let Some(index) = file.known else { continue };
        is_here[index] = true;
        let (was, is) = (PathBuf::from(&entries[index].path), name_of(job, path));
        if was != is {
            entries[index].path = is.to_string_lossy().into_owned();
            moved.push((was, is));
        }
    }
    let taken: HashSet<String> =
        paths.iter().map(|path| name_of(job, path).to_string_lossy().into_owned()).collect();
    for (entry, is_here) in entries.iter_mut().zip(is_here) {
        if !is_here && taken.contains(&entry.path) {
            entry.path.clear();
        }
    }
    moved
}

/// The part of a known input that is new; `None` where it has no further whole line.
pub fn grown(
    job: &Job,
    storage: &dyn Storage,
    path: &Path,
    entry: &InputEntry,
) -> Result<Option<(InputFile, Fingerprint)>> {
    let input = Input::open(storage, path)?;
    let stored = &entry.fingerprint;
    let size = size_of(job, &input, stored.size)?;
    if size <= stored.size {
        return Ok(None);
    }
    let from = entry.part.ok_or_else(|| unreadable(entry))?.to;
    let fingerprint = Tracker::grown(&*input.file, &input.metadata, size, stored)
        .map_err(|cause| Error::io("read", path, cause))?;
    let read = Read { size, from, reached: from, length: input.metadata.length };
    let file = InputFile::known(path.to_path_buf(), name_of(job, path), input.metadata, read);
    Ok(Some((file, fingerprint)))
}

pub fn difference(recognition: &Recognition, index: usize) -> Option<Comparison> {
    let found = recognition.rewritten.iter().find(|(known, _)| *known == index);
    found.map(|(_, comparison)| *comparison)
}

/// What stands for an input that was read to its end, and is gone.
fn gone(entry: &InputEntry) -> Metadata {
    Metadata {
        kind: FileKind::File,
        length: entry.fingerprint.size,
        modified_ns: entry.fingerprint.modified_ns,
        device: 0,
        inode: entry.fingerprint.inode,
        links: 0,
        mode: 0,
        is_ours: false,
    }
}

pub fn unreadable(entry: &InputEntry) -> Error {
    let message = format!("the checkpoint does not say how far `{}` was read", entry.path);
    Error::refused(message).with_hint("`onward checkpoint list` tells which others there are")
}

/// What an output of a new round may do at its final name, what it begins with, and how many records that has; `past` is
/// what the round before says of it.
pub fn next_output(
    plan: &OutputPlan,
    world: &World,
    inputs: &[(PathBuf, Metadata)],
    past: &[OutputEntry],
    overwrite: bool,
) -> Result<(Permission, Option<Standing>, u64)> {
    let entry = past.iter().find(|entry| entry.name == plan.role);
    let overwrite = overwrite || plan.overwrite;
    match (plan.taking, entry) {
        (Taking::Appended, Some(entry)) => {
            let base = Standing { length: entry.length, crc: entry.crc };
            let permission = plan.check_extended(world, inputs, base)?;
            Ok((permission, Some(base), entry.records))
        }
        (Taking::Whole | Taking::Appended, _) => {
            Ok((plan.check(world, "round", inputs, past, overwrite)?, None, 0))
        }
        (Taking::Part, _) => Ok((plan.check(world, "round", inputs, &[], overwrite)?, None, 0)),
    }
}

/// The manifest of a finished incremental job that has nothing to do, where that can be told without reading what the
/// steps remember and without the folder's lock: nothing is touched. `None` where it has to be looked at closely.
pub fn nothing_new(job: &Job, options: &RunOptions, world: &World) -> Result<Option<Manifest>> {
    if !job.is_incremental() || options.start == StartMode::Fresh {
        return Ok(None);
    }
    let Some(folder) = folder(job, world, options.trust())? else { return Ok(None) };
    let Some(manifest) = folder.newest_manifest()? else { return Ok(None) };
    let is_cosmetic = |change: &Change| change.class() == ChangeClass::Cosmetic;
    let is_done = manifest.phase == Phase::Done
        && manifest.semantics == SEMANTICS_VERSION
        && diff(&manifest.job, &job.effective, Stage::Ended).changes.iter().all(is_cosmetic);
    let Some(round) = manifest.round.as_ref().filter(|_| is_done) else { return Ok(None) };
    let located = locate(job, &*world.storage, &manifest, round)?;
    for (path, file) in located.paths.iter().zip(&located.recognition.files) {
        let is_old = match file.known {
            Some(_) if file.is_untouched => true,
            // Perhaps more of a line that is not whole yet.
            Some(known) => grown(job, &*world.storage, path, &located.entries[known])?.is_none(),
            None => size_of(job, &Input::open(&*world.storage, path)?, 0)? == 0,
        };
        if !is_old {
            return Ok(None);
        }
    }
    let is_as_left = |(plan, entry): &(OutputPlan, Option<&OutputEntry>)| {
        let length = world.storage.metadata(&plan.target).map(|metadata| metadata.length);
        let expected = entry.map_or(0, |entry| entry.length);
        plan.is_of_round(job) || length.is_ok_and(|length| length == expected)
    };
    let job_of_round = job.of_round(round.number);
    let is_well = located.recognition.rewritten.is_empty()
        && known(&job_of_round, &manifest.outputs)?.iter().all(is_as_left);
    Ok(is_well.then_some(manifest))
}
