//! Incremental jobs that go on at another place: exported in a round or behind one, imported or forked, with their inputs
//! under other names, and not all of them.

use super::{Growing, SHAPES, Shape, at_once, csv};
use crate::support::folder;
use crate::support::program::{Ended, onward_ends};
use crate::support::random::Random;
use crate::support::report::count;
use std::fs;
use std::os::unix::fs::MetadataExt;

/// Where a job is when it moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    /// In its first round.
    First,
    /// In a later round, stopped so often in it.
    Later(u32),
    /// Behind a round.
    Behind,
}

/// How it moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Import,
    Fork,
}

impl Growing {
    /// Runs it to the end of its round.
    fn finish(&self) {
        let ended = self.run_with(&[]);
        assert!(matches!(ended.code, Some(0 | 3)), "{ended:?}");
    }

    /// Runs it for so many barriers.
    fn stop(&self, barriers: &str) {
        let stop = ["run", "job.toml", "--chunk-bytes", "100", "--stop-after-barriers", barriers];
        onward_ends(self.path(), &stop, 75);
    }

    fn checkpoint(&self, more: &[&str], code: i32) -> Ended {
        onward_ends(self.path(), &[&["checkpoint"], more].concat(), code)
    }

    /// Takes its newest checkpoint to another folder.
    fn moves_to(&self, there: &Growing, way: Way, code: i32) -> Ended {
        let job = there.path().join("job.toml");
        let file = there.path().join("it.export");
        let [job, file] = [&job, &file].map(|path| path.to_str().expect("a path in UTF-8"));
        match way {
            Way::Fork => self.checkpoint(&["fork", "job.toml", job], code),
            Way::Import => {
                self.checkpoint(&["export", "job.toml", "--to", file], 0);
                let ended = there.checkpoint(&["import", "job.toml", "it.export"], code);
                fs::remove_file(file).expect("removed");
                ended
            }
        }
    }

    /// Goes back to what its newest checkpoint builds on, if it does.
    fn goes_back(&self) -> bool {
        let is_checkpoint = |name: &String| name.starts_with("ckpt-");
        let names = folder::names(&self.path().join(".onward/job"));
        let has_more = names.into_iter().filter(is_checkpoint).count() > 1;
        if has_more {
            self.checkpoint(&["rollback", "job.toml", "1"], 0);
        }
        has_more
    }

    /// All files but the job and what it reads.
    fn outputs(&self) -> folder::Files {
        let mut files = folder::files(self.path());
        let is_ours = |name: &str| {
            name != "job.toml" && !name.starts_with("in") && !name.starts_with("logs/")
        };
        files.retain(|name, _| is_ours(name));
        files
    }

    fn check_like(&self, other: &Growing, what: &str) {
        let difference = folder::difference(&other.outputs(), &self.outputs());
        assert!(difference.is_empty(), "{what}\n{difference}");
    }
}

/// Moves a job, and lets its input grow at both places. Whether it was rolled back where it arrived.
fn check_moved(shape: &Shape, moment: Moment, way: Way, random: &mut Random) -> bool {
    let what = format!("{}, {moment:?}, {way:?}", shape.name);
    let text = csv(150, random);
    let [first, second] = [text.len() / 2, text.len() * 3 / 4];
    let here = Growing::new(shape.job);
    here.write("in.csv", &text[..first]);
    // Rejects name the input that they are from.
    let name = if shape.output == "rejects.jsonl" { "in.csv" } else { "logs/other.csv" };
    let path = if name == "in.csv" { "\"in*.csv\"" } else { "\"logs/*.csv\"" };
    let there = Growing::new(&shape.job.replace("\"in.csv\"", path));
    if moment == Moment::First {
        here.stop("2");
    } else {
        here.finish();
        here.append("in.csv", &text.as_bytes()[first..second]);
    }
    match moment {
        Moment::First => here.append("in.csv", &text.as_bytes()[first..second]),
        Moment::Later(stops) => (0..stops).for_each(|_| here.stop("1")),
        Moment::Behind => here.finish(),
    }
    there.write(name, &text[..second]);
    let before = here.outputs();
    here.moves_to(&there, way, 0);
    assert_eq!(folder::difference(&before, &here.outputs()), "", "{what}");
    let is_rolled_back = matches!(moment, Moment::Later(_)) && there.goes_back();
    there.finish();
    if moment != Moment::Behind {
        here.finish();
    }
    there.check_like(&here, &what);
    if moment == Moment::First {
        here.finish();
        there.finish();
    }
    there.rests();
    there.check_like(&here, &what);
    here.append("in.csv", &text.as_bytes()[second..]);
    there.append(name, &text.as_bytes()[second..]);
    for growing in [&here, &there] {
        growing.finish();
        growing.rests();
    }
    there.check_like(&here, &what);
    let difference = folder::difference(&at_once(shape, &text), &there.outputs());
    assert!(difference.is_empty(), "{what}\n{difference}");
    is_rolled_back
}

#[test]
fn a_moved_job_writes_what_it_would_have_written_at_its_old_place() {
    let mut random = Random::new(31);
    let (mut moved, mut rolled_back) = (0, 0);
    let moments =
        [Moment::First, Moment::Later(1), Moment::Later(2), Moment::Later(6), Moment::Behind];
    for shape in &SHAPES {
        for moment in moments {
            for way in [Way::Import, Way::Fork] {
                rolled_back += u64::from(check_moved(shape, moment, way, &mut random));
                moved += 1;
            }
        }
    }
    count(&format!("rounds: {moved} jobs were moved, {rolled_back} rolled back there"));
    assert!(moved >= 120 && rolled_back >= 6, "{moved} moved, {rolled_back} rolled back");
}

const LOGS: &str = "[source]\npath = \"logs/*.csv*\"\nformat = \"csv\"\n[[transform]]\ndedup = { key = [\"id\"] }\n[sink]\npath = \"out.csv\"\n";

/// Records with these numbers.
fn rows(from: u32, to: u32) -> String {
    (from..to).map(|id| format!("{id},the record with the number {id}\n")).collect()
}

fn with_header(rows: &str) -> String {
    format!("id,text\n{rows}")
}

/// A job that has read two files in a round and one in another.
fn logs() -> Growing {
    let growing = Growing::new(LOGS);
    growing.write("logs/a.csv", with_header(&rows(0, 50)));
    growing.write("logs/b.csv", with_header(&rows(50, 100)));
    growing.finish();
    growing.write("logs/c.csv", with_header(&rows(100, 150)));
    growing
}

#[test]
fn inputs_are_known_by_their_content_and_those_that_were_read_are_not_missed() {
    let here = logs();
    here.finish();
    let there = Growing::new(&LOGS.replace("logs/*.csv*", "logs/new/*.csv"));
    // One is gone, one is called like another was, one has grown, one is new and reads what others did, too.
    there.write("logs/new/a.csv", here.read("logs/b.csv"));
    there.write("logs/new/k.csv", here.read("logs/c.csv") + &rows(150, 160));
    there.write("logs/new/z.csv", with_header(&rows(140, 170)));
    let ended = here.moves_to(&there, Way::Import, 0);
    let said = String::from_utf8(ended.stdout).expect("text");
    let expected =
        "at record 150; it publishes what round 2 wrote, and the run after it takes what is new";
    assert!(said.contains(expected), "{said}");
    assert!(!there.path().join("out.csv").exists(), "nothing is published by an import");
    there.run(0, &[]);
    assert_eq!(there.read("out.csv"), here.read("out.csv"));
    there.run(0, &["round 3:", "read 40 records, wrote 20, filtered 20"]);
    assert_eq!(there.read("out.csv"), with_header(&rows(0, 170)));
    there.rests();
    // What was not there comes back, and is no news.
    there.write("logs/new/old.csv", here.read("logs/a.csv"));
    there.rests();
}

#[test]
fn a_round_that_is_under_way_needs_the_inputs_that_it_still_reads() {
    let here = logs();
    here.write("logs/d.csv", with_header(&rows(150, 200)));
    here.stop("2");
    let missing = Growing::new(LOGS);
    missing.write("logs/c.csv", here.read("logs/c.csv"));
    let ended = here.moves_to(&missing, Way::Import, 5);
    let said =
        "none of the job's inputs holds what `logs/d.csv` held when the checkpoint was taken";
    assert!(ended.stderr.contains(said), "{ended:?}");
    let there = Growing::new(LOGS);
    there.write("logs/x.csv", here.read("logs/d.csv"));
    there.write("logs/y.csv", here.read("logs/c.csv"));
    here.moves_to(&there, Way::Import, 0);
    there.finish();
    there.rests();
    here.finish();
    assert_eq!(there.read("out.csv"), here.read("out.csv"));
    assert_eq!(there.read("out.csv"), with_header(&rows(0, 200)));
}

#[test]
fn another_file_is_never_taken_for_an_input() {
    let here = logs();
    here.finish();
    let check = |files: &[(&str, String)], said: &[&str]| {
        let there = Growing::new(LOGS);
        files.iter().for_each(|(name, text)| there.write(name, text));
        let before = folder::paths(there.path());
        for way in [Way::Import, Way::Fork] {
            let ended = here.moves_to(&there, way, 5);
            said.iter().for_each(|part| assert!(ended.stderr.contains(part), "{part}: {ended:?}"));
            let mut after = folder::paths(there.path());
            after.retain(|name| !name.contains("/LOCK"));
            assert_eq!(before, after, "nothing is left");
        }
    };
    let other = with_header(&rows(900, 999));
    check(
        &[("logs/b.csv", other.clone())],
        &["the checkpoint does not fit here: `logs/b.csv` begins with other bytes than before"],
    );
    let shorter = here.read("logs/a.csv")[..400].to_owned();
    check(&[("logs/a.csv", shorter)], &["does not fit here: `logs/a.csv` is shorter than it was"]);
    // Under names that none of them had, all that is not known is new.
    let there = Growing::new(LOGS);
    there.write("logs/n.csv", other);
    here.moves_to(&there, Way::Fork, 0);
    there.run(0, &[]);
    there.run(0, &["read 99 records, wrote 99"]);
    assert_eq!(there.read("out.csv"), with_header(&(rows(0, 150) + &rows(900, 999))));
}

#[test]
fn times_and_inodes_of_another_place_say_nothing() {
    let here = Growing::new(LOGS);
    here.write("logs/a.csv", with_header(&rows(0, 50)));
    here.finish();
    here.write("fork.toml", here.read("job.toml").replace("out.csv", "fork.csv"));
    let path = here.path().join("logs/a.csv");
    let modified = fs::metadata(&path).and_then(|metadata| metadata.modified()).expect("a time");
    let before = here.read("logs/a.csv");
    let tell = |text: &str| {
        here.write("logs/a.csv", text);
        let file = fs::File::options().write(true).open(&path).expect("a file");
        file.set_modified(modified).expect("a time");
    };
    tell(&before.replace("number 7\n", "number 8\n"));
    here.run(0, &["nothing is new"]);
    let ended = here.checkpoint(&["fork", "job.toml", "fork.toml"], 5);
    assert!(ended.stderr.contains("`logs/a.csv` begins with other bytes"), "{ended:?}");
    tell(&before);
    here.checkpoint(&["fork", "job.toml", "fork.toml"], 0);
}

#[test]
fn a_short_input_under_another_name_is_not_guessed_at() {
    const SHORT: &str = "[source]\npath = \"logs/**/*.csv\"\n[sink]\npath = \"out.csv\"\n";
    let here = Growing::new(SHORT);
    here.write("logs/a.csv", "id\n1\n2\n");
    here.write("logs/empty.csv", "id\n");
    here.finish();
    let place = |files: &[(&str, &str)]| {
        let there = Growing::new(SHORT);
        files.iter().for_each(|(name, text)| there.write(name, text));
        there
    };
    let ambiguous = place(&[("logs/b.csv", "id\n1\n2\n3\n")]);
    let ended = here.moves_to(&ambiguous, Way::Import, 5);
    for said in ["`logs/b.csv` may be what `logs/a.csv` was", "call it `a.csv` here"] {
        assert!(ended.stderr.contains(said), "{said}: {ended:?}");
    }
    // Not even where it has the inode that the known one had.
    let same_inode = place(&[("logs/b.csv", "")]);
    fs::rename(here.path().join("logs/a.csv"), same_inode.path().join("logs/b.csv"))
        .expect("moved");
    let mut bytes = same_inode.read("logs/b.csv");
    assert_eq!(bytes, "id\n1\n2\n");
    let path = same_inode.path().join("logs/b.csv");
    let inode = |path| fs::metadata(path).expect("a file").ino();
    let before = inode(&path);
    bytes.push_str("3\n");
    fs::write(&path, bytes).expect("written in place");
    assert_eq!(inode(&path), before);
    let ended = here.moves_to(&same_inode, Way::Import, 5);
    assert!(ended.stderr.contains("`logs/b.csv` may be what `logs/a.csv` was"), "{ended:?}");
    let twice = place(&[("logs/x/a.csv", "id\n1\n2\n3\n"), ("logs/y/a.csv", "id\n1\n2\n4\n")]);
    here.moves_to(&twice, Way::Import, 5);
    let by_name = place(&[("logs/deep/a.csv", "id\n1\n2\n3\n"), ("logs/n.csv", "id\n8\n")]);
    here.moves_to(&by_name, Way::Import, 0);
    by_name.run(0, &[]);
    by_name.run(0, &["read 2 records"]);
    assert_eq!(by_name.read("out.csv"), "id\n1\n2\n3\n8\n");
    by_name.rests();
}

const PARTS: &str = "[source]\npath = \"in.csv\"\n[[transform]]\nassert = { that = \"k <> 'x'\", otherwise = \"reject\" }\n[[sink]]\nname = \"part\"\npath = \"part-{run}.csv\"\n[[sink]]\nname = \"by\"\npath = \"by/{k}/{run}.csv\"\npartition_by = [\"k\"]\n[rejects]\npath = \"bad-{run}.jsonl\"\nlimit = 100\n";

/// A job with parts, behind or in its third round.
fn with_parts(is_finished: bool) -> Growing {
    let here = Growing::new(PARTS);
    here.write("in.csv", "k,v\na,1\nb,2\nx,3\n");
    here.finish();
    here.append("in.csv", "b,3\nc,4\n");
    here.finish();
    let many: String =
        (10..40).map(|v| format!("{},{v}\n", if v < 12 { "x" } else { "d" })).collect();
    here.append("in.csv", format!("a,5\nb,6\n{many}"));
    if is_finished {
        here.finish();
    } else {
        here.stop("2");
    }
    here
}

#[test]
fn parts_of_the_round_travel_and_those_of_earlier_ones_stay() {
    for is_finished in [true, false] {
        let here = with_parts(is_finished);
        let there = Growing::new(PARTS);
        there.write("in.csv", here.read("in.csv"));
        here.moves_to(&there, Way::Import, 0);
        for growing in [&here, &there] {
            growing.finish();
            growing.append("in.csv", "e,99\n");
            growing.finish();
            growing.rests();
        }
        let mut expected = here.outputs();
        assert!(expected.len() >= 10, "{:?}", expected.keys());
        expected.retain(|name, _| !name.contains("000001") && !name.contains("000002"));
        let difference = folder::difference(&expected, &there.outputs());
        assert!(difference.is_empty(), "{is_finished}: {difference}");
    }
}

#[test]
fn parts_that_were_taken_away_are_not_missed() {
    let here = with_parts(true);
    for name in ["part-000003.csv", "by/d/000003.csv"] {
        fs::remove_file(here.path().join(name)).expect("taken away");
    }
    for way in [Way::Import, Way::Fork] {
        let there = Growing::new(PARTS);
        there.write("in.csv", here.read("in.csv"));
        here.moves_to(&there, way, 0);
        there.finish();
        let names: Vec<String> = there.outputs().into_keys().collect();
        assert_eq!(names, ["bad-000003.jsonl", "by/a/000003.csv", "by/b/000003.csv"]);
        there.append("in.csv", "e,99\n");
        there.run(0, &["output: part-000004.csv"]);
        there.rests();
    }
}

const TOGETHER: &str = "[source]\npath = \"in.csv\"\ntypes = { n = \"bigint\" }\n[[sink]]\nname = \"small\"\npath = \"small.csv\"\nwhere = \"n < 100\"\n[[sink]]\nname = \"large\"\npath = \"large.jsonl\"\notherwise = true\n[rejects]\npath = \"bad.jsonl\"\nlimit = 100\n";

fn numbers(from: u32, to: u32) -> String {
    (from..to).map(|n| format!("{n}\n")).collect()
}

#[test]
fn what_a_round_has_not_come_to_yet_travels_too() {
    let here = Growing::new(TOGETHER);
    // More than a block, so that its end is not where a block ends.
    here.write("in.csv", format!("n\nx\n{}", numbers(0, 100).repeat(20)));
    here.finish();
    here.append("in.csv", numbers(200, 300));
    here.stop("3");
    let small = here.read("small.csv");
    assert!(small.len() > 4096, "{}", small.len());
    for way in [Way::Import, Way::Fork] {
        let there = Growing::new(TOGETHER);
        there.write("in.csv", here.read("in.csv"));
        here.moves_to(&there, way, 0);
        there.finish();
        assert_eq!(there.read("small.csv"), small);
        there.append("in.csv", "5\nno\n");
        there.finish();
        there.rests();
        assert_eq!(there.read("small.csv"), small.clone() + "5\n");
        assert_eq!(there.read("large.jsonl").lines().count(), 100);
        assert_eq!(there.read("bad.jsonl").lines().count(), 2);
    }
}

#[test]
fn what_the_job_published_may_stand_at_the_new_place_and_nothing_else() {
    for is_finished in [true, false] {
        let here = Growing::new(TOGETHER);
        here.write("in.csv", format!("n\n{}", numbers(50, 150)));
        here.finish();
        let published = here.outputs();
        if !is_finished {
            here.append("in.csv", numbers(150, 250) + &numbers(0, 50));
            here.stop("3");
        }
        let place = || {
            let there = Growing::new(TOGETHER);
            there.write("in.csv", here.read("in.csv"));
            published.iter().filter(|(name, _)| !name.starts_with('.')).for_each(
                |(name, bytes)| {
                    there.write(name, bytes);
                },
            );
            there
        };
        let other = place();
        other.write("small.csv", "n\n1\n");
        let before = folder::files(other.path());
        let said = "small.csv` exists, and this job did not make it";
        let ended = here.moves_to(&other, Way::Import, 2);
        assert!(ended.stderr.contains(said), "{ended:?}");
        assert!(ended.stderr.contains("hint: move it away, or have the job"), "{ended:?}");
        assert_eq!(folder::difference(&before, &folder::files(other.path())), "");
        // A fork is another job, even if its outputs are called the same.
        let ended = here.moves_to(&place(), Way::Fork, 2);
        assert!(ended.stderr.contains(said), "{ended:?}");
        let there = place();
        here.moves_to(&there, Way::Import, 0);
        for growing in [&here, &there] {
            growing.finish();
        }
        there.check_like(&here, &format!("finished {is_finished}"));
        there.rests();
        here.moves_to(&there, Way::Fork, 1);
    }
}

#[test]
fn a_round_does_not_fit_a_job_of_another_kind() {
    const JOB: &str = "[source]\npath = \"in.csv\"\n[sink]\npath = \"out.csv\"\n";
    let here = Growing::new(JOB);
    here.write("in.csv", with_header(&rows(0, 60)));
    here.finish();
    here.write("batch.toml", JOB.replace("out.csv", "batch.csv"));
    let stop = ["run", "batch.toml", "--chunk-bytes", "300", "--stop-after-barriers", "2"];
    onward_ends(here.path(), &stop, 75);
    here.checkpoint(&["export", "batch.toml", "--to", "batch.export"], 0);
    here.checkpoint(&["export", "job.toml", "--to", "it.export"], 0);
    let job = here.read("job.toml");
    here.write("once.toml", JOB.replace("out.csv", "once.csv"));
    here.write("parts.toml", job.replace("out.csv", "part-{run}.csv"));
    here.write("other.toml", job.replace("out.csv", "other.csv"));
    let typed = job.replace("[source]\n", "[source]\ntypes = { id = \"bigint\" }\n");
    here.write("typed.toml", typed.replace("out.csv", "typed.csv"));
    let before = folder::files(here.path());
    let once = "this job reads its inputs once";
    let cases: [(&[&str], i32, &str); 7] = [
        (&["import", "once.toml", "it.export"], 5, once),
        (&["fork", "job.toml", "once.toml"], 5, "put `mode = \"incremental\"` into its [source]"),
        (&["import", "other.toml", "batch.export"], 5, "and this one has `mode = \"incremental\"`"),
        (&["fork", "batch.toml", "other.toml"], 5, "take `mode` out of its [source]"),
        (&["fork", "job.toml", "parts.toml"], 5, "`sink.path` is `\"part-{run}.csv\"` and was"),
        (&["fork", "job.toml", "typed.toml"], 5, "does not fit this job: `source.types"),
        (&["import", "job.toml", "it.export"], 1, "`job` was started already"),
    ];
    for (command, code, said) in cases {
        let ended = here.checkpoint(command, code);
        assert!(ended.stderr.contains(said), "{command:?}: {}", ended.stderr);
        let difference = folder::difference(&before, &folder::files(here.path()));
        assert!(difference.is_empty(), "{command:?}: {difference}");
    }
    let whole = fs::read(here.path().join("it.export")).expect("an export");
    for at in (0..whole.len()).step_by(whole.len() / 40) {
        let mut damaged = whole.clone();
        damaged[at] ^= 4;
        here.write("damaged", damaged);
        let ended = here.checkpoint(&["import", "other.toml", "damaged"], 5);
        assert!(ended.stderr.contains("`damaged` is no usable export"), "{at}: {ended:?}");
    }
    here.checkpoint(&["import", "other.toml", "it.export"], 0);
}

#[test]
fn a_lookup_is_read_anew_behind_a_round_and_is_the_same_within_one() {
    const JOB: &str = "[source]\npath = \"in.csv\"\n[[transform]]\nlookup = { from = \"names.csv\", on = [\"n\"], select = [\"name\"] }\n[sink]\npath = \"out.csv\"\n";
    for is_finished in [true, false] {
        let here = Growing::new(JOB);
        here.write("in.csv", format!("n\n{}", numbers(100, 400)));
        here.write("names.csv", "n,name\n1,one\n2,two\n");
        if is_finished {
            here.finish();
        } else {
            here.stop("3");
        }
        let there = Growing::new(JOB);
        there.write("in.csv", here.read("in.csv"));
        there.write("names.csv", "n,name\n1,ONE\n");
        if is_finished {
            here.moves_to(&there, Way::Import, 0);
            there.write("names.csv", "n,name\n1,Uno\n");
            there.run(0, &[]);
            there.append("in.csv", "1\n");
            there.run(0, &["wrote 1"]);
            assert_eq!(there.read("out.csv"), here.read("out.csv") + "1,Uno\n");
        } else {
            let ended = here.moves_to(&there, Way::Import, 5);
            assert!(ended.stderr.contains("`names.csv`, which a lookup reads, has changed"));
            there.write("names.csv", here.read("names.csv"));
            here.moves_to(&there, Way::Import, 0);
            there.finish();
            here.finish();
            assert_eq!(there.read("out.csv"), here.read("out.csv"));
        }
    }
}

/// An older round can be taken elsewhere as long as what it had written is still there.
#[test]
fn a_savepoint_of_an_earlier_round_goes_on_from_there() {
    let here = Growing::new(LOGS);
    here.write("logs/a.csv", with_header(&rows(0, 50)));
    here.stop("2");
    here.checkpoint(&["now", "job.toml", "--name", "early"], 0);
    here.finish();
    here.write("logs/b.csv", with_header(&rows(40, 100)));
    here.finish();
    let there = Growing::new(LOGS);
    for name in ["logs/a.csv", "logs/b.csv"] {
        there.write(name, here.read(name));
    }
    let job = there.path().join("job.toml");
    here.checkpoint(&["fork", "job.toml", job.to_str().expect("UTF-8"), "early"], 0);
    there.run(0, &["round 1:", "read 50 records"]);
    there.run(0, &["round 2:", "read 60 records, wrote 50"]);
    assert_eq!(there.read("out.csv"), here.read("out.csv"));
}
