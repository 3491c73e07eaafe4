//! Copies of checkpoints in further folders: they follow the job's own, take their place when those are lost, and never
//! stop a run that does not require them.

mod savepoints;

use crate::support::folder;
use crate::support::jobs::{Pace, Shape};
use crate::support::program::{Ended, onward_ends, spawn};
use crate::support::random::Random;
use rustix::process::Signal;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const RECORDS: u64 = 3000;

/// A job with copies in `copy` and more lines about checkpoints.
fn job(shape: Shape, more: &str) -> TempDir {
    job_of(shape, more, RECORDS)
}

fn job_of(shape: Shape, more: &str, records: u64) -> TempDir {
    let scratch = folder::scratch_in_memory();
    shape.make(scratch.path(), Pace::Often, records, &mut Random::new(7));
    let path = scratch.path().join("job.toml");
    let text = fs::read_to_string(&path).expect("a job");
    let text = text.replace("[checkpoint]\n", &format!("[checkpoint]\n{more}\n"));
    folder::write(&path, text.as_bytes());
    scratch
}

/// The end of a run waits for such a copy as long as it takes, however busy the machine is.
const COPIES: &str = "copies = [\"copy\"]\nrequire_copies = true";
const COPIES_NOT_REQUIRED: &str = "copies = [\"copy\"]";

fn stop(scratch: &TempDir, records: &str) -> Ended {
    let run = ["run", "job.toml", "--chunk-bytes", "4000", "--stop-after", records];
    onward_ends(scratch.path(), &run, 75)
}

/// The names of checkpoints and spills in a folder, but not of locks.
fn kept(folder: &Path) -> Vec<String> {
    folder::names(folder).into_iter().filter(|name| !name.starts_with("LOCK")).collect()
}

fn own(scratch: &TempDir) -> PathBuf {
    scratch.path().join(".onward/job")
}

fn copy(scratch: &TempDir) -> PathBuf {
    scratch.path().join("copy")
}

/// What comes out of a job that is not stopped.
fn whole(shape: Shape) -> folder::Files {
    whole_of(shape, RECORDS)
}

fn whole_of(shape: Shape, records: u64) -> folder::Files {
    let scratch = job_of(shape, "", records);
    onward_ends(scratch.path(), &["run", "job.toml"], 0);
    outputs(&scratch)
}

fn outputs(scratch: &TempDir) -> folder::Files {
    let mut files = folder::files(scratch.path());
    files.retain(|name, _| name.starts_with("out"));
    files
}

/// Goes on to the end, and says so much.
fn goes_on(scratch: &TempDir, shape: Shape, said: &str) {
    let ended = onward_ends(scratch.path(), &["run", "job.toml"], 0);
    assert!(ended.stderr.contains(said), "{said}: {ended:?}");
    assert!(outputs(scratch) == whole(shape), "{shape:?}: another output");
}

#[test]
fn a_copy_holds_what_the_job_s_own_folder_holds() {
    for shape in [Shape::Aggregate, Shape::Sort, Shape::Dedup] {
        let scratch = job(shape, COPIES);
        stop(&scratch, "1000");
        let (own, copied) = (own(&scratch), copy(&scratch));
        let newest =
            |folder: &Path| kept(folder).into_iter().rfind(|name| name.starts_with("ckpt"));
        let last = newest(&own).expect("a checkpoint");
        assert_eq!(newest(&copied), Some(last.clone()), "{shape:?}");
        for name in kept(&copied) {
            let other = fs::read(own.join(&name));
            if let Ok(bytes) = other {
                assert!(bytes == fs::read(copied.join(&name)).expect("a copy"), "{name}");
            }
        }
        goes_on(&scratch, shape, "resuming from checkpoint");
        assert_eq!(kept(&copied), kept(&own), "the end is copied, and all others go");
    }
}

#[test]
fn a_job_whose_own_folder_is_lost_goes_on_from_a_copy() {
    for shape in [Shape::Plain, Shape::Aggregate, Shape::Sort, Shape::Partitions, Shape::Chain] {
        let scratch = job(shape, COPIES);
        stop(&scratch, "500");
        fs::remove_dir_all(own(&scratch)).expect("removed");
        let plan = onward_ends(scratch.path(), &["plan", "job.toml"], 0);
        let plan = String::from_utf8_lossy(&plan.stdout).into_owned();
        assert!(
            plan.contains("would resume from checkpoint") && plan.contains("its copy in `copy`"),
            "{plan}"
        );
        goes_on(&scratch, shape, "is taken from its copy in `copy`");
    }
}

#[test]
fn what_a_killed_run_left_of_its_copies_is_enough() {
    const MANY: u64 = 30_000;
    for (shape, checkpoints) in
        [(Shape::Sort, 2), (Shape::Sort, 9), (Shape::Aggregate, 5), (Shape::Dedup, 14)]
    {
        let scratch = job_of(shape, COPIES, MANY);
        let mut running =
            spawn(scratch.path(), &["run", "job.toml", "--threads", "1", "--chunk-bytes", "200"]);
        let names = || if copy(&scratch).exists() { kept(&copy(&scratch)) } else { Vec::new() };
        let number = |name: &String| {
            let digits = name.strip_prefix("ckpt-")?.strip_suffix(".onw")?;
            u64::from_str_radix(digits, 16).ok()
        };
        let reached = || names().iter().filter_map(number).max() >= Some(checkpoints);
        assert!(running.until(reached), "{:?}", running.end());
        running.signal(Signal::KILL);
        running.end();
        assert!(!scratch.path().join("out.csv").exists(), "it was not killed in the middle");
        fs::remove_dir_all(own(&scratch)).expect("removed");
        let ended = onward_ends(scratch.path(), &["run", "job.toml"], 0);
        assert!(ended.stderr.contains("is taken from its copy"), "{ended:?}");
        assert!(outputs(&scratch) == whole_of(shape, MANY), "{shape:?}: another output");
    }
}

#[test]
fn a_damaged_checkpoint_is_replaced_by_its_copy() {
    let scratch = job(Shape::Aggregate, COPIES);
    stop(&scratch, "1000");
    for name in kept(&own(&scratch)) {
        folder::write(&own(&scratch).join(name), b"damaged");
    }
    goes_on(&scratch, Shape::Aggregate, "is taken from its copy");
    let aside = kept(&own(&scratch)).iter().filter(|name| name.ends_with(".refused")).count();
    assert!(aside > 0, "what was refused is kept: {:?}", kept(&own(&scratch)));
}

#[test]
fn a_file_with_one_other_byte_is_replaced_by_its_copy() {
    let whats = [(Shape::Aggregate, "ckpt-"), (Shape::Dedup, "ckpt-"), (Shape::Dedup, "spill-")];
    for (shape, begins) in whats {
        let scratch = job(shape, COPIES);
        let path = scratch.path().join("job.toml");
        let text = fs::read_to_string(&path).expect("a job") + "\n[state]\nmemory = \"1KiB\"\n";
        folder::write(&path, text.as_bytes());
        stop(&scratch, "1000");
        let damaged = kept(&own(&scratch)).into_iter().filter(|name| name.starts_with(begins));
        let damaged: Vec<PathBuf> = damaged.map(|name| own(&scratch).join(name)).collect();
        assert!(!damaged.is_empty(), "{shape:?}: nothing begins with {begins}");
        damaged.iter().for_each(|path| flip_a_byte(path));
        let ended = onward_ends(scratch.path(), &["run", "job.toml"], 0);
        assert!(ended.stderr.contains("is taken from its copy"), "{shape:?} {begins}: {ended:?}");
        assert!(ended.stderr.contains("at record 1,000"), "{shape:?} {begins}: {ended:?}");
        assert!(outputs(&scratch) == whole(shape), "{shape:?} {begins}: another output");
    }
}

/// A job with so little memory that it spills.
fn spilling(more: &str) -> TempDir {
    let scratch = job(Shape::Dedup, more);
    let path = scratch.path().join("job.toml");
    let text = fs::read_to_string(&path).expect("a job") + "\n[state]\nmemory = \"1KiB\"\n";
    folder::write(&path, text.as_bytes());
    scratch
}

fn named(folder: &Path, begins: &str) -> Vec<PathBuf> {
    let names = kept(folder).into_iter().filter(|name| name.starts_with(begins));
    names.filter(|name| name.ends_with(".onw")).map(|name| folder.join(name)).collect()
}

fn flip_a_byte(path: &Path) {
    let mut bytes = fs::read(path).expect("a file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    folder::write(path, &bytes);
}

/// What becomes of a spill.
type Damage = (&'static str, fn(&Path));

const DAMAGES: [Damage; 7] = [
    ("it is shorter", |path| {
        let bytes = fs::read(path).expect("a spill");
        folder::write(path, &bytes[..bytes.len() - 1]);
    }),
    ("it is longer", |path| {
        let bytes = fs::read(path).expect("a spill");
        folder::write(path, &[&bytes[..], b"more"].concat());
    }),
    ("it is another one", flip_a_byte),
    ("it is gone", |path| fs::remove_file(path).expect("removed")),
    ("it is a folder", |path| {
        fs::remove_file(path).expect("removed");
        fs::create_dir(path).expect("a folder");
        folder::write(&path.join("something"), b"else");
    }),
    ("it is a link", |path| {
        let elsewhere = path.with_extension("elsewhere");
        fs::rename(path, &elsewhere).expect("renamed");
        std::os::unix::fs::symlink(&elsewhere, path).expect("a link");
    }),
    ("others may write it", |path| {
        fs::set_permissions(path, fs::Permissions::from_mode(0o666)).expect("a mode");
    }),
];

#[test]
fn a_spill_that_is_of_no_use_is_replaced_by_its_copy_and_nothing_else_is() {
    for (what, damage) in DAMAGES {
        for is_newest_lost in [false, true] {
            let scratch = spilling(COPIES);
            stop(&scratch, "1000");
            let spills = named(&own(&scratch), "spill-");
            assert!(!spills.is_empty(), "{what}: there are no spills");
            spills.iter().for_each(|spill| damage(spill));
            if is_newest_lost {
                let newest = named(&own(&scratch), "ckpt-").pop().expect("a checkpoint");
                fs::remove_file(newest).expect("removed");
            }
            let place = format!("{what}, the newest checkpoint is lost: {is_newest_lost}");
            let ended = onward_ends(scratch.path(), &["run", "job.toml"], 0);
            assert!(ended.stderr.contains("is taken from its copy"), "{place}: {ended:?}");
            assert!(ended.stderr.contains("at record 1,000"), "{place}: {ended:?}");
            assert!(outputs(&scratch) == whole(Shape::Dedup), "{place}: another output");
            let aside = kept(&own(&scratch));
            let aside = aside.iter().filter(|name| name.ends_with(".refused"));
            let (spilled, others): (Vec<_>, Vec<_>) =
                aside.partition(|name| name.starts_with("spill-"));
            assert_eq!(others, Vec::<&String>::new(), "{place}: checkpoints were whole");
            assert_eq!(spilled.is_empty(), what == "it is gone", "{place}: {spilled:?}");
        }
    }
}

#[test]
fn a_spill_of_a_copy_that_is_of_no_use_is_copied_again() {
    for (what, damage) in DAMAGES.into_iter().filter(|(what, _)| *what != "it is another one") {
        let scratch = spilling(COPIES);
        stop(&scratch, "1000");
        let spills = named(&copy(&scratch), "spill-");
        assert!(!spills.is_empty(), "{what}: there are no spills");
        spills.iter().for_each(|spill| damage(spill));
        stop(&scratch, "10");
        fs::remove_dir_all(own(&scratch)).expect("removed");
        let ended = onward_ends(scratch.path(), &["run", "job.toml"], 0);
        assert!(ended.stderr.contains("at record 1,010"), "{what}: {ended:?}");
        assert!(outputs(&scratch) == whole(Shape::Dedup), "{what}: another output");
    }
}

#[test]
fn an_older_copy_is_not_taken_while_the_newer_checkpoint_is_there() {
    let scratch = job(Shape::Aggregate, COPIES);
    stop(&scratch, "500");
    let older = tempfile::tempdir().expect("a folder");
    folder::copy(&copy(&scratch), older.path());
    stop(&scratch, "500");
    fs::remove_dir_all(copy(&scratch)).expect("removed");
    fs::create_dir(copy(&scratch)).expect("a folder");
    folder::copy(older.path(), &copy(&scratch));
    let ended = onward_ends(scratch.path(), &["run", "job.toml"], 0);
    assert!(!ended.stderr.contains("copy in"), "{ended:?}");
    assert!(outputs(&scratch) == whole(Shape::Aggregate));
    assert_eq!(kept(&copy(&scratch)), kept(&own(&scratch)));
}

#[test]
fn an_older_copy_rewinds_the_outputs_when_nothing_newer_is_left() {
    let scratch = job(Shape::Plain, COPIES);
    stop(&scratch, "500");
    let older = tempfile::tempdir().expect("a folder");
    folder::copy(&copy(&scratch), older.path());
    stop(&scratch, "500");
    for lost in [own(&scratch), copy(&scratch)] {
        fs::remove_dir_all(&lost).expect("removed");
    }
    fs::create_dir(copy(&scratch)).expect("a folder");
    folder::copy(older.path(), &copy(&scratch));
    goes_on(&scratch, Shape::Plain, "is taken from its copy");
}

#[test]
fn copies_that_are_all_damaged_are_not_taken_for_a_new_job() {
    let scratch = job(Shape::Aggregate, COPIES);
    stop(&scratch, "1000");
    fs::remove_dir_all(own(&scratch)).expect("removed");
    for name in kept(&copy(&scratch)) {
        let path = copy(&scratch).join(name);
        let mut bytes = fs::read(&path).expect("a copy");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        folder::write(&path, &bytes);
    }
    let ended = onward_ends(scratch.path(), &["run", "job.toml"], 5);
    assert!(ended.stderr.contains("none of the copies in `copy` is usable"), "{ended:?}");
    onward_ends(scratch.path(), &["run", "job.toml", "--fresh"], 0);
    assert!(outputs(&scratch) == whole(Shape::Aggregate));
}

#[test]
fn a_folder_of_another_job_is_refused_and_stays_as_it_is() {
    let scratch = job(Shape::Plain, COPIES);
    stop(&scratch, "1000");
    let before = folder::files(&copy(&scratch));
    let text = fs::read_to_string(scratch.path().join("job.toml")).expect("a job");
    let text = format!("name = \"other\"\n{}", text.replace("out.csv", "other.csv"));
    folder::write(&scratch.path().join("other.toml"), text.as_bytes());
    let ended = onward_ends(scratch.path(), &["run", "other.toml"], 5);
    assert!(ended.stderr.contains("holds the checkpoints of another job, `job`"), "{ended:?}");
    assert!(folder::files(&copy(&scratch)) == before);
    assert!(!scratch.path().join("other.csv").exists());
}

#[test]
fn a_copy_that_fails_stops_only_a_run_that_requires_it() {
    let missing = "copies = [\"not/there\"]";
    let scratch = job(Shape::Plain, missing);
    let ended = onward_ends(scratch.path(), &["run", "job.toml"], 0);
    let said = "checkpoints are not copied to `not/there`: the folder `not` is not there";
    assert_eq!(ended.stderr.matches(said).count(), 1, "{ended:?}");
    assert!(outputs(&scratch) == whole(Shape::Plain));
    let scratch = job(Shape::Plain, &format!("{missing}\nrequire_copies = true"));
    let ended = onward_ends(scratch.path(), &["run", "job.toml"], 1);
    assert!(ended.stderr.contains("the folder `not` is not there"), "{ended:?}");
    for (copies, code) in [(COPIES_NOT_REQUIRED, 0), (COPIES, 1)] {
        let scratch = job(Shape::Plain, copies);
        stop(&scratch, "1000");
        fs::remove_dir_all(copy(&scratch)).expect("removed");
        folder::write(&copy(&scratch), b"no folder");
        let ended = onward_ends(scratch.path(), &["run", "job.toml"], code);
        assert!(ended.stderr.contains("it is not a directory"), "{ended:?}");
        fs::remove_file(copy(&scratch)).expect("removed");
        onward_ends(scratch.path(), &["run", "job.toml"], 0);
        assert!(outputs(&scratch) == whole(Shape::Plain));
    }
}

#[test]
fn numbers_stay_above_those_of_the_copies() {
    let scratch = job(Shape::Plain, COPIES);
    stop(&scratch, "1000");
    fs::remove_dir_all(own(&scratch)).expect("removed");
    let last = |folder: &Path| kept(folder).pop().expect("a checkpoint");
    let before = last(&copy(&scratch));
    let run = ["run", "job.toml", "--fresh", "--stop-after", "10"];
    onward_ends(scratch.path(), &run, 75);
    assert!(last(&own(&scratch)) > before, "{before}");
    assert_eq!(last(&copy(&scratch)), last(&own(&scratch)));
}

#[test]
fn a_damaged_copy_is_replaced_by_the_next_that_needs_it() {
    let scratch = job(Shape::Dedup, COPIES);
    stop(&scratch, "500");
    let copied = kept(&copy(&scratch));
    let is_checkpoint = |name: &&String| name.starts_with("ckpt-");
    for name in copied.iter().filter(is_checkpoint) {
        folder::write(&copy(&scratch).join(name), b"damaged");
    }
    let ended = stop(&scratch, "500");
    assert!(!ended.stderr.contains("is not copied"), "{ended:?}");
    fs::remove_dir_all(own(&scratch)).expect("removed");
    goes_on(&scratch, Shape::Dedup, "is taken from its copy");
}

#[test]
fn a_rollback_reaches_the_copies() {
    let checkpoints = |folder: &Path| {
        kept(folder).into_iter().filter(|name| name.starts_with("ckpt")).collect::<Vec<_>>()
    };
    for shape in [Shape::Plain, Shape::Dedup] {
        let scratch = job(shape, COPIES);
        stop(&scratch, "500");
        let now = ["checkpoint", "now", "job.toml", "--name", "early"];
        onward_ends(scratch.path(), &now, 0);
        // A copy passes over checkpoints that come too quickly, so it may hold an older one that is gone from the job's own
        // folder; none that was made after the savepoint may be left anywhere.
        let early = checkpoints(&own(&scratch)).pop().expect("a checkpoint");
        stop(&scratch, "500");
        let later = |folder: &Path| {
            checkpoints(folder).into_iter().filter(|name| *name > early).collect::<Vec<_>>()
        };
        let given_up = [later(&own(&scratch)), later(&copy(&scratch))].concat();
        assert!(!later(&copy(&scratch)).is_empty(), "{shape:?}");
        let back = ["checkpoint", "rollback", "job.toml", "early"];
        onward_ends(scratch.path(), &back, 0);
        let newest = |folder: &Path| checkpoints(folder).pop().expect("a checkpoint");
        assert_eq!(newest(&copy(&scratch)), newest(&own(&scratch)), "{shape:?}");
        for folder in [own(&scratch), copy(&scratch)] {
            let left = checkpoints(&folder);
            assert!(given_up.iter().all(|one| !left.contains(one)), "{shape:?}: {left:?}");
        }
        fs::remove_dir_all(own(&scratch)).expect("removed");
        let ended = stop(&scratch, "1");
        assert!(ended.stderr.contains("at record 500"), "{shape:?}: {ended:?}");
        goes_on(&scratch, shape, "resuming from checkpoint");
    }
}

#[test]
fn a_removed_checkpoint_is_not_taken_back_from_a_copy() {
    let scratch = job(Shape::Plain, COPIES);
    stop(&scratch, "500");
    stop(&scratch, "500");
    let newest = kept(&own(&scratch)).pop().expect("a checkpoint");
    let number = u64::from_str_radix(&newest["ckpt-".len()..newest.len() - 4], 16);
    let number = number.expect("a number").to_string();
    assert!(copy(&scratch).join(&newest).exists());
    let remove = ["checkpoint", "rm", "job.toml", &number, "--force"];
    onward_ends(scratch.path(), &remove, 0);
    assert!(!copy(&scratch).join(&newest).exists());
    goes_on(&scratch, Shape::Plain, "resuming from checkpoint");
}

#[test]
fn nothing_is_given_up_while_a_copy_is_ahead() {
    let scratch = job(Shape::Plain, COPIES);
    stop(&scratch, "500");
    let older = tempfile::tempdir().expect("a folder");
    folder::copy(&own(&scratch), older.path());
    stop(&scratch, "500");
    fs::remove_dir_all(own(&scratch)).expect("removed");
    fs::create_dir(own(&scratch)).expect("a folder");
    folder::copy(older.path(), &own(&scratch));
    let before = kept(&own(&scratch));
    for command in [&["rollback", "job.toml"][..], &["rm", "job.toml", "1"]] {
        let ended = onward_ends(scratch.path(), &[&["checkpoint"], command].concat(), 5);
        let said = "the copy in `copy` is ahead of the job's own folder";
        assert!(ended.stderr.contains(said), "{ended:?}");
        assert_eq!(kept(&own(&scratch)), before, "{command:?}");
    }
    goes_on(&scratch, Shape::Plain, "is taken from its copy");
}

#[test]
fn who_looks_at_a_job_that_lost_its_folder_is_told_of_the_copies() {
    let scratch = job(Shape::Plain, COPIES);
    stop(&scratch, "500");
    fs::remove_dir_all(own(&scratch)).expect("removed");
    let ended = onward_ends(scratch.path(), &["status", "job.toml"], 0);
    let text = String::from_utf8(ended.stdout).expect("an answer in UTF-8");
    assert!(text.starts_with("job: stopped\n"), "{text}");
    assert!(text.contains("it is in the copy in copy; the next run takes it"), "{text}");
    let ended = onward_ends(scratch.path(), &["checkpoint", "list", "job.toml"], 1);
    for said in ["the folder `.onward/job` of `job` is not there", "from the copy in `copy`"] {
        assert!(ended.stderr.contains(said), "{ended:?}");
    }
}
