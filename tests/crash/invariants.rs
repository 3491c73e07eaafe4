//! What holds in whatever state a disk is: along the checkpoints that are whole nothing shrinks, a number is never used twice,
//! and after a failure that leaves something unknown nothing of the job is changed any more.

use super::FOLDER;
use super::rules::{is_checkpoint, is_own_folder, number};
use super::stories::{Ran, Story};
use onward::checkpoint::{Folder, Manifest, Sequence, Trust};
use onward::storage::clock::SimulatedClock;
use onward::storage::simulated::{Call, End, Operation, SimulatedStorage};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// What runs went on from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// The newest checkpoint that is whole.
    Newest,
    /// Perhaps an older one: the newest was read wrongly once, and so passed over.
    Older,
}

/// Along the checkpoints of a disk that are whole, everything grows; answers how many steps from one to the next there are.
pub fn check_growth(
    story: &Story,
    disk: &SimulatedStorage,
    from: From,
    place: &dyn Fn() -> String,
) -> usize {
    // Whoever looks leaves no trace in the operations.
    let storage = Arc::new(disk.after_kill());
    let directory = Path::new(FOLDER).join(".onward/job");
    let clock = Arc::new(SimulatedClock::new(1));
    let folder = Folder::open_existing(storage, clock, &directory, Trust::OwnOnly);
    let Some(folder) = folder.expect("a sound folder") else { return 0 };
    let mut whole: Vec<(Sequence, Manifest)> = Vec::new();
    for sequence in folder.checkpoints().expect("names") {
        if let Ok(restored) = folder.verify(sequence).expect("a readable disk") {
            assert_eq!(restored.id.sequence, sequence, "{}, {}", story.name, place());
            whole.push((sequence, restored.manifest));
        }
    }
    for (index, (later, after)) in whole.iter().enumerate().skip(1) {
        let records = |manifest: &Manifest| manifest.counters.records_read;
        let can_be = |(_, before): &&(Sequence, Manifest)| {
            from == From::Newest || records(before) <= records(after)
        };
        // Those before it may be deleted.
        let before = whole[..index].iter().rev().find(can_be);
        let Some((earlier, before)) = before else { continue };
        if let Some(why) = shrunk(story, before, after) {
            panic!("{}, {}: from checkpoint {earlier} to {later} {why}", story.name, place());
        }
    }
    whole.len().saturating_sub(1)
}

/// What is less in the later of two checkpoints.
fn shrunk(story: &Story, before: &Manifest, after: &Manifest) -> Option<String> {
    if before.instance != after.instance {
        return Some("the job was begun anew".to_owned());
    }
    if after.counters.records_read < before.counters.records_read {
        return Some("fewer records are read".to_owned());
    }
    if after.spills_made < before.spills_made {
        return Some("numbers of spills come again".to_owned());
    }
    let round = |manifest: &Manifest| manifest.round.as_ref().map(|round| round.number);
    if round(after) != round(before) {
        let is_next = round(after) == round(before).map(|number| number + 1);
        return (!is_next).then(|| "another round follows".to_owned());
    }
    if after.phase < before.phase {
        return Some("the phase goes back".to_owned());
    }
    for input in &before.inputs {
        let Some(same) = after.inputs.iter().find(|other| other.path == input.path) else {
            return Some(format!("`{}` is not known any more", input.path));
        };
        if same.fingerprint.consumed < input.fingerprint.consumed {
            return Some(format!("less of `{}` is read", input.path));
        }
    }
    for output in &before.outputs {
        // One without records begins again with other columns.
        let begins_again = story.changed.is_some() && output.records == 0;
        let Some(same) = after.outputs.iter().find(|other| other.name == output.name) else {
            return Some(format!("`{}` is not known any more", output.name));
        };
        if !begins_again && (same.length < output.length || same.records < output.records) {
            return Some(format!("`{}` is shorter", output.name));
        }
    }
    None
}

/// A new checkpoint has a number above all that there were, whole or not, and above all copies; but for one that is taken over
/// from a copy with all its bytes, before this run has saved one of its own.
pub fn check_numbers(story: &Story, ran: &Ran, place: &str) {
    let mut highest = ran.used.iter().chain(ran.copied.keys()).copied().max().unwrap_or(0);
    let mut has_saved = false;
    for operation in &ran.operations {
        let Operation { call, path, end, .. } = operation;
        if *call == Call::Rename && *end == End::Done && is_checkpoint(path) {
            let new = number(path);
            let is_taken_over = !has_saved && ran.copied.contains_key(&new);
            let (name, path) = (story.name, path.display());
            assert!(is_taken_over || new > highest, "{name}, {place}: {path} after {highest}");
            let is_same =
                ran.taken.get(&new).is_none_or(|bytes| ran.copied.get(&new) == Some(bytes));
            assert!(!is_taken_over || is_same, "{name}, {place}: {path} is not its copy");
            has_saved |= !is_taken_over;
            highest = highest.max(new);
        }
    }
}

/// What a failure leaves unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failure {
    /// Whether bytes or names are durable: of an output, a checkpoint, or a folder of them.
    Durability,
    /// Nothing, but it cannot be gone on with: an output or spill could not be written.
    Writing,
    /// Nothing: a checkpoint that has no name yet could not be written.
    Saving,
}

fn is_named(path: &Path, end: &str) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(end))
}

fn begins_with(path: &Path, start: &str) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(start))
}

fn is_unfinished_checkpoint(path: &Path) -> bool {
    begins_with(path, ".ckpt-") && is_named(path, ".tmp")
}

/// Copies are another matter: nothing rests on them.
fn is_of_copy(story: &Story, operation: &Operation) -> bool {
    let is_copied = story.workload.job.contains("copies");
    let is_folder_above =
        operation.call == Call::SyncDirectory && operation.path == Path::new(FOLDER);
    is_copied && (operation.path.starts_with(Path::new(FOLDER).join("copy")) || is_folder_above)
}

fn failure(story: &Story, operation: &Operation) -> Option<Failure> {
    let Operation { call, path, end, .. } = operation;
    if *end != End::Failed || is_of_copy(story, operation) {
        return None;
    }
    let is_output = is_named(path, ".partial");
    let is_spill = begins_with(path, "spill-");
    let is_write = matches!(call, Call::WriteAt | Call::SetLength | Call::Reserve);
    let makes_folders =
        ["partition_by", "{run}"].iter().any(|words| story.workload.job.contains(words));
    match call {
        Call::SyncData | Call::SyncAll if is_output || is_checkpoint(path) => {
            Some(Failure::Durability)
        }
        Call::SyncAll | Call::WriteAt | Call::Reserve if is_unfinished_checkpoint(path) => {
            Some(Failure::Saving)
        }
        // It may be that of a folder which was being made.
        Call::SyncDirectory if makes_folders && !is_own_folder(path) => Some(Failure::Writing),
        Call::SyncDirectory => Some(Failure::Durability),
        Call::Rename if is_checkpoint(path) || is_result(story, path) => Some(Failure::Durability),
        _ if is_write && (is_output || is_spill) => Some(Failure::Writing),
        _ => None,
    }
}

fn is_result(story: &Story, path: &Path) -> bool {
    story.workload.outputs.iter().any(|name| path.ends_with(name))
}

/// What a run has made of its outputs and spills until something failed.
#[derive(Default)]
struct Made<'a> {
    /// Behind which byte of each file nothing is written yet.
    ends: BTreeMap<&'a Path, u64>,
    /// The files that were made by this run.
    new: BTreeSet<&'a Path>,
}

impl<'a> Made<'a> {
    fn note(&mut self, operation: &'a Operation) {
        let Operation { call, path, end, bytes } = operation;
        match call {
            Call::Create if *end == End::Done => {
                self.new.insert(path);
                self.ends.insert(path, 0);
            }
            Call::WriteAt if !bytes.is_empty() => {
                let behind = self.ends.entry(path).or_default();
                *behind = (*behind).max(bytes.end);
            }
            // Where an earlier run was stopped, everything behind its mark is cut.
            Call::SetLength if *end == End::Done => {
                self.ends.insert(path, bytes.end);
            }
            _ => {}
        }
    }

    /// Whether nothing that was written before is written over: no mark of a checkpoint is behind that.
    fn is_append(&self, operation: &Operation) -> bool {
        let Operation { path, bytes, .. } = operation;
        let behind = self.ends.get(path.as_path());
        bytes.is_empty() || behind.is_some_and(|behind| bytes.start >= *behind)
    }
}

/// Which change is still made after a failure.
fn is_allowed(failure: Failure, made: &Made, failed: &Operation, later: &Operation) -> bool {
    let Operation { call, path, .. } = later;
    if call.only_looks() || (*call == Call::Remove && is_named(path, ".tmp")) {
        return true;
    }
    // Who makes the outputs may be in the middle of a piece, on another thread: what is appended lies behind every mark, and
    // what is made new is known to no checkpoint.
    let is_new = is_named(path, ".partial") || begins_with(path, "spill-");
    let is_append = is_new
        && (matches!(call, Call::Create | Call::Lock)
            || *call == Call::WriteAt && made.is_append(later));
    let is_folder = matches!(call, Call::MakeDirectory | Call::SyncDirectory)
        && !is_own_folder(path)
        && failed.path != *path;
    // One that is of an earlier run belongs to a checkpoint.
    let is_spill = begins_with(path, "spill-")
        && (*call == Call::SyncAll || *call == Call::Remove && made.new.contains(path.as_path()));
    match failure {
        Failure::Durability => is_append || is_folder || is_spill,
        // The checkpoint that is just being saved, of what was written before, is completed, and what it makes superfluous is
        // removed.
        Failure::Writing => {
            let is_saving = is_unfinished_checkpoint(path) || is_checkpoint(path);
            let is_sync = call.is_sync() && failed.path != *path;
            let is_own_sync = *call == Call::SyncData;
            is_saving || is_sync || is_own_sync || is_spill || is_append || is_folder
        }
        Failure::Saving => *path != failed.path,
    }
}

/// How many pieces of outputs and spills may still be written after a failure, by who is in the middle of it.
const APPENDS_MAX: usize = 40;

/// After the first failure that counts nothing is changed but what is allowed then; where one left unknown whether something is
/// durable, answers how many pieces were written after it.
pub fn check_poison(story: &Story, ran: &Ran, place: &str) -> Option<usize> {
    let name = story.name;
    let mut rest = ran.operations.as_slice();
    let mut attempts = 0;
    let mut made = Made::default();
    while let Some(at) = rest.iter().position(|one| failure(story, one).is_some()) {
        rest[..=at].iter().for_each(|operation| made.note(operation));
        let failed = &rest[at];
        let mut failure = failure(story, failed).expect("it was found");
        if failure == Failure::Saving {
            // One more attempt where a sync failed; then nobody knows what this disk does.
            attempts += 1;
            if failed.call != Call::SyncAll || attempts == 2 {
                failure = Failure::Durability;
            }
        }
        rest = &rest[at + 1..];
        let (mut names, mut appends) = (0, 0);
        for later in rest.iter().filter(|later| !is_of_copy(story, later)) {
            let told = || format!("{name}, {place}: after {failed:?} {later:?}");
            assert!(is_allowed(failure, &made, failed, later), "{}", told());
            if failure == Failure::Saving {
                continue;
            }
            made.note(later);
            names += usize::from(later.call == Call::Rename && is_checkpoint(&later.path));
            assert!(failure != Failure::Writing || names <= 1, "{}", told());
            appends += usize::from(later.call == Call::WriteAt && !later.bytes.is_empty());
            assert!(appends <= APPENDS_MAX, "{}: so many pieces are written", told());
        }
        if failure != Failure::Saving {
            return (failure == Failure::Durability).then_some(appends);
        }
    }
    None
}
