//! Job files that somebody mistyped badly: every problem has a sentence and a place in the text, and what is no problem
//! runs.

use crate::support::choices::Choices;
use crate::support::folder;
use crate::support::machine::{self, FOLDER, How};
use onward::error::Kind;
use onward::job;
use onward::storage::simulated::SimulatedStorage;
use std::ops::Range;
use std::path::Path;

/// Files beside a job that are larger are not taken.
const INPUT_BYTES_MAX: usize = 4096;

/// Words that mean something in job files, and some that do not.
const WORDS: [&str; 40] = [
    "[",
    "]",
    "[[transform]]\n",
    "[source]\n",
    "[sink]\n",
    "{",
    "}",
    "=",
    "\"",
    "'''",
    "\n",
    "#",
    ",",
    "path",
    "types",
    "by",
    "select",
    "filter",
    "sort",
    "limit",
    "name",
    "-1",
    "0",
    "99999999999999999999",
    "1e400",
    "nan",
    "\"1TiB\"",
    "\"0s\"",
    "\"\"",
    "\"*\"",
    "\"../x\"",
    "true",
    "[[",
    "\u{feff}",
    "\u{0}",
    "\"\\u0000\"",
    "{name}",
    "${HOME}",
    "\u{e9}",
    "NULL",
];

/// A job file as it is meant, with the small files beside it.
pub struct Written {
    text: String,
    inputs: Vec<(String, Vec<u8>)>,
}

/// The jobs of all cases.
pub fn corpus() -> Vec<Written> {
    let cases = folder::fixtures().join("cases");
    let with_inputs = |name: &String| {
        let files = folder::files(&cases.join(name));
        let text = String::from_utf8_lossy(&files["job.toml"]).into_owned();
        let is_small = |(path, bytes): &(String, Vec<u8>)| {
            !path.starts_with("out") && path != "job.toml" && bytes.len() < INPUT_BYTES_MAX
        };
        Written { text, inputs: files.into_iter().filter(is_small).collect() }
    };
    folder::names(&cases).iter().map(with_inputs).collect()
}

/// Mistypes one of some job files, and runs it where nothing is found. Whether it was run to its end.
pub fn target(corpus: &[Written], bytes: &[u8]) -> bool {
    let mut choices = Choices::new(bytes);
    let Written { text, inputs } = choices.pick(corpus);
    let mut text = text.clone();
    for _ in 0..=choices.byte() % 3 {
        text = mistyped(&text, corpus, &mut choices);
    }
    let file = Path::new(FOLDER).join("job.toml");
    let job = match job::load(&text, &file, &|_| None, &[]) {
        Ok(job) => job,
        Err(flawed) => {
            check_problems(&flawed.problems, &text);
            return false;
        }
    };
    let disk = SimulatedStorage::new();
    disk.put_directory(FOLDER, 0o755);
    for (name, bytes) in inputs {
        disk.put_file(Path::new(FOLDER).join(name), bytes);
    }
    match machine::run(&job, &disk, 1, How::PLAIN) {
        Ok(_) => true,
        Err(error) => {
            assert_ne!(error.kind, Kind::Internal, "{error:?}");
            check_problems(&error.problems, &text);
            false
        }
    }
}

fn check_problems(problems: &[onward::error::Diagnostic], text: &str) {
    for problem in problems {
        assert!(!problem.message.is_empty(), "{text}");
        let place = problem.place.clone().unwrap_or(0..0);
        assert!(text.get(place).is_some(), "{problem:?} is nowhere in {text}");
    }
}

/// The text with one mistake more: mostly one that is still TOML.
fn mistyped(text: &str, corpus: &[Written], choices: &mut Choices<'_>) -> String {
    match choices.byte() % 16 {
        0 | 1 => scratched(text, choices),
        2 | 3 => line_of(text, corpus, choices),
        _ => exchanged(text, corpus, choices),
    }
}

/// What a word of a text is, as far as one can stand for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Quoted,
    Number,
    Word,
}

/// The words of a text, with their places.
fn words(text: &str) -> Vec<(Class, Range<usize>)> {
    let mut words: Vec<(Class, Range<usize>)> = Vec::new();
    let mut is_open = false;
    for (at, c) in text.char_indices() {
        let (end, is_part) = (at + c.len_utf8(), c.is_alphanumeric() || c == '_');
        match words.last_mut() {
            Some((Class::Quoted, place)) if is_open => {
                is_open = c != '"' && c != '\n';
                place.end = end;
            }
            Some((Class::Word | Class::Number, place)) if place.end == at && is_part => {
                place.end = end;
            }
            _ if c == '"' => {
                is_open = true;
                words.push((Class::Quoted, at..end));
            }
            _ if c.is_ascii_digit() => words.push((Class::Number, at..end)),
            _ if is_part => words.push((Class::Word, at..end)),
            _ => {}
        }
    }
    words
}

/// The text with a word replaced by one of another text, or a number by an odd one.
fn exchanged(text: &str, corpus: &[Written], choices: &mut Choices<'_>) -> String {
    let found = words(text);
    let Some((class, place)) = found.get(choices.below(found.len())) else {
        return text.to_owned();
    };
    // A name of the same job is often one that fits.
    let other = if !choices.byte().is_multiple_of(4) { text } else { &choices.pick(corpus).text };
    let alike: Vec<Range<usize>> =
        words(other).into_iter().filter(|(found, _)| found == class).map(|(_, at)| at).collect();
    let new = match alike.get(choices.below(alike.len())) {
        _ if *class == Class::Number && choices.byte().is_multiple_of(2) => {
            choices.odd_number().to_string()
        }
        Some(place) => other[place.clone()].to_owned(),
        None => String::new(),
    };
    format!("{}{new}{}", &text[..place.start], &text[place.end..])
}

/// The text with some of its characters replaced. It is cut between characters.
fn scratched(text: &str, choices: &mut Choices<'_>) -> String {
    let bounds: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let start = choices.below(bounds.len());
    let end = (start + choices.below(30)).min(bounds.len() - 1);
    let (start, end) = (bounds[start], bounds[end]);
    let (before, cut, after) = (&text[..start], &text[start..end], &text[end..]);
    match choices.byte() % 4 {
        0 => format!("{before}{}{cut}{after}", choices.pick(&WORDS)),
        1 => format!("{before}{}{after}", choices.pick(&WORDS)),
        2 => format!("{before}{after}"),
        _ => format!("{before}{cut}{cut}{after}"),
    }
}

/// The text with a line of another one in between.
fn line_of(text: &str, corpus: &[Written], choices: &mut Choices<'_>) -> String {
    let lines: Vec<&str> = choices.pick(corpus).text.lines().collect();
    let other = lines.get(choices.below(lines.len())).copied().unwrap_or_default();
    let mut lines: Vec<&str> = text.lines().collect();
    lines.insert(choices.below(lines.len() + 1), other);
    lines.join("\n")
}
