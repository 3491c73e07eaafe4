//! Every command on folders that are empty, damaged, foreign or newer: a sentence, an exit code, nothing changed.

use super::{JOB, STOPPED_RUN, job_of, stopped};
use crate::support::folder;
use crate::support::program::{Ended, onward, onward_ends, spawn};
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use tempfile::TempDir;

/// What a command does with a folder, where it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    Looks,
    Changes,
}

/// Every command, with arguments that mean the newest checkpoint.
const COMMANDS: [(&[&str], Effect); 14] = [
    (&["list"], Effect::Looks),
    (&["list", "--json"], Effect::Looks),
    (&["show"], Effect::Looks),
    (&["verify"], Effect::Looks),
    (&["verify", "--json"], Effect::Looks),
    (&["diff", "2"], Effect::Looks),
    (&["rollback", "2"], Effect::Changes),
    (&["export", "2", "--to", "x.export"], Effect::Changes),
    (&["now", "--name", "late"], Effect::Changes),
    (&["prune", "--keep", "1"], Effect::Changes),
    (&["rm", "2"], Effect::Changes),
    (&["now"], Effect::Looks),
    (&["fork", "fork.toml", "2"], Effect::Changes),
    (&["show", "--state", "dedup"], Effect::Looks),
];

fn run(folder: &Path, command: &[&str]) -> Ended {
    let (name, rest) = command.split_first().expect("a command");
    onward(folder, &[&["checkpoint", name, "job.toml"], rest].concat())
}

/// A job that was stopped three times, the newest checkpoint is number 4.
fn job() -> TempDir {
    let scratch = stopped();
    for _ in 0..2 {
        onward_ends(scratch.path(), &STOPPED_RUN, 75);
    }
    scratch
}

/// All files, those of the job's folder too, but the note of who held the lock; links by where they lead.
fn everything(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for path in folder::paths(folder) {
        if path.contains("/LOCK") {
            continue;
        }
        let whole = folder.join(&path);
        let bytes = match fs::read_link(&whole) {
            Ok(target) => target.to_string_lossy().into_owned().into_bytes(),
            Err(_) => fs::read(&whole).expect("a readable file"),
        };
        found.insert(path, bytes);
    }
    found
}

/// That it ended as an answer or as a failure with a sentence, and never in another way.
fn check_spoken(ended: &Ended, what: &str) {
    let is_said = |prefix: &str| ended.stderr.lines().any(|line| line.starts_with(prefix));
    match ended.code {
        Some(0) => assert_eq!(ended.stderr, "", "{what}: an answer and nothing else"),
        Some(1 | 2 | 5 | 6) => {
            assert!(is_said("onward: error: "), "{what}: no sentence: {ended:?}");
            assert!(!ended.stderr.contains("internal error"), "{what}: {ended:?}");
        }
        _ => panic!("{what}: {ended:?}"),
    }
}

/// Runs every command on copies of a folder. Whatever the folder holds, what fails changes nothing.
fn check_all(made: &Path, what: &str) -> BTreeMap<String, Option<i32>> {
    let mut codes = BTreeMap::new();
    for (command, effect) in COMMANDS {
        let what = format!("{what}: {command:?}");
        let scratch = folder::scratch_in_memory();
        copy(made, scratch.path());
        write_fork(scratch.path());
        let before = everything(scratch.path());
        let ended = run(scratch.path(), command);
        check_spoken(&ended, &what);
        let after = everything(scratch.path());
        if ended.code != Some(0) || effect == Effect::Looks {
            let difference = folder::difference(&before, &after);
            assert!(difference.is_empty(), "{what}: {difference}");
        }
        codes.insert(command.join(" "), ended.code);
    }
    codes
}

/// The same job, to be forked to.
fn write_fork(folder: &Path) {
    let fork = JOB.replace("out.csv", "fork.csv").replace("rejects.jsonl", "fork.jsonl");
    folder::write(&folder.join("fork.toml"), fork.as_bytes());
}

/// Copies with links as links.
fn copy(from: &Path, to: &Path) {
    for path in folder::paths(from) {
        let target = to.join(&path);
        fs::create_dir_all(target.parent().expect("a folder")).expect("a new folder");
        match fs::read_link(from.join(&path)) {
            Ok(link) => symlink(link, target).expect("linked"),
            Err(_) => drop(fs::copy(from.join(&path), target).expect("copied")),
        }
    }
    for folder in [".onward", ".onward/job"] {
        if from.join(folder).is_dir() {
            fs::create_dir_all(to.join(folder)).expect("a new folder");
        }
    }
}

fn checkpoint(folder: &Path, number: u64) -> std::path::PathBuf {
    folder.join(format!(".onward/job/ckpt-{number:016x}.onw"))
}

fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).expect("a readable file");
    change(&mut bytes);
    fs::write(path, bytes).expect("a writable file");
}

#[test]
fn a_job_that_was_never_started() {
    let scratch = job_of(JOB, 20);
    for (command, code) in check_all(scratch.path(), "never started") {
        assert_eq!(code, Some(1), "{command}");
    }
}

#[test]
fn an_empty_folder() {
    let scratch = job_of(JOB, 20);
    fs::create_dir_all(scratch.path().join(".onward/job")).expect("a new folder");
    let codes = check_all(scratch.path(), "empty");
    assert_eq!(codes["list"], Some(0));
    for command in ["show", "verify", "now", "prune --keep 1", "rm 2", "rollback 2"] {
        assert_ne!(codes[command], Some(0), "{command}");
    }
}

#[test]
fn files_of_others_are_left_alone() {
    let scratch = job();
    let folder = scratch.path().join(".onward/job");
    let names = ["notes.txt", "ckpt-2.onw", "ckpt-00000000000000FF.onw", "savepoint-x", "used-1"];
    for name in names {
        folder::write(&folder.join(name), b"not yours\n");
    }
    let codes = check_all(scratch.path(), "foreign files");
    for (command, code) in codes {
        let expected = match command.as_str() {
            "now" => 1,
            "show --state dedup" => 2,
            _ => 0,
        };
        assert_eq!(code, Some(expected), "{command}");
    }
    onward_ends(scratch.path(), &["checkpoint", "prune", "job.toml", "--keep", "1"], 0);
    onward_ends(scratch.path(), &["run", "job.toml"], 3);
    for name in names {
        assert_eq!(fs::read(folder.join(name)).expect("still there"), b"not yours\n", "{name}");
    }
}

/// Damages a file.
type Damage = fn(&Path);

const DAMAGES: &[(&str, Damage)] = &[
    ("emptied", |path| change(path, Vec::clear)),
    ("cut", |path| change(path, |bytes| bytes.truncate(bytes.len() / 2))),
    ("a bit flipped at its start", |path| change(path, |bytes| bytes[1] ^= 4)),
    ("a bit flipped in the middle", |path| change(path, |bytes| flip_middle(bytes))),
    ("a bit flipped at its end", |path| change(path, |bytes| flip_end(bytes))),
    ("of a newer version", |path| change(path, |bytes| bytes[8] = 99)),
    ("no checkpoint at all", |path| fs::write(path, "hello\n").expect("written")),
    ("a link to another file", |path| {
        fs::remove_file(path).expect("removed");
        symlink("/etc/passwd", path).expect("linked");
    }),
];

fn flip_middle(bytes: &mut [u8]) {
    bytes[bytes.len() / 2] ^= 1;
}

fn flip_end(bytes: &mut [u8]) {
    bytes[bytes.len() - 20] ^= 1;
}

#[test]
fn the_newest_checkpoint_is_damaged() {
    for (what, damage) in DAMAGES {
        let scratch = job();
        damage(&checkpoint(scratch.path(), 4));
        let codes = check_all(scratch.path(), what);
        for command in ["show", "verify", "verify --json", "diff 2"] {
            assert_eq!(codes[command], Some(5), "{what}: {command}");
        }
        let usable = ["list", "list --json", "rollback 2", "export 2 --to x.export", "rm 2"];
        for command in usable.into_iter().chain(["fork fork.toml 2"]) {
            assert_eq!(codes[command], Some(0), "{what}: {command}");
        }
        // The damaged one is nobody's but the user's to remove.
        onward_ends(scratch.path(), &["checkpoint", "prune", "job.toml", "--keep", "1"], 0);
        assert!(checkpoint(scratch.path(), 4).symlink_metadata().is_ok(), "{what}");
        onward_ends(scratch.path(), &["checkpoint", "rm", "job.toml", "4"], 0);
        assert!(checkpoint(scratch.path(), 4).symlink_metadata().is_err(), "{what}");
        onward_ends(scratch.path(), &["run", "job.toml"], 3);
        assert!(!checkpoint(scratch.path(), 4).exists(), "{what}: the number is used up");
    }
}

#[test]
fn all_checkpoints_are_damaged() {
    for (what, damage) in DAMAGES {
        let scratch = job();
        (2..=4).for_each(|number| damage(&checkpoint(scratch.path(), number)));
        let codes = check_all(scratch.path(), what);
        for command in ["show", "diff 2", "rollback 2", "export 2 --to x.export", "prune --keep 1"]
        {
            assert_eq!(codes[command], Some(5), "{what}: {command}");
        }
        assert_eq!(codes["list"], Some(0), "{what}");
    }
}

#[test]
fn the_checkpoint_that_is_meant_is_another_job_s() {
    let scratch = job();
    let other = job();
    let bytes = fs::read(checkpoint(other.path(), 2)).expect("a checkpoint");
    fs::write(checkpoint(scratch.path(), 2), bytes).expect("a writable file");
    let codes = check_all(scratch.path(), "another job's");
    // It is whole by itself, but what it had written is not here.
    assert_eq!(codes["list"], Some(0));
    assert_eq!(codes["rollback 2"], Some(5));
    assert_eq!(codes["export 2 --to x.export"], Some(5));
    assert_eq!(codes["fork fork.toml 2"], Some(5));
    onward_ends(scratch.path(), &["run", "job.toml"], 3);
}

#[test]
fn the_folder_is_a_link_or_a_file() {
    let scratch = job();
    let (folder, elsewhere) = (scratch.path().join(".onward/job"), scratch.path().join("else"));
    fs::rename(&folder, &elsewhere).expect("moved");
    symlink(&elsewhere, &folder).expect("linked");
    write_fork(scratch.path());
    for (command, _) in COMMANDS {
        let before = everything(&elsewhere);
        let ended = run(scratch.path(), command);
        assert_eq!(ended.code, Some(2), "{command:?}: {ended:?}");
        assert!(ended.stderr.contains("it is a symbolic link"), "{ended:?}");
        assert_eq!(folder::difference(&before, &everything(&elsewhere)), "");
    }
    fs::remove_file(&folder).expect("removed");
    fs::write(&folder, "a file\n").expect("written");
    for (command, _) in COMMANDS {
        let ended = run(scratch.path(), command);
        assert_eq!(ended.code, Some(2), "{command:?}: {ended:?}");
        assert!(ended.stderr.contains("it is not a directory"), "{ended:?}");
    }
}

#[test]
fn while_a_run_goes_on_nothing_is_removed_or_rolled_back() {
    let scratch = job_of(JOB, 1_000_000);
    let arguments = ["run", "job.toml", "--threads", "1", "--chunk-bytes", "64"];
    let mut going_on = spawn(scratch.path(), &arguments);
    assert!(going_on.until(|| super::has_begun(scratch.path())), "{:?}", going_on.end());
    going_on.signal(Signal::STOP);
    let holder = format!("(process {} on ", going_on.id());
    let commands: [&[&str]; 4] =
        [&["rollback", "1"], &["prune"], &["rm", "1"], &["rm", "1", "--force"]];
    let ended: Vec<Ended> = commands.iter().map(|command| run(scratch.path(), command)).collect();
    going_on.signal(Signal::KILL);
    going_on.end();
    for (command, ended) in commands.iter().zip(ended) {
        assert_eq!(ended.code, Some(6), "{command:?}: {ended:?}");
        assert!(ended.stderr.contains(&holder), "{command:?}: {ended:?}");
    }
}
