//! Every case of `fixtures/cases`, run as a user runs it.
//!
//! `ONWARD_BLESS=1` rewrites what must come out; review it by diff.

use crate::support::{cases, folder};
use std::fmt::Write as _;

#[test]
fn every_case_comes_out_as_it_must() {
    let bless = std::env::var_os("ONWARD_BLESS").is_some();
    let mut differences = String::new();
    for case in cases::all() {
        let found = case.result(&folder::scratch(), &[]);
        if bless {
            case.bless(&found);
        }
        let difference = case.expected(&found.stderr).difference(&found);
        if !difference.is_empty() {
            writeln!(differences, "== {}\n{difference}", case.name).expect("a string");
        }
    }
    assert!(differences.is_empty(), "\n{differences}");
}

#[test]
fn there_are_cases_of_every_area() {
    let cases = cases::all();
    assert!(cases.len() >= 60, "{} cases", cases.len());
    for area in ["source", "sink", "step", "expression", "rejects", "checkpoint", "data"] {
        let count = cases.iter().filter(|case| case.name.starts_with(&format!("{area}-"))).count();
        assert!(count > 1, "{count} cases of {area}");
    }
}
