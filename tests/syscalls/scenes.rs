//! What can happen to a job, each step of it under `strace`: every step keeps the rules, and the last one ends with the bytes of
//! a run that was not disturbed.

use super::rules::{self, Counted, Ending};
use super::trace::{Call, traced};
use super::{RUN, WATCHED, stopping};
use crate::support::folder::{self, Files};
use crate::support::jobs::{Pace, Shape};
use crate::support::program::onward_ends;
use crate::support::random::Random;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Does its steps; `None` where nothing can be traced here.
type Steps = fn(&mut Scene) -> Option<()>;

/// A story: a name, a job, what is added to that, and what happens.
pub struct Story {
    pub name: &'static str,
    shape: Shape,
    added: &'static str,
    steps: Steps,
}

const fn story(name: &'static str, shape: Shape, steps: Steps) -> Story {
    Story { name, shape, added: "", steps }
}

/// All stories; the first ones are told in any case.
pub const STORIES: [Story; 12] = [
    story("killed, and resumed", Shape::Rejects, |scene| {
        scene.struck("inject=renameat2:signal=KILL:when=4", None)?;
        scene.resumed()
    }),
    story("several outputs, killed while they get their names", Shape::Partitions, |scene| {
        let names = scene.renames_before_outputs()?;
        scene.struck(&format!("inject=renameat2:signal=KILL:when={}", names + 20), None)?;
        scene.finished()
    }),
    story("spills", Shape::Sort, stopped_and_resumed),
    story("never disturbed", Shape::Plain, undisturbed),
    story("interrupted, and resumed", Shape::Aggregate, |scene| {
        scene.struck("inject=renameat2:signal=INT:when=3", Some(130))?;
        scene.resumed()
    }),
    story("a long chain of changes", Shape::Dedup, stopped_and_resumed),
    Story {
        added: "copies = [\"copies\"]\nrequire_copies = true\n",
        ..story("copies", Shape::Several, stopped_and_resumed)
    },
    story("partitions", Shape::Partitions, stopped_and_resumed),
    story("two rounds", Shape::Plain, |scene| {
        scene.make_incremental();
        let undisturbed = scene.copied();
        for round in [0, 1] {
            if round == 1 {
                append(scene.folder());
                append(undisturbed.path());
            }
            onward_ends(undisturbed.path(), &RUN, 0);
            scene.expected = outputs(undisturbed.path());
            scene.stopped()?;
            scene.resumed()?;
        }
        Some(())
    }),
    story("rolled back", Shape::Chain, |scene| {
        scene.stopped()?;
        scene.command(&["checkpoint", "rollback", "job.toml"])?;
        scene.resumed()
    }),
    story("exported, and imported elsewhere", Shape::Rejects, |scene| {
        scene.stopped()?;
        scene.command(&["checkpoint", "export", "job.toml", "--to", "job.export"])?;
        let there = folder::scratch_in_memory();
        for name in ["in.csv", "job.toml", "job.export"] {
            let bytes = fs::read(scene.folder().join(name)).expect("a file");
            folder::write(&there.path().join(name), &bytes);
        }
        scene.scratch = there;
        scene.command(&["checkpoint", "import", "job.toml", "job.export"])?;
        scene.resumed()
    }),
    story("objects", Shape::Jsonl, stopped_and_resumed),
];

fn undisturbed(scene: &mut Scene) -> Option<()> {
    scene.finished()
}

fn stopped_and_resumed(scene: &mut Scene) -> Option<()> {
    scene.stopped()?;
    scene.resumed()
}

/// More records for a round.
fn append(folder: &Path) {
    let more = folder::scratch_in_memory();
    Shape::Plain.make(more.path(), Pace::Often, 1500, &mut Random::new(22));
    let more = fs::read(more.path().join("in.csv")).expect("an input");
    let header = more.iter().position(|byte| *byte == b'\n').expect("a header") + 1;
    let path = folder.join("in.csv");
    let all = [fs::read(&path).expect("an input"), more[header..].to_vec()].concat();
    fs::write(path, all).expect("written");
}

/// What a job writes but its checkpoints.
fn outputs(folder: &Path) -> Files {
    let is_output = |path: &String| !path.starts_with("copies/") && path != "job.export";
    folder::files(folder).into_iter().filter(|(path, _)| is_output(path)).collect()
}

/// A job in the middle of its story.
pub struct Scene<'a> {
    name: &'static str,
    scratch: TempDir,
    expected: Files,
    code: Option<i32>,
    counted: &'a mut Counted,
}

impl Story {
    /// Tells it; `None` where nothing can be traced here.
    pub fn told(&self, counted: &mut Counted) -> Option<()> {
        let scratch = folder::scratch_in_memory();
        self.shape.make(scratch.path(), Pace::Often, 1500, &mut Random::new(21));
        let path = scratch.path().join("job.toml");
        let text = fs::read_to_string(&path).expect("a job") + self.added;
        fs::write(&path, text).expect("written");
        let code = if self.shape == Shape::Rejects { Some(3) } else { Some(0) };
        let mut scene = Scene { name: self.name, scratch, expected: Files::new(), code, counted };
        let undisturbed = scene.copied();
        onward_ends(undisturbed.path(), &RUN, code.unwrap_or(0));
        scene.expected = outputs(undisturbed.path());
        (self.steps)(&mut scene)
    }
}

impl Scene<'_> {
    fn folder(&self) -> &Path {
        self.scratch.path()
    }

    fn copied(&self) -> TempDir {
        let scratch = folder::scratch_in_memory();
        folder::copy(self.folder(), scratch.path());
        scratch
    }

    fn make_incremental(&self) {
        let path: PathBuf = self.folder().join("job.toml");
        let text = fs::read_to_string(&path).expect("a job");
        let text = text.replacen("[source]", "[source]\nmode = \"incremental\"", 1);
        fs::write(&path, text.replace("out.csv", "part-{run}.csv")).expect("written");
    }

    /// A traced step, which ends with this code, or by a signal.
    fn step(
        &mut self,
        options: &[&str],
        arguments: &[&str],
        code: Option<i32>,
    ) -> Option<Vec<Call>> {
        let options = [&["-e", WATCHED], options].concat();
        let (ended, calls) = traced(self.folder(), &options, arguments)?;
        assert_eq!(ended.code, code, "{}: {arguments:?}: {ended:?}", self.name);
        let ending = if code.is_some() { Ending::Own } else { Ending::Killed };
        rules::check_all(&calls, self.scratch.path(), ending, self.counted);
        Some(calls)
    }

    /// The rest of the run, which looks at everything before it changes anything, and finishes.
    fn resumed(&mut self) -> Option<()> {
        let calls = self.step(&[], &RUN, self.code)?;
        rules::check_resumed(&calls, self.counted);
        self.is_done();
        Some(())
    }

    fn finished(&mut self) -> Option<()> {
        self.step(&[], &RUN, self.code)?;
        self.is_done();
        Some(())
    }

    fn is_done(&self) {
        let difference = folder::difference(&self.expected, &outputs(self.folder()));
        assert!(difference.is_empty(), "{}: {difference}", self.name);
    }

    /// A run that stops in the middle.
    fn stopped(&mut self) -> Option<()> {
        self.step(&[], &stopping(), Some(75)).map(drop)
    }

    /// A run that is struck by a signal, which kills it where no code is given.
    fn struck(&mut self, inject: &str, code: Option<i32>) -> Option<()> {
        self.step(&["-e", inject], &RUN, code).map(drop)
    }

    fn command(&mut self, arguments: &[&str]) -> Option<()> {
        self.step(&[], arguments, Some(0)).map(drop)
    }

    /// How many files a run gives names before it gives outputs theirs.
    fn renames_before_outputs(&self) -> Option<usize> {
        let undisturbed = self.copied();
        let (_, calls) = traced(undisturbed.path(), &["-e", WATCHED], &RUN)?;
        let renames = calls.iter().filter(|call| call.name == "renameat2");
        let is_checkpoint = |call: &&Call| call.paths().iter().any(|path| path.contains("ckpt-"));
        Some(renames.take_while(is_checkpoint).count())
    }
}
