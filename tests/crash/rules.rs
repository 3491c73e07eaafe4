//! What must hold in every story, whatever happens: rules for what a run does, and for what the next one finds.

use super::invariants::check_numbers;
use super::stories::{Ran, Story, names};
use super::{FOLDER, outputs, staged};
use onward::engine::Outcome;
use onward::storage::simulated::{Call, End, Operation, SimulatedStorage};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The outputs of a job as they are before it is done, and as they must become.
pub struct Outputs {
    pub before: Vec<Option<Vec<u8>>>,
    pub expected: Vec<Option<Vec<u8>>>,
}

impl Outputs {
    pub fn of(story: &Story, disk: &SimulatedStorage) -> Outputs {
        Outputs { before: outputs(story.workload, disk), expected: story.expected() }
    }

    /// A final name is absent, or holds what it held before, or the whole output.
    pub fn check_names(&self, story: &Story, disk: &SimulatedStorage, place: &str) {
        let found = outputs(story.workload, disk);
        for (index, content) in found.iter().enumerate() {
            let is_fine = content.is_none()
                || *content == self.before[index]
                || *content == self.expected[index];
            let name = story.workload.outputs[index];
            assert!(is_fine, "{}, {place}: `{name}` is neither old nor new", story.name);
        }
    }
}

/// A run that was not disturbed ended with the right bytes and left nothing behind. Returns the checkpoint that it went on
/// from, `u64::MAX` where nothing was left to do, 0 where it began.
pub fn check_ended(
    story: &Story,
    outputs_of: &Outputs,
    disk: &SimulatedStorage,
    ran: &Ran,
    place: &str,
) -> u64 {
    let name = story.name;
    let resumed = match &ran.outcome {
        Ok(Outcome::AlreadyFinished(_)) => u64::MAX,
        Ok(Outcome::Finished(_)) => ran.resumed.unwrap_or(0),
        other => panic!("{name}, {place}: {other:?}"),
    };
    assert_eq!(outputs(story.workload, disk), outputs_of.expected, "{name}, {place}");
    assert_eq!(staged(disk, Path::new(FOLDER)), Vec::<PathBuf>::new(), "{name}, {place}");
    let left = names(disk);
    if !story.workload.job.contains("incremental") {
        let is_left = |name: &&String| name.starts_with("spill-") || name.ends_with(".tmp");
        let spills: Vec<&String> = left.iter().filter(is_left).collect();
        assert!(spills.is_empty(), "{name}, {place}: {spills:?}");
    }
    check_operations(story, ran, place);
    resumed
}

pub fn is_checkpoint(path: &Path) -> bool {
    let name = path.file_name().map_or("".into(), |name| name.to_string_lossy());
    path.starts_with(Path::new(FOLDER).join(".onward"))
        && name.starts_with("ckpt-")
        && name.ends_with(".onw")
}

pub fn is_own_folder(path: &Path) -> bool {
    path == Path::new(FOLDER).join(".onward/job")
}

pub fn number(path: &Path) -> u64 {
    let name = path.file_name().map_or("".into(), |name| name.to_string_lossy());
    let hex = name.trim_start_matches("ckpt-").trim_end_matches(".onw");
    u64::from_str_radix(hex, 16).expect("the name of a checkpoint")
}

/// The rules for the operations of one run:
/// - a checkpoint is announced only when its name is durable, and numbers are above all that there were;
/// - no checkpoint is deleted before this run has made one durable;
/// - a temporary name is used once;
/// - what could not be synced is not synced again, and a folder that could not be is not changed any more.
pub fn check_operations(story: &Story, ran: &Ran, place: &str) {
    check_numbers(story, ran, place);
    let name = story.name;
    let (mut named, mut durable) = (0, 0);
    let mut made: BTreeSet<&Path> = BTreeSet::new();
    let mut doubtful: BTreeSet<&Path> = BTreeSet::new();
    let mut announced = ran.announced.iter().peekable();
    for (index, operation) in ran.operations.iter().enumerate() {
        while let Some((_, sequence)) = announced.next_if(|(at, _)| *at <= index) {
            assert_eq!(*sequence, durable, "{name}, {place}: announced before it was durable");
        }
        let Operation { call, path, end, .. } = operation;
        let is_temporary = path.extension().is_some_and(|extension| extension == "tmp");
        let told = || format!("{name}, {place}: operation {index}, {call:?} {}", path.display());
        match call {
            Call::Rename if is_checkpoint(path) => {
                assert!(!doubtful.iter().any(|folder| is_own_folder(folder)), "{}", told());
                if *end == End::Done {
                    assert!(number(path) > named, "{}: a number is used again", told());
                    named = number(path);
                }
            }
            Call::SyncDirectory if is_own_folder(path) && *end == End::Done => durable = named,
            Call::Remove if is_checkpoint(path) => {
                assert!(durable > 0 && durable == named, "{}: deleted too early", told());
            }
            Call::Create if is_temporary && *end != End::Interrupted => {
                assert!(made.insert(path), "{}: a name is used again", told());
            }
            _ => {}
        }
        // A copy is looked at anew after a failure, and nothing rests on it.
        let is_of_copy = story.workload.job.contains("copies")
            && (path.as_path() == Path::new(FOLDER)
                || path.starts_with(Path::new(FOLDER).join("copy")));
        if call.is_sync() && !is_of_copy {
            assert!(!doubtful.contains(path.as_path()), "{}: synced again", told());
            if *end == End::Failed {
                doubtful.insert(path);
            }
        }
    }
    for (_, sequence) in announced {
        assert_eq!(*sequence, durable, "{name}, {place}: announced before it was durable");
    }
}
