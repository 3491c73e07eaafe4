//! The inputs of an incremental job at another place: those of all its rounds.
//!
//! They are found as every run finds them, by their content, whatever they are called; what was read and is not here is
//! not missed, and all that is not known is new. Only here nothing is believed because of times and inodes, which are
//! those of another place: the checkpoint gets the names, times and inodes of here, and none of what is not here.
//!
//! A short file under another name is too easily like a new one. With the last part of its name it is taken for what it
//! was, where no other has that; else it is refused, since it could as well be read twice or not at all.

use super::inputs::not_found;
use crate::checkpoint::{InputEntry, Manifest, Sequence};
use crate::engine::decision::difference_of;
use crate::engine::inputs::name_of;
use crate::engine::rollback::is_under_way;
use crate::engine::rounds::{Located, difference, grown, locate, rename, unreadable};
use crate::error::{Error, Result};
use crate::job::Job;
use crate::source::fingerprint::{WINDOW_BYTES, compare};
use crate::source::recognise::{CONTENT_BYTES_MIN, is_other};
use crate::storage::{Metadata, OpenMode, Storage, read_full};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

/// Says in a manifest which of the files that the job names here are its inputs. Returns all these files.
pub fn relocate(
    job: &Job,
    storage: &dyn Storage,
    sequence: Sequence,
    manifest: &mut Manifest,
) -> Result<Vec<(PathBuf, Metadata)>> {
    let mut round = manifest.round.clone().unwrap_or_default();
    for entry in round.settled.iter_mut().chain(&mut manifest.inputs) {
        // No file has this inode.
        (entry.fingerprint.inode, entry.fingerprint.modified_ns) = (0, 0);
    }
    let mut located = locate(job, storage, manifest, &round)?;
    find_short(job, storage, &mut located)?;
    let settled = round.settled.len();
    check_all_there(&located, sequence, manifest, settled)?;
    let Located { mut entries, paths, recognition, places } = located;
    rename(job, &mut entries, &paths, &recognition.files);
    for (index, place) in places.iter().enumerate() {
        let Some(place) = *place else { continue };
        let is_read_on = index >= settled && is_under_way(manifest);
        let metadata = &recognition.files[place].metadata;
        settle(job, storage, &paths[place], metadata, &mut entries[index], is_read_on)?;
    }
    manifest.inputs = entries.split_off(settled);
    round.settled = entries;
    manifest.round = Some(round);
    let files = recognition.files.iter().map(|file| file.metadata);
    Ok(paths.into_iter().zip(files).collect())
}

/// Says the same of the inputs in a checkpoint of the round that this one builds on.
pub fn relocate_like(older: &mut Manifest, manifest: &Manifest) {
    let (Some(round), Some(now)) = (&mut older.round, &manifest.round) else { return };
    if round.number != now.number || older.inputs.len() != manifest.inputs.len() {
        return;
    }
    round.settled.clone_from(&now.settled);
    for (entry, now) in older.inputs.iter_mut().zip(&manifest.inputs) {
        entry.path.clone_from(&now.path);
        entry.fingerprint.inode = now.fingerprint.inode;
        entry.fingerprint.modified_ns = now.fingerprint.modified_ns;
        if let (Some(part), Some(now)) = (&mut entry.part, now.part) {
            part.length = now.length;
        }
    }
}

/// Finds short inputs that have other names here by the last part of these.
fn find_short(job: &Job, storage: &dyn Storage, located: &mut Located) -> Result<()> {
    let mut heads = Heads::new();
    for index in 0..located.entries.len() {
        let entry = &located.entries[index];
        let part = entry.part.ok_or_else(|| unreadable(entry))?;
        let compared = entry.fingerprint.size.min(WINDOW_BYTES).max(entry.fingerprint.consumed);
        let is_missing = located.places[index].is_none();
        // Every new file begins like one of which nothing but a header was read.
        let says_something = part.to.records > 0 || entry.fingerprint.consumed == 0;
        if !is_missing || compared >= CONTENT_BYTES_MIN || !says_something {
            continue;
        }
        let alike = like(storage, located, entry, &mut heads)?;
        let Some(first) = alike.first().copied() else { continue };
        match alike.iter().find(|place| is_called(located, index, **place)) {
            Some(place) => {
                located.recognition.files[*place].known = Some(index);
                located.places[index] = Some(*place);
                located.recognition.rewritten.retain(|(known, _)| *known != index);
            }
            None => return Err(ambiguous(job, entry, &located.paths[first])),
        }
    }
    Ok(())
}

/// What files begin with, by their places: there may be many, and each is compared with all short inputs.
type Heads = HashMap<usize, Vec<u8>>;

/// The files that are no known input and begin with what was read of a short one.
fn like(
    storage: &dyn Storage,
    located: &Located,
    entry: &InputEntry,
    heads: &mut Heads,
) -> Result<Vec<usize>> {
    let mut alike = Vec::new();
    let size = usize::try_from(entry.fingerprint.size).unwrap_or(usize::MAX);
    for (place, file) in located.recognition.files.iter().enumerate() {
        if file.known.is_some() || file.metadata.length < entry.fingerprint.size {
            continue;
        }
        let path = &located.paths[place];
        let reading = |cause| Error::io("read", path, cause);
        let head = match heads.entry(place) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(head_of(storage, path).map_err(reading)?),
        };
        let is_like = |head: &[u8]| crc32fast::hash(head) == entry.fingerprint.head_crc;
        if !head.get(..size).is_some_and(is_like) {
            continue;
        }
        let opened = storage.open(path, OpenMode::ReadInput).map_err(reading)?;
        if !is_other(compare(&*opened, &entry.fingerprint).map_err(reading)?) {
            alike.push(place);
        }
    }
    Ok(alike)
}

fn head_of(storage: &dyn Storage, path: &Path) -> io::Result<Vec<u8>> {
    let file = storage.open(path, OpenMode::ReadInput)?;
    let mut head = vec![0; usize::try_from(CONTENT_BYTES_MIN).expect("few bytes")];
    let count = read_full(&*file, &mut head, 0)?;
    head.truncate(count);
    Ok(head)
}

/// Whether a file has the name of an input, but for the folder, and none but these two have it.
fn is_called(located: &Located, index: usize, place: usize) -> bool {
    let Some(name) = located.paths[place].file_name() else { return false };
    let of_entry = |entry: &InputEntry| Path::new(&entry.path).file_name() == Some(name);
    let has_name = |path: &PathBuf| path.file_name() == Some::<&OsStr>(name);
    of_entry(&located.entries[index])
        && located.entries.iter().filter(|entry| of_entry(entry)).count() == 1
        && located.paths.iter().filter(|path| has_name(path)).count() == 1
}

fn ambiguous(job: &Job, entry: &InputEntry, path: &Path) -> Error {
    let (was, size) = (&entry.path, entry.fingerprint.size);
    let is = name_of(job, path).display().to_string();
    let message = format!(
        "`{is}` may be what `{was}` was, or a new input that begins like it: the {size} bytes that were read of it are too few to tell"
    );
    let name = Path::new(was).file_name().unwrap_or_default().to_string_lossy();
    Error::refused(message).with_hint(format!(
        "call it `{name}` here if it is the same; if it is new, move it away until the checkpoint is here"
    ))
}

/// Refuses where an input was rewritten, or one that is still to be read is not here.
fn check_all_there(
    located: &Located,
    sequence: Sequence,
    manifest: &Manifest,
    settled: usize,
) -> Result<()> {
    for (index, entry) in located.entries.iter().enumerate() {
        if let Some(comparison) = difference(&located.recognition, index) {
            let consumed = entry.fingerprint.consumed;
            let why = difference_of(&entry.path, comparison, consumed, sequence.0);
            let message = format!("the checkpoint does not fit here: {why}");
            return Err(Error::refused(message).with_hint(
                "put the inputs here as they were; what is new needs a name that none of them had",
            ));
        }
        let read = settled + manifest.position.source.0 as usize;
        if is_under_way(manifest) && index >= read && located.places[index].is_none() {
            return Err(not_found(entry));
        }
    }
    Ok(())
}

/// Gives an input the time and the inode that it has here, and its length, unless more of it is to be read.
fn settle(
    job: &Job,
    storage: &dyn Storage,
    path: &Path,
    metadata: &Metadata,
    entry: &mut InputEntry,
    is_read_on: bool,
) -> Result<()> {
    let mut part = entry.part.ok_or_else(|| unreadable(entry))?;
    let is_all = match is_read_on {
        true => metadata.length == part.length,
        false => grown(job, storage, path, entry)?.is_none(),
    };
    entry.fingerprint.inode = metadata.inode;
    if is_all {
        entry.fingerprint.modified_ns = metadata.modified_ns;
        part.length = metadata.length;
        entry.part = Some(part);
    }
    Ok(())
}
