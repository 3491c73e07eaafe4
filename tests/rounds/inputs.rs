//! What is new of the inputs, and what is not.

use super::Growing;
use crate::support::program::onward_ends;
use std::fmt::Write as _;
use std::fs;

const JOB: &str = "[source]\npath = \"logs/*.csv*\"\nformat = \"csv\"\n[[transform]]\ndedup = { key = [\"id\"] }\n[sink]\npath = \"out.csv\"\n";

/// Records with these numbers.
fn rows(from: u32, to: u32) -> String {
    (from..to).fold(String::new(), |mut text, id| {
        writeln!(text, "{id},the record with the number {id}").expect("a string");
        text
    })
}

fn with_header(rows: &str) -> String {
    format!("id,text\n{rows}")
}

/// A job that has read two files.
fn begun() -> Growing {
    let growing = Growing::new(JOB);
    growing.write("logs/b.csv", with_header(&rows(0, 50)));
    growing.write("logs/c.csv", with_header(&rows(50, 100)));
    growing.run(0, &["read 100 records, wrote 100", "round 1:"]);
    growing
}

fn check_output(growing: &Growing, rows: &str) {
    assert_eq!(growing.read("out.csv"), with_header(rows));
}

#[test]
fn where_nothing_is_new_nothing_is_touched() {
    let growing = begun();
    growing.rests();
    growing.rests();
    // Half a line is nothing yet.
    growing.append("logs/c.csv", "100,the rec");
    growing.rests();
    // A file without a whole line, and one that is only touched, too.
    growing.write("logs/d.csv", "id,te");
    let now = std::time::SystemTime::now();
    let touched = fs::File::open(growing.path().join("logs/b.csv")).expect("a file");
    touched.set_modified(now).expect("touched");
    growing.rests();
}

#[test]
fn appended_lines_come_before_new_files() {
    let growing = begun();
    growing.append("logs/c.csv", rows(90, 110));
    growing.append("logs/b.csv", rows(110, 120));
    growing.write("logs/a.csv", with_header(&rows(115, 130)));
    growing.run(0, &["read 45 records, wrote 30, filtered 15", "round 2:"]);
    let expected = [rows(0, 100), rows(110, 120), rows(100, 110), rows(120, 130)].concat();
    check_output(&growing, &expected);
    growing.rests();
}

#[test]
fn a_rotated_file_is_not_read_again() {
    let growing = begun();
    growing.append("logs/c.csv", rows(100, 105));
    growing.rename("logs/c.csv", "logs/c.csv.1");
    growing.write("logs/c.csv", with_header(&rows(105, 110)));
    growing.run(0, &["`logs/c.csv.1` is what `logs/c.csv` was", "read 10 records, wrote 10"]);
    check_output(&growing, &rows(0, 110));
    growing.rests();
    // Once more, and the oldest one is taken away.
    growing.rename("logs/c.csv.1", "logs/c.csv.2");
    growing.rename("logs/c.csv", "logs/c.csv.1");
    growing.rests();
    fs::remove_file(growing.path().join("logs/c.csv.2")).expect("removed");
    growing.rests();
    growing.write("logs/c.csv", with_header(&rows(110, 120)));
    growing.run(0, &["read 10 records, wrote 10"]);
    check_output(&growing, &rows(0, 120));
}

#[test]
fn a_file_that_was_copied_and_emptied_is_not_read_again() {
    let growing = begun();
    growing.append("logs/c.csv", rows(100, 105));
    let bytes = growing.read("logs/c.csv");
    growing.write("logs/c.csv.1", bytes);
    growing.append("logs/c.csv.1", rows(105, 106));
    growing.write("logs/c.csv", "");
    growing.run(0, &["`logs/c.csv.1` is what `logs/c.csv` was", "read 6 records"]);
    check_output(&growing, &rows(0, 106));
    growing.write("logs/c.csv", with_header(&rows(106, 110)));
    growing.run(0, &["read 4 records"]);
    check_output(&growing, &rows(0, 110));
}

#[test]
fn a_rewritten_file_is_refused() {
    let growing = begun();
    let before = growing.read("logs/b.csv");
    growing.write("logs/b.csv", before.replacen("number 7\n", "number 8\n", 1));
    let said = ["cannot go on: `logs/b.csv` begins with other bytes than before", "`logs/b.csv*`"];
    growing.run(5, &said);
    growing.write("logs/b.csv", &before[..500]);
    growing.run(5, &["cannot go on: `logs/b.csv` is shorter than it was"]);
    onward_ends(growing.path(), &["plan", "job.toml"], 5);
    growing.write("logs/b.csv", before);
    growing.run(0, &["nothing is new"]);
    check_output(&growing, &rows(0, 100));
}

#[test]
fn a_file_that_was_read_and_is_gone_is_not_missed() {
    let growing = begun();
    fs::remove_file(growing.path().join("logs/b.csv")).expect("removed");
    growing.rests();
    growing.append("logs/c.csv", rows(100, 101));
    growing.run(0, &["read 1 record,"]);
    fs::remove_file(growing.path().join("logs/c.csv")).expect("removed");
    growing.rests();
    // It comes back under another name.
    growing.write("logs/old.csv", with_header(&rows(0, 50)));
    growing.rests();
    check_output(&growing, &rows(0, 101));
}

#[test]
fn a_new_file_must_have_the_columns_of_the_others() {
    let growing = begun();
    growing.write("logs/d.csv", "id,remark\n1,x\n");
    let before = growing.state();
    growing.run(2, &["`logs/d.csv` has other columns than `logs/b.csv`", "column 2 is `text`"]);
    let with_lock = |state: Vec<_>| -> Vec<_> {
        let is_lock = |name: &str| name.contains("LOCK") || name == "the folder";
        state.into_iter().filter(|(name, ..): &(String, _, _)| !is_lock(name)).collect()
    };
    assert_eq!(with_lock(growing.state()), with_lock(before));
    growing.write("logs/d.csv", with_header(&rows(100, 101)));
    growing.run(0, &["read 1 record,"]);
    check_output(&growing, &rows(0, 101));
}

#[test]
fn a_job_begins_when_there_is_a_whole_line() {
    let growing = Growing::new(JOB);
    growing.run(2, &["no file matches input"]);
    growing.write("logs/b.csv", "id,te");
    growing.run(2, &["has no whole line yet"]);
    assert!(!growing.path().join(".onward").exists());
    growing.write("logs/b.csv", "id,text\n");
    growing.run(0, &["read 0 records"]);
    growing.append("logs/b.csv", rows(0, 3));
    growing.run(0, &["read 3 records", "round 2: "]);
    check_output(&growing, &rows(0, 3));
}

#[test]
fn a_quote_that_is_not_closed_waits_with_all_that_follows() {
    let growing = begun();
    growing.append("logs/c.csv", "100,ok\n101,\"open\n102,x\n");
    growing
        .run(0, &["read 1 record,", "the last 16 bytes of `logs/c.csv` are no whole record yet"]);
    growing.rests();
    growing.append("logs/c.csv", "103,\"\n");
    growing.run(0, &["read 1 record,"]);
    let expected = rows(0, 100) + "100,ok\n101,\"open\n102,x\n103,\"\n";
    check_output(&growing, &expected);
}

#[test]
fn a_finished_batch_job_points_to_the_other_mode() {
    let growing = Growing::new(JOB);
    let job = growing.read("job.toml").replace("incremental", "batch");
    growing.write("job.toml", job);
    growing.write("logs/b.csv", with_header(&rows(0, 3)));
    growing.run(0, &[]);
    growing.run(0, &["`job` is finished already"]);
    growing.append("logs/b.csv", rows(3, 4));
    let hint = "a job with `mode = \"incremental\"` in [source] from the start";
    growing.run(5, &["since then `logs/b.csv` has grown", hint]);
    growing.write("logs/b.csv", with_header(&rows(0, 3)));
    growing.write("logs/c.csv", with_header(&rows(3, 4)));
    growing.run(5, &["since then `logs/c.csv` is new", hint]);
    let job = growing.read("job.toml").replace("batch", "incremental");
    growing.write("job.toml", job);
    growing.run(5, &["since then it has changed: `source.mode` is `\"incremental\"`", "--fresh"]);
    let ended = growing.run_with(&["--fresh"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    check_output(&growing, &rows(0, 4));
    let job = growing.read("job.toml").replace("incremental", "batch");
    growing.write("job.toml", job);
    growing.append("logs/c.csv", rows(4, 5));
    growing.run(5, &["`source.mode` is not set and was `\"incremental\"`"]);
}
