//! The names of partitions: one file per distinct value of some columns.
//!
//! A value becomes part of a path. Letters without accents, digits, `_`, `-` and `.` (not in front) stay as they are; every
//! other byte is `%` and two upper-case hex digits. NULL is `%null`, the empty text `%empty`: no value is escaped to these.
//! What would be longer than [`VALUE_BYTES_MAX`] keeps its beginning and ends in `%-` and a hash of the whole value.
//! So a name holds no slash, is never empty, `.` or `..`, is the same in every Unicode normal form, and can be read back,
//! unless it was shortened. Two values that differ in the case of letters alone have names that some file systems take
//! for one: whoever makes the files refuses the second.
//!
//! A [`PathPattern`] is a path with such names put in. Which values there are, and their files, are not known here.

use super::target::{is_staged_name, staged_prefix};
use crate::error::{Error, Result};
use crate::storage::{FileKind, Storage};
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes of the name of one value.
pub const VALUE_BYTES_MAX: usize = 64;

/// What stands in a path for the number of a job's round.
pub const RUN: &str = "{run}";

/// The number of a round in a path: of at least six digits, so that names sort like numbers.
pub fn run_number(round: u64) -> String {
    format!("{round:06}")
}

/// Bytes of a value's name that stay where it is shortened.
const KEPT_BYTES: usize = VALUE_BYTES_MAX - 2 - 16;

const NULL: &str = "%null";
const EMPTY: &str = "%empty";

/// The names of the values of a partition, with a slash between them: `DE/2024`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionName(Arc<str>);

impl PartitionName {
    /// The name of a partition; `None` is NULL.
    pub fn new<'a>(values: impl IntoIterator<Item = Option<&'a [u8]>>) -> PartitionName {
        let mut name = String::new();
        for (index, value) in values.into_iter().enumerate() {
            if index > 0 {
                name.push('/');
            }
            write_value(&mut name, value);
        }
        PartitionName(name.into())
    }

    /// Reads a name of so many values; `None` where it cannot be one.
    pub fn parse(text: &str, columns: usize) -> Option<PartitionName> {
        let is_sound = |value: &str| {
            let is_plain = |byte: u8| is_plain(byte) || byte == b'%';
            (1..=VALUE_BYTES_MAX).contains(&value.len())
                && !value.starts_with('.')
                && value.bytes().all(is_plain)
        };
        let is_name = text.split('/').count() == columns && text.split('/').all(is_sound);
        is_name.then(|| PartitionName(text.into()))
    }

    /// The name, for messages and checkpoints.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

fn write_value(name: &mut String, value: Option<&[u8]>) {
    let Some(value) = value else { return name.push_str(NULL) };
    if value.is_empty() {
        return name.push_str(EMPTY);
    }
    let start = name.len();
    let mut kept = start;
    for (index, byte) in value.iter().enumerate() {
        if is_plain(*byte) && (index > 0 || *byte != b'.') {
            name.push(char::from(*byte));
        } else {
            write!(name, "%{byte:02X}").expect("a string takes everything");
        }
        if name.len() - start <= KEPT_BYTES {
            kept = name.len();
        }
        if name.len() - start > VALUE_BYTES_MAX {
            name.truncate(kept);
            let hash = rapidhash::v3::rapidhash_v3(value);
            write!(name, "%-{hash:016x}").expect("a string takes everything");
            return;
        }
    }
}

/// A path with placeholders for the values of partition columns: `out/{country}/part.csv`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPattern {
    /// What relative paths count from.
    folder: PathBuf,
    written: String,
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// The value of a column, by its place among the partition columns.
    Column(usize),
    /// The number of the job's round.
    Run,
}

/// Why a text is no path pattern for some columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PatternProblem {
    /// A placeholder is no partition column.
    Unknown(String),
    /// A partition column has no placeholder.
    Missing(String),
    /// A brace is not closed.
    Open,
    /// A name in the path could become longer than file systems take.
    Long,
}

/// The longest name of a file or folder that file systems take.
const NAME_BYTES_MAX: usize = 255;

/// What a staged name has more than the final one: `.`, `.onward-`, 32 digits and `.partial`.
const STAGED_BYTES: usize = 49;

/// Digits of the largest number of a round.
const RUN_BYTES_MAX: usize = 20;

/// Bytes of the longest name between slashes that a pattern can come to.
fn longest_name(pieces: &[Piece]) -> usize {
    let (mut longest, mut length) = (0, 0);
    for piece in pieces {
        match piece {
            Piece::Column(_) => length += VALUE_BYTES_MAX,
            Piece::Run => length += RUN_BYTES_MAX,
            Piece::Text(text) => {
                let mut names = text.split('/');
                length += names.next().map_or(0, str::len);
                for name in names {
                    longest = longest.max(length);
                    length = name.len();
                }
            }
        }
    }
    longest.max(length)
}

impl PathPattern {
    /// Reads a pattern. Relative paths count from `folder`.
    pub fn parse(
        folder: &Path,
        text: &str,
        columns: &[String],
    ) -> std::result::Result<PathPattern, PatternProblem> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, behind) = after.split_once('}').ok_or(PatternProblem::Open)?;
            let column = columns.iter().position(|column| column == name);
            let piece = match column {
                Some(column) => Piece::Column(column),
                None if name == "run" => Piece::Run,
                None => return Err(PatternProblem::Unknown(name.to_owned())),
            };
            if !before.is_empty() {
                pieces.push(Piece::Text(before.to_owned()));
            }
            pieces.push(piece);
            rest = behind;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        let is_missing = |index: &usize| !pieces.contains(&Piece::Column(*index));
        match (0..columns.len()).find(is_missing) {
            Some(index) => Err(PatternProblem::Missing(columns[index].clone())),
            None if longest_name(&pieces) + STAGED_BYTES > NAME_BYTES_MAX => {
                Err(PatternProblem::Long)
            }
            None => {
                let (folder, written) = (folder.to_path_buf(), text.to_owned());
                Ok(PathPattern { folder, written, pieces })
            }
        }
    }

    /// Whether each round of a job has files of its own.
    pub fn is_per_run(&self) -> bool {
        self.pieces.contains(&Piece::Run)
    }

    /// The pattern of a round's files.
    pub fn of_run(&self, round: u64) -> PathPattern {
        let number = run_number(round);
        let mut pieces: Vec<Piece> = Vec::new();
        for piece in &self.pieces {
            let text = match piece {
                Piece::Text(text) => text,
                Piece::Run => &number,
                Piece::Column(_) => {
                    pieces.push(piece.clone());
                    continue;
                }
            };
            match pieces.last_mut() {
                Some(Piece::Text(before)) => before.push_str(text),
                _ => pieces.push(Piece::Text(text.clone())),
            }
        }
        let written = match self.is_per_run() {
            true => self.written.replace(RUN, &number),
            false => self.written.clone(),
        };
        PathPattern { folder: self.folder.clone(), written, pieces }
    }

    /// The file of a partition.
    pub fn path(&self, name: &PartitionName) -> PathBuf {
        let values: Vec<&str> = name.0.split('/').collect();
        let mut path = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => path.push_str(text),
                Piece::Run => path.push_str(RUN),
                Piece::Column(index) => path.push_str(values[*index]),
            }
        }
        self.resolve(&path)
    }

    /// The same names in another folder: from the first one on that has a placeholder. `None` where they would climb out
    /// of it.
    pub fn moved_to(&self, folder: &Path) -> Option<PathPattern> {
        let first = self.written.find('{').unwrap_or(self.written.len());
        let start = self.written[..first].rfind('/').map_or(0, |slash| slash + 1);
        let written = self.written[start..].to_owned();
        if written.split('/').any(|name| name == "..") {
            return None;
        }
        let mut pieces = self.pieces.clone();
        if let Some(Piece::Text(text)) = pieces.first_mut() {
            *text = text[start..].to_owned();
        }
        pieces.retain(|piece| !matches!(piece, Piece::Text(text) if text.is_empty()));
        Some(PathPattern { folder: folder.to_path_buf(), written, pieces })
    }

    /// The path with its placeholders, for messages.
    pub fn as_written(&self) -> PathBuf {
        self.resolve(&self.written)
    }

    fn resolve(&self, path: &str) -> PathBuf {
        if self.folder == Path::new(".") { PathBuf::from(path) } else { self.folder.join(path) }
    }

    /// The deepest folder that all files are in or below.
    pub fn root(&self) -> PathBuf {
        let start = match self.pieces.first() {
            Some(Piece::Text(text)) => text.rsplit_once('/').map(|(folder, _)| folder),
            _ => None,
        };
        match start {
            None => self.folder.clone(),
            Some("") => PathBuf::from("/"),
            Some(start) => self.resolve(start),
        }
    }

    /// The staged files that are there of partitions of this pattern, of any start of any job, sorted by path.
    pub fn staged(&self, storage: &dyn Storage) -> Result<Vec<PathBuf>> {
        let names = self.names_below_root();
        let (file, folders) = names.split_last().expect("a path has a last name");
        let root = self.root();
        let mut places = vec![if root == Path::new(".") { PathBuf::new() } else { root }];
        for (start, end) in folders {
            let mut below = Vec::new();
            for place in places {
                for name in names_in(storage, &place)? {
                    let path = place.join(&name);
                    if name.starts_with(start) && name.ends_with(end) && is_folder(storage, &path)?
                    {
                        below.push(path);
                    }
                }
            }
            places = below;
        }
        let prefix = staged_prefix(&file.0);
        let mut staged = Vec::new();
        for place in places {
            let names = names_in(storage, &place)?.into_iter();
            let ours = names.filter(|name| name.starts_with(&prefix) && is_staged_name(name));
            staged.extend(ours.map(|name| or_here(&place).join(name)));
        }
        staged.sort();
        Ok(staged)
    }

    /// How each name of the path below its root begins and ends.
    fn names_below_root(&self) -> Vec<(String, String)> {
        const VALUE: char = '\0';
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(piece) => text.push_str(piece),
                Piece::Run => text.push_str(RUN),
                Piece::Column(_) => text.push(VALUE),
            }
        }
        let at = text.find(VALUE).unwrap_or(text.len());
        let start = text[..at].rfind('/').map_or(0, |slash| slash + 1);
        let ends = |name: &str| {
            let start = name.split(VALUE).next().unwrap_or_default();
            let end = name.rsplit(VALUE).next().unwrap_or_default();
            (start.to_owned(), end.to_owned())
        };
        text[start..].split('/').filter(|name| !name.is_empty()).map(ends).collect()
    }
}

fn or_here(path: &Path) -> &Path {
    if path.as_os_str().is_empty() { Path::new(".") } else { path }
}

fn names_in(storage: &dyn Storage, folder: &Path) -> Result<Vec<String>> {
    match storage.list(or_here(folder)) {
        Ok(names) => Ok(names.into_iter().filter_map(|name| name.into_string().ok()).collect()),
        Err(error) if is_no_folder(&error) => Ok(Vec::new()),
        Err(cause) => Err(Error::io("read", folder, cause)),
    }
}

fn is_no_folder(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn is_folder(storage: &dyn Storage, path: &Path) -> Result<bool> {
    match storage.metadata(path) {
        Ok(metadata) => Ok(matches!(metadata.kind, FileKind::Directory | FileKind::Link)),
        Err(error) if is_no_folder(&error) => Ok(false),
        Err(cause) => Err(Error::io("look at", path, cause)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::simulated::SimulatedStorage;

    fn name(value: &[u8]) -> String {
        PartitionName::new([Some(value)]).as_str().to_owned()
    }

    #[test]
    fn every_value_has_a_name_of_its_own_that_is_safe_in_a_path() {
        let check = |value: &[u8], expected: &str| assert_eq!(name(value), expected);
        check(b"DE", "DE");
        check(b"a b", "a%20b");
        check(b"", "%empty");
        check(b"%empty", "%25empty");
        check(b".", "%2E");
        check(b"..", "%2E.");
        check(b".a.b", "%2Ea.b");
        check(b"a/b\\c", "a%2Fb%5Cc");
        check("\u{e5}".as_bytes(), "%C3%A5");
        check(&[0, 0xff], "%00%FF");
        check(b"-1.5", "-1.5");
        assert_eq!(PartitionName::new([None, Some(&b"x"[..])]).as_str(), "%null/x");
    }

    #[test]
    fn a_long_value_keeps_its_beginning_and_is_told_apart_by_a_hash() {
        let fits = "x".repeat(VALUE_BYTES_MAX);
        assert_eq!(name(fits.as_bytes()), fits);
        let first = name("y".repeat(VALUE_BYTES_MAX + 1).as_bytes());
        let second = name("y".repeat(VALUE_BYTES_MAX + 2).as_bytes());
        assert!(first.starts_with(&"y".repeat(KEPT_BYTES)) && first != second);
        assert_eq!((first.len(), second.len()), (VALUE_BYTES_MAX, VALUE_BYTES_MAX));
        let escaped = name("\u{e5}".repeat(100).as_bytes());
        assert!(escaped.len() <= VALUE_BYTES_MAX);
        let (kept, _) = escaped.split_once("%-").expect("a hash");
        assert_eq!(kept.len() % 3, 0, "no escape is cut: {escaped}");
        assert!(PartitionName::parse(&escaped, 1).is_some());
    }

    #[test]
    fn what_is_no_name_is_not_read() {
        let check = |text: &str, columns: usize, expected: bool| {
            assert_eq!(PartitionName::parse(text, columns).is_some(), expected, "{text}");
        };
        check("DE", 1, true);
        check("DE/%null", 2, true);
        check("DE", 2, false);
        check("DE/..", 2, false);
        check("..", 1, false);
        check("", 1, false);
        check("a/", 2, false);
        check("a\\b", 1, false);
        check("a\0", 1, false);
        check(&"x".repeat(VALUE_BYTES_MAX + 1), 1, false);
    }

    #[test]
    fn the_pattern_of_a_round_has_its_number() {
        let columns = ["c".to_owned()];
        let text = "out/{run}/c={c}/{run}-{c}.csv";
        let pattern = PathPattern::parse(Path::new("jobs"), text, &columns).expect("a pattern");
        assert!(pattern.is_per_run());
        let partition = PartitionName::parse("DE", 1).expect("a name");
        let second = pattern.of_run(2);
        assert_eq!(second.path(&partition), Path::new("jobs/out/000002/c=DE/000002-DE.csv"));
        assert_eq!(second.root(), Path::new("jobs/out/000002"));
        assert_eq!(second.as_written(), Path::new("jobs/out/000002/c={c}/000002-{c}.csv"));
        assert_eq!(second.of_run(3), second);
        let run = ["run".to_owned()];
        let pattern = PathPattern::parse(Path::new("."), "{run}.csv", &run).expect("a pattern");
        assert!(!pattern.is_per_run(), "a column of that name");
    }

    #[test]
    fn a_pattern_names_every_column_and_no_other() {
        let parse = |text: &str, columns: &[&str]| {
            let columns: Vec<String> = columns.iter().map(|name| (*name).to_owned()).collect();
            PathPattern::parse(Path::new("jobs"), text, &columns)
        };
        let pattern = parse("out/c={c}/{d}-{c}.csv", &["c", "d"]).expect("a pattern");
        let partition = PartitionName::parse("DE/1", 2).expect("a name");
        assert_eq!(pattern.path(&partition), Path::new("jobs/out/c=DE/1-DE.csv"));
        assert_eq!(pattern.root(), Path::new("jobs/out"));
        assert_eq!(parse("{c}.csv", &["c"]).expect("a pattern").root(), Path::new("jobs"));
        assert_eq!(parse("/{c}.csv", &["c"]).expect("a pattern").root(), Path::new("/"));
        assert_eq!(parse("{x}.csv", &["c"]), Err(PatternProblem::Unknown("x".to_owned())));
        assert_eq!(parse("{c}.csv", &["c", "d"]), Err(PatternProblem::Missing("d".to_owned())));
        assert_eq!(parse("{c.csv", &["c"]), Err(PatternProblem::Open));
    }

    #[test]
    fn staged_files_are_found_in_all_folders_of_the_pattern() {
        let disk = SimulatedStorage::new();
        for path in [
            "/o/c=DE/.p.csv.onward-1.partial",
            "/o/c=FR/.p.csv.onward-2.partial",
            "/o/c=FR/p.csv",
            "/o/d=FR/.p.csv.onward-2.partial",
            "/o/.p.csv.onward-2.partial",
        ] {
            disk.put_file(path, b"");
        }
        let columns = ["c".to_owned()];
        let pattern = PathPattern::parse(Path::new("/o"), "c={c}/p.csv", &columns);
        let staged = pattern.expect("a pattern").staged(&disk).expect("readable");
        let expected = ["/o/c=DE/.p.csv.onward-1.partial", "/o/c=FR/.p.csv.onward-2.partial"];
        assert_eq!(staged, expected.map(PathBuf::from));
        let nowhere = PathPattern::parse(Path::new("/x"), "{c}.csv", &columns);
        assert!(nowhere.expect("a pattern").staged(&disk).expect("nothing").is_empty());
    }
}
