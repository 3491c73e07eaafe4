//! Inputs that do not keep still while they are read: the run says so or is not concerned, and with the input as it was the
//! same command ends as if nothing had happened.

use super::check_told;
use crate::support::folder::{self, Files};
use crate::support::jobs::{Pace, Shape};
use crate::support::program::{onward, spawn};
use crate::support::random::Random;
use crate::support::report::count;
use rustix::process::Signal;
use std::fs;
use std::io::Write;
use std::path::Path;

/// Moves an input; `aside` is a place for what is to be kept.
type Move = fn(&Path, &Path);

const MOVES: [(&str, Move); 9] = [
    ("it grows", |input, _| {
        let mut file = fs::OpenOptions::new().append(true).open(input).expect("opened");
        file.write_all(b"900000,k1,2024-01-01,99.00,1e1,late\n").expect("written");
    }),
    ("it shrinks", |input, _| {
        let file = fs::OpenOptions::new().write(true).open(input).expect("opened");
        file.set_len(100_000).expect("cut");
    }),
    ("it is emptied", |input, _| fs::write(input, "").expect("emptied")),
    ("it is removed", |input, _| fs::remove_file(input).expect("removed")),
    ("it is renamed", |input, aside| fs::rename(input, aside).expect("renamed")),
    ("it is replaced by another", |input, aside| {
        fs::write(aside, "id,key,day,amount,weight,note\n1,k1,2024-01-01,99.00,1e1,other\n")
            .expect("written");
        fs::rename(aside, input).expect("replaced");
    }),
    ("it is replaced by the same", |input, aside| {
        fs::copy(input, aside).expect("copied");
        fs::rename(aside, input).expect("replaced");
    }),
    ("its end is rewritten", |input, _| {
        let bytes = fs::read(input).expect("read");
        let file = fs::OpenOptions::new().write(true).open(input).expect("opened");
        let end = bytes.len() as u64 - 200;
        std::os::unix::fs::FileExt::write_all_at(&file, &[b'9'; 150], end).expect("written");
    }),
    ("it becomes a pipe", |input, _| {
        fs::remove_file(input).expect("removed");
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, input, rustix::fs::FileType::Fifo, mode, 0)
            .expect("a pipe");
    }),
];

const SLOW: [&str; 6] = ["run", "job.toml", "--chunk-bytes", "128", "--threads", "2"];

/// Whether there is a checkpoint besides the first.
fn has_begun(folder: &Path) -> bool {
    let folder = folder.join(".onward/job");
    let is_later = |name: &String| name.starts_with("ckpt-") && !name.ends_with("01.onw");
    folder.exists() && folder::names(&folder).iter().any(is_later)
}

#[test]
fn an_input_that_moves_during_a_run_is_told_or_makes_no_difference() {
    let (mut told, mut unconcerned) = (0, 0);
    for shape in [Shape::Plain, Shape::Aggregate] {
        let scratch = folder::scratch_in_memory();
        shape.make(scratch.path(), Pace::Often, 40_000, &mut Random::new(23));
        let pristine = fs::read(scratch.path().join("in.csv")).expect("an input");
        let undisturbed = folder::scratch_in_memory();
        folder::copy(scratch.path(), undisturbed.path());
        assert_eq!(onward(undisturbed.path(), &["run", "job.toml"]).code, Some(0));
        let expected: Files = folder::files(undisturbed.path());
        for (what, moves) in MOVES {
            let what = format!("{shape:?}: {what}");
            let scratch_again = folder::scratch_in_memory();
            folder::copy(scratch.path(), scratch_again.path());
            let (folder, aside) = (scratch_again.path(), folder::scratch_in_memory());
            let input = folder.join("in.csv");
            let mut running = spawn(folder, &SLOW);
            assert!(running.until(|| has_begun(folder)), "{what}: {:?}", running.end());
            running.signal(Signal::STOP);
            moves(&input, &aside.path().join("aside"));
            running.signal(Signal::CONT);
            let ended = running.end();
            check_told(&ended, &[0, 1, 4, 5], &what);
            let is_same = fs::symlink_metadata(&input).is_ok_and(|found| found.is_file())
                && fs::read(&input).expect("an input") == pristine;
            if ended.code == Some(0) {
                unconcerned += 1;
                // What was published is what the input held when the run began.
                let mut found = folder::files(folder);
                found.insert("in.csv".to_owned(), pristine.clone());
                let difference = folder::difference(&expected, &found);
                assert!(difference.is_empty(), "{what}: {difference}{ended:?}");
                continue;
            }
            told += 1;
            assert!(ended.stderr.contains("in.csv"), "{what}: {ended:?}");
            if !is_same {
                // A pipe, too: nobody writes into it, and nobody must wait for it.
                let again = onward(folder, &["run", "job.toml"]);
                // What it has not read yet may be bad, too.
                check_told(&again, &[1, 4, 5], &what);
            }
            if input.symlink_metadata().is_ok() {
                fs::remove_file(&input).expect("removed");
            }
            fs::write(&input, &pristine).expect("restored");
            let ended = onward(folder, &["run", "job.toml"]);
            assert_eq!(ended.code, Some(0), "{what}: {ended:?}");
            let difference = folder::difference(&expected, &folder::files(folder));
            assert!(difference.is_empty(), "{what}: {difference}{ended:?}");
        }
    }
    count(&format!("hostile: {told} moving inputs were told, {unconcerned} made no difference"));
    assert!(told >= 8, "{told}");
}
