//! A source file as the rules look at it: its code without comments and the contents of strings, line by line.

use std::path::{Path, PathBuf};

/// One Rust file.
pub struct SourceFile {
    /// Its path from the root of the package, with forward slashes.
    pub path: String,
    /// Its text.
    pub text: String,
    /// Its text with comments, strings and characters blanked out; the same lines.
    pub code: String,
    /// How many lines come before its tests.
    pub lines_before_tests: usize,
}

impl SourceFile {
    fn read(root: &Path, path: &Path) -> SourceFile {
        let text = std::fs::read_to_string(path).expect("sources are UTF-8");
        let relative = path.strip_prefix(root).expect("below the root");
        let path = relative.to_string_lossy().replace('\\', "/");
        let is_test = path.starts_with("tests/") || path.ends_with("/tests.rs");
        let code = blank(&text);
        let tests_at = code.lines().position(|line| line.starts_with("#[cfg(test)]"));
        // `#[cfg(test)] mod tests;` names another file, and code may follow it.
        let tests_at = tests_at.filter(|at| {
            let next = code.lines().nth(at + 1).unwrap_or("");
            !next.trim_end().ends_with(';')
        });
        SourceFile {
            lines_before_tests: match (is_test, tests_at) {
                (true, _) => 0,
                (false, Some(at)) => at,
                (false, None) => usize::MAX,
            },
            path,
            text,
            code,
        }
    }

    /// The module at the top of `src` that the file belongs to: `cli`, `error`; empty for the crate's root.
    pub fn module(&self) -> &str {
        let inner = self.path.strip_prefix("src/").unwrap_or("");
        match inner.split_once('/') {
            Some((module, _)) => module,
            None => match inner.strip_suffix(".rs") {
                Some("lib" | "main") | None => "",
                Some(module) => module,
            },
        }
    }

    /// The lines of code that are no tests, numbered from 1.
    pub fn code_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.code.lines().take(self.lines_before_tests);
        lines.enumerate().map(|(index, line)| (index + 1, line))
    }
}

/// All Rust files below some folders of a package, in order of their paths.
pub fn read_all(root: &Path, folders: &[&str]) -> Vec<SourceFile> {
    let mut paths = Vec::new();
    for folder in folders {
        collect(&root.join(folder), &mut paths);
    }
    paths.sort();
    paths.iter().map(|path| SourceFile::read(root, path)).collect()
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

/// Puts blanks in place of comments and of what strings and characters hold. Line ends stay.
fn blank(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < characters.len() {
        let end = match token(&characters[at..]) {
            Token::Code => {
                code.push(characters[at]);
                at += 1;
                continue;
            }
            Token::Blank(length) => (at + length).min(characters.len()),
        };
        let blanks = characters[at..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' });
        code.extend(blanks);
        at = end;
    }
    code
}

/// What a piece of source begins with.
enum Token {
    /// One character of code.
    Code,
    /// So many characters of a comment, string or character.
    Blank(usize),
}

fn token(rest: &[char]) -> Token {
    match rest {
        ['/', '/', ..] => Token::Blank(until(rest, 2, &['\n'])),
        ['/', '*', ..] => Token::Blank(until(rest, 2, &['*', '/']) + 2),
        ['r', '"' | '#', ..] => raw_string(rest),
        ['"', ..] => Token::Blank(escaped(rest, '"')),
        ['\'', '\\', ..] => Token::Blank(escaped(rest, '\'')),
        ['\'', _, '\'', ..] => Token::Blank(3),
        _ => Token::Code,
    }
}

/// The length of `r"..."` or `r#"..."#`; a raw identifier and the end of a word are code.
fn raw_string(rest: &[char]) -> Token {
    let hashes = rest[1..].iter().take_while(|c| **c == '#').count();
    if rest.get(1 + hashes) != Some(&'"') {
        return Token::Code;
    }
    let mut end = vec!['"'];
    end.resize(1 + hashes, '#');
    Token::Blank(until(rest, 2 + hashes, &end) + end.len())
}

/// Where `end` begins, looked for from `from` on.
fn until(rest: &[char], from: usize, end: &[char]) -> usize {
    let found = (from..rest.len()).find(|at| rest[*at..].starts_with(end));
    found.unwrap_or(rest.len())
}

/// The length of a literal in which a backslash escapes.
fn escaped(rest: &[char], quote: char) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != quote {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

#[test]
fn only_code_is_left_of_a_source() {
    let check = |text: &str, code: &str| assert_eq!(blank(text), code, "{text}");
    check("a // b\nc", "a     \nc");
    check("a /* b\n */ c", "a     \n    c");
    check("x(\"a\\\"b\", 'c', '\\'', 'a)", "x(      ,    ,     , 'a)");
    check("x(r#\"a\"b\"#, r\"\\\")", "x(        ,     )");
    check("for r in r#type", "for r in r#type");
}
