//! Checkpoints with right digests around wrong contents, and jobs that go on with them.
//!
//! The files are those of stopped jobs in `fixtures/checkpoints`. Some numbers, bytes or texts of one checkpoint are
//! replaced, and the file is made anew, as one would make it who knows the format.

use crate::support::choices::Choices;
use crate::support::folder;
use crate::support::machine::{self, FOLDER, How};
use crate::support::memory;
use onward::checkpoint::format::{self, Limits};
use onward::checkpoint::{CheckpointId, Decoded, Manifest};
use onward::job::Job;
use onward::storage::simulated::SimulatedStorage;
use serde_json::Value;
use std::path::Path;

/// Files of others, some of them where a forged path would lead.
const OTHERS: [&str; 5] = [
    "/etc/other.csv",
    "/job/other.csv",
    "/job/.other.csv.onward-00000000000000000000000000000000.partial",
    "/job/checkpoints/other.csv",
    "/other.csv",
];

/// Texts that lead to them.
pub const ODD_TEXTS: [&str; 12] = [
    "",
    "other.csv",
    "../other.csv",
    "/etc/other.csv",
    "checkpoints/other.csv",
    "out.csv/../other.csv",
    ".",
    "..",
    "\u{0}",
    "sink/../../other.csv",
    "spill-00000000000000ff-00000000000000ff.onw",
    "rejects",
];

/// What a run may take in memory, whatever the few kilobytes of a checkpoint say.
const MEMORY_MAX: usize = 256 << 20;

/// A job that was stopped.
pub struct Stopped {
    pub name: String,
    pub job: Job,
    /// The files of its folder, by their paths in there.
    pub files: Vec<(String, Vec<u8>)>,
}

/// All stopped jobs of the fixtures.
pub fn all() -> Vec<Stopped> {
    let sets = folder::fixtures().join("checkpoints");
    let mut jobs = Vec::new();
    for set in folder::names(&sets).into_iter().map(|name| sets.join(name)) {
        if !set.is_dir() {
            continue;
        }
        let files = folder::files(&set);
        for name in folder::names(&set).into_iter().filter(|name| set.join(name).is_dir()) {
            let inputs =
                ["in.csv", "in.jsonl"].map(|input| (input.to_owned(), files[input].clone()));
            let prefix = format!("{name}/left/");
            let left = files.iter().filter_map(|(path, bytes)| {
                Some((path.strip_prefix(&prefix)?.to_owned(), bytes.clone()))
            });
            let text = String::from_utf8_lossy(&files[&format!("{name}/job.toml")]);
            let job = machine::load(&text);
            jobs.push(Stopped { name, job, files: inputs.into_iter().chain(left).collect() });
        }
    }
    jobs
}

/// Those of them that left spills.
pub fn with_spills() -> Vec<Stopped> {
    let has_spill = |(path, _): &(String, Vec<u8>)| path.starts_with("checkpoints/spill-");
    all().into_iter().filter(|job| job.files.iter().any(has_spill)).collect()
}

impl Stopped {
    /// The disk as the stopped run left it, with files of others.
    pub fn disk(&self) -> SimulatedStorage {
        self.disk_with(|_| true)
    }

    /// The disk as it was before the first start.
    pub fn disk_without_past(&self) -> SimulatedStorage {
        self.disk_with(|path| path.starts_with("in."))
    }

    fn disk_with(&self, is_there: impl Fn(&str) -> bool) -> SimulatedStorage {
        let disk = SimulatedStorage::new();
        disk.put_directory(FOLDER, 0o755);
        disk.put_directory(Path::new(FOLDER).join("checkpoints"), 0o700);
        for other in OTHERS {
            disk.put_file(other, other.as_bytes());
        }
        for (path, bytes) in self.files.iter().filter(|(path, _)| is_there(path)) {
            disk.put_file(Path::new(FOLDER).join(path), bytes);
        }
        disk
    }

    /// Goes on with the job: it may do so or refuse. Whether it came to its end.
    pub fn go_on(&self, disk: &SimulatedStorage) -> bool {
        let run = || machine::run(&self.job, disk, 7, How::PLAIN);
        let (outcome, peak) = memory::peak_of(run);
        let name = &self.name;
        assert!(peak < MEMORY_MAX, "{name}: {peak} bytes, {outcome:?}");
        for other in OTHERS {
            assert_eq!(disk.file(other).as_deref(), Some(other.as_bytes()), "{name}: {other}");
        }
        for (path, bytes) in self.files.iter().filter(|(path, _)| path.starts_with("in.")) {
            assert_eq!(disk.file(Path::new(FOLDER).join(path)).as_ref(), Some(bytes), "{name}");
        }
        outcome.is_ok()
    }

    /// Its checkpoints with their paths, oldest first.
    pub fn checkpoints(&self) -> Vec<(String, Decoded)> {
        let is_checkpoint = |path: &str| path.starts_with("checkpoints/ckpt-");
        let checkpoints = self.files.iter().filter(|(path, _)| is_checkpoint(path));
        let decode = |bytes: &[u8]| format::decode(bytes, &Limits::default()).expect("a fixture");
        checkpoints.map(|(path, bytes)| (path.clone(), decode(bytes))).collect()
    }
}

/// Forges the checkpoints of one of the jobs, and goes on with it. Whether it came to its end.
pub fn target(jobs: &[Stopped], bytes: &[u8]) -> bool {
    let mut choices = Choices::new(bytes);
    let stopped = choices.pick(jobs);
    let mut checkpoints = stopped.checkpoints();
    let chosen = choices.below(checkpoints.len());
    while !choices.is_empty() {
        forge(&mut checkpoints[chosen].1, &mut choices);
    }
    let disk = stopped.disk();
    put(&disk, checkpoints);
    stopped.go_on(&disk)
}

/// Makes the files of some checkpoints, oldest first, those that build on one that changed included.
pub fn put(disk: &SimulatedStorage, checkpoints: Vec<(String, Decoded)>) {
    let mut changed: Vec<(CheckpointId, CheckpointId)> = Vec::new();
    for (path, mut decoded) in checkpoints {
        let parent = changed.iter().find(|(old, _)| Some(*old) == decoded.checkpoint.parent);
        if let Some((_, new)) = parent {
            decoded.checkpoint.parent = Some(*new);
        }
        let Ok((bytes, digest)) = format::encode(&decoded.checkpoint, decoded.id.sequence) else {
            continue;
        };
        changed.push((decoded.id, CheckpointId { digest, ..decoded.id }));
        disk.put_file(Path::new(FOLDER).join(path), &bytes);
    }
}

/// Changes one thing.
fn forge(decoded: &mut Decoded, choices: &mut Choices<'_>) {
    let sections = &mut decoded.checkpoint.sections;
    let kind = choices.byte() % 16;
    if kind >= 12 || sections.is_empty() {
        forge_manifest(&mut decoded.checkpoint.manifest, choices);
        return;
    }
    let (one, other) = (choices.below(sections.len()), choices.below(sections.len()));
    if kind == 11 {
        let bytes = sections[other].bytes.clone();
        sections[one].bytes = bytes;
    } else {
        forge_bytes(&mut sections[one].bytes, kind, choices);
    }
}

/// Changes some bytes in one of twelve ways.
pub fn forge_bytes(bytes: &mut Vec<u8>, kind: u8, choices: &mut Choices<'_>) {
    let at = choices.below(bytes.len().max(1));
    let end = (at + 1 + choices.below(24)).min(bytes.len());
    let mut overwrite = |new: &[u8]| {
        let count = new.len().min(bytes.len() - at.min(bytes.len()));
        bytes[at..at + count].copy_from_slice(&new[..count]);
    };
    match kind {
        0..=2 => overwrite(&[choices.byte()]),
        3 | 4 => overwrite(&choices.odd_number().to_le_bytes()[..4]),
        5 | 6 => overwrite(&choices.odd_number().to_le_bytes()),
        7 => bytes.truncate(at),
        8 => bytes.extend(vec![choices.byte(); choices.below(40)]),
        9 => drop(bytes.drain(at..end)),
        _ => {
            let again = bytes[at..end].to_vec();
            bytes.splice(at..at, again);
        }
    }
}

/// Replaces one number, text, truth value or list of the manifest, where it is still one afterwards.
fn forge_manifest(manifest: &mut Manifest, choices: &mut Choices<'_>) {
    let mut value = serde_json::to_value(&*manifest).expect("plain data");
    // What the job is has its own checks, and would take most of the choices.
    let job = value["job"].take();
    let count = leaves(&mut value).len();
    let chosen = choices.below(count);
    if let Some(leaf) = leaves(&mut value).into_iter().nth(chosen) {
        *leaf = match leaf {
            Value::String(_) => Value::from(*choices.pick(&ODD_TEXTS)),
            Value::Bool(truth) => Value::from(!*truth),
            Value::Array(list) if list.is_empty() => Value::from(vec![choices.odd_number()]),
            Value::Array(list) => {
                Value::from(list.iter().chain(list.last()).cloned().collect::<Vec<_>>())
            }
            _ => Value::from(choices.odd_number()),
        };
    }
    value["job"] = job;
    if let Ok(forged) = serde_json::from_value(value) {
        *manifest = forged;
    }
}

/// All values that hold no others, and the lists.
fn leaves(value: &mut Value) -> Vec<&mut Value> {
    let is_nested = |list: &[Value]| list.iter().any(|one| one.is_object() || one.is_array());
    if !value.is_object() && !value.as_array().is_some_and(|list| is_nested(list)) {
        return vec![value];
    }
    match value {
        Value::Object(members) => members.values_mut().flat_map(leaves).collect(),
        Value::Array(list) => list.iter_mut().flat_map(leaves).collect(),
        _ => Vec::new(),
    }
}
