//! How outputs take what a round brings, and what is said of it.

use super::Growing;
use crate::support::program::onward_ends;
use std::fs;

const PARTS: &str = "[source]\npath = \"in.csv\"\ntypes = { n = \"bigint\" }\n[[transform]]\nfilter = \"n < 10\"\n[sink]\npath = \"part-{run}.csv\"\n[rejects]\npath = \"bad-{run}.jsonl\"\nlimit = 2\n";

#[test]
fn a_part_is_made_where_something_came_and_may_be_taken_away() {
    let growing = Growing::new(PARTS);
    growing.write("in.csv", "n\n1\n2\n");
    growing.run(0, &["output: part-000001.csv"]);
    growing.append("in.csv", "11\n12\n");
    growing.run(0, &["round 2:", "wrote 0"]);
    assert!(!growing.path().join("part-000002.csv").exists());
    fs::remove_file(growing.path().join("part-000001.csv")).expect("taken away");
    growing.rests();
    growing.append("in.csv", "3\nx\n4\n");
    growing.run(3, &["output: part-000003.csv", "rejects: bad-000003.jsonl"]);
    growing.rests();
    assert_eq!(growing.read("part-000003.csv"), "n\n3\n4\n");
    let expected = "{\"source\":\"in.csv\",\"record\":6,\"line\":7,\"offset\":14,";
    assert!(growing.read("bad-000003.jsonl").starts_with(expected));
    assert!(!growing.path().join("bad-000001.jsonl").exists());
    growing.write("part-000004.csv", "not ours");
    growing.append("in.csv", "5\n");
    growing.run(2, &["`part-000004.csv` exists, and this job did not make it"]);
}

#[test]
fn the_limit_of_rejects_is_that_of_a_round() {
    let growing = Growing::new(PARTS);
    growing.write("in.csv", "n\n1\nx\nx\n");
    growing.run(3, &["rejected 2"]);
    growing.append("in.csv", "x\nx\n");
    growing.run(3, &["read 2 records, wrote 0, filtered 0, rejected 2"]);
    growing.rests();
    growing.append("in.csv", "x\nx\nx\n");
    growing.run(4, &["stopped: 3 of 3 records are bad"]);
    let job = growing.read("job.toml").replace("limit = 2", "limit = 3");
    growing.write("job.toml", job);
    growing.run(3, &["rejected 3"]);
}

#[test]
fn partitions_of_each_round_are_files_of_their_own() {
    let growing = Growing::new(
        "[source]\npath = \"in.csv\"\n[sink]\npath = \"by/{k}/{run}.csv\"\npartition_by = [\"k\"]\n",
    );
    growing.write("in.csv", "k,v\na,1\nb,2\n");
    growing.run(0, &[]);
    growing.append("in.csv", "b,3\nc,4\n");
    growing.run(0, &["output: by/b/000002.csv (1 record)"]);
    growing.rests();
    assert_eq!(growing.read("by/b/000001.csv"), "k,v\nb,2\n");
    assert_eq!(growing.read("by/b/000002.csv"), "k,v\nb,3\n");
    assert!(!growing.path().join("by/a/000002.csv").exists());
}

const APPENDED: &str = "[source]\npath = \"in.csv\"\n[sink]\npath = \"out.csv\"\n";

#[test]
fn an_output_that_somebody_changed_is_not_appended_to() {
    let growing = Growing::new(APPENDED);
    growing.write("in.csv", "n\n1\n");
    growing.run(0, &[]);
    growing.append("in.csv", "2\n");
    growing.write("out.csv", "n\n7\n");
    growing.run(5, &["cannot append to `out.csv`: it is not as the run before left it"]);
    growing.write("out.csv", "n\n1\n1\n");
    growing.run(5, &["`out.csv` is not as it left it"]);
    fs::remove_file(growing.path().join("out.csv")).expect("removed");
    growing.run(5, &["`out.csv` is not as it left it"]);
    growing.write("out.csv", "n\n1\n");
    growing.run(0, &["read 1 record,"]);
    assert_eq!(growing.read("out.csv"), "n\n1\n2\n");
}

#[test]
fn a_round_that_brings_nothing_leaves_the_output_alone() {
    let growing = Growing::new(
        "[source]\npath = \"in.csv\"\n[[transform]]\ndedup = { key = [\"n\"] }\n[sink]\npath = \"out.csv\"\n",
    );
    growing.write("in.csv", "n\n1\n");
    growing.run(0, &[]);
    let before = fs::metadata(growing.path().join("out.csv")).expect("an output");
    growing.append("in.csv", "1\n1\n");
    growing.run(0, &["read 2 records, wrote 0, filtered 2"]);
    let after = fs::metadata(growing.path().join("out.csv")).expect("an output");
    assert_eq!(before.modified().ok(), after.modified().ok());
    growing.append("in.csv", "2\n");
    growing.run(0, &["wrote 1"]);
    assert_eq!(growing.read("out.csv"), "n\n1\n2\n");
}

#[test]
fn windows_that_are_open_wait_for_what_closes_them() {
    let growing = Growing::new(
        "[source]\npath = \"in.csv\"\ntypes = { at = \"timestamp\" }\n[[transform]]\ntumble = { time = \"at\", size = \"1h\", select = [\"count(*) AS n\"] }\n[sink]\npath = \"out.csv\"\n",
    );
    growing.write("in.csv", "at\n2024-01-01 10:10:00\n2024-01-01 10:20:00\n");
    growing.run(0, &["wrote 0"]);
    growing.append("in.csv", "2024-01-01 10:50:00\n2024-01-01 12:00:00\n");
    growing.run(0, &["wrote 1"]);
    let expected = "window_start,window_end,n\n2024-01-01 10:00:00,2024-01-01 11:00:00,3\n";
    assert_eq!(growing.read("out.csv"), expected);
    growing.rests();
}

#[test]
fn each_round_reads_anew_what_it_looks_things_up_in() {
    let growing = Growing::new(
        "[source]\npath = \"in.csv\"\n[[transform]]\nlookup = { from = \"names.csv\", on = [\"n\"], select = [\"name\"] }\n[sink]\npath = \"out.csv\"\n",
    );
    growing.write("in.csv", "n\n1\n");
    growing.write("names.csv", "n,name\n1,one\n2,two\n");
    growing.run(0, &[]);
    growing.write("names.csv", "n,name\n1,ONE\n");
    growing.rests();
    growing.append("in.csv", "1\n2\n");
    growing.run(0, &["wrote 2"]);
    assert_eq!(growing.read("out.csv"), "n,name\n1,one\n1,ONE\n2,\n");
}

#[test]
fn a_changed_step_acts_from_the_next_round_on() {
    let growing = Growing::new(PARTS);
    growing.write("in.csv", "n\n1\n2\n");
    growing.run(0, &[]);
    growing.append("in.csv", "11\n3\n");
    let job = growing.read("job.toml").replace("n < 10", "n > 10");
    growing.write("job.toml", job);
    growing.run(5, &["`transform.0.filter` is", "--accept-changes"]);
    let ended = growing.run_with(&["--accept-changes"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(growing.read("part-000002.csv"), "n\n11\n");
    growing.rests();
}

#[test]
fn plan_and_status_tell_what_is_new() {
    let growing = Growing::new(APPENDED.replace("in.csv", "in*.csv").as_str());
    growing.write("in.csv", "n\n1\n");
    growing.run(0, &[]);
    let answer = |arguments: &[&str]| {
        let ended = onward_ends(growing.path(), arguments, 0);
        String::from_utf8(ended.stdout).expect("text")
    };
    let says = |text: &str, parts: &[&str]| {
        parts.iter().for_each(|part| assert!(text.contains(part), "`{part}`: {text}"));
    };
    says(&answer(&["plan", "job.toml"]), &["nothing is new; a run would do nothing"]);
    growing.append("in.csv", "2\n3\n4");
    growing.write("in-2.csv", "n\n5\n");
    let plan = answer(&["plan", "job.toml"]);
    says(&plan, &["would begin round 2 with what is new: 8 B of 2 inputs"]);
    says(&plan, &["appended: in.csv (4 B)", "new: in-2.csv (4 B)"]);
    let json = answer(&["plan", "job.toml", "--json"]);
    says(
        &json,
        &["\"decision\":\"take-new\"", "{\"bytes\":4,\"is_new\":true,\"path\":\"in-2.csv\"}"],
    );
    says(&answer(&["status", "job.toml"]), &["new since then: 8 B of 2 inputs"]);
    growing.run(0, &["round 2: 8 B of input"]);
    let status = answer(&["status", "job.toml"]);
    says(&status, &["round 2, with 1 record before it", "read 3 records, 8 B of 8 B (100 %)"]);
    assert!(!status.contains("new since then"), "{status}");
}

#[test]
fn steps_whose_names_are_swapped_between_rounds_keep_their_states() {
    const KEYS: u64 = 20_000;
    let step = |name: &str, what: &str| {
        let window = format!("window = {{ by = [\"k\"], compute = [\"{what}\"] }}");
        format!("[[transform]]\nname = \"{name}\"\n{window}\n")
    };
    let job = |first: &str, second: &str| {
        let steps = step(first, "sum(n) AS total") + &step(second, "sum(n * n) AS squares");
        let source = "[source]\npath = \"in.csv\"\ntypes = { n = \"bigint\" }\n";
        format!("{source}{steps}[sink]\npath = \"out.csv\"\n")
    };
    let growing = Growing::new(&job("one", "two"));
    let numbers = |keys: u64| (0..keys).map(|key| format!("{key},{}\n", key % 100));
    growing.write("in.csv", format!("k,n\n{}", numbers(KEYS).collect::<String>()));
    growing.run(0, &[]);
    let again: String = numbers(30).collect();
    growing.append("in.csv", &again);
    let swapped = job("two", "one").replace("[source]\n", "[source]\nmode = \"incremental\"\n");
    growing.write("job.toml", swapped);
    for expected in [75, 75, 0] {
        let ended = growing.run_with(&["--stop-after", "12"]);
        assert_eq!(ended.code, Some(expected), "{ended:?}");
    }
    let output = growing.read("out.csv");
    for (line, key) in output.lines().skip(1 + 20_000).zip(0_u64..) {
        assert_eq!(line, format!("{key},{key},{},{}", 2 * key, 2 * key * key));
    }
    assert_eq!(output.lines().count(), 1 + 20_030);
}
