//! `onward checkpoint verify`: it finds what is wrong with any part, changes nothing, and can be asked at any time.

mod agreement;

mod everything;

use crate::support::folder;
use crate::support::jobs::{Pace, Shape};
use crate::support::mounts::Mount;
use crate::support::program::{self, Ended, onward, onward_ends, spawn};
use crate::support::random::Random;
use crate::support::report::{count, skip};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

const VERIFY: [&str; 3] = ["checkpoint", "verify", "job.toml"];

/// A job that was stopped with three checkpoints.
fn stopped(shape: Shape) -> TempDir {
    let scratch = folder::scratch_in_memory();
    shape.make(scratch.path(), Pace::Never, 10_000, &mut Random::new(7));
    for _ in 0..2 {
        let run = ["run", "job.toml", "--chunk-bytes", "5000", "--stop-after-barriers", "3"];
        onward_ends(scratch.path(), &run, 75);
    }
    scratch
}

/// Everything that can be told of each file and folder without opening it.
fn listing(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(path) = folders.pop() {
        let data = fs::symlink_metadata(&path).expect("there");
        let times = (data.mtime(), data.mtime_nsec(), data.ctime(), data.ctime_nsec());
        let identity = (data.ino(), data.mode(), data.nlink(), data.len());
        if data.is_dir() {
            folders.extend(folder::names(&path).iter().map(|name| path.join(name)));
        }
        found.insert(path, format!("{times:?} {identity:?}"));
    }
    found
}

#[test]
fn jobs_of_all_shapes_are_verified_without_a_trace() {
    for shape in Shape::ALL {
        let scratch = stopped(shape);
        // Whoever looks must not make them again.
        for name in ["LOCK", "LOCK.info"] {
            fs::remove_file(scratch.path().join(".onward/job").join(name)).expect("removed");
        }
        let before = listing(scratch.path());
        let ended = onward_ends(scratch.path(), &VERIFY, 0);
        let said = String::from_utf8_lossy(&ended.stdout);
        let expected = "job: checkpoint 3 is whole; job, inputs and outputs fit it\n\
                        job: 2 checkpoints besides are whole, too\n";
        assert_eq!(said, expected, "{shape:?}");
        let ended = onward_ends(scratch.path(), &[&VERIFY[..], &["--json"]].concat(), 0);
        let json: serde_json::Value = serde_json::from_slice(&ended.stdout).expect("JSON");
        assert_eq!(json["checkpoints"].as_array().map(Vec::len), Some(3), "{json}");
        assert!(json["inputs"][0]["bytes"].as_u64() > Some(0), "{json}");
        assert_eq!(before, listing(scratch.path()), "{shape:?}");
    }
}

#[test]
fn a_job_on_a_disk_that_can_only_be_read_is_verified() {
    let Some(mount) = Mount::memory(64 << 20) else { return };
    folder::copy(stopped(Shape::Sort).path(), mount.path());
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    fs::set_permissions(mount.path().join(".onward/job"), private).expect("ours");
    mount.remount("ro");
    onward_ends(mount.path(), &VERIFY, 0);
    let ended = onward_ends(mount.path(), &["run", "job.toml"], 1);
    assert!(ended.stderr.contains("Read-only file system"), "{ended:?}");
    mount.remount("rw");
    onward_ends(mount.path(), &["run", "job.toml"], 0);
}

#[test]
fn no_call_of_it_could_change_a_file() {
    let scratch = stopped(Shape::Partitions);
    let trace = scratch.path().join("trace");
    let traced = Command::new("strace")
        .args(["-f", "-o"])
        .arg(&trace)
        .arg(program::path())
        .args(VERIFY)
        .current_dir(scratch.path())
        .output();
    let Ok(ended) = traced else { return skip("strace is not there") };
    let text = fs::read_to_string(&trace).unwrap_or_default();
    if !text.contains("exited with") {
        return skip("strace may not trace here");
    }
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    let calls: Vec<&str> =
        text.lines().filter_map(|line| Some(line.split_once(' ')?.1.trim_start())).collect();
    const CHANGING: [&str; 16] = [
        "rename",
        "unlink",
        "link",
        "symlink",
        "mkdir",
        "rmdir",
        "truncate",
        "ftruncate",
        "chmod",
        "fchmod",
        "chown",
        "fchown",
        "fallocate",
        "flock",
        "fsync",
        "fdatasync",
    ];
    for call in &calls {
        let name = call.split('(').next().unwrap_or_default();
        let is_changing = CHANGING.iter().any(|changing| name.starts_with(changing));
        let is_opened_to_write = name.starts_with("open")
            && ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC"].iter().any(|flag| call.contains(flag));
        assert!(!is_changing && (!is_opened_to_write || call.contains("/dev/null")), "{call}");
    }
    assert!(calls.len() > 100, "{}", calls.len());
}

#[test]
fn while_the_job_runs_everything_is_whole_at_any_time() {
    let (mut times, mut checkpoints) = (0, 0);
    for shape in [Shape::Sort, Shape::Dedup, Shape::Partitions, Shape::Plain] {
        let scratch = folder::scratch_in_memory();
        shape.make(scratch.path(), Pace::Often, 30_000, &mut Random::new(3));
        let run = ["run", "job.toml", "--chunk-bytes", "512", "--set", "checkpoint.keep=1"];
        let mut running = spawn(scratch.path(), &run);
        let has_begun = || scratch.path().join(".onward/job/LOCK.info").exists();
        assert!(running.until(has_begun), "{shape:?}");
        let mut is_over = false;
        while !is_over {
            is_over = running.ends_within(std::time::Duration::ZERO);
            let ended = onward(scratch.path(), &VERIFY);
            if ended.stderr.contains("there is no checkpoint") {
                continue;
            }
            assert_eq!(ended.code, Some(0), "{shape:?}: {ended:?}");
            times += 1;
        }
        assert_eq!(running.end().code, Some(0), "{shape:?}");
        checkpoints += 1;
    }
    count(&format!("verify: {times} times beside {checkpoints} runs"));
    assert!(times > checkpoints * 3, "{times}");
}

fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).expect("a readable file");
    change(&mut bytes);
    fs::write(path, bytes).expect("a writable file");
}

fn flip(path: &Path, at: usize) {
    change(path, |bytes| bytes[at] ^= 1);
}

/// Damages a copy of a job in one place, and verifies it.
fn check(job: &TempDir, damage: impl FnOnce(&Path), said: &str) -> Ended {
    let scratch = folder::scratch_in_memory();
    folder::copy(job.path(), scratch.path());
    damage(scratch.path());
    let ended = onward(scratch.path(), &VERIFY);
    assert_eq!(ended.code, Some(5), "{said}: {ended:?}");
    assert!(ended.stderr.contains(said), "`{said}` is not said: {ended:?}");
    ended
}

fn checkpoint(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!(".onward/job/ckpt-{number:016x}.onw"))
}

fn spill(folder: &Path) -> PathBuf {
    let folder = folder.join(".onward/job");
    let first = folder::names(&folder).into_iter().find(|name| name.starts_with("spill-"));
    folder.join(first.expect("a spill"))
}

fn staged(folder: &Path) -> PathBuf {
    folder::only(folder, |name| name.ends_with(".partial"))
}

#[test]
fn every_part_that_is_not_as_it_was_is_found() {
    let job = stopped(Shape::Sort);
    for number in 1..=3 {
        let said = format!("checkpoint {number} is not usable");
        check(&job, |folder| flip(&checkpoint(folder, number), 100), &said);
    }
    check(&job, |folder| flip(&spill(folder), 3000), "its section `block` is damaged");
    check(&job, |folder| change(&spill(folder), |bytes| bytes.truncate(99)), "should have");
    check(&job, |folder| fs::remove_file(spill(folder)).expect("removed"), "it is missing");
    check(&job, |folder| flip(&folder.join("in.csv"), 100), "in.csv");
    check(&job, |folder| change(&folder.join("in.csv"), |bytes| bytes.truncate(5000)), "shorter");
    check(
        &job,
        |folder| fs::write(folder.join("days.csv"), "day,name\n").expect("written"),
        "days",
    );

    let job = stopped(Shape::Plain);
    let first = "does not hold what checkpoint 3 had written";
    // A run looks at the end of what it goes on with; here every byte counts.
    check(&job, |folder| flip(&staged(folder), 9), first);
    check(&job, |folder| change(&staged(folder), |bytes| bytes.truncate(900)), "900 bytes");
    check(&job, |folder| fs::remove_file(staged(folder)).expect("removed"), "it is gone");
    onward_ends(job.path(), &["run", "job.toml"], 0);
    onward_ends(job.path(), &VERIFY, 0);
    check(&job, |folder| flip(&folder.join("out.csv"), 9), "does not hold what checkpoint");
    check(&job, |folder| fs::remove_file(folder.join("out.csv")).expect("removed"), "out.csv");

    let job = stopped(Shape::Partitions);
    let partition = "days/2024-01-00/k1.csv";
    onward_ends(job.path(), &["run", "job.toml"], 0);
    check(&job, |folder| flip(&folder.join(partition), 20), partition);
}

#[test]
fn every_byte_of_an_input_counts_where_the_job_says_so() {
    let job = folder::scratch_in_memory();
    Shape::Plain.make(job.path(), Pace::Never, 40_000, &mut Random::new(7));
    let text = fs::read_to_string(job.path().join("job.toml")).expect("a job");
    let full = text.replacen("[source]", "[source]\nverify = \"full\"", 1);
    assert_ne!(text, full);
    fs::write(job.path().join("job.toml"), full).expect("written");
    let run = ["run", "job.toml", "--chunk-bytes", "400000", "--stop-after-barriers", "2"];
    onward_ends(job.path(), &run, 75);
    onward_ends(job.path(), &VERIFY, 0);
    for at in [70_000, 200_000, 333_333] {
        let said = "is not what earlier runs had read";
        check(&job, |folder| flip_in_place(&folder.join("in.csv"), at), said);
    }
}

/// Changes a byte so that nothing but the byte tells it.
fn flip_in_place(path: &Path, at: usize) {
    let modified = fs::metadata(path).and_then(|data| data.modified()).expect("a time");
    flip(path, at);
    let file = fs::File::options().write(true).open(path).expect("ours");
    file.set_modified(modified).expect("set");
}

#[test]
fn what_is_damaged_is_told_in_json_with_its_path_and_all_of_it() {
    let job = stopped(Shape::Plain);
    let damage = |number| flip(&checkpoint(job.path(), number), 100);
    [1, 3].into_iter().for_each(damage);
    let ended = onward_ends(job.path(), &[&VERIFY[..], &["--json"]].concat(), 5);
    let json: serde_json::Value = serde_json::from_slice(&ended.stdout).expect("JSON");
    assert_eq!(json["valid"], false, "{json}");
    let problem = json["problem"].as_str().expect("a text");
    for number in [1, 3] {
        assert!(problem.contains(&format!("ckpt-{number:016x}.onw")), "{json}");
    }
    assert!(ended.stderr.contains("restore what is damaged"), "{ended:?}");
}

#[test]
fn a_folder_that_others_can_write_is_refused_as_a_run_refuses_it() {
    let job = stopped(Shape::Plain);
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    fs::set_permissions(job.path().join(".onward/job"), open).expect("ours");
    onward_ends(job.path(), &["run", "job.toml"], 2);
    onward_ends(job.path(), &VERIFY, 2);
    onward_ends(job.path(), &[&VERIFY[..], &["--unsafe-dir"]].concat(), 0);
}

#[test]
fn copies_are_verified_and_taken_where_they_are_newer() {
    let job = folder::scratch_in_memory();
    Shape::Plain.make(job.path(), Pace::Never, 10_000, &mut Random::new(7));
    let copies = "checkpoint.copies=[\"copies\"]";
    let run = ["run", "job.toml", "--chunk-bytes", "5000", "--stop-after-barriers", "2"];
    onward_ends(job.path(), &[&run[..], &["--set", copies]].concat(), 75);
    let verify = [&VERIFY[..], &["--set", copies]].concat();
    onward_ends(job.path(), &verify, 0);
    let folder = job.path().join("copies");
    let newest = folder::names(&folder).into_iter().rfind(|name| name.starts_with("ckpt-"));
    let newest = newest.expect("a copy");
    fs::remove_file(job.path().join(".onward/job").join(&newest)).expect("removed");
    let digits = newest.trim_start_matches("ckpt-").trim_end_matches(".onw");
    let number = u64::from_str_radix(digits, 16).expect("a number");
    let ended = onward_ends(job.path(), &verify, 0);
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(said.contains(&format!("checkpoint {number} is whole")), "{said}");
    flip(&folder.join(newest), 100);
    let ended = onward_ends(job.path(), &verify, 5);
    assert!(ended.stderr.contains("copies/ckpt-"), "{ended:?}");
}

#[test]
fn a_part_of_a_round_may_be_taken_away_but_not_changed() {
    let job = folder::scratch_in_memory();
    let text =
        "[source]\nmode = \"incremental\"\npath = \"in.csv\"\n[sink]\npath = \"part-{run}.csv\"\n";
    fs::write(job.path().join("job.toml"), text).expect("written");
    fs::write(job.path().join("in.csv"), "k,v\na,1\nb,2\n").expect("written");
    onward_ends(job.path(), &["run", "job.toml"], 0);
    onward_ends(job.path(), &VERIFY, 0);
    let part = "part-000001.csv";
    check(&job, |folder| flip(&folder.join(part), 5), part);
    check(&job, |folder| change(&folder.join(part), |bytes| bytes.push(b'x')), part);
    fs::remove_file(job.path().join(part)).expect("removed");
    onward_ends(job.path(), &VERIFY, 0);
}
