//! Paths of the job file: made relative to its folder, and kept from meeting each other.
//!
//! Only names are compared here. Links, and what globs find on the disk, are looked at when a run starts.

use super::section::Section;
use super::text::Text;
use crate::error::Diagnostic;
use std::ops::Range;
use std::path::{Component, Path, PathBuf};

/// A path of the job file, counted from the job file's folder.
pub fn resolve(folder: &Path, path: &str) -> PathBuf {
    if folder == Path::new(".") {
        return PathBuf::from(path);
    }
    folder.join(path)
}

/// A path that must name a file.
pub fn file(section: &mut Section<'_, '_>, path: &Text, folder: &Path) -> Option<PathBuf> {
    let is_folder = path.text.ends_with(['/', std::path::MAIN_SEPARATOR])
        || Path::new(&path.text).file_name().is_none();
    if is_folder {
        let message = format!("`{}` names a folder, not a file", path.written);
        return section.refuse(Diagnostic::at(path.place.clone(), message));
    }
    Some(resolve(folder, &path.text))
}

/// A path that the job reads or writes.
pub struct Role {
    /// What messages call it, such as "the output".
    pub what: String,
    /// The path, resolved.
    pub path: PathBuf,
    /// The bytes of the path in the job file.
    pub place: Range<usize>,
}

/// Complains where an output is an input, another output, or the job file itself.
pub fn check_collisions(
    inputs: &[PathBuf],
    outputs: &[Role],
    job_file: &Path,
    problems: &mut Vec<Diagnostic>,
) {
    for (index, output) in outputs.iter().enumerate() {
        let path = lexical(&output.path);
        let mut complain = |message: String| {
            problems.push(
                Diagnostic::at(output.place.clone(), message).with_hint("give it another name"),
            );
        };
        if path == lexical(job_file) {
            complain(format!("{} is the job file itself", output.what));
        }
        if let Some(input) = inputs.iter().find(|input| lexical(input) == path) {
            complain(format!("{} is also an input: `{}`", output.what, input.display()));
        } else if let Some(input) = inputs.iter().find(|input| matches(input, &path)) {
            complain(format!(
                "{} is also an input: the pattern `{}` finds it",
                output.what,
                input.display()
            ));
        }
        if let Some(other) = outputs[..index].iter().find(|other| lexical(&other.path) == path) {
            complain(format!("{} is the same file as {}", output.what, other.what));
        }
    }
}

fn matches(pattern: &Path, path: &Path) -> bool {
    let options =
        glob::MatchOptions { require_literal_separator: true, ..glob::MatchOptions::default() };
    let pattern = lexical(pattern);
    let pattern = pattern.to_str().and_then(|text| glob::Pattern::new(text).ok());
    pattern.is_some_and(|pattern| pattern.matches_path_with(path, options))
}

/// A path without `.` and with `..` taken back, as far as names alone allow.
fn lexical(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir
                if matches!(plain.components().next_back(), Some(Component::Normal(_))) =>
            {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(inputs: &[&str], outputs: &[&str], expected: &[&str]) {
        let inputs: Vec<PathBuf> = inputs.iter().map(PathBuf::from).collect();
        let outputs: Vec<Role> = outputs
            .iter()
            .zip(["the output", "the rejects"])
            .map(|(path, what)| Role { what: what.to_owned(), path: path.into(), place: 0..0 })
            .collect();
        let mut problems = Vec::new();
        check_collisions(&inputs, &outputs, Path::new("jobs/job.toml"), &mut problems);
        let messages: Vec<&str> = problems.iter().map(|p| p.message.as_str()).collect();
        assert_eq!(messages, expected);
    }

    #[test]
    fn outputs_meet_neither_inputs_nor_each_other() {
        check(&["a.csv"], &["b.csv", "c.jsonl"], &[]);
        check(&["a/b.csv"], &["a/x/.././b.csv"], &["the output is also an input: `a/b.csv`"]);
        check(
            &["a/*.csv"],
            &["a/b.csv", "a/x/b.csv"],
            &["the output is also an input: the pattern `a/*.csv` finds it"],
        );
        check(
            &["../a.csv"],
            &["b.csv", "./b.csv"],
            &["the rejects is the same file as the output"],
        );
        check(&[], &["jobs/job.toml"], &["the output is the job file itself"]);
    }
}
