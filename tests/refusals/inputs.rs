//! Inputs that are not what they were when a checkpoint was taken.

use super::{Stopped, change};
use crate::support::folder;
use crate::support::jobs::Shape;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// A change of the input must be refused with these words; once the input is restored, the job goes on.
fn check(job: &Stopped, what: impl FnOnce(&Path), said: &[&str]) {
    let job = job.copy();
    let input = job.file("in.csv");
    let before = fs::read(&input).expect("an input");
    what(&input);
    job.refuses(5, said);
    fs::write(&input, before).expect("restored");
    job.goes_on(&["resuming from checkpoint 3 "]);
}

#[test]
fn a_changed_input_is_refused_with_both_sides() {
    let job = Stopped::new(Shape::Dedup);
    let input = fs::read(job.file("in.csv")).expect("an input");
    let size = input.len();
    let consumed = 200_000;
    assert!(size > consumed + 100_000, "{size}");

    let cut = |length: usize| move |path: &Path| change(path, |bytes| bytes.truncate(length));
    let numbers = format!("({} bytes; it had {size}, and checkpoint 3 had read ", 100_000);
    check(&job, cut(100_000), &["`in.csv` is shorter than it was", &numbers, "--fresh"]);
    let numbers = format!("({} bytes; it had {size}, and checkpoint 3 had read ", size - 1);
    check(&job, cut(size - 1), &["`in.csv` is shorter than it was", &numbers]);
    check(&job, cut(50), &["`in.csv` is shorter than it was", "(50 bytes; it had "]);

    let grown = format!("({} bytes; it had {size})", size + 5);
    let grow = |path: &Path| change(path, |bytes| bytes.extend(b"1,2,3"));
    check(&job, grow, &["`in.csv` has grown since the job began", &grown]);

    let rewrite = |at: usize| move |path: &Path| change(path, |bytes| bytes[at] ^= 1);
    let head = ["`in.csv` begins with other bytes than before", "; it was "];
    check(&job, rewrite(40_000), &head);
    let window = ["`in.csv` was changed before byte ", "checkpoint 3", "; it was "];
    check(&job, rewrite(consumed - 30_000), &window);

    let remove = |path: &Path| fs::remove_file(path).expect("removed");
    let job = job.copy();
    remove(&job.file("in.csv"));
    let ended = job.run(&[]);
    assert!(matches!(ended.code, Some(2 | 5)), "{ended:?}");
    assert!(ended.stderr.contains("in.csv"), "{ended:?}");
    fs::write(job.file("in.csv"), input).expect("restored");
    job.goes_on(&[]);
}

#[test]
fn another_file_with_the_same_header_is_refused() {
    let job = Stopped::new(Shape::Dedup);
    let other = |path: &Path| {
        change(path, |bytes| {
            let header = bytes.iter().position(|byte| *byte == b'\n').expect("a header") + 1;
            for byte in &mut bytes[header..] {
                *byte = if *byte == b'1' { b'2' } else { *byte };
            }
        });
    };
    check(&job, other, &["`in.csv` begins with other bytes than before", "--fresh"]);
}

#[test]
fn an_input_that_was_only_touched_is_the_same() {
    let job = Stopped::new(Shape::Dedup);
    let input = fs::File::options().append(true).open(job.file("in.csv")).expect("an input");
    let later = SystemTime::UNIX_EPOCH + Duration::from_secs(4_000_000_000);
    input.set_modified(later).expect("touched");
    job.goes_on(&["`in.csv` was touched since checkpoint 3", "resuming from checkpoint 3 "]);
}

#[test]
fn an_input_that_was_copied_back_is_the_same() {
    let job = Stopped::new(Shape::Dedup);
    let (input, aside) = (job.file("in.csv"), job.file("aside"));
    fs::copy(&input, &aside).expect("copied");
    fs::rename(&aside, &input).expect("moved back");
    job.goes_on(&["`in.csv` was touched since checkpoint 3", "resuming from checkpoint 3 "]);
}

#[test]
fn of_several_inputs_the_changed_one_is_named() {
    let stopped = Stopped::new(Shape::Several);
    let job = stopped.copy();
    change(&job.file("in-3.csv"), |bytes| bytes.truncate(1000));
    job.refuses(5, &["`in-3.csv` is shorter than it was"]);
    let job = stopped.copy();
    change(&job.file("in-1.csv"), |bytes| bytes[300] ^= 1);
    job.refuses(5, &["`in-1.csv` begins with other bytes than before"]);
    let job = stopped.copy();
    fs::copy(job.file("in-1.csv"), job.file("in-4.csv")).expect("copied");
    let ended = job.run(&[]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stderr.contains("`in-4.csv` is new and not part of this run"), "{ended:?}");
    let found = fs::read(job.file("out.jsonl")).expect("an output");
    assert!(found == job.expected["out.jsonl"], "the new input is left out");
}

#[test]
fn a_finished_job_notices_that_its_input_has_changed() {
    let job = Stopped::ended(Shape::Dedup);
    change(&job.file("in.csv"), |bytes| bytes.extend(b"1,2,3,4,5,6\n"));
    job.refuses(5, &["the job has finished, and since then `in.csv` has grown", "--fresh"]);
    let job = Stopped::ended(Shape::Several);
    folder::write(&job.file("in-9.csv"), b"id,key,day,amount,weight,note\n");
    job.refuses(5, &["the job has finished, and since then `in-9.csv` is new", "--fresh"]);
}
