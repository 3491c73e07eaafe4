//! What the machine does not give: room, file size, descriptors, a disk that can be written, folders that stay. Each ends a
//! run with a sentence, at a checkpoint, and the same command goes on when it is there again.
//!
//! `ONWARD_LIMIT_SIZES=256` tries more sizes of everything.

use crate::support::asked::number;
use crate::support::folder::{self, Files};
use crate::support::jobs::{Pace, Shape};
use crate::support::mounts::{Kind, Mount, tool};
use crate::support::program::{Ended, mistakes, onward, path, spawn, start};
use crate::support::random::Random;
use crate::support::report::{count, skip};
use std::fs;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// How many sizes of a limit are tried.
const SIZES: u64 = 32;

/// Between two of them.
const STEP_BYTES: u64 = 4096;

/// More than any job here needs.
const PLENTY: &str = "size=256m";

fn sizes() -> u64 {
    number("ONWARD_LIMIT_SIZES", SIZES)
}

/// A job and what comes of it where nothing is short.
struct Job {
    scratch: TempDir,
    expected: Files,
    code: i32,
    /// Bytes that its outputs have.
    bytes: u64,
}

impl Job {
    fn new(shape: Shape, records: u64) -> Job {
        let scratch = folder::scratch_in_memory();
        shape.make(scratch.path(), Pace::Often, records, &mut Random::new(9));
        let undisturbed = folder::scratch_in_memory();
        folder::copy(scratch.path(), undisturbed.path());
        let inputs = folder::files(undisturbed.path());
        let ended = onward(undisturbed.path(), &RUN);
        let expected = folder::files(undisturbed.path());
        let code = ended.code.filter(|code| matches!(code, 0 | 3));
        let code = code.unwrap_or_else(|| panic!("{shape:?}: {ended:?}"));
        let length = |files: &Files| files.values().map(|bytes| bytes.len() as u64).sum::<u64>();
        let bytes = length(&expected) - length(&inputs);
        Job { scratch, expected, code, bytes }
    }

    fn copy_to(&self, folder: &Path) {
        folder::copy(self.scratch.path(), folder);
    }

    /// The same command where nothing is short any more: it ends as if nothing had been.
    fn goes_on(&self, folder: &Path, what: &str) {
        let ended = onward(folder, &RUN);
        assert_eq!(ended.code, Some(self.code), "{what}: {ended:?}");
        let difference = folder::difference(&self.expected, &folder::files(folder));
        assert!(difference.is_empty(), "{what}: {difference}{ended:?}");
    }

    /// That what a failed run left is whole, as far as there is something.
    fn is_whole(&self, folder: &Path, what: &str) {
        let ended = onward(folder, &["checkpoint", "verify", "job.toml"]);
        let is_nothing = ["there is no checkpoint", "was never started"];
        let is_nothing = is_nothing.iter().any(|said| ended.stderr.contains(said));
        assert!(ended.code == Some(0) || is_nothing, "{what}: {ended:?}");
    }
}

const RUN: [&str; 6] = ["run", "job.toml", "--chunk-bytes", "512", "--threads", "2"];

/// The program under a limit of the process.
fn limited(folder: &Path, limit: &str) -> Option<Ended> {
    let mut command = Command::new("prlimit");
    command.arg(limit).arg(path()).args(RUN).current_dir(folder).env_clear().envs(mistakes());
    if tool("prlimit", &["--version"]).is_err() {
        skip("prlimit is not there");
        return None;
    }
    Some(start(&mut command).end())
}

/// That a run ended with a code and a sentence that says all this.
fn check_told(ended: &Ended, code: i32, said: &[&str], what: &str) {
    assert_eq!(ended.code, Some(code), "{what}: {ended:?}");
    assert!(ended.stderr.contains("onward: error: "), "{what}: {ended:?}");
    for said in said {
        assert!(ended.stderr.contains(said), "{what}: `{said}`: {ended:?}");
    }
}

const MAKE_ROOM: &str = "hint: make room, then run the same command to go on";

fn used_bytes(folder: &Path) -> u64 {
    let found = rustix::fs::statvfs(folder).expect("a file system");
    (found.f_blocks - found.f_bfree) * found.f_frsize
}

/// Fills a file system at each of its sizes, and makes room then.
fn check_full(shape: Shape, sizes: u64, step_bytes: u64) {
    let Some(mount) = Mount::memory(1 << 20) else { return };
    let job = Job::new(shape, sizes * step_bytes / 450);
    let (mut full, mut ended_well, mut resumed) = (0, 0, 0);
    for size in 0..sizes {
        let what = format!("{shape:?} with {size} steps of room");
        mount.remount(PLENTY);
        for name in folder::names(mount.path()) {
            let path = mount.path().join(name);
            let is_folder = path.is_dir();
            let removed = if is_folder { fs::remove_dir_all(path) } else { fs::remove_file(path) };
            removed.expect("removed");
        }
        job.copy_to(mount.path());
        let room = used_bytes(mount.path()) + size * step_bytes;
        mount.remount(&format!("size={room}"));
        let ended = onward(mount.path(), &RUN);
        if ended.code == Some(job.code) {
            ended_well += 1;
        } else {
            check_told(&ended, 75, &["No space left on device", MAKE_ROOM], &what);
            full += 1;
            job.is_whole(mount.path(), &what);
            // Without more room it is no worse.
            let again = onward(mount.path(), &RUN);
            assert!(matches!(again.code, Some(75 | 0 | 3)), "{what}: {again:?}");
            resumed += u64::from(again.stderr.contains("resuming from checkpoint"));
        }
        mount.remount(PLENTY);
        job.goes_on(mount.path(), &what);
    }
    count(&format!(
        "limits: {shape:?}: {sizes} sizes of a disk: {full} were too small, {resumed} left a checkpoint"
    ));
    assert!(full >= sizes / 4 && ended_well > 0, "{full} {ended_well}");
    assert!(resumed * 2 > full, "{resumed} of {full}");
}

#[test]
fn a_disk_that_fills_up_ends_a_run_at_its_checkpoint_and_with_room_it_goes_on() {
    check_full(Shape::Rejects, sizes(), STEP_BYTES);
}

#[test]
fn a_disk_that_fills_up_with_spills_is_no_other() {
    check_full(Shape::Sort, sizes(), STEP_BYTES);
}

#[test]
fn a_disk_that_fills_up_with_partitions_is_no_other() {
    // Each of its many small files takes a block.
    check_full(Shape::Partitions, sizes() / 4, STEP_BYTES * 48);
}

#[test]
fn a_limit_of_file_sizes_ends_a_run_like_a_full_disk() {
    let job = Job::new(Shape::Plain, sizes() * 20);
    let mut limits: Vec<u64> = (0..sizes() / 2).map(|step| step * STEP_BYTES).collect();
    limits.extend([1, 100, 700, job.bytes - 1, job.bytes]);
    let (mut over, mut tried) = (0, 0);
    for limit in limits {
        let what = format!("{limit} bytes a file");
        let scratch = folder::scratch_in_memory();
        job.copy_to(scratch.path());
        let Some(ended) = limited(scratch.path(), &format!("--fsize={limit}")) else { return };
        if limit < job.bytes {
            check_told(&ended, 75, &["File too large", MAKE_ROOM], &what);
            job.is_whole(scratch.path(), &what);
            over += 1;
        } else {
            assert_eq!(ended.code, Some(job.code), "{what}: {ended:?}");
        }
        job.goes_on(scratch.path(), &what);
        tried += 1;
    }
    count(&format!("limits: {tried} limits of file sizes, {over} of them too small"));
    assert!(over >= sizes() / 4, "{over}");
}

#[test]
fn with_few_descriptors_a_run_says_so_and_goes_on_with_more() {
    let (mut too_few, mut enough) = (0, 0);
    for shape in [Shape::Sort, Shape::Partitions, Shape::Several] {
        let job = Job::new(shape, 3000);
        for limit in (4..20).chain([24, 32, 48]) {
            let what = format!("{shape:?} with {limit} descriptors");
            let scratch = folder::scratch_in_memory();
            job.copy_to(scratch.path());
            let both = format!("--nofile={limit}:{limit}");
            let Some(ended) = limited(scratch.path(), &both) else { return };
            if ended.code == Some(job.code) {
                enough += 1;
            } else if ended.code == Some(127) {
                assert!(ended.stderr.contains("shared libraries"), "{what}: {ended:?}");
            } else {
                check_told(&ended, 1, &["Too many open files", "ulimit -n"], &what);
                job.is_whole(scratch.path(), &what);
                too_few += 1;
            }
            job.goes_on(scratch.path(), &what);
        }
    }
    count(&format!("limits: {too_few} times too few descriptors, {enough} times enough"));
    assert!(too_few > 20 && enough > 3, "{too_few} {enough}");
}

/// A job that runs for a while in a folder.
fn long_job() -> Job {
    Job::new(Shape::Plain, 60_000)
}

/// Whether there are checkpoints besides the first.
fn has_begun(folder: &Path) -> bool {
    let folder = folder.join(".onward/job");
    let is_later = |name: &String| name.starts_with("ckpt-") && !name.ends_with("01.onw");
    folder.exists() && folder::names(&folder).iter().any(is_later)
}

#[test]
fn a_disk_that_turns_read_only_during_a_run_ends_it_and_then_it_goes_on() {
    let Some(mount) = Mount::disk(Kind::Ext4) else { return };
    let job = long_job();
    for time in 0..3 {
        let folder = mount.path().join(format!("job-{time}"));
        fs::create_dir(&folder).expect("a folder");
        job.copy_to(&folder);
        let _synced = tool("sync", &["-f".as_ref(), folder.as_os_str()]);
        let mut running = spawn(&folder, &RUN);
        assert!(running.until(|| has_begun(&folder)), "{:?}", running.end());
        // As the kernel does where it finds a mistake on the disk.
        let trigger = format!("/sys/fs/ext4/{}/trigger_fs_error", mount.device_name());
        if fs::write(trigger, "a test").is_err() {
            return skip("the kernel cannot be told to find a mistake on a disk");
        }
        let ended = running.end();
        let what = format!("{time}");
        let said = ["ead-only file system", "Input/output error"];
        let said = said.iter().find(|said| ended.stderr.contains(**said));
        check_told(&ended, 1, &[said.copied().unwrap_or("ead-only file system")], &what);
        mount.start_again(Kind::Ext4);
        job.is_whole(&folder, &what);
        job.goes_on(&folder, &what);
    }
    count("limits: 3 disks turned read-only");
}

#[test]
fn a_folder_of_checkpoints_that_is_removed_during_a_run_ends_it_and_the_job_starts_again() {
    let job = long_job();
    let scratch = folder::scratch_in_memory();
    job.copy_to(scratch.path());
    let mut running = spawn(scratch.path(), &RUN);
    assert!(running.until(|| has_begun(scratch.path())), "{:?}", running.end());
    fs::rename(scratch.path().join(".onward"), scratch.path().join("gone")).expect("moved");
    fs::remove_dir_all(scratch.path().join("gone")).expect("removed");
    let ended = running.end();
    check_told(&ended, 1, &["No such file or directory", ".onward/job"], "removed");
    let ended = onward(scratch.path(), &RUN);
    assert_eq!(ended.code, Some(job.code), "{ended:?}");
    // Whose the staged file is nobody can tell any more; it is named.
    assert!(ended.stderr.contains(".partial"), "{ended:?}");
    let mut found = folder::files(scratch.path());
    found.retain(|path, _| !path.ends_with(".partial"));
    let difference = folder::difference(&job.expected, &found);
    assert!(difference.is_empty(), "{difference}");
}

#[test]
fn a_folder_of_outputs_that_is_removed_during_a_run_ends_it_and_is_told() {
    let job = long_job();
    let scratch = folder::scratch_in_memory();
    job.copy_to(scratch.path());
    let out = scratch.path().join("out");
    fs::create_dir(&out).expect("a folder");
    let run = [&RUN[..], &["--set", "sink.path=out/out.csv"]].concat();
    let mut running = spawn(scratch.path(), &run);
    assert!(running.until(|| has_begun(scratch.path())), "{:?}", running.end());
    fs::remove_dir_all(&out).expect("removed");
    let ended = running.end();
    check_told(&ended, 1, &["No such file or directory", "out"], "removed");
    let ended = onward(scratch.path(), &run);
    assert!(matches!(ended.code, Some(2 | 5)), "{ended:?}");
    fs::create_dir(&out).expect("a folder");
    let ended = onward(scratch.path(), &run);
    check_told(&ended, 5, &["is gone", "--fresh"], "gone");
    let ended = onward(scratch.path(), &[&run[..], &["--fresh"]].concat());
    assert_eq!(ended.code, Some(job.code), "{ended:?}");
    assert_eq!(fs::read(out.join("out.csv")).expect("an output"), job.expected["out.csv"]);
}
