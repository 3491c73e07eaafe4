//! Other things in the place of the program's own files: it neither follows nor cuts them, and never waits for them.

use super::{Stopped, check_told, make};
use crate::support::jobs::Shape;
use crate::support::program::onward;
use crate::support::report::{count, skip};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

/// What stands in the place of a file. It is told where the victim is that must not be touched.
type Put = fn(&Path, &Path);

const THINGS: [(&str, Put); 6] = [
    ("a symbolic link", |place, victim| {
        fs::remove_file(place).expect("removed");
        symlink(victim, place).expect("linked");
    }),
    ("a symbolic link to nothing", |place, victim| {
        fs::remove_file(place).expect("removed");
        symlink(victim.with_extension("none"), place).expect("linked");
    }),
    ("a hard link", |place, victim| {
        fs::remove_file(place).expect("removed");
        fs::hard_link(victim, place).expect("linked");
    }),
    ("a pipe", |place, _| {
        fs::remove_file(place).expect("removed");
        mknodat(CWD, place, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a pipe");
    }),
    ("a directory", |place, _| {
        fs::remove_file(place).expect("removed");
        fs::create_dir(place).expect("a directory");
    }),
    ("a device", |place, _| {
        fs::remove_file(place).expect("removed");
        // As `/dev/zero`; only root can make one.
        let device = rustix::fs::makedev(1, 5);
        let mode = Mode::RUSR | Mode::WUSR;
        if mknodat(CWD, place, FileType::CharacterDevice, mode, device).is_err() {
            symlink("/dev/zero", place).expect("linked");
        }
    }),
];

/// A file of the program.
type Place = fn(&Stopped) -> PathBuf;

const PLACES: [(&str, Place, &[i32]); 6] = [
    ("the newest checkpoint", |job| job.own("ckpt-0000000000000003.onw"), &[0]),
    ("the oldest checkpoint", |job| job.own("ckpt-0000000000000001.onw"), &[0]),
    ("the lock", |job| job.own("LOCK"), &[0, 1]),
    ("the note of the lock", |job| job.own("LOCK.info"), &[0, 1]),
    ("a spill", Stopped::spill, &[0]),
    ("the staged output", Stopped::staged, &[1, 5]),
];

#[test]
fn nothing_that_stands_in_the_place_of_a_file_is_followed_cut_or_waited_for() {
    let stopped = Stopped::new(Shape::Sort);
    // The output of a sort is empty until the end; a step without state has written something.
    let plain = Stopped::new(Shape::Plain);
    let mut tried = 0;
    for (place_name, place, codes) in PLACES {
        for (thing_name, put) in THINGS {
            let what = format!("{thing_name} in the place of {place_name}");
            let job = if place_name == "the staged output" { &plain } else { &stopped };
            let job = job.copy();
            let victim = job.path().join("victim");
            let place = place(&job);
            let bytes = fs::read(&place).expect("a file");
            make(&victim, &[bytes.as_slice(), b"precious\n"].concat());
            let precious = fs::read(&victim).expect("a file");
            put(&place, &victim);
            let ended = job.run();
            check_told(&ended, codes, &what);
            let left = fs::read(&victim).expect("still there");
            assert!(left == precious, "{what}: the victim was changed: {ended:?}");
            assert!(!victim.with_extension("none").exists(), "{what}: {ended:?}");
            fs::remove_file(&victim).expect("removed");
            if matches!(ended.code, Some(0)) {
                let mut found = crate::support::folder::files(job.path());
                found.retain(|name, _| job.expected.contains_key(name));
                let difference = crate::support::folder::difference(&job.expected, &found);
                assert!(difference.is_empty(), "{what}: {difference}");
            } else {
                // With the file as it was the job goes on.
                if place.is_dir() {
                    fs::remove_dir(&place).expect("removed");
                } else {
                    fs::remove_file(&place).expect("removed");
                }
                make(&place, &bytes);
                fs::set_permissions(&place, fs::Permissions::from_mode(0o600)).expect("ours");
                job.goes_on(&what);
            }
            tried += 1;
        }
    }
    count(&format!("hostile: {tried} things in the places of files"));
    assert_eq!(tried, PLACES.len() * THINGS.len());
}

#[test]
fn a_checkpoint_or_spill_that_others_could_have_written_does_not_count() {
    let stopped = Stopped::new(Shape::Sort);
    let newest = |job: &Stopped| job.own("ckpt-0000000000000003.onw");
    let said = |job: &Stopped, said: &str| {
        let ended = job.run();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let is_passed_over = ended.stderr.contains("resuming from checkpoint 2 ")
            || ended.stderr.contains("resuming from checkpoint 1 ");
        assert!(is_passed_over && ended.stderr.contains(said), "{said}: {ended:?}");
    };
    for mode in [0o666, 0o777, 0o620, 0o602] {
        let job = stopped.copy();
        fs::set_permissions(newest(&job), fs::Permissions::from_mode(mode)).expect("ours");
        said(&job, "others");
        let job = stopped.copy();
        fs::set_permissions(job.spill(), fs::Permissions::from_mode(mode)).expect("ours");
        said(&job, "others");
    }
    // Who may read it cannot have changed it.
    let job = stopped.copy();
    fs::set_permissions(newest(&job), fs::Permissions::from_mode(0o644)).expect("ours");
    let ended = job.run();
    assert!(ended.stderr.contains("resuming from checkpoint 3 "), "{ended:?}");
    let job = stopped.copy();
    if chown(newest(&job), Some(65_534), None).is_err() {
        return skip("files are given to others by root only");
    }
    said(&job, "another user");
    let job = stopped.copy();
    chown(job.spill(), Some(65_534), None).expect("given away");
    said(&job, "another user");
    let job = stopped.copy();
    chown(job.own(""), Some(65_534), None).expect("given away");
    let ended = job.run();
    assert!(ended.code == Some(2) && ended.stderr.contains("another user"), "{ended:?}");
    let ended = onward(job.path(), &["run", "job.toml", "--unsafe-dir"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

#[test]
fn a_lock_or_an_output_of_another_user_is_refused_unless_the_user_says_so() {
    let stopped = Stopped::new(Shape::Plain);
    // Who only looks takes no lock.
    let places: [(Place, i32, i32); 2] = [(|job| job.own("LOCK"), 2, 0), (Stopped::staged, 5, 5)];
    for (place, code, code_of_plan) in places {
        let job = stopped.copy();
        let place = place(&job);
        if chown(&place, Some(65_534), None).is_err() {
            return skip("files are given to others by root only");
        }
        let before = fs::read(&place).expect("a file");
        let ended = job.run();
        assert_eq!(ended.code, Some(code), "{}: {ended:?}", place.display());
        assert!(ended.stderr.contains("it belongs to another user"), "{ended:?}");
        assert!(ended.stderr.contains("--unsafe-dir"), "{ended:?}");
        for (more, code) in [(&[][..], code_of_plan), (&["--unsafe-dir"], 0)] {
            let planned = onward(job.path(), &[&["plan", "job.toml"], more].concat());
            assert_eq!(planned.code, Some(code), "{}: {planned:?}", place.display());
        }
        assert_eq!(fs::read(&place).expect("a file"), before);
        let ended = onward(job.path(), &["run", "job.toml", "--unsafe-dir"]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
    }
}

#[test]
fn marks_of_savepoints_and_requests_that_are_no_files_do_no_harm() {
    let stopped = Stopped::new(Shape::Plain);
    let names = [
        "savepoint-0000000000000003-mine",
        ".savepoint-mine.request",
        "used-0000000000000009",
        ".chain-0000000000000007.0000000000000008.tmp",
        ".ckpt-0000000000000009.0123456789abcdef.tmp",
        ".lock-info.0123456789abcdef.tmp",
    ];
    for name in names {
        for (thing_name, put) in THINGS {
            let what = format!("{thing_name} as {name}");
            let job = stopped.copy();
            let victim = job.path().join("victim");
            make(&victim, b"precious\n");
            let place = job.own(name);
            make(&place, b"");
            put(&place, &victim);
            let ended = job.run();
            check_told(&ended, &[0, 1], &what);
            assert_eq!(fs::read(&victim).expect("still there"), b"precious\n", "{what}");
        }
    }
}
