//! The files of a partitioned sink: made when their first record comes, a few of them open at a time.
//!
//! What is closed is not synced: a checkpoint opens every file with new bytes once more and syncs it. A write that failed
//! behind our back is reported there, too: the operating system tells whoever syncs first.
//!
//! Invariants:
//! - a new partition is admitted only together with all others of its piece, before a byte of the piece is written;
//! - no two outputs of a job have targets that differ in the case of letters alone.

use super::output::{Output, OutputPlan, partition, standings};
use super::outputs::Syncs;
use super::routes::Part;
use super::world::World;
use crate::checkpoint::{EarlierOutput, Form, Manifest, OutputEntry, Section, Standing, State};
use crate::error::{Error, Kind, Result};
use crate::job::Job;
use crate::sink::{self, PartitionName, tail_length};
use crate::storage::{self, Metadata, Privacy};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::path::{Path, PathBuf};

/// Files of all sinks that are open at a time, where the system allows it.
const OPEN_MAX: u64 = 64;

/// Descriptors of an open file: its own and its lock's.
const DESCRIPTORS_EACH: u64 = 2;

/// Descriptors that others need: standard streams, inputs, locks, single outputs, a checkpoint.
const DESCRIPTORS_ELSEWHERE: u64 = 40;

/// The section of a checkpoint with the tails of all partitions, in the order of the manifest. No step has such a name.
const TAILS: &str = "outputs/tails";
const TAILS_VERSION: u32 = 1;

/// What decides whether a new partition may be made.
#[derive(Debug)]
pub struct Admission {
    /// The job's id.
    pub instance: String,
    /// The inputs, which no output may be.
    pub inputs: Vec<(PathBuf, Metadata)>,
    /// Whether the user lets outputs replace what is not the job's own.
    pub overwrite: bool,
    /// What earlier starts of the job have published, by role.
    pub earlier: BTreeMap<String, Vec<Standing>>,
    /// The role of each target, by its name in lower case.
    pub owners: HashMap<String, String>,
}

/// The files of one sink.
#[derive(Debug)]
pub struct Partitions {
    max: usize,
    header: Vec<u8>,
    files: Vec<Output>,
    index: HashMap<PartitionName, usize>,
    /// The open files, the one used last at the end.
    open: Vec<usize>,
    open_max: usize,
    folders: BTreeSet<PathBuf>,
}

impl Admission {
    /// Nothing is owned yet.
    pub fn new(
        instance: String,
        inputs: Vec<(PathBuf, Metadata)>,
        overwrite: bool,
        earlier: BTreeMap<String, Vec<Standing>>,
    ) -> Admission {
        Admission { instance, inputs, overwrite, earlier, owners: HashMap::new() }
    }

    /// Remembers whose the target of an output is that is there from the start. Single files were compared when the job was
    /// read, with case.
    pub fn own_known(&mut self, plan: &OutputPlan) -> Result<()> {
        if plan.is_partition() {
            return self.own(&plan.role, &plan.target);
        }
        let folded = plan.target.to_string_lossy().to_lowercase();
        self.owners.insert(folded, plan.role.clone());
        Ok(())
    }

    /// Remembers whose a target is; an error where it is another output's.
    pub fn own(&mut self, role: &str, target: &Path) -> Result<()> {
        let folded = target.to_string_lossy().to_lowercase();
        let Some(other) = self.owners.get(&folded) else {
            self.owners.insert(folded, role.to_owned());
            return Ok(());
        };
        let target = target.display();
        let message = format!(
            "`{role}` and `{other}` would be one file, `{target}`, where upper and lower case are not told apart"
        );
        Err(Error::failed(message).with_hint(
            "give one of them another path, or make the values alike before with `lower(...)`; then start over with `--fresh`",
        ))
    }

    /// What earlier starts published of partitions that this one has not met yet.
    pub fn earlier_outputs(&self) -> Vec<EarlierOutput> {
        let outputs = self.earlier.iter().flat_map(|(name, standings)| {
            let output = |standing: &Standing| {
                let Standing { length, crc } = *standing;
                EarlierOutput { name: name.clone(), length, crc }
            };
            standings.iter().map(output)
        });
        outputs.collect()
    }
}

/// What the partitions of earlier starts were, by role, as a checkpoint of theirs says.
pub fn earlier(past: &Manifest) -> BTreeMap<String, Vec<Standing>> {
    let mut earlier = earlier_of(&past.earlier);
    for entry in past.outputs.iter().filter(|entry| is_partition(entry)) {
        earlier.entry(entry.name.clone()).or_default().extend(standings(entry));
    }
    earlier
}

/// The same of a job that goes on.
pub fn earlier_of(outputs: &[EarlierOutput]) -> BTreeMap<String, Vec<Standing>> {
    let mut earlier: BTreeMap<String, Vec<Standing>> = BTreeMap::new();
    for EarlierOutput { name, length, crc } in outputs {
        let standing = Standing { length: *length, crc: *crc };
        earlier.entry(name.clone()).or_default().push(standing);
    }
    earlier
}

fn is_partition(entry: &OutputEntry) -> bool {
    entry.name.contains('/')
}

/// Moves the tails of partitions out of the manifest's entries, where they would take too much room, into a section.
pub fn detach_tails(entries: &mut [OutputEntry]) -> Option<Section> {
    let mut bytes = Vec::new();
    let mut has_partitions = false;
    for entry in entries.iter_mut().filter(|entry| is_partition(entry)) {
        has_partitions = true;
        bytes.append(&mut entry.tail);
    }
    let (name, form, version) = (TAILS.to_owned(), Form::Base, TAILS_VERSION);
    has_partitions.then_some(Section { name, form, version, bytes })
}

/// Puts the tails back into the entries.
pub fn attach_tails(entries: &mut [OutputEntry], states: &[State]) -> Result<()> {
    let unreadable = || Error::refused("the checkpoint's tails of partitions are not readable");
    let state = states.iter().find(|state| state.name == TAILS);
    let mut bytes: &[u8] = match state.map(|state| state.parts.as_slice()) {
        None => &[],
        Some([part]) if part.version == TAILS_VERSION => &part.bytes,
        Some(_) => return Err(unreadable()),
    };
    for entry in entries.iter_mut().filter(|entry| is_partition(entry)) {
        let length = usize::try_from(tail_length(entry.length)).map_err(|_| unreadable())?;
        let (tail, rest) = bytes.split_at_checked(length).ok_or_else(unreadable)?;
        (entry.tail, bytes) = (tail.to_vec(), rest);
    }
    if bytes.is_empty() { Ok(()) } else { Err(unreadable()) }
}

impl Partitions {
    /// No file yet; one of so many partitioned sinks.
    pub fn new(max: usize, sinks: usize) -> Partitions {
        let descriptors = storage::descriptors_max().unwrap_or(u64::MAX);
        let open_max = open_max(descriptors, sinks as u64);
        Partitions {
            max,
            header: Vec::new(),
            files: Vec::new(),
            index: HashMap::new(),
            open: Vec::new(),
            open_max,
            folders: BTreeSet::new(),
        }
    }

    /// What every file begins with.
    pub fn set_header(&mut self, header: Vec<u8>) {
        self.header = header;
    }

    /// Adds a file that was cut back to a checkpoint, and closed.
    pub fn put(&mut self, name: PartitionName, file: Output) {
        self.index.insert(name, self.files.len());
        self.files.push(file);
    }

    /// The plans of the partitions of these parts that are not there yet, all checked.
    pub fn admit(
        &self,
        world: &World,
        job: &Job,
        admission: &mut Admission,
        parts: &[&Part],
    ) -> Result<Vec<(PartitionName, Output)>> {
        let mut admitted: Vec<(PartitionName, Output)> = Vec::new();
        let mut new = BTreeSet::new();
        for part in parts {
            let Some(name) = &part.partition else { continue };
            if self.index.contains_key(name) || !new.insert(name.clone()) {
                continue;
            }
            let plan = partition(job, part.sink, name.clone())
                .ok_or_else(|| Error::internal("a part of a sink without partitions"))?;
            if self.files.len() + new.len() > self.max {
                return Err(self.too_many(&plan));
            }
            admission.own(&plan.role, &plan.target)?;
            let earlier = admission.earlier.get(&plan.role).map_or(&[][..], Vec::as_slice);
            let overwrite = admission.overwrite || plan.overwrite;
            let permission = plan
                .check_partition(world, &admission.inputs, earlier, overwrite)
                .map_err(|error| match error.kind {
                    // Known only now, in the middle of the work, which is not lost.
                    Kind::Usage => Error { kind: Kind::Failed, ..error },
                    _ => error,
                })?;
            let output = Output::planned(&plan, &admission.instance, permission);
            admitted.push((name.clone(), output));
        }
        Ok(admitted)
    }

    fn too_many(&self, plan: &OutputPlan) -> Error {
        let (role, max) = (&plan.role, self.max);
        let message = format!("`{role}` would be one partition more than {max}");
        Error::failed(message).with_hint(
            "raise `partitions_max` of the sink and run the same command to go on, or partition by other values",
        )
    }

    /// Appends to a partition that was admitted.
    pub fn append(&mut self, world: &World, part: &Part) -> Result<()> {
        let name = part.partition.as_ref().expect("parts of partitions are named");
        let index = self.index[name];
        self.open(world, index)?;
        let file = &mut self.files[index];
        if file.length() == 0 {
            file.staged().append(&self.header, None)?;
        }
        file.staged().append(&part.bytes, Some(&part.digest))?;
        file.count(part.records);
        Ok(())
    }

    /// Opens a file, and closes the ones used least recently where there are too many.
    fn open(&mut self, world: &World, index: usize) -> Result<()> {
        if self.files[index].is_open() {
            let place = self.open.iter().position(|open| *open == index);
            if let Some(place) = place {
                self.open.remove(place);
            }
            self.open.push(index);
            return Ok(());
        }
        if self.files[index].is_planned() {
            self.make_folder(world, index)?;
        }
        self.close_down_to(self.open_max - 1);
        while let Err(error) = self.files[index].open(world) {
            if !is_out_of_descriptors(&error) || self.open.is_empty() {
                return Err(error);
            }
            // Others need some, too: a checkpoint, the inputs.
            self.open_max = (self.open.len() / 2).max(1);
            self.close_down_to(self.open_max - 1);
        }
        self.open.push(index);
        Ok(())
    }

    fn make_folder(&mut self, world: &World, index: usize) -> Result<()> {
        let folder = &self.files[index].name().folder;
        if !self.folders.contains(folder) {
            world
                .storage
                .create_directory(folder, Privacy::Shared)
                .map_err(|cause| Error::io("make the folder", folder, cause))?;
            self.folders.insert(folder.clone());
        }
        Ok(())
    }

    fn close_down_to(&mut self, count: usize) {
        while self.open.len() > count {
            let index = self.open.remove(0);
            self.files[index].close();
        }
    }

    /// The files, in the order in which their first records came.
    pub fn files(&self) -> &[Output] {
        &self.files
    }

    /// What must be durable before a checkpoint names them.
    pub fn sync_into(&mut self, syncs: &mut Syncs) {
        for file in &mut self.files {
            let unsynced = file.take_unsynced();
            let name = file.name();
            if unsynced.has_bytes {
                syncs.closed.push(name.staged.clone());
            }
            if unsynced.has_name {
                syncs.add_folder(&name.folder);
            }
        }
    }

    /// Gives all files their final names.
    pub fn publish(&mut self, world: &World) -> Result<()> {
        self.close_down_to(0);
        let mut folders = BTreeSet::new();
        for file in &self.files {
            sink::rename(&*world.storage, file.name(), file.existing())?;
            folders.insert(&file.name().folder);
        }
        for folder in folders {
            let syncing = |cause| Error::io("sync the folder", folder, cause);
            world.storage.sync_directory(folder).map_err(syncing)?;
        }
        Ok(())
    }
}

/// How many files each of so many sinks may have open. Half of the descriptors are left alone.
fn open_max(descriptors: u64, sinks: u64) -> usize {
    let free = descriptors.saturating_sub(DESCRIPTORS_ELSEWHERE) / 2 / DESCRIPTORS_EACH;
    let each = free.min(OPEN_MAX) / sinks.max(1);
    usize::try_from(each).unwrap_or(1).max(1)
}

fn is_out_of_descriptors(error: &Error) -> bool {
    let cause = error.cause.as_ref().and_then(|cause| cause.downcast_ref::<io::Error>());
    cause.is_some_and(storage::is_out_of_descriptors)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, length: u64) -> OutputEntry {
        let bytes = usize::try_from(tail_length(length)).expect("less than a block");
        let tail = name.bytes().cycle().take(bytes).collect();
        let target = String::new();
        let (name, crc, records, replaces, ours) = (name.to_owned(), 0, 1, false, None);
        let extends = None;
        OutputEntry { name, target, length, crc, tail, records, replaces, ours, extends }
    }

    #[test]
    fn tails_of_partitions_come_back_from_their_section() {
        let whole = [entry("sink", 10), entry("s/a", 5000), entry("s/b", 4096), entry("s/c", 3)];
        let mut entries = whole.to_vec();
        let section = detach_tails(&mut entries).expect("there are partitions");
        assert_eq!((entries[0].tail.len(), entries[1].tail.len()), (10, 0));
        let state = |bytes: &[u8]| {
            let part = Section { bytes: bytes.to_vec(), ..section.clone() };
            State { name: section.name.clone(), parts: vec![part] }
        };
        attach_tails(&mut entries, &[state(&section.bytes)]).expect("the same");
        assert_eq!(entries, whole);
        let shorter = &section.bytes[1..];
        let longer = [&section.bytes[..], b"x"].concat();
        for wrong in [shorter, &longer] {
            attach_tails(&mut entries, &[state(wrong)]).expect_err("of another length");
        }
        attach_tails(&mut entries, &[]).expect_err("missing");
        attach_tails(&mut [entry("sink", 10)], &[]).expect("no partitions");
        assert_eq!(detach_tails(&mut [entry("sink", 10)]), None);
    }

    #[test]
    fn few_descriptors_mean_few_open_files() {
        let check = |descriptors, sinks, expected| {
            assert_eq!(open_max(descriptors, sinks), expected, "{descriptors} of {sinks}");
        };
        check(u64::MAX, 1, 64);
        check(1024, 1, 64);
        check(1024, 2, 32);
        check(256, 1, 54);
        check(64, 1, 6);
        check(16, 3, 1);
    }

    #[test]
    fn two_targets_that_differ_in_case_alone_have_one_owner() {
        let mut admission = Admission::new(String::new(), Vec::new(), false, BTreeMap::new());
        admission.own("s/DE", Path::new("out/DE.csv")).expect("free");
        admission.own("s/FR", Path::new("out/FR.csv")).expect("free");
        let error = admission.own("s/de", Path::new("out/de.csv")).expect_err("owned");
        assert!(error.message.contains("`s/de` and `s/DE`"), "{}", error.message);
    }
}
