//! How errors, notes and problems of a job file look, and how they reach the terminal.
//!
//! Everything that comes from the user or a file is escaped: no message moves the cursor or hides text.

use crate::error::{Diagnostic, Error, Result};
use crate::job::{Document, LineOrigin};
use std::fmt::Write as _;
use std::io::{self, Write};
use std::ops::Range;
use std::path::Path;
use unicode_width::UnicodeWidthChar;

/// The most problems of a job file that are shown; nobody reads more at once.
const PROBLEMS_MAX: usize = 50;

/// The most columns of a source line that are shown, so that the caret is not wrapped away from what it points at.
const LINE_WIDTH_MAX: usize = 120;

/// How many of these columns are before the caret where a longer line is cut.
const CONTEXT_WIDTH: usize = 60;

/// What stands for the cut part of a line.
const CUT: &str = "...";

/// A failure: the sentence with its causes, and the hint.
pub fn error(error: &Error) -> String {
    let mut text = format!("onward: error: {}\n", escape(&error.to_string()));
    push_hint(&mut text, error.hint.as_deref());
    text
}

/// All problems of a job, in order; `file` as the user named it.
pub fn problems(file: &Path, document: &Document, problems: &[Diagnostic]) -> String {
    let file = escape(&file.display().to_string());
    let mut text = String::new();
    for problem in problems.iter().take(PROBLEMS_MAX) {
        push_problem(&mut text, &file, document, problem);
    }
    let hidden = problems.len().saturating_sub(PROBLEMS_MAX);
    if hidden > 0 {
        push(&mut text, format_args!("onward: error: {file}: and {hidden} more problems\n"));
    }
    text
}

/// Something worth knowing that is no failure.
pub fn note(message: &str) -> String {
    format!("onward: {}\n", escape(message))
}

/// Control characters, and characters that reorder or hide text, in a visible form.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        push_escaped(&mut escaped, character);
    }
    escaped
}

/// Writes to standard error. Nobody can be told where that fails.
pub fn show(text: &str) {
    let _unreported = io::stderr().lock().write_all(text.as_bytes());
}

/// Writes what was asked for to standard output; a reader that went away has read enough.
///
/// # Errors
/// Where standard output cannot be written.
pub fn answer(text: &str) -> Result<()> {
    answer_bytes(text.as_bytes())
}

/// A part of an answer that is data.
///
/// # Errors
/// Where standard output cannot be written.
pub fn answer_bytes(bytes: &[u8]) -> Result<()> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
    match written {
        Err(cause) if cause.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::failed("cannot write to standard output").with_cause(cause))
        }
        _ => Ok(()),
    }
}

fn push_problem(text: &mut String, file: &str, document: &Document, problem: &Diagnostic) {
    let message = escape(&problem.message);
    match &problem.place {
        None => push(text, format_args!("onward: error: {file}: {message}\n")),
        Some(place) => {
            let line = document.line(place.start);
            let gutter = match line.origin {
                LineOrigin::File(number) => {
                    push(text, format_args!("onward: error: {file}:{number}: {message}\n"));
                    format!("{number:>5} |  ")
                }
                LineOrigin::Override => {
                    push(text, format_args!("onward: error: --set: {message}\n"));
                    "  --set |  ".to_owned()
                }
            };
            let start = place.start - line.start;
            let end = place.end.max(place.start) - line.start;
            let excerpt = Excerpt::new(line.text, start..end);
            push(text, format_args!("{gutter}{}\n", excerpt.line));
            let blank = " ".repeat(gutter.len() - 3);
            let indent = " ".repeat(excerpt.indent);
            let carets = "^".repeat(excerpt.carets);
            let marked = format!("{blank}|  {indent}{carets} {}", escape(&problem.label));
            push(text, format_args!("{}\n", marked.trim_end()));
        }
    }
    push_hint(text, problem.hint.as_deref());
}

fn push_hint(text: &mut String, hint: Option<&str>) {
    if let Some(hint) = hint {
        push(text, format_args!("   hint: {}\n", escape(hint)));
    }
}

fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).expect("a string takes everything");
}

fn push_escaped(text: &mut String, character: char) {
    let is_hidden = matches!(
        character,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
    );
    if character.is_control() || is_hidden {
        text.extend(character.escape_default());
    } else {
        text.push(character);
    }
}

/// A source line as it is shown, and where the carets stand below it.
#[derive(Debug, PartialEq, Eq)]
struct Excerpt {
    /// The line, escaped, and cut where it is long.
    line: String,
    /// Columns before the first caret.
    indent: usize,
    /// Number of carets, at least 1.
    carets: usize,
}

impl Excerpt {
    /// `marked` are bytes of `source`; what lies behind its end is ignored.
    fn new(source: &str, marked: Range<usize>) -> Excerpt {
        let cells = cells(source);
        let before: usize = width(cells.iter().filter(|cell| cell.offset < marked.start));
        let total: usize = width(cells.iter());
        let inside = |cell: &&Cell| marked.contains(&cell.offset);
        let carets = width(cells.iter().filter(inside)).max(1);
        if total <= LINE_WIDTH_MAX {
            let line = cells.iter().map(|cell| cell.shown.as_str()).collect();
            return Excerpt { line, indent: before, carets };
        }
        Excerpt::cut(&cells, before, carets)
    }

    /// Shows the part of a long line around the caret.
    fn cut(cells: &[Cell], before: usize, carets: usize) -> Excerpt {
        let dropped = before.saturating_sub(CONTEXT_WIDTH);
        let mut line = String::new();
        let mut column = 0;
        let mut shown = 0;
        let mut skipped = 0;
        for cell in cells {
            if column < dropped {
                skipped += cell.width;
            } else if shown + cell.width <= LINE_WIDTH_MAX {
                line.push_str(&cell.shown);
                shown += cell.width;
            } else {
                line.push_str(CUT);
                break;
            }
            column += cell.width;
        }
        let lead = if skipped > 0 { CUT } else { "" };
        Excerpt {
            line: format!("{lead}{line}"),
            indent: before - skipped + lead.len(),
            carets: carets.min(LINE_WIDTH_MAX - (before - skipped)).max(1),
        }
    }
}

/// One character of a source line, as it is shown.
struct Cell {
    offset: usize,
    shown: String,
    width: usize,
}

fn cells(source: &str) -> Vec<Cell> {
    let cell = |(offset, character): (usize, char)| {
        let mut shown = String::new();
        match character {
            '\t' => shown.push_str("    "),
            _ => push_escaped(&mut shown, character),
        }
        let width = display_width(&shown);
        Cell { offset, shown, width }
    };
    source.char_indices().map(cell).collect()
}

fn width<'a>(cells: impl Iterator<Item = &'a Cell>) -> usize {
    cells.map(|cell| cell.width).sum()
}

/// How many columns of a terminal a text takes.
pub fn display_width(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, marked: &str, expected: &str) {
        let start = source.find(marked).expect("part of the source");
        let problem = Diagnostic::at(start..start + marked.len(), "wrong")
            .with_label("here")
            .with_hint("do better");
        let document = Document::new(source, &[]);
        let text = problems(Path::new("a.toml"), &document, &[problem]);
        assert_eq!(text, expected);
    }

    #[test]
    fn the_caret_stands_below_what_is_meant() {
        check(
            "\n\n\n\n\n\n\n\n\n\n\nfilter = \"amout > 100\"\n",
            "amout",
            concat!(
                "onward: error: a.toml:12: wrong\n",
                "   12 |  filter = \"amout > 100\"\n",
                "      |            ^^^^^ here\n",
                "   hint: do better\n"
            ),
        );
    }

    #[test]
    fn wide_characters_tabs_and_escapes_keep_the_caret_right() {
        check(
            "\u{4e16}\t\u{1b}\u{301}x",
            "x",
            concat!(
                "onward: error: a.toml:1: wrong\n",
                "    1 |  \u{4e16}    \\u{1b}\u{301}x\n",
                "      |              ^ here\n",
                "   hint: do better\n"
            ),
        );
        check(
            "a = '\u{4e16}\u{754c}'",
            "\u{4e16}\u{754c}",
            concat!(
                "onward: error: a.toml:1: wrong\n",
                "    1 |  a = '\u{4e16}\u{754c}'\n",
                "      |       ^^^^ here\n",
                "   hint: do better\n"
            ),
        );
    }

    #[test]
    fn a_place_at_the_end_or_over_several_lines_gets_carets_on_its_first_line() {
        check(
            "a =\nb",
            "\nb",
            concat!(
                "onward: error: a.toml:1: wrong\n",
                "    1 |  a =\n",
                "      |     ^ here\n",
                "   hint: do better\n"
            ),
        );
        check(
            "ab\ncd",
            "b\nc",
            concat!(
                "onward: error: a.toml:1: wrong\n",
                "    1 |  ab\n",
                "      |   ^ here\n",
                "   hint: do better\n"
            ),
        );
    }

    #[test]
    fn a_long_line_is_cut_around_the_caret() {
        let source = format!("{}MARK{}", "a".repeat(500), "b".repeat(500));
        let excerpt = Excerpt::new(&source, 500..504);
        assert_eq!(excerpt.line.len(), LINE_WIDTH_MAX + 2 * CUT.len());
        assert_eq!(&excerpt.line[excerpt.indent..excerpt.indent + excerpt.carets], "MARK");
        let excerpt = Excerpt::new(&source, 0..1000);
        assert_eq!((excerpt.indent, excerpt.carets), (0, LINE_WIDTH_MAX));
    }

    #[test]
    fn an_override_is_shown_as_it_was_given() {
        let document = Document::new("", &[("a.b".to_owned(), "7".to_owned())]);
        let place = document.overrides()[0].value.clone();
        let problem = Diagnostic::at(place, "wrong");
        assert_eq!(
            problems(Path::new("a.toml"), &document, &[problem]),
            concat!("onward: error: --set: wrong\n", "  --set |  a.b=7\n", "        |      ^\n",)
        );
    }

    #[test]
    fn an_error_is_one_sentence_and_a_hint() {
        let failure = Error::refused("cannot resume: `a\u{1b}[2J\u{202e}`")
            .with_cause(io::Error::other("no luck"))
            .with_hint("try again");
        assert_eq!(
            error(&failure),
            "onward: error: cannot resume: `a\\u{1b}[2J\\u{202e}`: no luck\n   hint: try again\n"
        );
    }

    #[test]
    fn only_the_first_problems_are_shown() {
        let many = vec![Diagnostic::at(0..0, "wrong"); PROBLEMS_MAX + 2];
        let text = problems(Path::new("a.toml"), &Document::new("x", &[]), &many);
        assert!(text.ends_with("onward: error: a.toml: and 2 more problems\n"));
    }
}
