//! Folders, inputs and surroundings that are against the program: it says so, spoils nothing, and goes on where it can.

mod folders;

mod forged;

mod huge;

mod moving;

mod surroundings;

mod values;

use crate::support::folder::{self, Files};
use crate::support::jobs::{Pace, Shape};
use crate::support::program::{Ended, onward};
use crate::support::random::Random;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A job that was stopped in the middle, and what comes of it.
struct Stopped {
    scratch: TempDir,
    expected: Files,
}

const STOPPING: [&str; 6] =
    ["run", "job.toml", "--chunk-bytes", "20000", "--stop-after-barriers", "3"];

const RUN: [&str; 2] = ["run", "job.toml"];

impl Stopped {
    fn new(shape: Shape) -> Stopped {
        let scratch = folder::scratch_in_memory();
        shape.make(scratch.path(), Pace::Never, 10_000, &mut Random::new(17));
        let undisturbed = folder::scratch_in_memory();
        folder::copy(scratch.path(), undisturbed.path());
        let ended = onward(undisturbed.path(), &RUN);
        assert!(matches!(ended.code, Some(0 | 3)), "{ended:?}");
        for _ in 0..2 {
            let ended = onward(scratch.path(), &STOPPING);
            assert_eq!(ended.code, Some(75), "{ended:?}");
        }
        Stopped { scratch, expected: folder::files(undisturbed.path()) }
    }

    /// Another one of the same, to be spoilt.
    fn copy(&self) -> Stopped {
        let scratch = folder::scratch_in_memory();
        folder::copy(self.path(), scratch.path());
        Stopped { scratch, expected: self.expected.clone() }
    }

    fn path(&self) -> &Path {
        self.scratch.path()
    }

    fn own(&self, name: &str) -> PathBuf {
        self.path().join(".onward/job").join(name)
    }

    fn staged(&self) -> PathBuf {
        folder::only(self.path(), |name| name.ends_with(".partial"))
    }

    /// The first spill.
    fn spill(&self) -> PathBuf {
        let names = folder::names(&self.own("")).into_iter();
        self.own(&names.into_iter().find(|name| name.starts_with("spill-")).expect("a spill"))
    }

    fn run(&self) -> Ended {
        onward(self.path(), &RUN)
    }

    fn goes_on(&self, what: &str) {
        let ended = self.run();
        assert_eq!(ended.code, Some(0), "{what}: {ended:?}");
        let difference = folder::difference(&self.expected, &folder::files(self.path()));
        assert!(difference.is_empty(), "{what}: {difference}{ended:?}");
    }
}

/// That a failure was told in a sentence.
fn check_told(ended: &Ended, codes: &[i32], what: &str) {
    let code = ended.code.unwrap_or_else(|| panic!("{what}: {ended:?}"));
    assert!(codes.contains(&code), "{what}: {ended:?}");
    let is_told = ended.stderr.contains("onward: error: ");
    assert!(is_told || matches!(code, 0 | 3), "{what}: {ended:?}");
    assert!(!ended.stderr.contains("internal error"), "{what}: {ended:?}");
}

fn make(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).expect("a writable file");
}
