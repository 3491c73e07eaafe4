//! What a resume refuses, what it says then, and that nothing is touched: the same command goes on once all is well again.

mod checkpoints;

mod inputs;

mod job;

mod locks;

mod outputs;

mod partitions;

mod references;

mod spills;

use crate::support::folder::{self, Files};
use crate::support::jobs::{Pace, Shape};
use crate::support::program::{Ended, onward};
use crate::support::random::Random;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Input records: enough for the windows of the fingerprints to lie apart.
const RECORDS: u64 = 10_000;

/// A job, most often stopped in the middle, and what comes of it when all is well.
struct Stopped {
    scratch: TempDir,
    expected: Files,
}

impl Stopped {
    /// Makes a job and stops it twice.
    fn new(shape: Shape) -> Stopped {
        let job = Stopped::unbegun(shape);
        for _ in 0..2 {
            let ended = job.run(&["--chunk-bytes", "50000", "--stop-after-barriers", "2"]);
            assert_eq!(ended.code, Some(75), "{ended:?}");
        }
        job
    }

    /// Makes a job and runs it to its end.
    fn ended(shape: Shape) -> Stopped {
        let job = Stopped::unbegun(shape);
        let ended = job.run(&[]);
        assert!(matches!(ended.code, Some(0 | 3)), "{ended:?}");
        job
    }

    fn unbegun(shape: Shape) -> Stopped {
        let scratch = folder::scratch_in_memory();
        shape.make(scratch.path(), Pace::Never, RECORDS, &mut Random::new(7));
        let undisturbed = folder::scratch_in_memory();
        folder::copy(scratch.path(), undisturbed.path());
        let ended = onward(undisturbed.path(), &["run", "job.toml"]);
        assert!(matches!(ended.code, Some(0 | 3)), "{ended:?}");
        let expected = folder::files(undisturbed.path());
        Stopped { scratch, expected }
    }

    /// Another one of the same, to be changed.
    fn copy(&self) -> Stopped {
        let scratch = folder::scratch_in_memory();
        folder::copy(self.path(), scratch.path());
        Stopped { scratch, expected: self.expected.clone() }
    }

    fn path(&self) -> &Path {
        self.scratch.path()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// The staged output.
    fn staged(&self) -> PathBuf {
        folder::only(self.path(), |name| name.ends_with(".partial"))
    }

    fn checkpoint_folder(&self) -> PathBuf {
        self.file(".onward/job")
    }

    /// The checkpoints, oldest first.
    fn checkpoints(&self) -> Vec<PathBuf> {
        let folder = self.checkpoint_folder();
        let names = folder::names(&folder).into_iter().filter(|name| name.starts_with("ckpt-"));
        names.map(|name| folder.join(name)).collect()
    }

    fn run(&self, more: &[&str]) -> Ended {
        let mut arguments = vec!["run", "job.toml"];
        arguments.extend(more);
        onward(self.path(), &arguments)
    }

    /// Runs it: it must end like this, say all this, and change nothing.
    fn refuses(&self, code: i32, said: &[&str]) {
        let before = self.everything();
        let ended = self.run(&[]);
        assert_eq!(ended.code, Some(code), "{ended:?}");
        for said in said {
            assert!(ended.stderr.contains(said), "`{said}` is not said: {}", ended.stderr);
        }
        let difference = folder::difference(&before, &self.everything());
        assert!(difference.is_empty(), "{difference}");
    }

    /// Runs it: it must go on, say all this, and end as if nothing had happened.
    fn goes_on(&self, said: &[&str]) {
        let ended = self.run(&[]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        for said in said {
            assert!(ended.stderr.contains(said), "`{said}` is not said: {}", ended.stderr);
        }
        self.is_as_expected();
    }

    fn is_as_expected(&self) {
        let difference = folder::difference(&self.expected, &folder::files(self.path()));
        assert!(difference.is_empty(), "{difference}");
    }

    /// All regular files, checkpoints too, but the note of who holds the lock.
    fn everything(&self) -> Files {
        let mut files = folder::files(self.path());
        for path in self.checkpoints().iter().filter(|path| is_regular(path)) {
            let name = path.display().to_string();
            files.insert(name, std::fs::read(path).expect("a checkpoint"));
        }
        files
    }
}

fn is_regular(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file())
}

/// Changes a file's bytes in place.
fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).expect("a readable file");
    change(&mut bytes);
    std::fs::write(path, bytes).expect("a writable file");
}
