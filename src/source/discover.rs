//! From the paths and globs of a job to the list of its inputs.
//!
//! A glob names files by `*`, `?`, `[...]` within a name and `**` for any folders; its matches are
//! sorted by the bytes of their paths. Names that start with a dot match only where the pattern has
//! the dot. Links to folders are followed where they are named, not by `**`.

use crate::error::{Error, Kind, Result};
use crate::storage::{FileKind, Storage};
use glob::{MatchOptions, Pattern};
use std::collections::HashSet;
use std::io;
use std::path::{Component, Path, PathBuf};

const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// The inputs that the patterns name: list order, the matches of each glob sorted. Relative
/// patterns count from `base_folder`. A pattern without match and a file named twice are errors.
pub fn discover(
    storage: &dyn Storage,
    base_folder: &Path,
    patterns: &[String],
) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    let mut seen = HashSet::new();
    for pattern in patterns {
        for path in resolve(storage, base_folder, pattern)? {
            if !seen.insert(path.clone()) {
                return Err(named_twice(&path));
            }
            paths.push(path);
        }
    }
    Ok(paths)
}

/// The same without what is not there: a pattern without match is none.
pub fn discover_present(
    storage: &dyn Storage,
    base_folder: &Path,
    patterns: &[String],
) -> Result<Vec<PathBuf>> {
    let mut present = Vec::new();
    for pattern in patterns {
        match resolve(storage, base_folder, pattern) {
            Ok(paths) => present.extend(paths),
            Err(error) if error.kind == Kind::NoInput => {}
            Err(error) => return Err(error),
        }
    }
    let mut seen = HashSet::new();
    match present.iter().find(|path| !seen.insert((*path).clone())) {
        Some(path) => Err(named_twice(path)),
        None => Ok(present),
    }
}

/// The files of one pattern. What exists under exactly that name is that file, whatever characters
/// it has.
fn resolve(storage: &dyn Storage, base_folder: &Path, pattern: &str) -> Result<Vec<PathBuf>> {
    let path = base_folder.join(pattern);
    match storage.metadata(&path) {
        Ok(found) if found.kind == FileKind::Directory => return Err(is_folder(pattern)),
        Ok(_) => return Ok(vec![path]),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(Error::io("find input", &path, error)),
    }
    if !pattern.contains(['*', '?', '[']) {
        return Err(missing(&path));
    }
    let mut matches = Vec::new();
    let (folder, steps) = split(&path, pattern)?;
    walk(storage, &folder, &steps, &mut matches)?;
    if matches.is_empty() {
        return Err(without_match(pattern, &folder));
    }
    matches.sort_by(|a, b| a.as_os_str().as_encoded_bytes().cmp(b.as_os_str().as_encoded_bytes()));
    matches.dedup();
    Ok(matches)
}

/// One name of a glob.
enum Step {
    /// `**`
    AnyFolders,
    /// A name without wildcards.
    Name(PathBuf),
    /// A name with wildcards.
    Names(Pattern),
}

/// The folder before the first wildcard, and the steps from there.
fn split(path: &Path, pattern: &str) -> Result<(PathBuf, Vec<Step>)> {
    let mut folder = PathBuf::new();
    let mut steps = Vec::new();
    for component in path.components() {
        let name = component.as_os_str();
        let text = name.to_string_lossy();
        let has_wildcard = text.contains(['*', '?', '[']);
        if steps.is_empty() && !has_wildcard {
            folder.push(name);
        } else if text == "**" {
            steps.push(Step::AnyFolders);
        } else if has_wildcard {
            let names = Pattern::new(&text).map_err(|cause| bad_pattern(pattern, cause))?;
            steps.push(Step::Names(names));
        } else if component != Component::CurDir {
            steps.push(Step::Name(PathBuf::from(name)));
        }
    }
    if matches!(steps.last(), Some(Step::AnyFolders)) {
        let all = Pattern::new("*").expect("a star is a pattern");
        steps.push(Step::Names(all));
    }
    Ok((folder, steps))
}

/// Collects the files below `folder` that the steps lead to. The folders still to visit are kept in
/// a list.
fn walk(
    storage: &dyn Storage,
    folder: &Path,
    steps: &[Step],
    matches: &mut Vec<PathBuf>,
) -> Result<()> {
    let mut pending = vec![(folder.to_owned(), steps)];
    while let Some((folder, steps)) = pending.pop() {
        let Some((step, rest)) = steps.split_first() else {
            continue;
        };
        if let Step::Name(name) = step {
            let path = folder.join(name);
            if !rest.is_empty() {
                pending.push((path, rest));
            } else if storage.metadata(&path).is_ok_and(|found| found.kind != FileKind::Directory) {
                matches.push(path);
            }
            continue;
        }
        if matches!(step, Step::AnyFolders) {
            pending.push((folder.clone(), rest));
        }
        for path in entries(storage, &folder)? {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let kind = storage.metadata(&path).map(|found| found.kind);
            let kind = kind.map_err(|cause| Error::io("look at", &path, cause))?;
            match step {
                Step::AnyFolders if kind == FileKind::Directory && !name.starts_with('.') => {
                    pending.push((path, steps));
                }
                Step::Names(names) if names.matches_with(&name, OPTIONS) => {
                    if !rest.is_empty() {
                        pending.push((path, rest));
                    } else if is_file(storage, &path, kind) {
                        matches.push(path);
                    }
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// What is in a folder; nothing where it is no folder.
fn entries(storage: &dyn Storage, folder: &Path) -> Result<Vec<PathBuf>> {
    let listed = if folder.as_os_str().is_empty() {
        storage.list(Path::new("."))
    } else {
        storage.list(folder)
    };
    match listed {
        Ok(names) => Ok(names.into_iter().map(|name| folder.join(name)).collect()),
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Ok(Vec::new()),
            _ => Err(Error::io("list folder", folder, error)),
        },
    }
}

/// Whether it is a file, or a link to something that is no folder.
fn is_file(storage: &dyn Storage, path: &Path, kind: FileKind) -> bool {
    match kind {
        FileKind::File => true,
        FileKind::Link => storage.list(path).is_err(),
        FileKind::Directory | FileKind::Other => false,
    }
}

fn missing(path: &Path) -> Error {
    Error::new(Kind::NoInput, format!("input `{}` does not exist", path.display()))
        .with_hint("relative paths count from the job file's folder")
}

fn is_folder(pattern: &str) -> Error {
    let folder = pattern.trim_end_matches('/');
    Error::usage(format!("input `{pattern}` is a folder"))
        .with_hint(format!("name its files: `{folder}/*.csv`"))
}

fn without_match(pattern: &str, folder: &Path) -> Error {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    Error::new(Kind::NoInput, format!("no file matches input `{pattern}`"))
        .with_hint(format!("see what is there: `ls {}`", folder.display()))
}

fn bad_pattern(pattern: &str, cause: glob::PatternError) -> Error {
    Error::usage(format!("input `{pattern}` is not a valid glob")).with_cause(cause)
}

fn named_twice(path: &Path) -> Error {
    Error::usage(format!("input `{}` is named twice", path.display()))
        .with_hint("every file can be read only once; narrow one of the patterns")
}

#[cfg(test)]
mod tests;
